"""Laws of paces that wander: nothing is added where none does, and recent scans tell more where one does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.knowledge import Knowledge, knowledge_text, parse_knowledge
from MRExtrapLib.progression.learning import Lesson, MeasuredPerson, learn
from MRExtrapLib.progression.subject_prior import SubjectPrior
from MRExtrapLib.progression.trajectory import bend_warnings
from MRExtrapLib.progression.volumes import VolumePrior
from MRExtrapLib.progression.wandering import (
    FEWEST_FAMILIES,
    SHARES,
    Pace,
    Watched,
    added_by_drift,
    fit_share,
    predicted,
)

PACE = Pace(mean=0.05, variance=0.03**2, noise=0.004**2)
AGES = np.array([70.0, 71.0, 72.0, 74.0])
REGIONS = ("hippocampus", "ventricles")
ABOUT = Covariates(71.0, "F", "CN")


def wanderer(generator: np.random.Generator, share: float, ages: np.ndarray = AGES) -> np.ndarray:
    """Volumes of someone whose pace wanders by so much, each scan with its noise."""
    steps = np.linspace(ages[0], ages[-1], 401)
    width = steps[1] - steps[0]
    kicks = generator.normal(0, np.sqrt(share * PACE.variance * width), len(steps))
    pace = generator.normal(PACE.mean, np.sqrt(PACE.variance)) + np.cumsum(kicks)
    volume = 1.0 + np.concatenate([[0.0], np.cumsum(pace[:-1] * width)])
    return np.interp(ages, steps, volume) + generator.normal(0, np.sqrt(PACE.noise), len(ages))


def watched(values: np.ndarray, family: str, ages: np.ndarray = AGES) -> Watched:
    return Watched(family, values, ages, PACE, PACE.variance)


def wandering(share: float) -> Pace:
    return replace(PACE, drift=share * PACE.variance)


def a_person(number: int, generator: np.random.Generator, share: float) -> MeasuredPerson:
    grown = 20.0 * wanderer(generator, share)
    tissue = 7.0 * (1 - 0.01 * (AGES - 70)) * (1 + 0.01 * generator.normal(size=len(AGES)))
    scans = tuple(dict(zip(REGIONS, map(float, row), strict=True)) for row in zip(tissue, grown, strict=True))
    pooled = tuple(np.zeros(1) for _ in AGES)
    return MeasuredPerson(f"p{number}", tuple(AGES), scans, ABOUT, pooled, f"p{number}")


@pytest.fixture(scope="module")
def a_lesson() -> Lesson:
    generator = np.random.default_rng(3)
    return learn([a_person(number, generator, 0.5) for number in range(40)])


@pytest.fixture(scope="module")
def a_wandering_prior(a_lesson: Lesson) -> VolumePrior:
    return a_lesson.prior


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("age_years", [60.0, 71.5, 80.0])
def test_a_pace_that_does_not_wander_is_that_of_the_bayesian_line(
    a_wandering_prior: VolumePrior, count: int, age_years: float
) -> None:
    """Mean and variance are the posterior's, in closed form there and by kriging here."""
    generator = np.random.default_rng(count)
    person = a_person(0, generator, 0.5)
    calm = replace(
        a_wandering_prior,
        wandering=(0, 0),
        acceleration=(0, 0),
        prior=replace(a_wandering_prior.prior, curvature_per_year=0.0),
    )
    line = calm.line(person.volumes_ml[:count], AGES[:count], ABOUT)
    variance, noise = line.posterior.prior.residual_variance[1], line.posterior.prior.noise_variance[1]
    assert not len(line.posterior.prior.factors)
    assert line.pace(1) == Pace(line.mean_rate[1], variance, noise)
    mean, spread2 = predicted(line.scans[:, 1], AGES[:count], age_years, line.pace(1))
    assert mean == pytest.approx(line.posterior.at(age_years)[1], rel=1e-6)
    assert spread2 == pytest.approx(line.posterior.variance(age_years)[1], rel=1e-6)


@pytest.mark.parametrize("count", [1, 2])
def test_scans_of_one_day_say_of_wandering_nothing(a_wandering_prior: VolumePrior, count: int) -> None:
    scans, ages = a_person(1, np.random.default_rng(1), 0.5).volumes_ml[:count], [70.0] * count
    wanders = a_wandering_prior.line(scans, ages, ABOUT)
    calm = replace(a_wandering_prior, wandering=(0, 0)).line(scans, ages, ABOUT)
    assert wanders.at(75.0) == calm.at(75.0)
    assert wanders.spread(75.0) == calm.spread(75.0)


def test_what_lies_on_the_mean_path_is_not_moved(a_wandering_prior: VolumePrior) -> None:
    """Whatever the acceleration, and however far: the path never turns round."""
    for acceleration in (-0.2, 0.0, 0.22):
        pace = replace(wandering(0.5), acceleration=acceleration)
        ages = np.array([60.0, 66.0, 70.0])
        values = 1.0 + pace.mean * pace.path(ages - ages.mean())
        for age_years in (50.0, 72.0, 85.0):
            assert added_by_drift(values, ages, age_years, pace)[0] == pytest.approx(0.0, abs=1e-12)
        assert np.all(np.diff(pace.path(np.linspace(-30.0, 30.0, 200))) >= 0)


def test_a_foretold_rate_is_the_mean_that_wandering_starts_from(a_wandering_prior: VolumePrior) -> None:
    """A subject-specific prior moves the mean rate; who follows it exactly is moved by nothing else."""
    columns = len(a_wandering_prior.prior.mean_rate)
    subject = SubjectPrior("latent", np.zeros((columns, 1)), np.ones(1), np.full((1, 2), 0.02), 1.0)
    foretelling = replace(a_wandering_prior, subject=subject)
    scans = a_person(4, np.random.default_rng(4), 0.5).volumes_ml
    pooled = tuple(np.ones(1) for _ in AGES)
    line, plain = (prior.line(scans, AGES, ABOUT, pooled) for prior in (foretelling, a_wandering_prior))
    assert line.mean_rate[1] > plain.mean_rate[1]
    assert line.pace(1).mean == line.mean_rate[1]


def test_of_a_pace_that_has_grown_the_recent_part_goes_on() -> None:
    """Slow for two years, fast for one: the more paces wander, the nearer to its last."""
    ages, values = np.array([70.0, 71.0, 72.0, 73.0]), np.array([1.0, 1.02, 1.04, 1.14])
    ahead = [predicted(values, ages, 75.0, wandering(share))[0] for share in (0.0, 0.05, 0.2, 1.0)]
    assert np.all(np.diff(ahead) > 0)
    assert 0.75 * 0.1 < (ahead[-1] - values[-1]) / 2 < 1.25 * 0.1


def test_what_wanders_is_less_sure_the_farther_ahead() -> None:
    values = np.array([1.0, 1.05, 1.1, 1.2])
    ages = (75.0, 77.0, 80.0)
    paces = map(wandering, SHARES)
    spreads = np.array([[predicted(values, AGES, age, pace)[1] for age in ages] for pace in paces])
    assert np.all(np.diff(spreads, axis=0) > 0)
    assert np.all(np.diff(spreads, axis=1) > 0)


def test_what_is_stated_is_what_comes() -> None:
    """A later scan lies within its stated spread as often as a normal distribution says."""
    generator, share = np.random.default_rng(11), 0.3
    ages, z = np.array([70.0, 71.0, 73.0, 77.0]), []
    for _ in range(400):
        values = wanderer(generator, share, ages)
        mean, variance = predicted(values[:3], ages[:3], ages[3], wandering(share))
        z.append((values[3] - mean) / np.sqrt(variance + PACE.noise))
    assert np.std(z) == pytest.approx(1.0, abs=0.12)  # three standard errors of 400
    assert np.mean(z) == pytest.approx(0.0, abs=0.15)


def test_scans_of_one_day_are_taken_together() -> None:
    ages, values = np.array([70.0, 70.0, 72.0]), np.array([1.0, 1.02, 1.1])
    mean, variance = predicted(values, ages, 74.0, wandering(0.5))
    merged, _ = predicted(np.array([1.01, 1.1]), np.array([70.0, 72.0]), 74.0, wandering(0.5))
    assert np.isfinite([mean, variance]).all()
    assert mean == pytest.approx(merged, abs=0.01)


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_how_much_paces_wander_is_found(share: float) -> None:
    generator = np.random.default_rng(5)
    found = fit_share([watched(wanderer(generator, share), f"f{number}") for number in range(150)])
    assert (share / 2.5 <= found <= share * 2.5) if share else found == 0.0


def test_people_of_one_family_count_once() -> None:
    generator = np.random.default_rng(8)
    people = [watched(wanderer(generator, 0.05), f"f{number}") for number in range(12)]
    again = [one for one in people for _ in range(20)]
    assert fit_share(again) == fit_share(people)
    apart = [replace(one, family=f"{one.family}-{number}") for number, one in enumerate(again)]
    assert fit_share(apart) > 0


def test_few_families_or_scans_say_nothing() -> None:
    generator = np.random.default_rng(9)
    few = [watched(wanderer(generator, 1.0), f"f{number}") for number in range(FEWEST_FAMILIES - 1)]
    assert fit_share(few) == 0.0
    twice = [watched(wanderer(generator, 1.0)[:2], f"f{number}", AGES[:2]) for number in range(50)]
    assert fit_share(twice) == 0.0


def test_tissue_stays_on_its_line(a_lesson: Lesson) -> None:
    assert a_lesson.prior.wandering[0] == 0.0
    assert a_lesson.prior.wandering[1] > 0.0
    sentence = next(words for words in a_lesson.words if words.startswith("Paces wander"))
    assert "ventricles" in sentence
    assert "hippocampus" not in sentence


def test_a_straight_line_neither_bends_nor_wanders(a_wandering_prior: VolumePrior) -> None:
    person = a_person(2, np.random.default_rng(2), 0.5)
    line = a_wandering_prior.line(person.volumes_ml, person.ages_years, ABOUT)
    straight = [line.straight().at(age)["ventricles"] for age in (75.0, 77.0, 79.0)]
    assert straight[2] - straight[1] == pytest.approx(straight[1] - straight[0])
    assert line.at(79.0)["ventricles"] != pytest.approx(straight[2])


def test_a_model_keeps_how_paces_wander(a_wandering_prior: VolumePrior) -> None:
    kept = parse_knowledge(knowledge_text(Knowledge(a_wandering_prior)), "volumes.json").prior
    np.testing.assert_allclose(kept.wandering, a_wandering_prior.wandering, rtol=1e-6)


def test_a_wild_scan_is_told_even_of_who_wanders(a_wandering_prior: VolumePrior) -> None:
    generator = np.random.default_rng(6)
    told = 0
    for number in range(40):
        scans = a_person(number, generator, 0.5).volumes_ml
        told += len(bend_warnings(a_wandering_prior.line(scans, AGES, ABOUT), scans, AGES))
        wild = [*scans[:2], {**scans[2], "ventricles": 60.0}, scans[3]]
        (words,) = bend_warnings(a_wandering_prior.line(wild, AGES, ABOUT), wild, AGES)
        assert "ventricles" in words
    assert told <= 4  # of 40 at 1 %, or somewhat more where the share was found too small


def forecasts(prior: VolumePrior, people: Sequence[MeasuredPerson]) -> list[float]:
    """What each last scan's ventricles are missed by, from the three before it."""
    return [
        abs(
            prior.line(one.volumes_ml[:3], one.ages_years[:3], ABOUT).at(one.ages_years[3])["ventricles"]
            - one.volumes_ml[3]["ventricles"]
        )
        for one in people
    ]


def test_who_wanders_is_missed_by_less(a_wandering_prior: VolumePrior) -> None:
    generator = np.random.default_rng(21)
    people = [a_person(number, generator, 0.5) for number in range(200)]
    calm = replace(a_wandering_prior, wandering=(0, 0))
    gained = np.subtract(forecasts(calm, people), forecasts(a_wandering_prior, people))
    assert gained.mean() > 3 * gained.std() / np.sqrt(len(gained))
