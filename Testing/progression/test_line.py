"""Laws of the line through a person's latents."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from MRExtrapLib.errors import InputError
from MRExtrapLib.progression.line import LatentLine, fit_line

SAME_AS_SKLEARN = 1e-6
"""Both solve the same problem in double precision."""

ROUNDING = 1e-9
"""Double precision on values of a few units."""

SAMPLING = 0.05
"""Of a standard deviation estimated from 4000 draws: four times its standard error."""

SHAPE = (4, 3, 2, 3)


def latents_and_ages(scans: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    ages = np.sort(generator.uniform(55, 90, scans))
    return generator.standard_normal((scans, *SHAPE)), ages


@pytest.fixture
def a_line() -> LatentLine:
    return fit_line(*latents_and_ages(5))


@pytest.mark.parametrize("scans", [2, 3, 6])
@pytest.mark.parametrize("seed", range(3))
def test_the_line_is_that_of_scikit_learn(scans: int, seed: int) -> None:
    latents, ages = latents_and_ages(scans, seed)
    reference = LinearRegression().fit(ages[:, None], latents.reshape(scans, -1))
    line = fit_line(latents, ages)
    for age in (40.0, ages.mean(), 110.0):
        expected = reference.predict([[age]]).reshape(SHAPE)
        np.testing.assert_allclose(line.at(age), expected, atol=SAME_AS_SKLEARN)
    np.testing.assert_allclose(line.rate.ravel(), reference.coef_.ravel(), atol=SAME_AS_SKLEARN)


def test_two_scans_lie_on_their_line() -> None:
    latents, ages = latents_and_ages(2)
    line = fit_line(latents, ages)
    for latent, age in zip(latents, ages, strict=True):
        np.testing.assert_allclose(line.at(age), latent, atol=ROUNDING)
    assert line.degrees_of_freedom == 0


def test_the_order_of_scans_is_free(a_line: LatentLine) -> None:
    latents, ages = latents_and_ages(5)
    shuffled = fit_line(latents[::-1], ages[::-1])
    np.testing.assert_allclose(shuffled.at(100.0), a_line.at(100.0), atol=ROUNDING)


def test_forward_then_backward_returns(a_line: LatentLine) -> None:
    ahead = [a_line.at(age) for age in (90.0, 95.0)]
    back = fit_line(np.stack(ahead), [90.0, 95.0])
    np.testing.assert_allclose(back.at(60.0), a_line.at(60.0), atol=ROUNDING)


def test_a_prediction_is_the_weighted_sum_of_the_scans(a_line: LatentLine) -> None:
    latents, _ = latents_and_ages(5)
    for age in (50.0, 72.0, 99.0):
        weights = a_line.scan_weights(age)
        assert weights.sum() == pytest.approx(1.0, abs=ROUNDING)
        np.testing.assert_allclose(np.tensordot(weights, latents, axes=1), a_line.at(age), atol=ROUNDING)


def test_residuals_are_orthogonal_to_the_ages(a_line: LatentLine) -> None:
    np.testing.assert_allclose(a_line.residuals.sum(axis=0), 0, atol=ROUNDING)
    np.testing.assert_allclose(np.tensordot(a_line.ages_years, a_line.residuals, axes=1), 0, atol=1e-8)


def test_scatter_directions_make_the_residual_covariance(a_line: LatentLine) -> None:
    directions = a_line.scatter_directions().reshape(3, -1)
    residuals = a_line.residuals.reshape(5, -1)
    np.testing.assert_allclose(directions.T @ directions, residuals.T @ residuals / 3, atol=ROUNDING)
    overlaps = directions @ directions.T
    np.testing.assert_allclose(overlaps, np.diag(np.diag(overlaps)), atol=ROUNDING)


def test_two_scans_leave_no_direction_and_no_sample() -> None:
    line = fit_line(*latents_and_ages(2))
    assert line.scatter_directions().shape == (0, *SHAPE)
    with pytest.raises(InputError, match="at least three"):
        line.sample(80.0, 1, np.random.default_rng(0))


def test_samples_are_as_uncertain_as_the_formula_says(a_line: LatentLine) -> None:
    age = 95.0
    samples = a_line.sample(age, 4000, np.random.default_rng(1))
    offsets = a_line.ages_years - a_line.mean_age_years
    factor = 1 / 5 + (age - a_line.mean_age_years) ** 2 / np.sum(offsets**2)
    sigma = np.sqrt(factor * np.sum(a_line.residuals**2, axis=0) / 3)
    np.testing.assert_allclose(samples.std(axis=0), sigma, rtol=SAMPLING)
    np.testing.assert_allclose((samples.mean(axis=0) - a_line.at(age)) / sigma, 0, atol=2 * SAMPLING)


def test_a_new_scan_scatters_by_one_more(a_line: LatentLine) -> None:
    assert a_line.variance_factor(80.0, of_a_new_scan=True) == pytest.approx(a_line.variance_factor(80.0) + 1)


def test_the_line_is_surest_at_the_mean_age(a_line: LatentLine) -> None:
    mean = a_line.mean_age_years
    assert a_line.variance_factor(mean) == pytest.approx(1 / 5)
    assert a_line.variance_factor(mean + 5) == pytest.approx(a_line.variance_factor(mean - 5))


@pytest.mark.parametrize(
    ("ages", "words"),
    [([70.0], "at least 2"), ([70.0, 70.0], "different ages"), ([70.0, 71.0, 72.0], "one age")],
)
def test_what_makes_no_line_is_refused(ages: list[float], words: str) -> None:
    latents = np.zeros((min(len(ages), 2), *SHAPE))
    with pytest.raises(InputError, match=words):
        fit_line(latents, ages)
