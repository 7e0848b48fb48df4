"""What commands share: scans with ages, the model to use, the folder to write, and how they warn."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from MRExtrapLib.errors import InputError

if TYPE_CHECKING:
    from MRExtrapLib.imaging.scan import Scan

SCAN_HELP = "NIfTI, NRRD, MGZ or a DICOM folder"


@dataclass(frozen=True)
class ScanArgument:
    """A scan as the command line names it; the age is None where the scan itself shall tell it."""

    path: Path
    age_years: float | None

    def read(self) -> Scan:
        """The scan, with the age given here or found beside it."""
        from MRExtrapLib.imaging.reading import read_scan

        return read_scan(self.path, self.age_years)


def parse_scan(text: str) -> ScanArgument:
    """`SCAN@AGE` taken apart at its last @; a path that exists as written has no age.

    Raises:
        InputError: nothing before or no number after the @.

    >>> parse_scan("visits@home/a.nii.gz@71.5")
    ScanArgument(path=PosixPath('visits@home/a.nii.gz'), age_years=71.5)
    """
    path, at, age = text.rpartition("@")
    if not at or Path(text).exists():
        return ScanArgument(Path(text), None)
    if not path:
        msg = f"'{text}' names no scan before the @; write SCAN@AGE, as in visit1.nii.gz@71.5."
        raise InputError(msg)
    try:
        age_years = float(age)
    except ValueError:
        age_years = math.nan
    if math.isfinite(age_years):
        return ScanArgument(Path(path), age_years)
    if "/" in age or "\\" in age or "." in age.rstrip("."):
        is_path = not age.replace(".", "").replace(",", "").isdigit()
        if is_path and not Path(path).exists():
            return ScanArgument(Path(text), None)
    msg = f"'{age}' in '{text}' is not an age; write years with a decimal point, as in visit1.nii.gz@71.5."
    raise InputError(msg)


def ages_between(start: float, end: float, step: float, most: int) -> tuple[float, ...]:
    """Ages from start to end, both included where the step meets it.

    Raises:
        InputError: the step is not above zero, the end lies before the start, or there are too many.

    >>> ages_between(70, 72, 0.5, most=10)
    (70.0, 70.5, 71.0, 71.5, 72.0)
    """
    if not all(map(math.isfinite, (start, end, step))) or step <= 0:
        msg = f"--from {start:g} --to {end:g} --step {step:g} is no series; give a step above zero."
        raise InputError(msg)
    if end < start:
        msg = f"--to {end:g} lies before --from {start:g}; swap them."
        raise InputError(msg)
    count = math.floor((end - start) / step + 1e-9) + 1
    if count > most:
        msg = (
            f"--from {start:g} --to {end:g} --step {step:g} are {count} ages, over {most}; enlarge the step."
        )
        raise InputError(msg)
    return tuple(round(start + index * step, 6) for index in range(count))


def add_output(
    parser: argparse.ArgumentParser, words: str = "folder to write; appears whole or not at all"
) -> None:
    """Adds -o OUT."""
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="OUT",
        help=words,
    )


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Adds what chooses the engine: --model, --device, --segmenter and --no-cache."""
    parser.add_argument("--model", metavar="NAME|DIR", help="an installed model or a model folder")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help="where networks run"
    )
    parser.add_argument(
        "--segmenter",
        choices=("own", "synthseg"),
        default="own",
        help="own: the model's; synthseg: FreeSurfer's mri_synthseg, which must be on the PATH",
    )
    add_cache(parser)


def add_cache(parser: argparse.ArgumentParser) -> None:
    """Adds --no-cache."""
    parser.add_argument(
        "--no-cache",
        action="store_true",
        help="neither use nor keep latents of scans on this computer; mrextrap doctor says where they lie",
    )


def read_scans(texts: Sequence[str]) -> tuple[Scan, ...]:
    """The scans that the command line names, in its order."""
    return tuple(parse_scan(text).read() for text in texts)


def tell_warnings(warnings: Iterable[str]) -> None:
    """A line on stderr for each."""
    for words in warnings:
        print(f"Warning: {words}", file=sys.stderr)
