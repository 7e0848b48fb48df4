"""Work shared out: everyone's results in order, failures by name, the same whoever does it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import pytest
from cohorts import ClosedRecipe, FakeRecipe, refuse

from MRExtrapLib.cli.crew import recipe_of
from MRExtrapLib.cohort.crew import Crew, work_through
from MRExtrapLib.errors import InputError
from MRExtrapLib.evaluation.people import people_of
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.imaging.hashing import sha256_of
from MRExtrapLib.model.catalogue import find_model
from MRExtrapLib.training.people import PersonScans

TWO = Crew(2)


@dataclass(frozen=True)
class Naming:
    """Names a person and the engine; refuses some, breaks on others."""

    refused: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()

    def __call__(self, person: PersonScans, engine: Engine) -> str:
        refuse(self.refused, person.name)
        if person.name in self.broken:
            return str(1 / 0)
        return f"{person.name} by {engine.identity.model}"


def test_everyone_is_worked_on_in_order_and_who_fails_is_named(a_cohort: Path) -> None:
    people, _ = people_of(a_cohort)
    work = Naming(refused=("cohort/sub-02",), broken=("cohort/sub-05",))
    outcome = work_through(people, work, FakeRecipe(), TWO)
    worked = [one.name for one in people if one.name not in ("cohort/sub-02", "cohort/sub-05")]
    assert list(outcome.results) == [f"{name} by fake" for name in worked]
    refused, broken = outcome.failures
    assert (refused.name, refused.reason) == (
        "cohort/sub-02",
        "The scans of cohort/sub-02 show 12 ml of brain.",
    )
    assert refused.detail == ""
    assert "division by zero" in broken.reason
    assert "test_crew.py" in broken.detail


def test_a_model_retrained_in_place_is_opened_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers outlive a run, may run in another folder, and keep the engine of a recipe."""
    monkeypatch.chdir(tmp_path)
    Path("model").mkdir()
    asked = argparse.Namespace(open_engine=str, model="model", device="cpu", segmenter="own", no_cache=False)
    recipes = []
    for weights in ("first", "second"):
        Path("model", "model.json").write_text(weights)
        recipes.append(recipe_of(asked))
    assert recipes[0] != recipes[1]
    assert recipes[0].model == str(tmp_path / "model")


def test_a_name_is_the_known_models_and_no_folders_that_happens_to_lie_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bundled = find_model()
    Path(bundled.name).mkdir()
    Path(bundled.name, "model.json").write_text("of another model")
    options = {"open_engine": str, "device": "cpu", "segmenter": "own", "no_cache": False}
    recipes = [recipe_of(argparse.Namespace(model=name, **options)) for name in (bundled.name, None)]
    assert recipes[0] == recipes[1]
    assert recipes[0].model == str(bundled)
    assert recipes[0].model_sha256 == sha256_of(bundled / "model.json")


def test_nobody_to_work_on_opens_nothing() -> None:
    assert work_through([], Naming(), ClosedRecipe(), TWO).results == ()


def test_no_worker_is_refused() -> None:
    with pytest.raises(InputError, match="0 workers"):
        Crew(0)


def test_a_scheduler_that_is_not_there_is_told(a_cohort: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("MRExtrapLib.cohort.crew.PATIENCE_S", 1)
    people, _ = people_of(a_cohort)
    with pytest.raises(InputError, match=r"tcp://127.0.0.1:1 does not answer"):
        work_through(people, Naming(), FakeRecipe(), Crew(scheduler="tcp://127.0.0.1:1"))


def test_a_scheduler_of_the_users_does_the_work(a_cohort: Path, a_crew: Crew) -> None:
    people, _ = people_of(a_cohort)
    assert len(work_through(people, Naming(), FakeRecipe(), a_crew).results) == len(people)


def test_derivatives_are_no_scans_and_equal_ages_are_one(a_cohort: Path) -> None:
    scan = next(a_cohort.glob("sub-00/ses-0/anat/*_T1w.nii.gz"))
    derived = a_cohort / "derivatives" / "mrextrap" / "sub-00" / "anat" / "sub-00_desc-predicted_T1w.nii.gz"
    derived.parent.mkdir(parents=True)
    derived.write_bytes(scan.read_bytes())
    scan.with_name("sub-00_ses-0_run-2_T1w.nii.gz").write_bytes(scan.read_bytes())
    people, left_out = people_of(a_cohort)
    assert len(people[0].paths) == 4
    assert len(left_out) == 1
    assert "another scan at this age" in left_out[0]


@pytest.mark.parametrize("wrong", ["missing", "empty"])
def test_a_cohort_of_nobody_is_refused(wrong: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError):
        people_of(tmp_path / wrong)
