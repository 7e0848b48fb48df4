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


def first_and_last(person: MeasuredPerson) -> MeasuredPerson:
    """Who came twice tells of rates alone: of whether they bend, and of what one scan foretells, nothing."""
    ends = {name: getattr(person, name)[:: len(AGES) - 1] for name in ("ages_years", "volumes_ml", "pooled")}
    return replace(person, **ends)


@pytest.fixture(scope="module")
def a_cohort() -> list[MeasuredPerson]:
    generator = np.random.default_rng(7)
    people = [a_person(number, generator) for number in range(120)]
    return [whole if number < 7 else first_and_last(whole) for number, whole in enumerate(people)]


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
    loudest = max(people, key=lambda one: abs(one.excess) / one.ratio)
    often = people + [loudest] * 30
    assert fit_power(often, 4.0) == fit_power(people, 4.0) > 0
    assert fit_factor(often, 4.0, 1.0) == pytest.approx(fit_factor(people, 4.0, 1.0), rel=1e-3)
    alone = [replace(one, family=f"{index}") for index, one in enumerate(often)]
    assert fit_factor(alone, 4.0, 1.0) > 1.5 * fit_factor(people, 4.0, 1.0)
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


def test_the_variance_is_that_power_of_the_mean(a_lesson: Lesson) -> None:
    """By hand; beyond the cohort's ages as at its end; a pace wanders by a share of it."""
    volumes = replace(a_lesson.prior, dispersion=np.array([0.0, 0.5]), wandering=np.array([0.0, 0.2]))
    prior = volumes.prior
    for about in (Covariates(72.0, "F", "AD"), Covariates(20.0, "F", "CN")):
        mean, typical = prior.row(about) @ prior.mean_rate, prior.typical_covariates @ prior.mean_rate
        expected = prior.residual_variance[1] * abs(mean[1] / typical[1])
        of_such = volumes.prior_of(about)
        assert of_such.residual_variance[1] == pytest.approx(expected, rel=1e-5)
        assert of_such.residual_variance[0] == prior.residual_variance[0]
        line = volumes.line([{"hippocampus": 7.0, "ventricles": 30.0}], [about.age_years], about)
        assert line.pace(1).drift == pytest.approx(0.2 * expected, rel=1e-5)


def test_of_whom_nothing_is_known_the_variance_is_the_typical_one_beside_the_doubt(a_lesson: Lesson) -> None:
    volumes = a_lesson.prior
    of_such = volumes.prior_of(Covariates(volumes.prior.age_centre_years))
    np.testing.assert_allclose(of_such.residual_variance, volumes.prior.residual_variance, rtol=0.05)


def test_whose_diagnosis_is_unknown_tells_nothing_of_how_widely_rates_differ(
    a_cohort: list[MeasuredPerson],
) -> None:
    unlabelled = [replace(one, covariates=replace(one.covariates, diagnosis=None)) for one in a_cohort]
    known = a_cohort[: FEWEST_FAMILIES - 1] + unlabelled[FEWEST_FAMILIES - 1 :]
    assert not learn(known).prior.dispersion.any()


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
    with pytest.raises(ModelError, match=f"The power {power:g} of a region is not between 0 and 1"):
        replace(a_lesson.prior, dispersion=np.array([0.0, power]))
