"""Whom a simulation ages: real scans with their ages, and the label maps that lie beside some of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from MRExtrapLib.anatomy.structures import PROTOCOLS, channels_of
from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.reading import read_scan
from MRExtrapLib.imaging.resampling import world_of
from MRExtrapLib.imaging.scan import Scan, Sex
from MRExtrapLib.imaging.volume import Volume

SCAN_FILE = re.compile(r"^(?P<stem>.+)_T1w\.nii(\.gz)?$")
SIMULATED = "acq-simulated"
"""Stands in the name of every file that was not acquired; such a scan is never a source."""

NOT_RAW = ("derivatives", "sourcedata")
"""Folders of a BIDS dataset whose scans are copies or already processed."""

SHARE_ON_SCAN = 0.95
"""Of the labelled brain must lie within the scan's field of view: else the labels are someone else's."""


@dataclass(frozen=True)
class Source:
    """A real scan to be aged, known by its files; voxels are read when they are needed.

    Attributes:
        path: the scan's file or DICOM folder.
        name: of the scan, as `Scan` gives it.
        sha256: of the scan's bytes.
        age_years: at the scan; None where nothing tells it.
        sex: F or M where it is known.
        labels_path: FreeSurfer-numbered labels, None where there are none.
        warnings: what to know of the scan before trusting it.
    """

    path: Path
    name: str
    sha256: str
    age_years: float | None
    sex: Sex | None = None
    labels_path: Path | None = None
    warnings: tuple[str, ...] = ()

    def read(self) -> Volume:
        """The scan's voxels.

        Raises:
            InputError: the scan cannot be read any more, or is another one by now.
        """
        scan = read_scan(self.path, self.age_years)
        if scan.sha256 != self.sha256:
            msg = f"{self.path} changed while it was being used; start again."
            raise InputError(msg)
        return scan.volume

    def read_labels(self) -> Volume | None:
        """The labels beside the scan, on their own grid in the scan's world; None where there are none.

        Raises:
            InputError: the file is no FreeSurfer label map, or does not lie on the scan.
        """
        return None if self.labels_path is None else _checked_labels(self.labels_path)


def open_source(path: Path, age_years: float | None = None) -> Source:
    """A scan as a source, read once to see that it can be used.

    Args:
        path: NIfTI, NRRD, MGZ or a DICOM folder; labels are looked for beside `X_T1w.nii(.gz)` as `X_dseg`.
        age_years: where the user gives it.

    Raises:
        InputError: one sentence on what is wrong with the scan, its age or its labels.
    """
    scan = read_scan(path, age_years)
    labels_path = labels_beside(path)
    if labels_path is not None:
        _require_on_scan(_checked_labels(labels_path), labels_path, scan)
    return Source(path, scan.name, scan.sha256, scan.age_years, scan.sex, labels_path, warnings=scan.warnings)


def labels_beside(scan: Path) -> Path | None:
    """`X_dseg.nii(.gz)` beside `X_T1w.nii(.gz)`, None where there is none."""
    match = SCAN_FILE.match(scan.name)
    if match is None:
        return None
    found = (scan.with_name(f"{match['stem']}_dseg{ending}") for ending in (".nii.gz", ".nii"))
    return next((path for path in found if path.is_file()), None)


def find_scans(folder: Path, without: Path | None = None) -> Iterator[Path]:
    """The first `*_T1w.nii(.gz)` of every subject below a folder, BIDS or plain, in order of name.

    Left out are simulated scans, `derivatives`, `sourcedata`, hidden folders, and what lies in `without`
    (where the cohort itself is written). A file without `sub-` is a subject of its own.
    """
    seen: set[str] = set()
    for path in sorted(folder.rglob("*_T1w.nii*")):
        inner = path.relative_to(folder).parts
        is_hidden = any(part.startswith(".") or part in NOT_RAW for part in inner)
        is_ours = SIMULATED in path.name or (without is not None and path.resolve().is_relative_to(without))
        if is_hidden or is_ours or not SCAN_FILE.match(path.name) or not path.is_file():
            continue
        subject = re.match(r"sub-[A-Za-z0-9]+", path.name)
        name = subject[0] if subject else str(path)
        if name not in seen:
            seen.add(name)
            yield path


def _checked_labels(path: Path) -> Volume:
    labels = read_scan(path).volume
    numbers = np.rint(labels.voxels)
    most = len(PROTOCOLS["freesurfer"]) - 1
    if not np.allclose(labels.voxels, numbers, atol=1e-3) or numbers.min() < 0 or numbers.max() > most:
        msg = (
            f"{path} is no label map of whole FreeSurfer numbers from 0 to {most} "
            f"({labels.voxels.min():g} to {labels.voxels.max():g}); give one, or take it away."
        )
        raise InputError(msg)
    return labels


def _require_on_scan(labels: Volume, path: Path, scan: Scan) -> None:
    brain = np.argwhere(channels_of(np.rint(labels.voxels).astype(np.int16), "freesurfer") > 0)
    if not len(brain):
        msg = f"{path} holds no FreeSurfer brain label (such as 2, 3, 17 or 42); take it away or correct it."
        raise InputError(msg)
    index = world_of(world_of(brain, labels.affine), np.linalg.inv(scan.volume.affine).astype(np.float64))
    is_inside = ((index > -0.5) & (index < np.array(scan.volume.shape) - 0.5)).all(axis=1)
    if is_inside.mean() < SHARE_ON_SCAN:
        share = f"{is_inside.mean():.0%} of the labelled brain does"
        msg = f"The labels {path} do not lie on the scan {scan.source} ({share}); correct or remove them."
        raise InputError(msg)
