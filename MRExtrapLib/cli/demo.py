"""`mrextrap demo`: the main job on the bundled sample subject, its last visit held out as truth."""

from __future__ import annotations

import argparse
from pathlib import Path

from MRExtrapLib.cli.arguments import add_engine
from MRExtrapLib.errors import InputError

SAMPLE = Path(__file__).resolve().parents[1] / "sample"
"""A real CC0 scan and follow-ups simulated from it, as a BIDS tree."""

PICTURES = (".png", ".pdf", ".svg")


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds `demo` to the command line."""
    parser = subparsers.add_parser("demo", help="forecast the bundled sample subject")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("mrextrap-demo"), metavar="DIR", help="folder to write"
    )
    add_engine(parser)
    parser.set_defaults(run=run, sample=SAMPLE)


def sample_scans(folder: Path = SAMPLE) -> tuple[Path, ...]:
    """The sample subject's scans in order of session.

    Raises:
        InputError: the package came without them.
    """
    scans = tuple(sorted(folder.glob("sub-*/ses-*/**/*_T1w.nii.gz")))
    if not scans:
        msg = f"The sample subject is missing from {folder}; install MRExtrap again."
        raise InputError(msg)
    return scans


def run(arguments: argparse.Namespace) -> int:
    """Runs `mrextrap demo`."""
    from MRExtrapLib.cli.forecast import forecast_into, visit_of
    from MRExtrapLib.forecast.subject import Request, Subject
    from MRExtrapLib.imaging.reading import read_scan

    subject = Subject(tuple(visit_of(read_scan(path)) for path in sample_scans(arguments.sample)))
    forecast_into(arguments.output, subject, Request((), has_last_held_out=True), arguments)
    print("The sample is a real scan; its follow-ups are simulated, and the last was held out as truth.")
    for picture in sorted(arguments.output.glob("*")):
        if picture.suffix in PICTURES:
            print(f"Picture: {picture}")
    return 0
