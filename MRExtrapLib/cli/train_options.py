"""What training a segmenter and training an autoencoder have in common on the command line."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from MRExtrapLib.errors import ModelError

if TYPE_CHECKING:
    from MRExtrapLib.model.folder import Model
    from MRExtrapLib.model.segmenter import SegmenterNetwork
    from MRExtrapLib.training.packing import Provenance
    from MRExtrapLib.training.run import Run
    from MRExtrapLib.training.split import Split


def add_common(parser: argparse.ArgumentParser, data_help: str) -> None:
    """Options of both."""
    parser.add_argument("data", nargs="+", type=Path, help=f"folders (BIDS or plain) that hold {data_help}")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="folder of the run; resumes what it holds"
    )
    parser.add_argument(
        "--split", type=Path, help="JSON of train/validation/test subjects; drawn if left out"
    )
    parser.add_argument("--crop", type=int, help="side of a training crop in voxels (multiple of 16)")
    parser.add_argument("--accumulate", type=int, help="batches for each optimiser step")
    parser.add_argument("--learning-rate", type=float, help="the largest of the schedule")
    parser.add_argument("--seed", type=int, default=2024, help="of everything random (default 2024)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--name", default="my-model", help="of the model folder that is made")
    parser.add_argument("--licence", default="unknown", help="of the weights, as SPDX writes it")


def given(arguments: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Options that were given, lists as tuples; the others keep their defaults."""
    values = {name: getattr(arguments, name) for name in names}
    return {name: tuple(v) if isinstance(v, list) else v for name, v in values.items() if v is not None}


def split_of(arguments: argparse.Namespace, subjects: Sequence[str]) -> Split:
    """Who trains, validates and tests: as given, as the run drew before, or drawn now."""
    import numpy as np

    from MRExtrapLib.training.split import draw_split, read_split, write_split

    path = arguments.output / "split.json"
    if arguments.split or path.exists():
        return read_split(arguments.split or path)
    split = draw_split(subjects, np.random.default_rng(arguments.seed))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_split(split, path)
    return split


def evenly(scans: Sequence[tuple[str, Path]], split: Split, most: int | None) -> list[tuple[str, Path]]:
    """The scans that train, evenly spread over their names if there are too many, and those that validate."""
    learners = [scan for scan in scans if split.part_of(scan[0]) == "train"]
    if most and len(learners) > most:
        learners = [learners[i * len(learners) // most] for i in range(most)]
    return learners + [scan for scan in scans if split.part_of(scan[0]) == "validation"]


def segmenter_of(model: Model) -> SegmenterNetwork:
    """The model's segmenter.

    Raises:
        ModelError: it has none.
    """
    if model.segmenter is None:
        msg = f"The model {model.name} has no segmenter; give one that has."
        raise ModelError(msg)
    return model.segmenter


def provenance_of(arguments: argparse.Namespace, subjects: Sequence[str], seed: int, run: Run) -> Provenance:
    """What the manifest is to tell of a run."""
    from MRExtrapLib.training.packing import Provenance

    folders = sorted({subject.split("/")[0] for subject in subjects})
    count = {folder: len({s for s in subjects if s.startswith(f"{folder}/")}) for folder in folders}
    return Provenance(
        name=arguments.name,
        licence=arguments.licence,
        command=shlex.join(["mrextrap", *sys.argv[1:]]),
        data=tuple(f"{folder}: {number} subjects" for folder, number in count.items()),
        seed=seed,
        hours=run.seconds_spent / 3600,
    )


def tell_left_out(left_out: Sequence[str]) -> None:
    """Each sentence on what was left out, to standard error."""
    for sentence in left_out:
        print(f"left out: {sentence}", file=sys.stderr)
