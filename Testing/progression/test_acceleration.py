"""Lines that bend where a cohort's change speeds up, and stay straight where it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from MRExtrapLib.progression.acceleration import FEWEST_FAMILIES, bent_years
from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.knowledge import Knowledge, knowledge_text, parse_knowledge
from MRExtrapLib.progression.learning import Lesson, MeasuredPerson, learn
from MRExtrapLib.progression.timing import timing_of
from MRExtrapLib.progression.trajectory import bend_probabilities

REGIONS = ("hippocampus", "ventricles")
LEVEL_ML = np.array([7.0, 25.0])
NOISE_ML = np.array([0.05, 0.2])
AGES = (68.0, 69.0, 70.0, 70.1, 72.0)
ABOUT = Covariates(70.0, None, "AD")


def a_person(
    number: int, generator: np.random.Generator, acceleration: float, ages: Sequence[float] = AGES
) -> MeasuredPerson:
    """Hippocampus on a line, ventricles on a parabola; rates are those at 70 years."""
    rate = np.array([-0.2, 3.0]) * (1 + 0.4 * generator.normal(size=2))
    years = np.array(ages)[:, None] - 70.0
    bend = 0.5 * np.array([0.0, acceleration]) * years**2
    table = LEVEL_ML + rate * (years + bend) + NOISE_ML * generator.normal(size=(len(ages), 2))
    volumes = tuple(dict(zip(REGIONS, map(float, row), strict=True)) for row in table)
    return MeasuredPerson(f"p{number}", tuple(ages), volumes, ABOUT, (np.zeros(1),) * len(ages))


def lesson_of(acceleration: float, people: int = 40, seed: int = 0) -> Lesson:
    generator = np.random.default_rng(seed)
    return learn([a_person(number, generator, acceleration) for number in range(people)])


def test_acceleration_is_found_where_there_is_any() -> None:
    found = lesson_of(0.12).bend
    assert found.acceleration[0] == pytest.approx(0.12, abs=3 * found.error[0])
    assert 0 < found.error[0] < 0.03
    assert "ventricles" in found.words(REGIONS[1:])


def test_steady_change_rarely_bends_a_line() -> None:
    bent = [bool(lesson_of(0.0, people=15, seed=seed).bend.acceleration.any()) for seed in range(12)]
    assert sum(bent) <= 1


def test_a_bent_line_foretells_a_parabola_better() -> None:
    prior = replace(lesson_of(0.12).prior, subject=None)
    straight = replace(prior, acceleration=np.zeros(2))
    one = a_person(0, np.random.default_rng(9), 0.12, (68.0, 69.0, 70.0, 75.0))
    errors = [
        abs(
            known.line(one.volumes_ml[:3], one.ages_years[:3], ABOUT).at(75.0)["ventricles"]
            - one.volumes_ml[3]["ventricles"]
        )
        for known in (straight, prior)
    ]
    assert errors[1] < 0.5 * errors[0]


def test_one_scan_bends_nothing() -> None:
    prior = replace(lesson_of(0.12).prior, subject=None)
    scan = dict(zip(REGIONS, LEVEL_ML, strict=True))
    found = [
        known.line([scan], [70.0], ABOUT).at(75.0) for known in (prior, replace(prior, acceleration=[0, 0]))
    ]
    assert found[0] == found[1]


def test_few_people_say_nothing_of_acceleration() -> None:
    generator = np.random.default_rng(0)
    people = [replace(a_person(number, generator, 0.3), family=f"brain {number % 7}") for number in range(20)]
    found = learn(people).bend
    assert not found.acceleration.any()
    assert found.families == FEWEST_FAMILIES - 1


@pytest.mark.parametrize("ages", [(70.0, 72.0), (60.0, 61.0, 75.0), (60.0, 74.0, 75.0), (60.0, 80.0)])
@pytest.mark.parametrize("acceleration", [0.02, 0.2, -0.2, 0.5, -0.5])
def test_a_bent_line_never_turns_round(ages: tuple[float, ...], acceleration: float) -> None:
    timing = timing_of(ages)
    years = [age - timing.mean_age_years + bent_years(timing, age, acceleration) for age in range(40, 96)]
    assert np.all(np.diff(years) >= -1e-9)


@pytest.mark.parametrize("ages", [(70.0, 72.0), (66.0, 67.0, 75.0), (64.0, 74.0, 75.0)])
def test_scans_on_a_bent_line_are_given_back(ages: tuple[float, ...]) -> None:
    acceleration, timing = 0.08, timing_of(ages)
    offsets = np.array(ages) - timing.mean_age_years
    volumes = 25.0 + 3.0 * (offsets + 0.5 * acceleration * offsets**2)
    rate, level = float(np.sum(offsets * volumes)) / timing.information, volumes.mean()
    given = [
        level + rate * (age - timing.mean_age_years + bent_years(timing, age, acceleration)) for age in ages
    ]
    np.testing.assert_allclose(given, volumes, atol=1e-9)


def test_noise_that_is_misjudged_is_not_taken_for_acceleration() -> None:
    """Without scans of one day noise is told by lines alone, and rates may be shrunk by too little."""
    generator = np.random.default_rng(2)
    ages = (68.0, 69.5, 71.0, 72.0)
    people = [a_person(number, generator, 0.0, ages) for number in range(30)]
    assert not learn(people).bend.acceleration.any()


def test_kin_count_once() -> None:
    generator = np.random.default_rng(4)
    loose = [a_person(number, generator, 0.12) for number in range(12)]
    doubled = [replace(one, name=f"{one.name}{copy}", family=one.name) for one in loose for copy in "ab"]
    once, twice = learn(loose).bend, learn(doubled).bend
    assert twice.families == once.families == 12
    assert twice.error[0] == pytest.approx(once.error[0], rel=0.1)


def test_a_model_keeps_the_acceleration() -> None:
    prior = lesson_of(0.12).prior
    kept = parse_knowledge(knowledge_text(Knowledge(prior)), "a model").prior
    np.testing.assert_allclose(kept.acceleration, prior.acceleration, rtol=1e-6)


def test_who_speeds_up_as_expected_is_on_the_line() -> None:
    prior = replace(lesson_of(0.12).prior, subject=None)
    one = a_person(1, np.random.default_rng(0), 0.12, (66.0, 68.0, 70.0, 72.0))
    told = [
        bend_probabilities(known.line(one.volumes_ml, one.ages_years, ABOUT), one.volumes_ml, one.ages_years)[
            "ventricles"
        ]
        for known in (replace(prior, acceleration=np.zeros(2)), prior)
    ]
    assert told[0] < 1e-3 < told[1]
