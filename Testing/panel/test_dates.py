"""Ages by DICOM's dates and by PatientAge."""

from __future__ import annotations

import pytest
from MRExtrapPanel.dates import DicomFacts, ToldAge, age_of

HUNDREDTH = 0.005
"""Years are shown with two decimals."""


def test_dates_win_and_agree_with_whole_years() -> None:
    told = age_of(DicomFacts("19500101", "20200702", "070Y"))
    assert told.age_years == pytest.approx(70.5, abs=HUNDREDTH)
    assert (told.origin, told.doubts) == ("dates", ())


def test_a_disagreement_is_shown_with_both_ages() -> None:
    told = age_of(DicomFacts("19500101", "20200702", "065Y"))
    assert told.age_years == pytest.approx(70.5, abs=HUNDREDTH)
    assert told.doubts == ("PatientAge says 65, the dates 70.50",)


def test_patient_age_helps_where_a_date_is_missing() -> None:
    assert age_of(DicomFacts(study_date="20200702", patient_age="070Y")) == ToldAge(70.0, "PatientAge")
    assert age_of(DicomFacts(birth_date="19500101", patient_age="018M")).age_years == pytest.approx(1.5)


@pytest.mark.parametrize(
    "facts", [DicomFacts(), DicomFacts("1950", "20200702"), DicomFacts("20200702", "19500101")]
)
def test_what_tells_no_age_leaves_it_open(facts: DicomFacts) -> None:
    assert age_of(facts).age_years is None
