"""Laws of the Bayesian line: its limits, and dense Gaussian algebra as the judge."""

from __future__ import annotations

import numpy as np
import pytest
from progression_priors import ELEMENTS, SHAPE, a_prior_of, drawn_person
from scipy import stats
from sklearn.linear_model import LinearRegression

import MRExtrapLib.progression.prior as prior_module
from MRExtrapLib.errors import InputError, ModelError
from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.posterior import Posterior, posterior_rate
from MRExtrapLib.progression.prior import Prior
from MRExtrapLib.progression.timing import timing_of

LEAST_SQUARES = 1e-6
"""What the design asks of a flat prior."""

ROUNDING = 1e-9
"""Double precision; the prior's own numbers are float32 on both sides."""

STORED = 1e-6
"""Samples and directions are kept in float32."""

SAMPLING = 0.06
"""Of a standard deviation from 4000 draws: five times its standard error."""

FLAT = 1e12
"""A variance beside which all data are exact."""

SOMEONE = Covariates(74.0, "F", "MCI")
AGES = (70.0, 71.0, 74.5)


def latents_of(prior: Prior, ages: tuple[float, ...], seed: int = 3) -> np.ndarray:
    return drawn_person(prior, ages, SOMEONE, np.random.default_rng(seed))[0]


def posterior_of(prior: Prior, ages: tuple[float, ...] = AGES) -> Posterior:
    return posterior_rate(latents_of(prior, ages), ages, prior, SOMEONE)


def dense_posterior(prior: Prior, latents: np.ndarray, ages: tuple[float, ...]) -> tuple[np.ndarray, ...]:
    """Mean and covariance of (level, rate) by one large regression with every matrix written out."""
    n, elements = len(ages), prior.elements
    offsets = np.asarray(ages) - np.mean(ages)
    eye = np.eye(elements)
    design = np.vstack([np.hstack([eye, offset * eye]) for offset in offsets])
    scan = prior.noise_factors.T.astype(float) @ prior.noise_factors + np.diag(prior.noise_variance)
    rates = prior.factors.T.astype(float) @ prior.factors + np.diag(prior.residual_variance)
    precision = np.linalg.inv(np.kron(np.eye(n), scan))
    known = np.zeros((2 * elements, 2 * elements))
    known[elements:, elements:] = np.linalg.inv(rates)
    mean = np.concatenate([np.zeros(elements), prior.row(SOMEONE) @ prior.mean_rate])
    covariance = np.linalg.inv(known + design.T @ precision @ design)
    pull = known @ mean + design.T @ precision @ latents.reshape(n * elements)
    return covariance @ pull, covariance


@pytest.mark.parametrize("ages", [AGES, (70.0, 71.0), (70.0,), (70.0, 70.0, 73.0)])
@pytest.mark.parametrize(("factors", "noise_factors"), [(2, 1), (3, 0), (0, 2), (0, 0)])
def test_woodbury_is_the_dense_posterior(ages: tuple[float, ...], factors: int, noise_factors: int) -> None:
    prior = a_prior_of(k=factors, m=noise_factors)
    latents = latents_of(prior, ages)
    mean, covariance = dense_posterior(prior, latents, ages)
    found = posterior_rate(latents, ages, prior, SOMEONE)
    elements = prior.elements
    np.testing.assert_allclose(found.level, mean[:elements], atol=ROUNDING)
    np.testing.assert_allclose(found.rate, mean[elements:], atol=ROUNDING)
    np.testing.assert_allclose(found.rate_variance(), np.diag(covariance)[elements:], atol=ROUNDING)
    age = 80.0
    at = np.hstack([np.eye(elements), (age - np.mean(ages)) * np.eye(elements)])
    np.testing.assert_allclose(found.at(age).ravel(), at @ mean, atol=ROUNDING)
    np.testing.assert_allclose(found.variance(age), np.diag(at @ covariance @ at.T), atol=10 * ROUNDING)


def test_one_scan_returns_the_prior() -> None:
    prior = a_prior_of()
    found = posterior_of(prior, (74.0,))
    np.testing.assert_allclose(found.rate, prior.row(SOMEONE) @ prior.mean_rate, atol=ROUNDING)
    expected = prior.residual_variance + np.sum(prior.factors.astype(float) ** 2, axis=0)
    np.testing.assert_allclose(found.rate_variance(), expected, rtol=STORED)
    np.testing.assert_array_equal(found.data_weight(), 0.0)


def test_one_scan_draws_rates_as_the_population_has_them() -> None:
    prior = a_prior_of()
    found = posterior_of(prior, (74.0,))
    drawn = found.sample(75.0, 4000, np.random.default_rng(0)).reshape(4000, -1)
    rates = prior.factors.T.astype(float) @ prior.factors + np.diag(prior.residual_variance)
    scan = prior.noise_factors.T.astype(float) @ prior.noise_factors + np.diag(prior.noise_variance)
    expected = rates + scan
    np.testing.assert_allclose(np.cov(drawn.T), expected, atol=SAMPLING * np.diag(expected).max())


@pytest.mark.parametrize("ages", [AGES, (70.0, 71.0), (60.0, 72.0, 73.0, 90.0)])
@pytest.mark.parametrize("factors", [0, 2])
def test_a_flat_prior_is_the_least_squares_of_scikit_learn(ages: tuple[float, ...], factors: int) -> None:
    prior = a_prior_of(k=factors)
    flat = a_prior_of(k=factors, residual_variance=np.full(prior.elements, FLAT))
    latents = latents_of(prior, ages)
    found = posterior_rate(latents, ages, flat, SOMEONE)
    reference = LinearRegression().fit(np.array(ages)[:, None], latents.reshape(len(ages), -1))
    np.testing.assert_allclose(found.rate, reference.coef_.ravel(), atol=LEAST_SQUARES)
    for age in (50.0, 95.0):
        expected = reference.predict([[age]]).reshape(SHAPE)
        np.testing.assert_allclose(found.at(age), expected, atol=LEAST_SQUARES)
    np.testing.assert_allclose(found.data_weight(), 1.0, atol=LEAST_SQUARES)


def test_without_patterns_it_is_the_formula_of_the_design() -> None:
    prior = a_prior_of(k=0, m=0)
    latents, age = latents_of(prior, AGES).reshape(len(AGES), -1), 79.0
    found = posterior_rate(latents.reshape(-1, *SHAPE), AGES, prior, SOMEONE)
    tau2, sigma2 = prior.residual_variance.astype(float), prior.noise_variance.astype(float)
    offsets = np.array(AGES) - np.mean(AGES)
    information = np.sum(offsets**2)
    v = 1 / (1 / tau2 + information / sigma2)
    mu = prior.row(SOMEONE) @ prior.mean_rate
    np.testing.assert_allclose(found.rate, v * (mu / tau2 + offsets @ latents / sigma2), atol=ROUNDING)
    expected = sigma2 / len(AGES) + (age - np.mean(AGES)) ** 2 * v
    np.testing.assert_allclose(found.variance(age), expected, atol=ROUNDING)
    np.testing.assert_allclose(found.data_weight(), information / (information + sigma2 / tau2))


@pytest.mark.parametrize("age", [74.0, 55.3])  # the mean of 55.3 three times is not 55.3
def test_scans_of_one_day_stay_finite_and_say_nothing_of_the_rate(age: float) -> None:
    prior = a_prior_of()
    once, often = posterior_of(prior, (age,)), posterior_of(prior, (age, age, age))
    assert timing_of((age, age, age)).information == 0
    np.testing.assert_allclose(often.rate, once.rate, atol=ROUNDING)
    noise = prior.noise_variance + np.sum(prior.noise_factors.astype(float) ** 2, axis=0)
    np.testing.assert_allclose(often.variance(age), noise / 3, rtol=STORED)
    assert np.all(np.isfinite(often.sample(80.0, 2, np.random.default_rng(0))))


def test_scans_a_moment_apart_stay_finite() -> None:
    prior = a_prior_of()
    found = posterior_of(prior, (74.0, 74.0 + 1e-9))
    np.testing.assert_allclose(found.rate, prior.row(SOMEONE) @ prior.mean_rate, atol=1e-6)


def test_an_element_that_never_varies_follows_its_mean() -> None:
    prior = a_prior_of(k=0, residual_variance=np.zeros(12))
    found = posterior_of(prior)
    np.testing.assert_allclose(found.rate, prior.row(SOMEONE) @ prior.mean_rate, atol=ROUNDING)


def test_the_order_of_scans_is_free() -> None:
    prior = a_prior_of()
    latents = latents_of(prior, AGES)
    backward = posterior_rate(latents[::-1], AGES[::-1], prior, SOMEONE)
    np.testing.assert_allclose(backward.rate, posterior_of(prior).rate, atol=ROUNDING)


def test_more_scans_leave_less_uncertainty() -> None:
    prior = a_prior_of()
    few, many = posterior_of(prior, (70.0, 72.0)), posterior_of(prior, (70.0, 71.0, 72.0, 74.0))
    assert np.all(many.rate_variance() < few.rate_variance())
    assert few.mean_data_weight < many.mean_data_weight < 1.0


def test_shared_noise_keeps_patterns_from_being_believed() -> None:
    """Thousands of elements with independent noise would pin a pattern down; shared noise must not."""
    shape = (4, 8, 8, 8)
    weak = {"residual_variance": np.full(2048, 1e-6), "factors": np.full((1, 2048), 0.1)}
    alone = a_prior_of(shape, noise_factors=np.zeros((0, 2048)), **weak)
    shared = a_prior_of(shape, noise_factors=np.full((1, 2048), 0.3), **weak)
    sure, unsure = (
        posterior_rate(np.zeros((2, *shape)), (70.0, 71.0), prior, SOMEONE).rate_variance().mean()
        for prior in (alone, shared)
    )
    assert sure < 0.05 * 0.1**2
    assert unsure > 0.9 * 0.1**2


def test_directions_sum_to_the_covariance_and_come_strongest_first() -> None:
    prior = a_prior_of()
    found, age = posterior_of(prior), 80.0
    directions = found.directions(age, 20, np.random.default_rng(0)).reshape(-1, prior.elements)
    strong = directions[:-1]
    sizes = np.sum(strong**2, axis=1)
    assert np.all(np.diff(sizes) <= STORED)
    own = found.variance(age) - np.sum(strong**2, axis=0)
    assert np.all(own > 0)
    _, covariance = dense_posterior(prior, latents_of(prior, AGES), AGES)
    at = np.hstack([np.eye(prior.elements), (age - np.mean(AGES)) * np.eye(prior.elements)])
    together = strong.T @ strong + np.diag(own)
    np.testing.assert_allclose(together, at @ covariance @ at.T, atol=10 * STORED)


@pytest.mark.parametrize("count", [1, 2])
def test_few_directions_stand_for_all_on_average(count: int) -> None:
    prior = a_prior_of()
    found, generator = posterior_of(prior), np.random.default_rng(0)
    squares = [
        np.sum(found.directions(80.0, count, generator).reshape(count, -1) ** 2, axis=0) for _ in range(4000)
    ]
    np.testing.assert_allclose(np.mean(squares, axis=0), found.variance(80.0), rtol=2 * SAMPLING)


def test_samples_are_as_uncertain_as_the_variance_says() -> None:
    found = posterior_of(a_prior_of(curvature_per_year=0.1))
    drawn = found.sample(82.0, 4000, np.random.default_rng(0), of_a_new_scan=True).reshape(4000, -1)
    np.testing.assert_allclose(drawn.std(axis=0), np.sqrt(found.variance(82.0, True)), rtol=SAMPLING)
    shift = (drawn.mean(axis=0) - found.at(82.0).ravel()) / drawn.std(axis=0)
    np.testing.assert_allclose(shift, 0, atol=SAMPLING)


def test_posteriors_of_a_population_are_calibrated() -> None:
    """Truths drawn from the prior fall in the 95 % intervals of a sum over elements, as they should."""
    prior, generator = a_prior_of(), np.random.default_rng(7)
    inside = []
    for _ in range(400):
        latents, rate = drawn_person(prior, AGES, SOMEONE, generator)
        found = posterior_rate(latents, AGES, prior, SOMEONE)
        strong = found.directions(100.0, 20, generator).reshape(-1, prior.elements)[:-1]
        variance = np.sum(strong.sum(axis=1) ** 2) + np.sum(found.variance(100.0) - np.sum(strong**2, axis=0))
        truth = (latents.reshape(3, -1).mean(axis=0) + rate * (100.0 - np.mean(AGES))).sum()
        inside.append(abs(truth - found.at(100.0).sum()) < stats.norm.ppf(0.975) * np.sqrt(variance))
    assert 0.92 < np.mean(inside) < 0.985


@pytest.mark.parametrize("ages", [[72.0], [70.0, 72.0, 73.5]])
def test_intervals_hold_for_people_whose_diagnosis_nobody_told(ages: list[float]) -> None:
    """Diagnoses as frequent as in the cohort, with effects larger than people of one differ."""
    plain = a_prior_of(k=0)
    effects = np.array(plain.mean_rate)
    effects[3:] *= 5.0
    prior, generator = a_prior_of(k=0, mean_rate=effects), np.random.default_rng(8)
    of_cn, of_mci, of_ad = 0.5, 0.3, 0.2
    inside = []
    for _ in range(400):
        told = Covariates(72.0, None, generator.choice(["CN", "MCI", "AD"], p=[of_cn, of_mci, of_ad]))
        latents, rate = drawn_person(prior, ages, told, generator)
        found = posterior_rate(latents, ages, prior, Covariates(72.0))
        truth = latents.reshape(len(ages), -1).mean(axis=0) + rate * (80.0 - np.mean(ages))
        reach = stats.norm.ppf(0.975) * np.sqrt(found.variance(80.0))
        inside.append(np.mean(np.abs(truth - found.at(80.0).ravel()) < reach))
    assert 0.93 < np.mean(inside) < 0.985


def test_scans_tell_of_a_diagnosis_that_nobody_told() -> None:
    """Elements that change as in AD make the others expected to do so too."""
    effects = np.zeros((5, ELEMENTS))
    effects[4] = 1.0
    quiet = dict.fromkeys(("residual_variance", "noise_variance"), np.full(ELEMENTS, 1e-3))
    prior = a_prior_of(k=0, m=0, mean_rate=effects, **quiet)
    latents = np.outer([0.0, 1.0, 2.0], effects[4]).reshape(3, *SHAPE)
    latents[:, 0, 0, 0, 0] = 0.0
    found = posterior_rate(latents, [70.0, 71.0, 72.0], prior, Covariates(71.0)).rate.ravel()
    told = posterior_rate(latents, [70.0, 71.0, 72.0], prior, Covariates(71.0, None, "AD")).rate.ravel()
    np.testing.assert_allclose(found[1:], told[1:], atol=0.05)


def test_a_bend_costs_nothing_at_the_scans_and_grows_beyond_them() -> None:
    timing = timing_of((70.0, 72.0))
    assert timing.bend(70.0) == timing.bend(72.0) == 0.0
    for after in (1.0, 3.0, 8.0):
        chord = (2.0 + after) * after / 2  # SCIENCE: (a/2)·T(T − D)
        assert timing.bend(72.0 + after) == pytest.approx(chord)
    assert timing_of((70.0,)).bend(74.0) == pytest.approx(8.0)


def test_curvature_widens_by_its_share_of_the_rate() -> None:
    straight, bent = posterior_of(a_prior_of()), posterior_of(a_prior_of(curvature_per_year=0.2))
    added = bent.variance(85.0) - straight.variance(85.0)
    bend = bent.timing.bend(85.0, bent.mean_data_weight)
    np.testing.assert_allclose(added, (0.2 * bend * bent.rate) ** 2, atol=STORED)
    np.testing.assert_array_equal(bent.at(85.0), straight.at(85.0))


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = posterior_of(a_prior_of(curvature_per_year=0.1))
    monkeypatch.setattr(prior_module, "ELEMENTS_AT_ONCE", 5)
    pieces = posterior_of(a_prior_of(curvature_per_year=0.1))
    np.testing.assert_allclose(pieces.rate, whole.rate, atol=ROUNDING)
    np.testing.assert_allclose(pieces.variance(80.0), whole.variance(80.0), atol=ROUNDING)


def test_scan_weights_sum_to_one() -> None:
    weights = posterior_of(a_prior_of()).scan_weights(80.0)
    assert weights.sum() == pytest.approx(1.0)
    assert weights[-1] > weights[0]


@pytest.mark.parametrize("ages", [(), (70.0, np.nan), (70.0, 71.0, 72.0)])
def test_ages_that_do_not_fit_the_scans_are_refused(ages: tuple[float, ...]) -> None:
    with pytest.raises(InputError):
        posterior_rate(np.zeros((2, *SHAPE)), ages, a_prior_of(), SOMEONE)


def test_latents_of_another_model_are_refused() -> None:
    with pytest.raises(ModelError, match="for latents"):
        posterior_rate(np.zeros((1, 2, 2, 2, 2)), (70.0,), a_prior_of(), SOMEONE)
