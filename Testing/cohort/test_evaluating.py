"""A whole evaluation on a small cohort: resumable, the same by one worker or two, true to the pipeline."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cohorts import RATE, FakeRecipe, write_cohort

from MRExtrapLib.cli.main import main
from MRExtrapLib.cohort.crew import Crew
from MRExtrapLib.cohort.evaluating import evaluate_cohort
from MRExtrapLib.cohort.forecasting import subject_of
from MRExtrapLib.evaluation.doses import dose_rows
from MRExtrapLib.evaluation.evaluation import Evaluation
from MRExtrapLib.evaluation.images import Bench, image_estimates
from MRExtrapLib.evaluation.output import write_evaluation
from MRExtrapLib.evaluation.people import people_of
from MRExtrapLib.evaluation.person import Desk, evaluate_person
from MRExtrapLib.evaluation.results import BAYES, LINEAR, METHODS, VOXELWISE
from MRExtrapLib.evaluation.scoring import score
from MRExtrapLib.evaluation.tables import split_rows
from MRExtrapLib.evaluation.trials import Design, Trial
from MRExtrapLib.evaluation.visits import kept_visits
from MRExtrapLib.forecast.pipeline import forecast
from MRExtrapLib.forecast.subject import Method, Request, Subject
from MRExtrapLib.training.people import participant_of, person_key

DONE, BAD_INPUT = 0, 2

HALF_PRECISION = 1e-3
"""Kept images are float16."""

SUMMED = 50 * HALF_PRECISION
"""Volumes of the fake segmenter add up a hundred voxels and more, each rounded so before it is encoded."""

DESIGN = Design(directions=2, steps=3)


def run_here(cohort: Path, out: Path, recipe: FakeRecipe, design: Design = DESIGN) -> Evaluation:
    """What `evaluate_cohort` gives, without processes."""
    people, _ = people_of(cohort)
    desk, engine = Desk(out, design, {}), recipe.open()
    results = tuple(evaluate_person(person, engine, desk) for person in people)
    return Evaluation("cohort", engine.identity, design, results, {})


@pytest.mark.parametrize(("method", "name"), [("bayes", BAYES), ("linear", LINEAR)])
def test_the_model_is_asked_as_a_forecast_asks_it(
    method: Method, name: str, a_cohort: Path, out: Path
) -> None:
    """Volumes and spreads of a trial are those that `forecast` gives from its inputs alone."""
    people, _ = people_of(a_cohort)
    engine = FakeRecipe().open()
    visits = kept_visits(people[3], engine, out)
    trial = Trial((0, 1, 2), 3)
    found = {
        p.estimate.method: p.estimate
        for p in image_estimates(Bench(people[3], visits, engine, DESIGN), trial)
    }
    subject = subject_of(people[3])
    known = Subject(subject.visits[:3], subject.sex, subject.diagnosis)
    made = forecast(known, Request((people[3].ages_years[3],), method, directions=2), engine)
    for row in made.predictions[0].rows:
        assert found[name].volumes_ml[row.region] == pytest.approx(row.volume_ml, abs=SUMMED)
    spread = found[name].spread_ml
    assert spread is not None
    assert all(ml > 0 for ml in spread.values())


def test_voxel_wise_lines_are_right_where_voxels_are_lines(tmp_path: Path, out: Path) -> None:
    cohort = write_cohort(tmp_path / "clean", 2, noise=0.0)
    evaluation = run_here(cohort, out, FakeRecipe(has_prior=False))
    found = [one for one in evaluation.answers if one.method == VOXELWISE]
    assert found
    assert max(abs(one.error_ml) for one in found) < SUMMED


def test_a_lossless_model_is_right_where_latents_are_lines(tmp_path: Path, out: Path) -> None:
    cohort = write_cohort(tmp_path / "clean", 2, noise=0.0)
    evaluation = run_here(cohort, out, FakeRecipe(has_prior=False, kept=1.0))
    found = [one for one in evaluation.answers if one.method == LINEAR]
    assert found
    assert max(abs(one.error_ml) for one in found) < SUMMED
    assert min(abs(one.change_ml) for one in found) > 10 * SUMMED


def test_parts_of_the_error_add_up(a_cohort: Path, out: Path) -> None:
    evaluation = run_here(a_cohort, out, FakeRecipe())
    rows = [row for row in split_rows(evaluation) if row["method"] == BAYES and row["region"] == "ventricles"]
    bias = {str(row["part"]): row["bias_ml"] for row in rows}
    assert bias["segmentation"] is None  # without truth the observed change counts as true
    assert bias["prediction"] + bias["reconstruction"] == pytest.approx(bias["all"])


def test_every_number_of_inputs_has_the_same_people(a_cohort: Path, out: Path) -> None:
    rows = [row for row in dose_rows(run_here(a_cohort, out, FakeRecipe())) if row["nested"] == 3]
    assert {row["inputs"] for row in rows} == {1, 2, 3}
    assert {row["people"] for row in rows} == {9}
    assert len({row["horizon"] for row in rows}) > 1


def test_one_worker_and_two_find_the_same_and_a_second_run_does_nothing(
    a_cohort: Path, tmp_path: Path
) -> None:
    found = []
    for workers in (1, 2):
        out = tmp_path / f"out{workers}"
        out.mkdir()
        done = evaluate_cohort(a_cohort, out, FakeRecipe(), DESIGN, Crew(workers))
        assert len(done.measured) == 9
        found.append(done.evaluation)
    one, two = found
    assert [replace(p, seconds=0.0) for p in one.people] == [replace(p, seconds=0.0) for p in two.people]
    assert one.answers == two.answers
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    again = evaluate_cohort(a_cohort, out, FakeRecipe(), DESIGN, Crew(2))
    assert again.measured == ()
    assert again.evaluation.answers == two.answers
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_only_who_changed_is_measured_again(a_cohort: Path, out: Path, a_crew: Crew) -> None:
    evaluate_cohort(a_cohort, out, FakeRecipe(), DESIGN, a_crew)
    scans = sorted(a_cohort.glob("sub-04/ses-*/anat/*_T1w.nii.gz"))
    scans[1].write_bytes(scans[0].read_bytes())
    again = evaluate_cohort(a_cohort, out, FakeRecipe(), DESIGN, a_crew)
    assert again.measured == ("sub-04",)


def test_a_lossless_model_returns_to_where_it_came_from(tmp_path: Path, out: Path) -> None:
    cohort = write_cohort(tmp_path / "clean", 1, noise=0.0)
    (person,) = people_of(cohort)[0]
    for kept, reaches in ((1.0, True), (0.5, False)):
        desk = Desk(out / f"{kept}", DESIGN, {})
        evaluate_person(person, FakeRecipe(has_prior=False, kept=kept).open(), desk)
        sameness = desk.sameness(participant_of(person))
        assert sameness is not None
        assert sameness.method == LINEAR
        change, missed = (ml["gray_matter"] for ml in (sameness.predicted_change_ml, sameness.returned_ml))
        assert (abs(missed) < 0.02 * abs(change)) == reaches


def test_only_the_part_that_is_missing_is_made(a_cohort: Path, out: Path) -> None:
    person, engine = people_of(a_cohort)[0][0], FakeRecipe().open()
    desk = Desk(out, DESIGN, {})
    first = evaluate_person(person, engine, desk)
    sameness = desk.sameness_file(first.participant)
    before = sameness.read_bytes()
    sameness.unlink()
    assert desk.finished(person, engine) is None
    assert evaluate_person(person, engine, desk) == first  # the seconds that it took are the first run's
    assert sameness.read_bytes() == before


def test_an_evaluation_from_before_wide_trials_is_asked_these_alone(a_cohort: Path, out: Path) -> None:
    person, engine = people_of(a_cohort)[0][0], FakeRecipe().open()
    desk = Desk(out, DESIGN, {})
    first = evaluate_person(person, engine, desk)
    wide = desk.wide(first.participant)
    assert wide is not None
    assert {trial.inputs for trial in wide.trials} == {(0, 2)}
    assert {one.method for one in wide.estimates} >= {BAYES, LINEAR, VOXELWISE}
    assert not any(trial.has_gaps for trial in first.trials)
    desk.wide_file(first.participant).unlink()
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    assert evaluate_person(person, engine, desk) == first
    assert desk.wide(first.participant) == wide
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_visits_are_kept_for_another_design(a_cohort: Path, out: Path) -> None:
    run_here(a_cohort, out, FakeRecipe())
    before = {path: path.stat().st_mtime_ns for path in (out / "visits").iterdir()}
    assert len(before) == 2 * 36  # conformed, and encoded
    run_here(a_cohort, out, FakeRecipe(has_prior=False), replace(DESIGN, has_all_pairs=True))
    assert {path: path.stat().st_mtime_ns for path in (out / "visits").iterdir()} == before


def test_one_whose_scans_fail_is_named_and_the_rest_goes_on(a_cohort: Path, out: Path, a_crew: Crew) -> None:
    next(a_cohort.glob("sub-06/ses-1/anat/*.nii.gz")).write_bytes(b"no scan")
    done = evaluate_cohort(a_cohort, out, FakeRecipe(), DESIGN, a_crew)
    assert [one.name for one in done.failures] == ["cohort/sub-06"]
    assert len(done.evaluation.people) == 8
    write_evaluation(done.evaluation, out)
    assert "cohort/sub-06" in (out / "report.html").read_text(encoding="utf-8")
    assert "sub-06" in (out / "left_out.csv").read_text(encoding="utf-8")


def test_the_command_writes_tables_figures_and_a_page(
    a_cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from fakes import open_fake_engine

    out = tmp_path / "evaluation"
    words = ["evaluate", str(a_cohort), "-o", str(out), "--workers", "2", "--steps", "4"]
    assert main(words, open_fake_engine) == DONE
    said = capsys.readouterr().out
    assert "Measured now: 9; there before: 0; left out: 0." in said
    figures = {path.name for path in out.glob("*.png")}
    assert figures == {
        "figure_1c_interpolation.png",
        "figure_1d_linearity.png",
        "figure_2b_methods.png",
        "figure_2c_inputs.png",
        "figure_calibration.png",
    }
    with (out / "scores.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["method"] for row in rows} == set(METHODS) - {BAYES}  # the engine here holds no prior
    assert {row["by"] for row in rows} == {"everyone", "horizon", "span", "sex", "diagnosis", "age"}
    record = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    assert record["is_judged_by_truth"]
    assert record["scores"]["hippocampus"][LINEAR]["people"] == 9
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64") == 5
    assert "Simulated ageing" in page
    assert main(words, open_fake_engine) == DONE
    assert "Measured now: 0; there before: 9; left out: 0." in capsys.readouterr().out


def test_report_and_record_say_how_volumes_are_told(a_cohort: Path, out: Path, a_crew: Crew) -> None:
    evaluated = evaluate_cohort(a_cohort, out, FakeRecipe(tells_in_full=True), DESIGN, a_crew)
    write_evaluation(evaluated.evaluation, out)
    record = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    for text in (record["volumes_are"], (out / "report.html").read_text(encoding="utf-8")):
        assert "hippocampus 0.50" in text


def test_only_who_is_tested_is_evaluated(a_cohort: Path, out: Path, tmp_path: Path, a_crew: Crew) -> None:
    split = tmp_path / "split.json"
    split.write_text('{"train": [], "validation": [], "test": ["cohort/sub-01", "cohort/sub-03"]}')
    done = evaluate_cohort(a_cohort, out, FakeRecipe(), DESIGN, a_crew, split)
    assert done.measured == ("sub-01", "sub-03")
    (words,) = done.evaluation.notes
    assert words.startswith("7 of 9 people of the cohort are not in it, as split.json does not test them")
    assert words.endswith("it keeps 7 for train.")


def test_an_evaluation_says_who_tests_what_they_taught(
    a_cohort: Path, out: Path, tmp_path: Path, a_crew: Crew
) -> None:
    split = tmp_path / "split.json"
    split.write_text('{"train": [], "validation": [], "test": ["cohort/sub-01", "cohort/sub-03"]}')
    taught = FakeRecipe(learners=tuple(map(person_key, ("cohort/sub-03", "cohort/sub-04", "other/sub-01"))))
    done = evaluate_cohort(a_cohort, out, taught, DESIGN, a_crew, split)
    (words,) = [one for one in done.evaluation.notes if "taught or calibrated" in one]
    assert words.startswith("1 of 2 people taught or calibrated the model")


@pytest.mark.parametrize("has_split", [False, True])
def test_who_has_no_age_or_one_scan_is_among_those_left_out(
    has_split: bool, a_cohort: Path, out: Path, tmp_path: Path, a_crew: Crew
) -> None:
    for number in (1, 5):
        (a_cohort / f"sub-0{number}" / f"sub-0{number}_sessions.tsv").unlink()
    for visit in (1, 2, 3):
        shutil.rmtree(a_cohort / "sub-02" / f"ses-{visit}")
    split = tmp_path / "split.json"
    names = ", ".join(f'"cohort/sub-0{number}"' for number in (0, 1, 2))
    split.write_text(f'{{"train": [], "validation": ["cohort/sub-05"], "test": [{names}]}}')
    done = evaluate_cohort(a_cohort, out, FakeRecipe(), DESIGN, a_crew, split if has_split else None)
    write_evaluation(done.evaluation, out)
    with (out / "left_out.csv").open(encoding="utf-8", newline="") as file:
        reasons = {row["name"]: row["reason"] for row in csv.DictReader(file)}
    ageless = dict.fromkeys(
        ["cohort/sub-01"] if has_split else ["cohort/sub-01", "cohort/sub-05"], "no scan has a known age."
    )
    assert reasons == ageless | {"cohort/sub-02": "one scan with an age tells nothing of rates."}
    record = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    assert sum("6 of 9 people" in words for words in record["warnings"]) == has_split
    assert any("it keeps 1 for validation and 5 for train." in words for words in record["warnings"]) == (
        has_split
    )
    assert "cohort/sub-02: one scan" in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--workers", "0"], "0 workers"),
        (["--inputs", "0"], "at least one input"),
        (["--steps", "2"], "steps"),
        (["--workers", "1", "--scheduler", "tcp://a:1"], "not allowed"),
    ],
)
def test_a_bad_question_is_refused(
    words: list[str], expected: str, a_cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from fakes import assert_nothing_written, open_fake_engine

    out = tmp_path / "evaluation"
    assert main(["evaluate", str(a_cohort), "-o", str(out), *words], open_fake_engine) == BAD_INPUT
    assert expected in capsys.readouterr().err
    assert_nothing_written(out)


def test_results_do_not_lie_among_scans(a_cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from fakes import open_fake_engine

    assert main(["evaluate", str(a_cohort), "-o", str(a_cohort / "ev")], open_fake_engine) == BAD_INPUT
    assert "among the scans" in capsys.readouterr().err
    assert not (a_cohort / "ev").exists()


def test_the_cohort_changes(a_cohort: Path, out: Path) -> None:
    """What the tests above rest on: there is a change to predict, and saying none misses it."""
    evaluation = run_here(a_cohort, out, FakeRecipe())
    carried = score(evaluation.fullest["last carried forward", "gray_matter"])
    expected = abs(RATE) / 200 * np.prod((6, 7, 8)) * 2  # darker by RATE in every voxel, two years on average
    assert carried.error_ml.value == pytest.approx(expected, rel=0.3)
