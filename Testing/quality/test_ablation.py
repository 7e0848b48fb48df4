"""The ablation's figures where everything is known: people who darken evenly, and a linear model."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
from cohorts import write_cohort
from fakes import SHAPE, fake_engine
from quality import ablation
from quality.networks import HEADLINE_REGIONS
from quality.records import Records

from MRExtrapLib.errors import InputError
from MRExtrapLib.training.people import find_people

MODEL = {"name": "some", "sha256": "0" * 64}
KEPT = 0.9
ROUNDING = 1e-3
"""Conformed scans are kept in half precision."""


@pytest.fixture
def a_cohort(tmp_path: Path) -> Path:
    return write_cohort(tmp_path / "cohort", 2, noise=0.0, has_truth=True)


def test_a_linear_model_misses_what_its_bias_says_and_every_way_is_straight(
    a_cohort: Path, tmp_path: Path
) -> None:
    engine = fake_engine(kept=KEPT)
    people = ablation.aged_people(a_cohort, [], engine, tmp_path / "out")
    assert len(people) == 2
    for person in people:
        figures = ablation.person_figures(person, engine, steps=4)
        assert figures["latent_from_way"] < 0.01
        assert figures["psnr_db"] > 0
        for region in HEADLINE_REGIONS:
            observed = figures[f"change_percent/observed/{region}"]
            assert observed < -1
            # a model that loses a tenth of all volumes shows a tenth less of a change
            assert figures[f"change_percent/decoded/{region}"] == pytest.approx(KEPT * observed, rel=ROUNDING)
            assert figures[f"change_percent/true/{region}"] == pytest.approx(observed, abs=1)
            assert figures[f"bias_percent/{region}"] == pytest.approx(100 * (KEPT - 1), rel=ROUNDING)
            assert figures[f"r_squared/{region}"] == pytest.approx(1.0)


def test_the_row_tells_what_was_measured_and_a_second_start_measures_nothing(
    a_cohort: Path, tmp_path: Path
) -> None:
    engine, output = fake_engine(kept=KEPT), tmp_path / "some.json"
    people = ablation.aged_people(a_cohort, [], engine, tmp_path / "out")
    row = ablation.measured_row("some", Records(output, MODEL), people, engine, 4)
    assert len(row) == len(ablation.COLUMNS)
    assert row[0] == "some"
    assert row[3] == " / ".join(["-10.00"] * len(HEADLINE_REGIONS))
    assert all(float(missed) > 0.1 for missed in row[4].split(" / "))
    assert row[8] == f"0 of {len(people) * len(HEADLINE_REGIONS)}"
    again = ablation.measured_row("some", Records(output, MODEL), people, None, 4)  # type: ignore[arg-type]
    assert again == row


def test_what_lies_outside_the_brain_is_not_looked_at(tmp_path: Path) -> None:
    engine = fake_engine()
    brain = np.zeros(SHAPE, bool)
    brain[1:4, 1:4, 1:4] = True
    frame, hazy = ablation.Frame(brain), np.full(SHAPE, 0.5, np.float32)
    clean = np.where(brain, hazy, 0)
    assert frame.measure(hazy, engine) == frame.measure(clean, engine)
    assert frame.measure(hazy, engine)["gray_matter"] == pytest.approx(27 * 0.5)


def test_the_middle_visit_is_the_nearest_to_the_middle_age(a_cohort: Path) -> None:
    people, _ = find_people([a_cohort])
    three = ablation.three_visits(people[0])
    ages = [age - people[0].ages_years[0] for age in three.ages_years]
    assert ages == pytest.approx([0.0, 2.0, 5.0])  # of 0, 1, 2 and 5


def test_who_cannot_be_measured_is_told_in_one_sentence(a_cohort: Path, tmp_path: Path) -> None:
    engine = fake_engine()
    with pytest.raises(InputError, match="nobody with 3 visits named sub-nobody"):
        ablation.aged_people(a_cohort, ["sub-nobody"], engine, tmp_path / "out")
    (a_cohort / "truth_volumes.tsv").unlink()
    with pytest.raises(InputError, match="tells no true volumes"):
        ablation.aged_people(a_cohort, [], engine, tmp_path / "out")


def test_a_model_is_given_with_its_name() -> None:
    assert ablation.named_model("all=runs/all/model") == ("all", Path("runs/all/model"))
    with pytest.raises(argparse.ArgumentTypeError, match="NAME=FOLDER"):
        ablation.named_model("runs/all/model")
