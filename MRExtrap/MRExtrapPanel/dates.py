"""A person's age at a scan, as its DICOM facts tell it: dates first, PatientAge where they are missing."""

from __future__ import annotations

from dataclasses import dataclass

from MRExtrapPanel.translation import tr as _
from MRExtrapPanel.visits import Origin


@dataclass(frozen=True)
class DicomFacts:
    """What DICOM says of a scan, as it stands there; empty where it says nothing."""

    birth_date: str = ""
    study_date: str = ""
    patient_age: str = ""
    sex: str = ""
    patient: str = ""


@dataclass(frozen=True)
class ToldAge:
    """An age, who told it, and what to know before trusting it."""

    age_years: float | None = None
    origin: Origin = ""
    doubts: tuple[str, ...] = ()


def age_of(facts: DicomFacts) -> ToldAge:
    """The age by birth and study date, else by PatientAge; a disagreement is named.

    The rules are those of the engine's `imaging.ages`.
    """
    from MRExtrapLib.imaging.ages import AGREEMENT_YEARS

    by_dates = _asked(PatientBirthDate=facts.birth_date, StudyDate=facts.study_date)
    stated = _asked(PatientAge=facts.patient_age)
    if by_dates is None:
        return ToldAge(stated, "PatientAge" if stated is not None else "")
    if stated is None or abs(stated - by_dates) <= AGREEMENT_YEARS:
        return ToldAge(by_dates, "dates")
    doubt = _("PatientAge says {stated:g}, the dates {told:.2f}")
    return ToldAge(by_dates, "dates", (doubt.format(stated=stated, told=by_dates),))


def _asked(**header: str) -> float | None:
    """What the engine makes of these tags alone; None also where it refuses them."""
    from pydicom.dataset import Dataset

    from MRExtrapLib.errors import InputError
    from MRExtrapLib.imaging.ages import age_from_dicom

    dataset = Dataset()
    for tag, text in header.items():
        setattr(dataset, tag, text)
    try:
        return age_from_dicom(dataset, "the scan").age_years
    except InputError:
        return None
