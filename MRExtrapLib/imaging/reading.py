"""One door for every scan: NIfTI, NRRD, MGZ, or a folder of DICOM slices."""

from __future__ import annotations

import re
from pathlib import Path

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging import ages
from MRExtrapLib.imaging.dicom import choose_series, find_series, is_dicom, read_series
from MRExtrapLib.imaging.formats import HEADERS, READERS
from MRExtrapLib.imaging.hashing import sha256_of
from MRExtrapLib.imaging.scan import Scan

SERIES_MARK = "::"
"""`FOLDER::SERIES_UID` picks one of several series in a folder."""


def read_scan(path: Path, age_years: float | None = None) -> Scan:
    """The scan that lies at a path, with age and sex as far as its header or BIDS tables tell them.

    Args:
        path: a NIfTI (.nii, .nii.gz), NRRD (.nrrd, .nhdr) or MGZ (.mgz, .mgh) file, a folder with one DICOM
            series, or `FOLDER::SERIES_UID`.
        age_years: the age at this scan when the user gives it; headers and tables are then not asked for it.

    Raises:
        InputError: one sentence on what is wrong with the path, the file, its voxels, or the age.
    """
    path = Path(path)
    if age_years is not None:
        age_years = ages.checked_age(age_years, of=str(path))
    folder, mark, uid = str(path).rpartition(SERIES_MARK)
    if mark and not path.exists():
        return _read_folder(Path(folder), uid, age_years)
    if path.is_dir():
        return _read_folder(path, None, age_years)
    return _read_file(path, age_years)


def _read_file(file: Path, age_years: float | None) -> Scan:
    ending = _ending(file)
    stored = READERS[ending](file)
    known = ages.age_from_bids(file) if age_years is None else ages.KnownAge(age_years)
    return Scan(
        volume=stored.volume,
        source=file,
        name=file.name[: -len(ending)],
        sha256=sha256_of(file, stored.volume.voxels if ending in HEADERS else None),
        age_years=known.age_years,
        sex=ages.sex_from_bids(file),
        diagnosis=ages.diagnosis_from_bids(file),
        warnings=stored.warnings + known.warnings,
    )


def _read_folder(folder: Path, uid: str | None, age_years: float | None) -> Scan:
    if not folder.is_dir():
        msg = f"There is no folder {folder}; check the path."
        raise InputError(msg)
    series = choose_series(folder, find_series(folder), uid)
    stored = read_series(series)
    header = series.slices[0].header
    name = re.sub(r"[^\w.-]+", "-", series.description).strip("-.") or folder.resolve().name
    known = ages.KnownAge(age_years)
    if age_years is None:
        known = ages.age_from_dicom(header, of=f"{folder} ({series.description})")
    if known.age_years is None:
        known = ages.age_from_bids(folder / name)
    return Scan(
        volume=stored.volume,
        source=folder,
        name=name,
        sha256=sha256_of(piece.file for piece in series.in_order().slices),
        age_years=known.age_years,
        sex=ages.sex_from_dicom(header) or ages.sex_from_bids(folder / name),
        diagnosis=ages.diagnosis_from_bids(folder / name),
        warnings=stored.warnings + known.warnings,
    )


def _ending(file: Path) -> str:
    """The known file ending, refused with a hint when there is none."""
    if not file.exists():
        msg = f"There is no file or folder {file}; check the path."
        raise InputError(msg)
    if not file.is_file():
        msg = f"{file} is neither a file nor a folder; give a scan file or a DICOM series' folder."
        raise InputError(msg)
    try:
        is_slice = is_dicom(file)
    except OSError as error:
        msg = f"{file} cannot be read ({error.strerror}); check that you may read it."
        raise InputError(msg) from error
    if is_slice:
        msg = f"{file} is a single DICOM file; give the folder that holds its whole series."
        raise InputError(msg)
    ending = next((known for known in READERS if file.name.lower().endswith(known)), None)
    if ending is None:
        msg = f"{file} ends in none of {', '.join(READERS)} and is no DICOM folder; convert it to NIfTI."
        raise InputError(msg)
    return ending
