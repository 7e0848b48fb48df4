"""Where an age comes from, and which one is believed when two disagree."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from pydicom.dataset import Dataset

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.ages import (
    age_from_bids,
    age_from_dicom,
    checked_age,
    diagnosis_from_bids,
    sex_from_bids,
    sex_from_dicom,
)
from MRExtrapLib.imaging.reading import read_scan

pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR")  # real headers have them too

A_DAY_IN_YEARS = 0.003
"""1/365.25: dates know no finer."""


def header(**tags: str) -> Dataset:
    dataset = Dataset()
    for tag, value in tags.items():
        setattr(dataset, tag, value)
    return dataset


def scan_in(folder: Path, name: str) -> Path:
    """A small scan file at that place of a dataset."""
    folder.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.eye(4)), folder / name)
    return folder / name


@pytest.fixture
def a_dataset(tmp_path: Path) -> Path:
    """sub-01 with two sessions and ages of each, sub-02 with one session, sub-03 without sessions."""
    root = tmp_path / "dataset"
    for sub, ses in [("sub-01", "ses-1"), ("sub-01", "ses-2"), ("sub-02", "ses-1")]:
        scan_in(root / sub / ses / "anat", f"{sub}_{ses}_T1w.nii.gz")
    scan_in(root / "sub-03" / "anat", "sub-03_T1w.nii.gz")
    (root / "sub-01" / "sub-01_sessions.tsv").write_text("session_id\tage\nses-1\t70.5\nses-2\t72.25\n")
    (root / "participants.tsv").write_text(
        "participant_id\tage\tsex\nsub-01\t70\tF\nsub-02\t55\tm\nsub-03\t31\tn/a\n"
    )
    return root


@pytest.mark.parametrize("age_years", [0, 0.0, 71.25, 120])
def test_an_age_within_a_human_life_is_kept(age_years: float) -> None:
    assert checked_age(age_years, of="a scan") == age_years


@pytest.mark.parametrize("age_years", [-1, -0.01, 120.01, 700, float("nan"), float("inf")])
def test_an_age_outside_a_human_life_is_refused(age_years: float) -> None:
    with pytest.raises(InputError, match="not within 0 to 120"):
        checked_age(age_years, of="a scan")


def test_dates_that_agree_with_patient_age_give_the_finer_age() -> None:
    known = age_from_dicom(
        header(PatientAge="047Y", PatientBirthDate="19660101", AcquisitionDate="20130717"), "it"
    )
    assert known.age_years == pytest.approx(47.54, abs=A_DAY_IN_YEARS)
    assert known.warnings == ()


def test_dates_that_disagree_with_patient_age_win_and_both_are_named() -> None:
    known = age_from_dicom(
        header(PatientAge="042Y", PatientBirthDate="19660101", AcquisitionDate="20130717"), "it"
    )
    assert known.age_years == pytest.approx(47.54, abs=A_DAY_IN_YEARS)
    (doubt,) = known.warnings
    assert "47.54" in doubt
    assert "42" in doubt


def test_impossible_dates_leave_the_word_to_patient_age() -> None:
    known = age_from_dicom(header(PatientAge="081Y", PatientBirthDate="18500101", StudyDate="20130717"), "it")
    assert known.age_years == 81
    assert "163.54" in known.warnings[0]


@pytest.mark.parametrize(
    ("stated", "age_years"), [("042Y", 42), ("42", 42), ("018M", 1.5), ("026W", 0.498), ("100D", 0.274)]
)
def test_patient_age_alone_is_read_in_every_unit(stated: str, age_years: float) -> None:
    with_blanks = header(PatientAge=stated, PatientBirthDate="", StudyDate="20130717")
    assert age_from_dicom(with_blanks, "it").age_years == pytest.approx(age_years, abs=A_DAY_IN_YEARS)


@pytest.mark.parametrize("tags", [{}, {"PatientAge": "old"}, {"PatientBirthDate": "19660101"}])
def test_a_header_without_an_age_leaves_it_unknown(tags: dict[str, str]) -> None:
    assert age_from_dicom(header(**tags), "it").age_years is None


@pytest.mark.parametrize(
    "tags", [{"PatientAge": "150Y"}, {"PatientBirthDate": "20200101", "AcquisitionDate": "20130717"}]
)
def test_a_header_with_only_absurd_ages_is_refused(tags: dict[str, str]) -> None:
    with pytest.raises(InputError, match="SCAN@AGE"):
        age_from_dicom(header(**tags), "it")


@pytest.mark.parametrize(("said", "sex"), [("F", "F"), ("M", "M"), ("O", None), ("", None)])
def test_dicom_sex_is_taken_only_when_said(said: str, sex: str | None) -> None:
    assert sex_from_dicom(header(PatientSex=said)) == sex


def test_each_session_has_its_own_age(a_dataset: Path) -> None:
    ages = [
        read_scan(a_dataset / "sub-01" / ses / "anat" / f"sub-01_{ses}_T1w.nii.gz").age_years
        for ses in ("ses-1", "ses-2")
    ]
    assert ages == [70.5, 72.25]


def test_participants_serve_a_single_session_and_none(a_dataset: Path) -> None:
    single = read_scan(a_dataset / "sub-02" / "ses-1" / "anat" / "sub-02_ses-1_T1w.nii.gz")
    without = read_scan(a_dataset / "sub-03" / "anat" / "sub-03_T1w.nii.gz")
    assert (single.age_years, single.sex) == (55, "M")
    assert (without.age_years, without.sex) == (31, None)


def test_participants_do_not_give_one_age_to_several_sessions(a_dataset: Path) -> None:
    (a_dataset / "sub-01" / "sub-01_sessions.tsv").unlink()
    known = age_from_bids(a_dataset / "sub-01" / "ses-2" / "anat" / "sub-01_ses-2_T1w.nii.gz")
    assert known.age_years is None
    assert "2 sessions" in known.warnings[0]


def test_tables_beside_the_scans_serve_too(tmp_path: Path) -> None:
    for ses in ("ses-1", "ses-2"):
        scan_in(tmp_path, f"sub-01_{ses}_T1w.nii.gz")
    (tmp_path / "sub-01_sessions.tsv").write_text("session_id\tage\n1\t60\nses-2\t61\n")
    assert read_scan(tmp_path / "sub-01_ses-1_T1w.nii.gz").age_years == 60
    assert read_scan(tmp_path / "sub-01_ses-2_T1w.nii.gz").age_years == 61


@pytest.mark.parametrize("said", ["n/a", ""])
def test_an_age_that_is_not_available_stays_unknown(said: str, a_dataset: Path) -> None:
    (a_dataset / "participants.tsv").write_text(f"participant_id\tage\nsub-03\t{said}\n")
    assert age_from_bids(a_dataset / "sub-03" / "anat" / "sub-03_T1w.nii.gz").age_years is None


@pytest.mark.parametrize("said", ["old", "-3", "850", "inf"])
def test_an_absurd_age_in_a_table_is_refused_unless_the_user_gives_one(said: str, a_dataset: Path) -> None:
    (a_dataset / "participants.tsv").write_text(f"participant_id\tage\nsub-03\t{said}\n")
    scan = a_dataset / "sub-03" / "anat" / "sub-03_T1w.nii.gz"
    with pytest.raises(InputError, match=r"participants\.tsv"):
        read_scan(scan)
    assert read_scan(scan, age_years=33).age_years == 33


def test_a_short_subject_does_not_take_a_longer_one_s_age(tmp_path: Path) -> None:
    scan = scan_in(tmp_path, "sub-1_T1w.nii.gz")
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nsub-10\t20\nsub-1\t80\n")
    assert age_from_bids(scan).age_years == 80


def test_a_scan_outside_any_dataset_has_no_age(tmp_path: Path) -> None:
    scan = scan_in(tmp_path, "head.nii.gz")
    assert age_from_bids(scan).age_years is None
    assert sex_from_bids(scan) is None


@pytest.mark.parametrize(
    ("column", "written", "found"),
    [("diagnosis", "MCI", "MCI"), ("group", "Control", "CN"), ("dx", "Dementia", "AD"), ("group", "x", None)],
)
def test_a_diagnosis_is_read_as_the_field_writes_it(
    tmp_path: Path, column: str, written: str, found: str | None
) -> None:
    table = f"participant_id\t{column}\nsub-01\t{written}\n"
    (tmp_path / "participants.tsv").write_text(table, encoding="utf-8")
    assert diagnosis_from_bids(tmp_path / "sub-01" / "anat" / "sub-01_T1w.nii.gz") == found


def test_a_session_s_own_diagnosis_comes_before_the_person_s(tmp_path: Path) -> None:
    (tmp_path / "participants.tsv").write_text("participant_id\tdiagnosis\nsub-01\tCN\n", encoding="utf-8")
    (tmp_path / "sub-01").mkdir()
    sessions = "session_id\tdiagnosis\nses-1\tn/a\nses-2\tAD\n"
    (tmp_path / "sub-01" / "sub-01_sessions.tsv").write_text(sessions, encoding="utf-8")
    folder = tmp_path / "sub-01"
    found = [diagnosis_from_bids(folder / f"ses-{i}" / "anat" / f"sub-01_ses-{i}_T1w.nii.gz") for i in (1, 2)]
    assert found == ["CN", "AD"]
