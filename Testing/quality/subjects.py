"""Whom quality is measured on: the test part of a split, as scans and labels on disk."""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import torch

from MRExtrapLib.anatomy.structures import channels_of
from MRExtrapLib.evaluation.overlap import Channels
from MRExtrapLib.imaging.reading import read_scan
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.training.brains import find_scans
from MRExtrapLib.training.labelled import find_labelled, read_labelled
from MRExtrapLib.training.painting import label_means, paint
from MRExtrapLib.training.split import Split, read_split

AIR = 0.02
"""Mean intensity around a painted head: T1 scans have dark air."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What every measurement asks for."""
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of scans and label maps")
    parser.add_argument(
        "--split", type=Path, required=True, help="JSON of subjects; only its test part is used"
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="JSON of figures; goes on with what it has"
    )
    parser.add_argument("--limit", type=int, help="subjects of each folder; all if left out")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


def cohort_arguments(description: str) -> argparse.Namespace:
    """What the command line says of a cohort whose scans are kept: cohort, model, only, scans."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--only", default="", metavar="TEXT", help="people in whose name it is")
    parser.add_argument("--scans", type=Path, required=True)
    return parser.parse_args()


@dataclass(frozen=True)
class ScanOnDisk:
    """A held-out T1 scan without labels."""

    subject: str
    path: Path

    def read(self) -> Volume:
        """The scan as stored."""
        return read_scan(self.path).volume


@dataclass(frozen=True)
class LabelledOnDisk:
    """A held-out label map, with its scan or, where there is none, to be painted."""

    subject: str
    labels: Path
    scan: Path | None

    def read(self) -> tuple[Volume, Channels]:
        """The scan, and the true structure of each of its voxels."""
        if self.scan is None:
            return painted_head(self.subject, self.labels)
        protocol = "muse" if "_muse." in self.labels.name else "freesurfer"
        numbers = np.asarray(nib.load(self.labels).dataobj).astype(np.int16)
        return read_scan(self.scan).volume, channels_of(numbers, protocol)


def painted_head(subject: str, label_file: Path) -> tuple[Volume, Channels]:
    """A T1-like scan painted over a label map, the same each time, and its true structures; RAS, 1 mm."""
    head = read_labelled(subject, label_file, None)
    rng = np.random.default_rng(zlib.crc32(subject.encode()))
    means = label_means(head.numbers, rng, is_t1_like=True)
    means[0] = AIR
    voxels = paint([torch.from_numpy(head.labels)], means, rng).clamp_min(0).numpy()
    affine = np.diag([*head.spacing_mm, 1.0])
    affine[:3, 3] = -(np.array(voxels.shape) - 1) / 2 * head.spacing_mm
    return Volume(voxels, affine), head.channels


def held_out_labelled(folders: Sequence[Path], split: Split, limit: int | None) -> Iterator[LabelledOnDisk]:
    """Test subjects with labels, at most so many of each folder."""
    for folder in folders:
        found = [LabelledOnDisk(*one) for one in find_labelled(folder) if split.part_of(one[0]) == "test"]
        yield from found[:limit]


def held_out_scans(folders: Sequence[Path], split: Split, limit: int | None) -> Iterator[ScanOnDisk]:
    """Test subjects' scans, labelled or not, at most so many of each folder."""
    for folder in folders:
        found = [ScanOnDisk(*one) for one in find_scans(folder) if split.part_of(one[0]) == "test"]
        yield from found[:limit]


def split_of(arguments: argparse.Namespace) -> Split:
    """The split that the command line names."""
    return read_split(arguments.split)
