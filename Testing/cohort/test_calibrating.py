"""A model's intervals calibrated on a BIDS tree, and what that leaves as it is."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cohorts import write_cohort
from fakes import fake_engine, fake_knowledge, fake_prior, save_tiny_model

from MRExtrapLib.cli.main import main
from MRExtrapLib.cohort.crew import Crew
from MRExtrapLib.cohort.forecasting import subject_of
from MRExtrapLib.evaluation.calibrating import cases_of
from MRExtrapLib.evaluation.images import Bench, image_estimates
from MRExtrapLib.evaluation.people import people_of
from MRExtrapLib.evaluation.results import BAYES
from MRExtrapLib.evaluation.trials import Design, Trial
from MRExtrapLib.evaluation.visits import kept_visits
from MRExtrapLib.forecast import engine as engine_module
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.pipeline import forecast
from MRExtrapLib.forecast.subject import Request, Subject
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.model.folder import load_model
from MRExtrapLib.progression.calibration import Calibration, RegionCalibration
from MRExtrapLib.progression.knowledge import knowledge_text, parse_knowledge
from MRExtrapLib.progression.leaning import Leaning
from MRExtrapLib.progression.response import Response
from MRExtrapLib.progression.student import reach
from MRExtrapLib.training.packing import Provenance, pack_progression
from MRExtrapLib.training.people import person_key

DONE, BAD_INPUT, BAD_MODEL = 0, 2, 3

ROUNDED = 0.05
"""Kept scans are float16, and volumes of the fake segmenter add up a hundred voxels and more."""


def open_engine(arguments: object) -> Engine:
    return fake_engine(prior=fake_prior(), knowledge=fake_knowledge())


@pytest.fixture
def a_model(tmp_path: Path) -> Path:
    """A model folder without priors, whose networks nobody runs."""
    return save_tiny_model(tmp_path / "tiny")


@pytest.fixture
def a_model_with_priors(a_model: Path, tmp_path: Path) -> Path:
    provenance = Provenance("tiny", "CC0-1.0", "mrextrap train progression", ("people",), 0, 0.1)
    pack_progression(fake_prior(), fake_knowledge(), load_model(a_model), provenance, tmp_path / "priors")
    return tmp_path / "priors"


def words_for(cohort: Path, model: Path, run: Path, crew: Crew) -> list[str]:
    words = ["train", "calibration", str(cohort), "--model", str(model), "-o", str(run)]
    return [*words, "--scheduler", str(crew.scheduler)]


def test_the_command_calibrates_and_leaves_priors_and_networks_as_they_are(
    a_model_with_priors: Path,
    a_cohort: Path,
    tmp_path: Path,
    a_crew: Crew,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = tmp_path / "run"
    assert main(words_for(a_cohort, a_model_with_priors, run, a_crew), open_engine) == DONE
    before, after = load_model(a_model_with_priors), load_model(run / "model")
    for name in ("autoencoder.safetensors", "progression.safetensors"):
        assert after.manifest.files[name] == before.manifest.files[name]
    assert before.volumes is not None
    assert after.volumes is not None
    old, new = parse_knowledge(before.volumes, "old"), parse_knowledge(after.volumes, "new")
    assert old.calibration is None
    assert new.calibration is not None
    assert new.calibration.people == 9
    assert knowledge_text(replace(new, calibration=None, likeness=None, calibrators=())) == knowledge_text(
        old
    )
    card = (run / "model" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "Everything." in card
    assert card.count("## calibration") == 1
    assert "9 people, 36 scans" in card
    told = capsys.readouterr().out.split("Each person held out in turn")
    assert [part.count("ventricles") for part in told] == [1, 1]
    with (run / "cases.csv").open(encoding="utf-8", newline="") as file:
        cases = list(csv.DictReader(file))
    assert len(cases) == new.calibration.cases > 100
    # every last visit with every later one, from one scan, from two and from three
    asked = Counter(case["inputs"] for case in cases if case["region"] == "ventricles")
    assert asked == {"1": 9 * 6, "2": 9 * 3, "3": 9 * 1}
    assert main(words_for(a_cohort, run / "model", tmp_path / "again", a_crew), open_engine) == DONE
    again = load_model(tmp_path / "again" / "model")
    assert again.volumes == after.volumes
    assert (again.folder / "MODEL_CARD.md").read_text(encoding="utf-8").count("## calibration") == 1


def test_who_taught_the_prior_does_not_calibrate_it(
    a_model: Path, a_cohort: Path, tmp_path: Path, a_crew: Crew, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [one.name for one in people_of(a_cohort)[0]]
    provenance = Provenance("tiny", "CC0-1.0", "mrextrap train progression", ("people",), 0, 0.1)

    def calibrated(learners: list[str], run: Path) -> int:
        keys = tuple(person_key(name) for name in learners)
        knowledge = replace(fake_knowledge(), learners=keys)
        pack_progression(fake_prior(), knowledge, load_model(a_model), provenance, tmp_path / "priors")
        return main(words_for(a_cohort, tmp_path / "priors", run, a_crew), open_engine)

    assert calibrated(names[:2], tmp_path / "run") == DONE
    told = capsys.readouterr().err
    assert [f"left out: {name} taught the prior" in told for name in names[:3]] == [True, True, False]
    new = load_model(tmp_path / "run" / "model")
    assert new.volumes is not None
    assert set(parse_knowledge(new.volumes, "new").calibrators) == {person_key(name) for name in names[2:]}
    assert calibrated(names, tmp_path / "none") == BAD_INPUT
    assert f"all {len(names)} taught the prior" in capsys.readouterr().err


def test_a_new_prior_takes_the_old_calibration_away(
    a_model_with_priors: Path, a_cohort: Path, tmp_path: Path, a_crew: Crew
) -> None:
    assert main(words_for(a_cohort, a_model_with_priors, tmp_path / "run", a_crew), open_engine) == DONE
    provenance = Provenance("new", "CC0-1.0", "mrextrap train progression", ("others",), 0, 0.1)
    start = load_model(tmp_path / "run" / "model")
    pack_progression(fake_prior(), fake_knowledge(), start, provenance, tmp_path / "new")
    model = load_model(tmp_path / "new")
    assert [run.network for run in model.manifest.training] == ["progression"]
    assert "## calibration" not in (tmp_path / "new" / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_a_model_without_priors_is_refused(
    a_model: Path, a_cohort: Path, tmp_path: Path, a_crew: Crew, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words_for(a_cohort, a_model, tmp_path / "run", a_crew), open_engine) == BAD_MODEL
    assert "no priors to calibrate" in capsys.readouterr().err


def test_too_few_people_are_refused(
    a_model_with_priors: Path, tmp_path: Path, a_crew: Crew, capsys: pytest.CaptureFixture[str]
) -> None:
    few = write_cohort(tmp_path / "few", 3)
    assert main(words_for(few, a_model_with_priors, tmp_path / "run", a_crew), open_engine) == BAD_INPUT
    assert "5 people or more" in capsys.readouterr().err


def test_an_evaluation_states_the_calibrated_volumes_of_a_forecast(a_cohort: Path, out: Path) -> None:
    regions = fake_knowledge().prior.regions
    mended = {
        region: RegionCalibration((0.25, 0.5), (1.0, 1.2, 1.4, 1.6), 3.0 + index)
        for index, region in enumerate(regions)
    }
    calibration = Calibration(mended, 7.0, 20, 400)
    response = Response(dict.fromkeys(regions, 0.7), 20)
    knowledge = replace(fake_knowledge(calibration), response=response)
    engine = fake_engine(prior=fake_prior(), knowledge=knowledge)
    people, _ = people_of(a_cohort)
    visits, trial = kept_visits(people[3], engine, out), Trial((0, 1, 2), 3)
    bench = Bench(people[3], visits, engine, Design(directions=0, steps=3))
    found = {one.estimate.method: one.estimate for one in image_estimates(bench, trial)}[BAYES]
    subject = subject_of(people[3])
    known = Subject(subject.visits[:3], subject.sex, subject.diagnosis)
    made = forecast(known, Request((people[3].ages_years[3],)), engine)
    assert found.freedom == {region: 3.0 + index for index, region in enumerate(regions)}
    assert found.spread_ml is not None
    for row in made.predictions[0].rows:
        assert found.volumes_ml[row.region] == pytest.approx(row.volume_ml, abs=ROUNDED)
        assert row.high_ml is not None
        half_ml = reach(0.95, found.freedom[row.region]) * found.spread_ml[row.region]
        assert row.high_ml - row.volume_ml == pytest.approx(half_ml, rel=1e-3)
    assert "20 other people" in made.uncertainty_words
    assert "hippocampus 0.70" in made.volumes_words
    assert np.all([row.low_ml is not None for row in made.predictions[0].rows])


def test_an_evaluation_tells_by_the_share_that_the_own_scan_shows_and_looks_once(
    a_cohort: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []

    def own(volume: Volume, segmenter: object) -> dict[str, float]:
        looked.append(volume)
        return {"gray_matter": 0.4}

    monkeypatch.setattr(engine_module, "own_shares", own)
    person = people_of(a_cohort)[0][3]
    leaning = {"gray_matter": Leaning(1.0, 0.5, 0.3, 0.9)}
    responses = Response({"gray_matter": 0.5}, 20, leaning), Response({"gray_matter": 0.4}, 20)
    leaning_engine, engine = (
        fake_engine(knowledge=replace(fake_knowledge(), response=one)) for one in responses
    )
    leans, again, same = (kept_visits(person, one, out) for one in (leaning_engine, leaning_engine, engine))
    assert len(looked) == 1
    told = [[visit.observed_ml for visit in visits] for visits in (leans, again, same)]
    assert told[0] == told[1] == told[2]


@pytest.mark.parametrize("inputs", [(0, 1), (2,)])
def test_what_calibrates_is_told_in_full(inputs: tuple[int, ...], a_cohort: Path, out: Path) -> None:
    person, trial = people_of(a_cohort)[0][3], Trial(inputs, 3)
    seen_by = fake_engine(prior=fake_prior(), knowledge=fake_knowledge())
    response = Response(dict.fromkeys(fake_knowledge().prior.regions, 0.5), 20)
    tells = replace(seen_by, knowledge=replace(fake_knowledge(), response=response))
    first_ml = kept_visits(person, seen_by, out)[0].observed_ml
    seen, told = (
        {case.region: case for case in cases_of(person, kept_visits(person, engine, out), trial, engine)}
        for engine in (seen_by, tells)
    )
    for region, case in told.items():
        for ml, as_seen in (
            (case.observed_ml, seen[region].observed_ml),
            (case.decoded_ml, seen[region].decoded_ml),
        ):
            first = first_ml[region]
            full = 2 * as_seen - first if region == "ventricles" else as_seen**2 / first
            assert ml == pytest.approx(full, rel=2e-3)
        assert case.line_ml != pytest.approx(seen[region].line_ml, rel=2e-3)
