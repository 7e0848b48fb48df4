"""Heads with labels: what the segmenter learns from.

A folder is read by its file names: `X_T1w.nii.gz` with `X_dseg.nii.gz` (FreeSurfer numbers) or
`X_muse.nii.gz` (MUSE numbers) is a real scan with its labels; a label map without a scan is painted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.anatomy.structures import CHANNEL, channels_of
from MRExtrapLib.errors import InputError

LABEL_FILE = re.compile(r"^(?P<stem>.*?)_?(?P<kind>dseg|muse|seg_\d+|aseg|synthseg)\.nii(\.gz)?$")
STEPS = 255
"""Intensities are kept in this many steps, 0 being the floor and STEPS the 99.9th percentile."""


@dataclass(frozen=True, eq=False)
class LabelledHead:
    """One head in RAS order: labels as stored, and the scan if there is one."""

    subject: str
    protocol: str
    labels: NDArray[np.int16]
    """(X, Y, Z), numbers of `protocol`."""
    image: NDArray[np.uint8] | None
    """(X, Y, Z) in `STEPS`; None for a label map that is to be painted."""
    spacing_mm: tuple[float, float, float]

    @cached_property
    def numbers(self) -> NDArray[np.int16]:
        """The label numbers that occur, ascending."""
        return np.unique(self.labels)

    @property
    def channels(self) -> NDArray[np.uint8]:
        """(X, Y, Z), the segmenter's channel of each voxel."""
        return channels_of(self.labels, self.protocol)

    @cached_property
    def white(self) -> float:
        """Median intensity (0…1) of cerebral white matter in the scan."""
        if self.image is None:
            msg = f"{self.subject} has labels but no scan."
            raise ValueError(msg)
        return float(np.median(self.image[self.channels == CHANNEL["cerebral-white-matter"]])) / STEPS

    @cached_property
    def brain_box(self) -> NDArray[np.intp]:
        """(2, 3): first and last index that hold brain, along each axis."""
        inside = self.channels > 0
        ends = [np.flatnonzero(inside.any(axis=others))[[0, -1]] for others in ((1, 2), (0, 2), (0, 1))]
        return np.array(ends).T


def subject_name(folder: Path, stem: str) -> str:
    """'dataset/subject': BIDS names stop at the first underscore, others are the whole stem.

    >>> subject_name(Path("data/oasis"), "sub-07_ses-2")
    'oasis/sub-07'
    """
    bids = re.match(r"sub-[^_]+", stem)
    return f"{folder.resolve().name}/{bids.group(0) if bids else stem}"


def find_labelled(folder: Path) -> Iterator[tuple[str, Path, Path | None]]:
    """(subject, label file, scan or None) for every label map below the folder, in order of name."""
    for labels in sorted(folder.rglob("*.nii*")):
        match = LABEL_FILE.match(labels.name)
        if match:
            stem = match["stem"]
            scans = [labels.with_name(f"{stem}_T1w{ending}") for ending in (".nii.gz", ".nii")]
            scan = next((path for path in scans if path.exists()), None)
            yield subject_name(folder, stem if scan else f"{stem}_{match['kind']}"), labels, scan


def _as_ras(path: Path) -> tuple[NDArray, tuple[float, float, float]]:
    image = nib.as_closest_canonical(nib.load(path))
    x, y, z = (float(size) for size in image.header.get_zooms()[:3])
    return np.asarray(image.dataobj), (x, y, z)


def read_labelled(subject: str, label_file: Path, scan_file: Path | None) -> LabelledHead:
    """One labelled head from its files; air around the head is cut away.

    Raises:
        InputError: scan and labels lie on different grids.
    """
    labels, spacing_mm = _as_ras(label_file)
    labels = labels.astype(np.int16)
    protocol = "muse" if "_muse." in label_file.name else "freesurfer"
    if scan_file is None:
        return LabelledHead(subject, protocol, _without_air(labels), None, spacing_mm)
    scan, _ = _as_ras(scan_file)
    if scan.shape != labels.shape:
        msg = f"{scan_file} has shape {scan.shape} but its labels {label_file.name} have {labels.shape}."
        raise InputError(msg)
    floor, top = 0.0, float(np.percentile(scan[scan > 0], 99.9))
    image = np.clip((scan - floor) / (top - floor) * STEPS, 0, STEPS).round().astype(np.uint8)
    return LabelledHead(subject, protocol, labels, image, spacing_mm)


def _without_air(labels: NDArray[np.int16]) -> NDArray[np.int16]:
    inside = np.argwhere(labels > 0)
    low, high = inside.min(axis=0), inside.max(axis=0) + 1
    return np.ascontiguousarray(labels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))])
