"""`mrextrap measure` and `mrextrap reconstruct`: scans one by one, of anyone."""

from __future__ import annotations

import argparse
import sys

from MRExtrapLib.cli.arguments import SCAN_HELP, add_engine, add_output, read_scans, tell_warnings
from MRExtrapLib.cli.bar import progress_on


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds `measure` and `reconstruct` to the command line."""
    for name, words, run in (
        ("measure", "volumes and a segmentation of each scan", run_measure),
        ("reconstruct", "each scan through the autoencoder, back on its own grid", run_reconstruct),
    ):
        parser = subparsers.add_parser(name, help=words)
        parser.add_argument("scans", nargs="+", metavar="SCAN", help=SCAN_HELP)
        add_output(parser)
        add_engine(parser)
        parser.set_defaults(run=run)


def run_measure(arguments: argparse.Namespace) -> int:
    """Runs `mrextrap measure`."""
    from MRExtrapLib.forecast.measuring import measure, write_measurements
    from MRExtrapLib.imaging.writing import whole_folder

    scans = read_scans(arguments.scans)
    with whole_folder(arguments.output) as folder, progress_on(sys.stderr) as progress:
        progress(0.0, "loading the model")
        engine = arguments.open_engine(arguments)
        warnings = write_measurements(measure(scans, engine, progress), engine.identity, folder)
    tell_warnings(warnings)
    print(f"Volumes and segmentations lie in {arguments.output}")
    return 0


def run_reconstruct(arguments: argparse.Namespace) -> int:
    """Runs `mrextrap reconstruct`."""
    from MRExtrapLib.forecast.measuring import measure
    from MRExtrapLib.forecast.reconstruction import reconstruct, write_reconstructions
    from MRExtrapLib.imaging.writing import whole_folder

    scans = read_scans(arguments.scans)
    with whole_folder(arguments.output) as folder, progress_on(sys.stderr) as progress:
        progress(0.0, "loading the model")
        engine = arguments.open_engine(arguments)
        made = reconstruct(measure(scans, engine, progress), engine)
        warnings = write_reconstructions(made, engine.identity, folder)
    tell_warnings(warnings)
    print(f"The reconstructions lie in {arguments.output}")
    return 0
