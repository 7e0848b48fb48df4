"""Laws of how widely rates differ: one variance where all do alike, a power of the mean where they do not."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from MRExtrapLib.errors import ModelError
from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.dispersion import (
    FEWEST_FAMILIES,
    LARGEST_RATIO,
    Differing,
    fit_factor,
    fit_power,
    ratio_of,
)
from MRExtrapLib.progression.knowledge import Knowledge, knowledge_text, parse_knowledge
from MRExtrapLib.progression.learning import Lesson, MeasuredPerson, learn

AGES = (70.0, 71.0, 72.0, 74.0)
ML_PER_YEAR = {"CN": (1.3, 0.5), "MCI": (2.5, 1.2), "AD": (7.7, 3.5)}
"""Mean growth of the ventricles, and its standard deviation among such people."""


def differing(generator: np.random.Generator, power: float, families: int = 60) -> list[Differing]:
    """People whose rates spread by 2 at the typical mean, and as that power of it elsewhere."""
    ratios = generator.choice([0.3, 0.8, 2.5], families)
    return [
        Differing(f"f{index}", float(generator.normal(0, np.hypot(2.0 * ratio**power, 0.1))), ratio, 0.01)
        for index, ratio in enumerate(ratios.tolist())
    ]


def a_person(number: int, generator: np.random.Generator) -> MeasuredPerson:
    diagnosis = list(ML_PER_YEAR)[number % 3]
    pace = generator.normal(*ML_PER_YEAR[diagnosis])
    scans = tuple(
        {
            "hippocampus": 7.0 * (1 - 0.02 * (age - 70)) * (1 + 0.01 * generator.normal()),
            "ventricles": 30.0 + pace * (age - 70) + 0.1 * generator.normal(),
        }
        for age in AGES
    )
    about = Covariates(float(np.mean(AGES)), "F", diagnosis)
    return MeasuredPerson(f"p{number}", AGES, scans, about, (np.zeros(1),) * len(AGES))


@pytest.fixture(scope="module")
def a_cohort() -> list[MeasuredPerson]:
    generator = np.random.default_rng(7)
    return [a_person(number, generator) for number in range(120)]


@pytest.fixture(scope="module")
def a_lesson(a_cohort: list[MeasuredPerson]) -> Lesson:
    return learn(a_cohort)


def test_a_spread_that_follows_the_mean_is_found_with_its_size() -> None:
    people = differing(np.random.default_rng(1), power=1.0)
    assert fit_power(people, variance=9.0) >= 0.75
    assert 9.0 * fit_factor(people, 9.0, 1.0) == pytest.approx(4.0, rel=0.4)


def test_chance_seldom_passes_for_a_spread_that_follows_the_mean() -> None:
    found = [fit_power(differing(np.random.default_rng(seed), power=0.0), 4.0) for seed in range(60)]
    assert np.mean(np.array(found) > 0) <= 0.12


def test_families_count_once_and_few_of_them_say_nothing() -> None:
    people = differing(np.random.default_rng(2), power=1.0, families=30)
    twice = [one for one in people for _ in range(2)]
    assert fit_power(twice, 4.0) == fit_power(people, 4.0) > 0
    assert fit_factor(twice, 4.0, 1.0) == pytest.approx(fit_factor(people, 4.0, 1.0), rel=1e-4)
    few = [replace(one, family=f"f{index % (FEWEST_FAMILIES - 1)}") for index, one in enumerate(people)]
    assert fit_power(few, 4.0) == 0.0


def test_who_does_not_differ_at_all_says_nothing() -> None:
    people = differing(np.random.default_rng(3), power=1.0)
    assert fit_power(people, variance=0.0) == 0.0
    assert fit_factor(people, 0.0, 1.0) == 1.0
    assert fit_factor(people, 4.0, 0.0) == 1.0


def test_no_mean_is_far_from_the_typical_one() -> None:
    typical = np.array([1.0, 1.0, 0.0])
    ratios = ratio_of(np.array([1e9, 0.0, 1.0]), typical)
    np.testing.assert_allclose(ratios, [LARGEST_RATIO, 1 / LARGEST_RATIO, 1.0])


def test_a_cohort_teaches_that_ventricles_of_the_ill_differ_more(a_lesson: Lesson) -> None:
    volumes = a_lesson.prior
    assert volumes.dispersion[volumes.regions.index("hippocampus")] == 0.0
    assert volumes.dispersion[volumes.regions.index("ventricles")] >= 0.5
    sentence = next(words for words in a_lesson.words if words.startswith("Rates of people differ"))
    assert "ventricles" in sentence
    assert "hippocampus" not in sentence


@pytest.mark.parametrize("diagnosis", ML_PER_YEAR)
def test_one_scan_is_forecast_as_widely_as_such_people_differ(
    a_cohort: list[MeasuredPerson], a_lesson: Lesson, diagnosis: str
) -> None:
    own = [one.volumes_ml for one in a_cohort if one.covariates.diagnosis == diagnosis]
    differ = np.std([(scans[-1]["ventricles"] - scans[0]["ventricles"]) / np.ptp(AGES) for scans in own])
    scan = {"hippocampus": 7.0, "ventricles": 30.0}
    line = a_lesson.prior.line([scan], [72.0], Covariates(72.0, "F", diagnosis))
    stated = line.expected_rate()[1]["ventricles"]
    assert stated == pytest.approx(differ, rel=0.25)
    assert line.pace(line.regions.index("ventricles")).variance == pytest.approx(
        (stated / a_lesson.prior.unit_ml[1]) ** 2, rel=1e-3
    )


def test_without_such_powers_everyone_differs_alike(a_lesson: Lesson) -> None:
    alike = replace(a_lesson.prior, dispersion=np.zeros(2))
    for diagnosis in ML_PER_YEAR:
        of_such = alike.prior_of(Covariates(72.0, "F", diagnosis))
        np.testing.assert_array_equal(of_such.residual_variance, alike.prior.residual_variance)


def test_a_model_keeps_how_widely_rates_differ(a_lesson: Lesson) -> None:
    kept = parse_knowledge(knowledge_text(Knowledge(a_lesson.prior)), "volumes.json").prior
    np.testing.assert_allclose(kept.dispersion, a_lesson.prior.dispersion, rtol=1e-6)


def test_a_model_of_an_earlier_version_has_one_variance_for_everyone(a_lesson: Lesson) -> None:
    record = json.loads(knowledge_text(Knowledge(a_lesson.prior)))
    del record["dispersion"]
    kept = parse_knowledge(json.dumps(record), "volumes.json").prior
    np.testing.assert_array_equal(kept.dispersion, np.zeros(2))


@pytest.mark.parametrize("power", [-0.1, 1.1, np.nan])
def test_a_power_that_makes_no_sense_is_refused(a_lesson: Lesson, power: float) -> None:
    with pytest.raises(ModelError, match="fit it again"):
        replace(a_lesson.prior, dispersion=np.array([0.0, power]))
