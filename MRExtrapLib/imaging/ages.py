"""How old the person was: from a DICOM header, or from the tables of a BIDS dataset.

Birth and acquisition dates win over DICOM's PatientAge: dates count days, PatientAge whole years, and a
birth date blurred by anonymisation shifts all visits alike, so the years between visits stay true.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from pydicom.dataset import Dataset

from MRExtrapLib.errors import InputError

Diagnosis = Literal["CN", "MCI", "AD"]
"""Cognitively normal, mild cognitive impairment, Alzheimer's disease."""

OLDEST_YEARS = 120.0
DAYS_PER_YEAR = 365.25
PER_YEAR = {"D": DAYS_PER_YEAR, "W": DAYS_PER_YEAR / 7, "M": 12.0, "Y": 1.0}
AGREEMENT_YEARS = 1.0
"""PatientAge counts whole years, so up to one year apart is agreement."""

BIDS_LEVELS = 5
"""dataset / sub / ses / anat / file: as far up as a dataset's tables can lie."""

DIAGNOSIS_COLUMNS = ("diagnosis", "dx", "group", "profile")
DIAGNOSES: Mapping[str, Diagnosis] = {
    **dict.fromkeys(("cn", "nc", "hc", "normal", "control", "healthy", "cognitively normal"), "CN"),
    **dict.fromkeys(("mci", "emci", "lmci", "mild cognitive impairment"), "MCI"),
    **dict.fromkeys(("ad", "dementia", "alzheimer", "alzheimer's disease"), "AD"),
}
"""How tables in the field write a diagnosis, in lower case."""

REMEDY = "correct it, or give the age yourself as SCAN@AGE"


@dataclass(frozen=True)
class KnownAge:
    """An age at acquisition (None: unknown), and what to know before trusting it."""

    age_years: float | None = None
    warnings: tuple[str, ...] = ()


def checked_age(age_years: float, of: str) -> float:
    """The age, refused unless it lies within a human life.

    Raises:
        InputError: the age is not a number, negative, or above 120.

    >>> checked_age(71.5, of="a scan")
    71.5
    """
    age_years = float(age_years)
    if not 0 <= age_years <= OLDEST_YEARS:
        msg = f"The age of {of} is {age_years:g} years, which is not within 0 to {OLDEST_YEARS:g}; {REMEDY}."
        raise InputError(msg)
    return age_years


def age_from_dicom(header: Dataset, of: str) -> KnownAge:
    """The age at acquisition by birth date (preferred) or PatientAge; a disagreement is named.

    Raises:
        InputError: all that the header offers lies outside 0…120 years.
    """
    stated = _stated_age(str(header.get("PatientAge") or ""))
    born = _date(str(header.get("PatientBirthDate") or ""))
    acquired = _acquisition_date(header)
    if born is None or acquired is None:
        return _age_as_stated(stated, of)
    by_dates = (acquired - born).days / DAYS_PER_YEAR
    dates = f"birth date {born} and acquisition {acquired} make {by_dates:.2f} years"
    if stated is not None and not 0 <= by_dates <= OLDEST_YEARS:
        return KnownAge(checked_age(stated, of), (f"{of}: {dates}; PatientAge {stated:g} is used.",))
    age_years = checked_age(by_dates, f"{of} (by birth date {born} and acquisition {acquired})")
    if stated is None or abs(stated - by_dates) <= AGREEMENT_YEARS:
        return KnownAge(age_years)
    doubt = f"{of}: {dates}, but PatientAge says {stated:g}; the dates are used, else give SCAN@AGE."
    return KnownAge(age_years, (doubt,))


def sex_from_dicom(header: Dataset) -> Literal["F", "M"] | None:
    """F or M as PatientSex says, None for anything else."""
    return _sex(str(header.get("PatientSex") or ""))


def age_from_bids(file: Path) -> KnownAge:
    """The age that BIDS tables give to `sub-*/[ses-*/]…/sub-*[_ses-*]_*`: session's, else participant's.

    sessions.tsv is asked first; participants.tsv, which knows one age per person, only when that person
    has one session.

    Raises:
        InputError: the table's age is not a number within 0…120.
    """
    subject, session = _entity(file, "sub"), _entity(file, "ses")
    if subject is None:
        return KnownAge()
    if session is not None:
        found = _table_age(file, f"{subject}_sessions.tsv", ("session_id",), session)
        if found is not None:
            return KnownAge(found)
    found = _table_age(file, "participants.tsv", ("participant_id", "id"), subject)
    sessions = _sessions(file, subject)
    if found is None or len(sessions) <= 1:
        return KnownAge(found)
    doubt = (
        f"participants.tsv gives {subject} one age ({found:g}) for {len(sessions)} sessions, so it is not "
        f"used; give SCAN@AGE or a {subject}_sessions.tsv with a column age."
    )
    return KnownAge(None, (doubt,))


def sex_from_bids(file: Path) -> Literal["F", "M"] | None:
    """F or M as the column sex of participants.tsv says, None when it does not."""
    subject = _entity(file, "sub")
    if subject is None:
        return None
    for _, row in _rows(file, "participants.tsv", ("participant_id", "id"), subject):
        return _sex(row.get("sex") or "")
    return None


def diagnosis_from_bids(file: Path) -> Diagnosis | None:
    """CN, MCI or AD as the scan's session says in a column of `DIAGNOSIS_COLUMNS`, else participants.tsv.

    A session is asked first: people convert, and participants.tsv knows one diagnosis per person. None where
    no table says so, or says something else.
    """
    subject, session = _entity(file, "sub"), _entity(file, "ses")
    if subject is None:
        return None
    rows: list[tuple[Path, Mapping[str, str]]] = []
    if session is not None:
        rows += _rows(file, f"{subject}_sessions.tsv", ("session_id",), session)
    rows += _rows(file, "participants.tsv", ("participant_id", "id"), subject)
    for _, row in rows:
        for column in DIAGNOSIS_COLUMNS:
            found = DIAGNOSES.get((row.get(column) or "").strip().lower())
            if found is not None:
                return found
    return None


def _age_as_stated(stated: float | None, of: str) -> KnownAge:
    if stated is None:
        return KnownAge()
    doubt = f"{of}: the age {stated:g} is PatientAge, which counts whole years; a finer one helps: SCAN@AGE."
    return KnownAge(checked_age(stated, of), (doubt,))


def _stated_age(patient_age: str) -> float | None:
    """Years of a DICOM age string: 042Y, 018M, 003W, 010D, or, against the standard but common, 42."""
    match = re.fullmatch(r"\s*(\d{1,4})\s*([DWMY]?)\s*", patient_age.upper())
    return int(match[1]) / PER_YEAR[match[2] or "Y"] if match else None


def _date(text: str) -> date | None:
    try:
        return datetime.strptime(text.replace(".", "")[:8], "%Y%m%d").date()
    except ValueError:
        return None


def _acquisition_date(header: Dataset) -> date | None:
    tags = ("AcquisitionDate", "AcquisitionDateTime", "SeriesDate", "StudyDate", "ContentDate")
    dates = (_date(str(header.get(tag) or "")) for tag in tags)
    return next((day for day in dates if day is not None), None)


def _sex(text: str) -> Literal["F", "M"] | None:
    match text.strip().lower():
        case "f" | "female":
            return "F"
        case "m" | "male":
            return "M"
    return None


def _entity(file: Path, key: str) -> str | None:
    """`sub-01` of a path: the file name's word counts first, then the nearest folder's."""
    # absolute, not resolved: datasets kept by git-annex are links into a store without BIDS names
    for part in reversed(file.absolute().parts):
        if match := re.search(rf"(?:^|_)({key}-[A-Za-z0-9]+)(?=[_.]|$)", part):
            return match[1]
    return None


def _sessions(file: Path, subject: str) -> set[str]:
    """The sessions of a subject, by its folders and by the files beside this one."""
    folder = file.absolute().parent
    names = [path.name for path in folder.glob(f"{subject}_ses-*")]
    for above in (folder, *folder.parents[:BIDS_LEVELS]):
        if above.name == subject:
            names += [path.name for path in above.glob("ses-*") if path.is_dir()]
    return {match[1] for name in names if (match := re.search(r"(ses-[A-Za-z0-9]+)", name))}


def _rows(
    file: Path, table: str, id_columns: tuple[str, ...], wanted: str
) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """The rows of the nearest such table above the file that are about `sub-…` or `ses-…`."""
    above = file.absolute().parents[:BIDS_LEVELS]
    found = next((folder / table for folder in above if (folder / table).is_file()), None)
    if found is None:
        return
    try:
        text = found.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{found} cannot be read ({error}); make it a readable UTF-8 table."
        raise InputError(msg) from error
    for row in csv.DictReader(text.splitlines(), delimiter="\t"):
        name = next((row[column] for column in id_columns if row.get(column)), "")
        if name == wanted or name == wanted.partition("-")[2]:
            yield found, row


def _table_age(file: Path, table: str, id_columns: tuple[str, ...], wanted: str) -> float | None:
    for found, row in _rows(file, table, id_columns, wanted):
        text = (row.get("age") or "").strip()
        if text.lower() in ("", "n/a", "na", "nan"):
            return None
        try:
            age_years = float(text)
        except ValueError:
            age_years = math.nan
        if math.isnan(age_years):
            msg = f"{found} gives {wanted} the age {text!r}, which is not a number; {REMEDY}."
            raise InputError(msg)
        return checked_age(age_years, f"{wanted} in {found}")
    return None
