"""Priors fitted on people drawn from a known one."""

from __future__ import annotations

import numpy as np
import pytest
from progression_priors import a_prior_of, drawn_person

import MRExtrapLib.progression.cohort as cohort_module
from MRExtrapLib.errors import InputError
from MRExtrapLib.progression.cohort import Cohort, Participant
from MRExtrapLib.progression.covariates import SEX, Covariates
from MRExtrapLib.progression.fitting import PriorFitting, fit_prior
from MRExtrapLib.progression.line import fit_line
from MRExtrapLib.progression.posterior import posterior_rate, total_variances
from MRExtrapLib.progression.prior import Prior

SHAPE = (2, 4, 5, 5)
ELEMENTS = 200
PEOPLE = 240

VARIANCE = 0.12
"""Relative error of a mean over 200 elements, patterns shared: two standard errors of 240 people."""

ALIKE = 0.9
"""Overlap of a fitted and a true subspace of patterns, 1 being the same."""


def truth(k: int = 2, m: int = 1) -> Prior:
    return a_prior_of(SHAPE, k, m, seed=5)


def drawn_cohort(prior: Prior, people: int, seed: int = 0, repeats: bool = False) -> Cohort:
    """People of the prior's population, two to five scans each, some close together."""
    generator = np.random.default_rng(seed)
    drawn = []
    for number in range(people):
        start, scans = generator.uniform(60, 82), int(generator.integers(2, 6))
        ages = start + np.concatenate([[0.0], np.cumsum(generator.uniform(0.5, 2.0, scans - 1))])
        if repeats:
            ages = np.append(ages, ages[0])
        facts = Covariates(
            float(ages.mean()), generator.choice(["F", "M"]), generator.choice(["CN", "MCI", "AD"])
        )
        latents, _ = drawn_person(prior, ages, facts, generator)
        drawn.append(Participant(f"sub-{number}", tuple(ages), latents, facts))
    return Cohort(tuple(drawn))


@pytest.fixture(scope="module")
def fitted() -> Prior:
    return fit_prior(drawn_cohort(truth(), PEOPLE), PriorFitting(factors=2, noise_factors=1))


def test_mean_rates_are_recovered(fitted: Prior) -> None:
    for facts in (Covariates(70.0, "F", "CN"), Covariates(78.0, "M", "AD")):
        rate = fitted.row(facts) @ fitted.mean_rate
        expected = truth().row(facts) @ truth().mean_rate
        error = np.sqrt(np.mean((rate - expected) ** 2))
        assert error < 0.15 * np.sqrt(total_variances(truth())[0].mean()) * 1.5
        assert np.corrcoef(rate, expected)[0, 1] > 0.97


def test_variances_are_recovered(fitted: Prior) -> None:
    for found, expected in zip(total_variances(fitted), total_variances(truth()), strict=True):
        assert found.mean() == pytest.approx(expected.mean(), rel=VARIANCE)
    assert fitted.residual_variance.mean() == pytest.approx(truth().residual_variance.mean(), rel=VARIANCE)
    assert fitted.noise_variance.mean() == pytest.approx(truth().noise_variance.mean(), rel=VARIANCE)
    for name in ("residual_variance", "noise_variance"):
        assert np.corrcoef(getattr(fitted, name), getattr(truth(), name))[0, 1] > 0.6


@pytest.mark.parametrize("name", ["factors", "noise_factors"])
def test_patterns_are_recovered(fitted: Prior, name: str) -> None:
    found, expected = (np.linalg.qr(getattr(one, name).T.astype(float))[0] for one in (fitted, truth()))
    overlap = np.linalg.svd(found.T @ expected, compute_uv=False)
    assert overlap.min() > ALIKE


def test_repeats_tell_the_noise() -> None:
    prior = fit_prior(
        drawn_cohort(truth(), 80, repeats=True), PriorFitting(factors=2, noise_factors=1, iterations=8)
    )
    assert total_variances(prior)[1].mean() == pytest.approx(total_variances(truth())[1].mean(), rel=0.2)


def test_raw_slopes_are_not_averaged() -> None:
    """Half the people were scanned a week apart: their raw slopes are noise, and must not reach the prior."""
    true = a_prior_of(SHAPE, 0, 0, seed=5)
    generator = np.random.default_rng(1)
    people = list(drawn_cohort(true, 60).people)
    for number in range(60):
        facts = Covariates(70.0, "F", "CN")
        latents, _ = drawn_person(true, (70.0, 70.02), facts, generator)
        people.append(Participant(f"week-{number}", (70.0, 70.02), latents, facts))
    prior = fit_prior(Cohort(tuple(people)), PriorFitting(factors=0, noise_factors=0, iterations=10))
    assert total_variances(prior)[0].mean() == pytest.approx(total_variances(true)[0].mean(), rel=0.25)
    facts = Covariates(70.0, "F", "CN")
    error = prior.row(facts) @ prior.mean_rate - true.row(facts) @ true.mean_rate
    assert np.sqrt(np.mean(error**2)) < 0.08


def test_a_fitted_prior_beats_least_squares_and_the_population_on_new_people(fitted: Prior) -> None:
    generator = np.random.default_rng(99)
    errors = {"bayes": [], "least squares": [], "population": []}
    for _ in range(60):
        facts = Covariates(71.0, "M", "MCI")
        latents, rate = drawn_person(truth(), (70.0, 71.5), facts, generator)
        line = fit_line(latents, (70.0, 71.5)).rate.ravel()
        found = posterior_rate(latents, (70.0, 71.5), fitted, facts).rate
        for name, guess in (
            ("bayes", found),
            ("least squares", line),
            ("population", fitted.row(facts) @ fitted.mean_rate),
        ):
            errors[name].append(np.mean((guess - rate) ** 2))
    means = {name: np.mean(values) for name, values in errors.items()}
    assert means["bayes"] < min(means["least squares"], means["population"])


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    cohort, fitting = drawn_cohort(truth(), 30), PriorFitting(factors=2, noise_factors=1, iterations=3)
    whole = fit_prior(cohort, fitting)
    monkeypatch.setattr(cohort_module, "MOST_ELEMENTS", 17)
    pieces = fit_prior(cohort, fitting)
    np.testing.assert_allclose(pieces.mean_rate, whole.mean_rate, atol=1e-5)
    np.testing.assert_allclose(pieces.residual_variance, whole.residual_variance, rtol=1e-3)


def test_a_covariate_that_does_not_vary_has_no_effect() -> None:
    people = tuple(
        Participant(one.name, one.ages_years, one.latents, Covariates(one.covariates.age_years, "F", "CN"))
        for one in drawn_cohort(truth(), 20).people
    )
    prior = fit_prior(Cohort(people), PriorFitting(factors=1, noise_factors=0, iterations=3))
    np.testing.assert_allclose(prior.mean_rate[2:], 0, atol=1e-5)
    assert prior.unfamiliar(Covariates(70.0, None, "AD"))


def test_one_man_among_women_says_next_to_nothing_of_men() -> None:
    """Whatever one man's rate is, it is not what men are like."""
    people, unlike_others = [], 0.5
    for number, one in enumerate(drawn_cohort(truth(), 20).people):
        sex, own = ("M", unlike_others) if number == 0 else ("F", 0.0)
        years = np.array(one.ages_years) - one.covariates.age_years
        latents = one.latents + own * years[:, None, None, None, None]
        facts = Covariates(one.covariates.age_years, sex, "CN")
        people.append(Participant(one.name, one.ages_years, latents, facts))
    prior = fit_prior(Cohort(tuple(people)), PriorFitting(factors=1, noise_factors=0, iterations=8))
    assert abs(prior.mean_rate[SEX].mean()) < 0.2 * unlike_others


def test_latents_on_disk_are_read_in_pieces(tmp_path) -> None:
    cohort = drawn_cohort(truth(), 12)
    mapped = []
    for one in cohort.people:
        np.save(tmp_path / f"{one.name}.npy", one.latents)
        latents = np.load(tmp_path / f"{one.name}.npy", mmap_mode="r")
        mapped.append(Participant(one.name, one.ages_years, latents, one.covariates))
    fitting = PriorFitting(factors=1, noise_factors=1, iterations=2)
    again = fit_prior(Cohort(tuple(mapped)), fitting)
    np.testing.assert_array_equal(again.mean_rate, fit_prior(cohort, fitting).mean_rate)


def test_progress_only_rises() -> None:
    heard: list[float] = []
    fitting = PriorFitting(factors=0, noise_factors=0, iterations=3)
    fit_prior(drawn_cohort(truth(), 12), fitting, lambda fraction, words: heard.append(fraction))
    assert heard == sorted(heard)
    assert heard[-1] == 1.0


def test_too_small_a_cohort_is_refused() -> None:
    with pytest.raises(InputError, match="at least 8 people"):
        fit_prior(drawn_cohort(truth(), 5))


@pytest.mark.parametrize(
    "values", [{"factors": 51}, {"noise_factors": -1}, {"iterations": 0}, {"curvature_per_year": -0.1}]
)
def test_a_fitting_that_makes_no_sense_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(InputError):
        PriorFitting(**values)
