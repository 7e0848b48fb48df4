"""A cohort on disk: whole subjects with checked truth, and only what is missing on a second run."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from phantoms import labelled_ellipsoids, t1_like

from MRExtrapLib.anatomy.borders import NAMING
from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.ages import age_from_bids
from MRExtrapLib.imaging.reading import read_scan
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.imaging.writing import write_labels, write_nifti
from MRExtrapLib.simulation import subject as subject_module
from MRExtrapLib.simulation.checks import RATE_TOLERANCE, UNNOTICEABLE, Check
from MRExtrapLib.simulation.cohort import PLAN_FILE, Outcome, Workshop, make_cohort, missing_people
from MRExtrapLib.simulation.plan import CohortPlan, plan_people
from MRExtrapLib.simulation.profiles import PROFILES
from MRExtrapLib.simulation.sources import open_source
from MRExtrapLib.simulation.subject import Labelling, SimulatedSubject, prepare, simulate

LABELS = labelled_ellipsoids(3.0)
SCAN = t1_like(LABELS)
PLAN = CohortPlan((-1.0, 0.0, 2.0), "MCI", seed=1)
SHADED = 0.15
"""Relative: how far shading and blurred borders move the contrast of two tissues."""


def find_labels(scan: Volume) -> Labelling:
    return Labelling.certain(LABELS)


WORKSHOP = Workshop(find_labels, "a phantom")


@pytest.fixture
def a_scan(tmp_path: Path) -> Path:
    path = tmp_path / "sub-7_T1w.nii.gz"
    write_nifti(SCAN, path)
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture(scope="module")
def a_cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One subject, a year before its real scan to two years after."""
    folder = tmp_path_factory.mktemp("cohort")
    write_nifti(SCAN, folder / "sub-7_T1w.nii.gz")
    write_labels(LABELS.voxels.astype(np.int16), LABELS.affine, folder / "sub-7_dseg.nii.gz")
    (folder / "out").mkdir()
    make_cohort(plan_people([open_source(folder / "sub-7_T1w.nii.gz", 70)]), PLAN, folder / "out", WORKSHOP)
    return folder / "out"


@pytest.fixture(scope="module")
def a_subject(tmp_path_factory: pytest.TempPathFactory) -> SimulatedSubject:
    path = tmp_path_factory.mktemp("subject") / "sub-7_T1w.nii.gz"
    write_nifti(SCAN, path)
    (person,) = plan_people([open_source(path, 70)])
    return simulate(person, PLAN, prepare(person.source, find_labels))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def made(people_of: Path, out: Path, count: int | None = None, plan: CohortPlan = PLAN) -> Outcome:
    return make_cohort(plan_people([open_source(people_of, 70)], count), plan, out, WORKSHOP)


def test_only_the_real_scan_is_not_called_simulated(a_cohort: Path) -> None:
    found = sorted(path.name for path in a_cohort.rglob("*_T1w.nii.gz"))
    assert found == [
        "sub-7sim1_ses-01_acq-simulated_T1w.nii.gz",
        "sub-7sim1_ses-02_T1w.nii.gz",
        "sub-7sim1_ses-03_acq-simulated_T1w.nii.gz",
    ]
    told = [row["is_simulated"] for row in rows(a_cohort / "sub-7sim1" / "sub-7sim1_sessions.tsv")]
    assert told == ["yes", "no", "yes"]
    for path in a_cohort.rglob("*acq-simulated_T1w.nii.gz"):
        assert b"SIMULATED" in nib.load(path).header["descrip"].tobytes()
        assert read_scan(path).warnings == ()  # cohorts and training are made of them


def test_the_real_scan_is_kept_as_it_is(a_cohort: Path) -> None:
    kept = read_scan(next(a_cohort.rglob("*ses-02_T1w.nii.gz")))
    assert np.array_equal(kept.volume.voxels, SCAN.voxels)
    labels = read_scan(next(a_cohort.rglob("*ses-02_dseg.nii.gz")))
    assert np.array_equal(labels.volume.voxels, LABELS.voxels)


def test_the_visit_at_0_can_be_a_scan_like_the_others(a_subject: SimulatedSubject) -> None:
    anew = simulate(a_subject.person, replace(PLAN, is_scanned_anew=True), a_subject.baseline)
    assert [visit.is_simulated for visit in anew.visits] == [True, True, True]
    now = anew.visits[1]
    assert now.deformation.is_at_rest()
    assert now.label_ml == anew.baseline.label_ml
    assert not np.array_equal(anew.scan_at(now).voxels, SCAN.voxels)


def test_a_cohort_of_an_earlier_version_goes_on(a_scan: Path, out: Path) -> None:
    plan = CohortPlan((0.0, 1.0), "CN")
    made(a_scan, out, 1, plan)
    record = json.loads((out / PLAN_FILE).read_text(encoding="utf-8"))
    assert record.pop("is_scanned_anew") is False
    assert record["naming"] == NAMING
    (out / PLAN_FILE).write_text(json.dumps(record), encoding="utf-8")
    assert made(a_scan, out, 2, plan).made == ("sub-7sim2",)
    with pytest.raises(InputError, match="other years"):
        made(a_scan, out, 2, replace(plan, is_scanned_anew=True))
    for damaged in (json.dumps(record | {"naming": NAMING - 1}), "{", "[]"):
        (out / PLAN_FILE).write_text(damaged, encoding="utf-8")
        with pytest.raises(InputError, match="labels of another version"):
            made(a_scan, out, 3, plan)


def test_the_reader_finds_the_ages(a_cohort: Path) -> None:
    ages = [age_from_bids(path).age_years for path in sorted(a_cohort.rglob("*_T1w.nii.gz"))]
    assert ages == [69.0, 70.0, 72.0]


def test_truth_holds_rates_prescribed_and_realised(a_cohort: Path) -> None:
    truth = [row for row in rows(a_cohort / "truth_volumes.tsv") if row["region"] == "hippocampus"]
    before, real, after = (float(row["volume_ml"]) for row in truth)
    assert before > real > after
    assert truth[1]["realised_percent_per_year"] == "n/a"
    for row in (truth[0], truth[2]):
        wanted, found = (float(row[f"{kind}_percent_per_year"]) for kind in ("prescribed", "realised"))
        assert found == pytest.approx(wanted, rel=RATE_TOLERANCE)
        assert wanted < 0


def test_the_labels_of_every_visit_lie_on_its_scan(a_cohort: Path) -> None:
    for path in a_cohort.rglob("*_dseg.nii.gz"):
        labels = read_scan(path).volume
        scan = read_scan(path.with_name(path.name.replace("dseg", "T1w"))).volume
        assert scan.grid.is_same_as(labels.grid)
        white, cortex, ventricle = (float(np.median(scan.voxels[labels.voxels == n])) for n in (2, 3, 43))
        assert cortex / white == pytest.approx(100 / 150, rel=SHADED)
        assert ventricle / white == pytest.approx(30 / 150, rel=SHADED)


def test_every_check_is_written_and_good(a_cohort: Path) -> None:
    checks = rows(a_cohort / "checks.tsv")
    assert {row["is_good"] for row in checks} == {"yes"}
    assert {row["compartment"] for row in checks} >= {"hippocampus", "cortex", "white_matter", "ventricles"}
    assert all(float(row["smallest_jacobian"]) > 0 for row in checks)


def test_the_tables_say_who_it_is(a_cohort: Path) -> None:
    (person,) = rows(a_cohort / "participants.tsv")
    assert (person["participant_id"], person["profile"], person["sex"]) == ("sub-7sim1", "MCI", "n/a")
    assert float(person["hippocampus_percent_per_year"]) < 0
    assert "simulated" in (a_cohort / "dataset_description.json").read_text(encoding="utf-8").lower()


def test_rates_differ_between_subjects_and_repeat_with_the_seed(a_subject: SimulatedSubject) -> None:
    baseline = replace(a_subject.baseline)
    first, second = plan_people([a_subject.person.source], 2)
    again = simulate(first, PLAN, baseline)
    other = simulate(second, PLAN, baseline)
    assert again.rates == a_subject.rates
    assert other.rates != a_subject.rates
    visit, same = a_subject.visits[-1], again.visits[-1]
    assert np.array_equal(a_subject.scan_at(visit).voxels, again.scan_at(same).voxels)


def test_mixed_cohorts_have_every_profile(a_subject: SimulatedSubject) -> None:
    plan = CohortPlan((0.02,), "mixed")
    people = plan_people([a_subject.person.source], 8)
    assert {simulate(person, plan, a_subject.baseline).profile for person in people} == set(PROFILES)


def test_visits_have_the_voxels_asked_for(a_subject: SimulatedSubject) -> None:
    plan = replace(PLAN, protocol=replace(PLAN.protocol, spacing_mm=(5.0, 6.0, 7.0)))
    aged = simulate(a_subject.person, plan, a_subject.baseline)
    assert aged.scan_at(aged.visits[0]).spacing_mm == pytest.approx((5.0, 6.0, 7.0))
    assert aged.labels_at(aged.visits[0]).spacing_mm == pytest.approx((5.0, 6.0, 7.0))


def test_a_second_run_makes_only_who_is_missing(a_scan: Path, out: Path) -> None:
    plan = CohortPlan((0.0, 1.0), "CN")
    assert made(a_scan, out, 1, plan).made == ("sub-7sim1",)
    scan = next((out / "sub-7sim1").rglob("*simulated_T1w.nii.gz"))
    before = scan.stat().st_mtime_ns
    outcome = made(a_scan, out, 2, plan)
    assert (outcome.found, outcome.made) == (("sub-7sim1",), ("sub-7sim2",))
    assert scan.stat().st_mtime_ns == before
    assert [row["participant_id"] for row in rows(out / "participants.tsv")] == ["sub-7sim1", "sub-7sim2"]
    with pytest.raises(InputError, match="other years"):
        made(a_scan, out, 2, PLAN)


def test_a_subject_of_another_scan_is_not_taken_for_this_one(a_scan: Path, out: Path) -> None:
    plan = CohortPlan((0.0, 1.0), "CN")
    made(a_scan, out, 1, plan)
    write_nifti(SCAN.with_voxels(SCAN.voxels * 2), a_scan)
    with pytest.raises(InputError, match="another scan"):
        missing_people(plan_people([open_source(a_scan, 70)]), plan, out)


def test_an_interrupted_subject_leaves_nothing_and_the_finished_ones_stay(a_scan: Path, out: Path) -> None:
    def interrupted(subject: SimulatedSubject, folder: Path) -> None:
        if subject.person.repetition == 2:
            raise KeyboardInterrupt

    plan, people = CohortPlan((0.0, 1.0), "CN"), plan_people([open_source(a_scan, 70)], 2)
    with pytest.raises(KeyboardInterrupt):
        make_cohort(people, plan, out, replace(WORKSHOP, draw=interrupted))
    assert [path.name for path in out.iterdir() if path.is_dir()] == ["sub-7sim1"]
    assert [row["participant_id"] for row in rows(out / "participants.tsv")] == ["sub-7sim1"]


def test_a_subject_that_cannot_be_is_left_out_and_named(
    a_scan: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = subject_module.draw_subject
    drawn: list[object] = []

    def monstrous_second(profile: object, rng: np.random.Generator) -> object:
        rates = draw(profile, rng)
        drawn.append(rates)
        return rates if len(drawn) == 1 else replace(rates, ventricles_ml_per_year=9000.0)

    monkeypatch.setattr(subject_module, "draw_subject", monstrous_second)
    outcome = made(a_scan, out, 2, CohortPlan((0.0, 1.0), "CN"))
    assert outcome.made == ("sub-7sim1",)
    (left_out,) = outcome.left_out
    assert left_out.participant_id == "sub-7sim2"
    assert rows(out / "left_out.tsv")[0]["reason"] == left_out.reason
    assert not (out / "sub-7sim2").exists()


def test_a_cohort_of_nobody_is_refused_and_leaves_nothing(a_scan: Path, out: Path) -> None:
    def no_ventricles(scan: Volume) -> Labelling:
        return Labelling.certain(
            LABELS.with_voxels(np.where(np.isin(LABELS.voxels, (4, 43)), 2, LABELS.voxels))
        )

    people = plan_people([open_source(a_scan, 70)])
    with pytest.raises(InputError, match="ventricles hold 0 ml"):
        make_cohort(people, PLAN, out, replace(WORKSHOP, find_labels=no_ventricles))
    assert list(out.iterdir()) == []


def test_truth_weighs_the_drawn_labels_and_the_likeliest_are_shown(a_scan: Path) -> None:
    """A rind of white matter that half belongs to the cortex ages as cortex does, wherever it is shown."""
    rng = np.random.default_rng(0)
    drawn = LABELS.with_voxels(
        np.where((LABELS.voxels == 2) & (rng.random(LABELS.shape) < 0.5), 3, LABELS.voxels)
    )
    (person,) = plan_people([open_source(a_scan, 70)])
    baseline = prepare(person.source, lambda scan: Labelling(LABELS, drawn))
    subject = simulate(person, PLAN, baseline)
    counted = {number: float((drawn.voxels == number).sum()) for number in (2, 3)}
    real = next(visit for visit in subject.visits if not visit.is_simulated)
    for number, voxels in counted.items():
        assert real.label_ml[number] == pytest.approx(voxels * LABELS.grid.voxel_ml, rel=1e-6)
    assert subject.failure is None
    np.testing.assert_array_equal(subject.labels_at(real).voxels, LABELS.voxels)


@pytest.mark.parametrize(
    ("realised", "jacobian", "is_good"),
    [
        (-0.1, 0.5, True),
        (-0.1 * (1 + 0.9 * RATE_TOLERANCE), 0.5, True),
        (-0.1 * (1 + 1.1 * RATE_TOLERANCE), 0.5, False),
        (-0.1, -0.01, False),
    ],
)
def test_a_rate_missed_by_more_than_five_percent_or_a_fold_fails(
    realised: float, jacobian: float, is_good: bool
) -> None:
    check = Check("ses-02", 2.0, "hippocampus", 7.0, 6.3, -0.1, realised, jacobian)
    assert check.is_good == is_good
    assert check.words.endswith(".")


def test_a_change_too_small_to_see_is_not_held_against_its_rate() -> None:
    assert Check("ses-02", 0.1, "cortex", 500.0, 500.0, 1e-4, 1e-4 + 0.9 * UNNOTICEABLE, 0.9).is_good


def test_a_failed_check_is_the_subjects_failure(a_subject: SimulatedSubject) -> None:
    assert a_subject.failure is None
    wrong = replace(a_subject.checks[0], realised=a_subject.checks[0].prescribed + 0.5)
    assert replace(a_subject, checks=(wrong,)).failure == wrong.words
