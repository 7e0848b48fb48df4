"""The host's scans as the engine reads them, and what each says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from MRExtrapLib.errors import InputError
from MRExtrapLib.forecast.subject import Subject, Visit
from MRExtrapLib.imaging.ages import Diagnosis
from MRExtrapLib.imaging.hashing import sha256_of
from MRExtrapLib.imaging.plausibility import checked_volume, spatial_shape
from MRExtrapLib.imaging.reading import read_scan
from MRExtrapLib.imaging.scan import Scan, Sex
from MRExtrapLib.progress import Progress, silent
from MRExtrapLib.worker.requests import ScanInput
from MRExtrapLib.worker.results import VisitEntry, VisitTable

ARRAY = ".npy"

REAL_NUMBERS = "iuf"
"""numpy's kinds of whole and floating numbers."""


def read_input(given: ScanInput) -> Scan:
    """The scan of a file, a DICOM folder, or an array with its affine.

    Raises:
        InputError: one sentence on what is wrong with it.
    """
    path = Path(given.path)
    return _read_array(given, path) if path.suffix == ARRAY else read_scan(path, given.age_years)


def read_subject(
    inputs: Sequence[ScanInput], sex: Sex | None, diagnosis: Diagnosis | None, progress: Progress = silent
) -> Subject:
    """A person of these scans; each must have an age.

    Raises:
        InputError: a scan that cannot be used, one without an age, or two at the same.
    """
    visits = []
    for index, given in enumerate(inputs):
        progress(index / len(inputs), f"reading {given.name or Path(given.path).name}")
        scan = read_input(given)
        if scan.age_years is None:
            msg = f"The age at scan {scan.name} is not known; give it in years."
            raise InputError(msg)
        visits.append(Visit(scan, scan.age_years))
    return Subject(tuple(visits), sex, diagnosis)


def visit_table(inputs: Sequence[ScanInput], progress: Progress = silent) -> VisitTable:
    """What each scan says of itself; one that cannot be used is told in its row, not refused."""
    entries, visits, warnings = [], [], []
    for index, given in enumerate(inputs):
        progress(index / len(inputs), f"reading {given.name or Path(given.path).name}")
        try:
            scan = read_input(given)
        except InputError as error:
            name = given.name or Path(given.path).name
            entries.append(VisitEntry(name, given.path, given.age_years, problem=str(error)))
            continue
        entries.append(visit_entry(scan, scan.age_years))
        if scan.age_years is not None:
            visits.append(Visit(scan, scan.age_years))
    if visits:
        try:
            told = Subject(tuple(visits)).warnings()
        except InputError as error:
            warnings.append(str(error))
        else:
            own = {f"{visit.scan.name}: {words}" for visit in visits for words in visit.scan.warnings}
            warnings += [words for words in told if words not in own]
    return VisitTable(tuple(entries), tuple(warnings))


def visit_entry(scan: Scan, age_years: float | None) -> VisitEntry:
    """A scan's row of the visit table, with the age that is used."""
    return VisitEntry(scan.name, str(scan.source), age_years, scan.sex, scan.sha256, scan.warnings)


def _read_array(given: ScanInput, path: Path) -> Scan:
    name = given.name or path.stem
    if given.affine is None:
        msg = f"The array {name} comes without an affine; say where its voxels lie."
        raise InputError(msg)
    try:
        voxels = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        msg = f"There is no file {path}; check the path."
        raise InputError(msg) from error
    except (OSError, ValueError, EOFError) as error:
        msg = f"{path} cannot be read as a numpy array ({error}); write it again."
        raise InputError(msg) from error
    if voxels.dtype.kind not in REAL_NUMBERS:
        msg = f"{name} holds {voxels.dtype} instead of one intensity per voxel; give the plain T1 scan."
        raise InputError(msg)
    volume = checked_volume(name, voxels.reshape(spatial_shape(name, voxels.shape)), np.array(given.affine))
    return Scan(volume, path, name, sha256_of(path), given.age_years)
