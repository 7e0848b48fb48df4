"""Noise told from change."""

from __future__ import annotations

import numpy as np
import pytest

from MRExtrapLib.errors import InputError
from MRExtrapLib.progression.cohort import Cohort, Participant
from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.noise import estimate_noise, line_contrasts, principal_mixtures, repeat_contrasts

ROUNDING = 1e-9
"""Double precision on values of tens of years."""

FROM_FIVE_HUNDRED = 0.2
"""Relative error of a variance judged by 500 contrasts: three standard errors."""

SHAPE = (1, 4, 4, 4)


def cohort_of(ages: list[list[float]], noise: float, rate: float, seed: int = 0) -> Cohort:
    """People who change fast, each element at its own speed, and scans with independent noise."""
    generator = np.random.default_rng(seed)
    people = []
    for number, own in enumerate(ages):
        rates = rate * generator.normal(size=SHAPE)
        latents = 5 * generator.normal(size=SHAPE) + np.multiply.outer(own, rates)
        latents += noise * generator.normal(size=latents.shape)
        people.append(Participant(f"sub-{number}", own, latents, Covariates(float(np.mean(own)))))
    return Cohort(tuple(people))


@pytest.mark.parametrize("ages", [[60.0, 61, 63, 70], [60.0, 60.0, 61.0], [70.0]])
def test_contrasts_are_orthonormal_and_blind_to_lines(ages: list[float]) -> None:
    rows = line_contrasts(ages)
    np.testing.assert_allclose(rows @ rows.T, np.eye(len(rows)), atol=ROUNDING)
    np.testing.assert_allclose(rows @ (3.0 + 2.0 * np.array(ages)), 0, atol=1e-7)
    assert len(rows) == max(len(ages) - 2, 0)


def test_repeats_are_told_from_follow_ups() -> None:
    rows = repeat_contrasts([70.0, 70.1, 72.0, 70.2, 75.0, 75.0])
    assert len(rows) == 3
    np.testing.assert_allclose(rows @ rows.T, np.eye(3), atol=ROUNDING)
    assert np.abs(rows[:, 2]).max() < 0.05
    np.testing.assert_allclose(rows.sum(axis=1), 0, atol=ROUNDING)


def test_what_changed_between_repeats_is_told_by_who_was_followed() -> None:
    followed, not_followed = [70.0, 70.1, 74.0], [70.0, 70.1]
    np.testing.assert_allclose(repeat_contrasts(followed) @ (3.0 + 2.0 * np.array(followed)), 0, atol=1e-7)
    np.testing.assert_allclose(np.abs(repeat_contrasts(not_followed)), np.sqrt(0.5))


def test_fast_change_is_not_taken_for_noise() -> None:
    """Ventricles that grow by ten times their scatter between two scans of the same weeks."""
    found = estimate_noise(cohort_of([[70.0, 71.9, 72.0, 74.0]] * 500, noise=0.05, rate=5.0), 0)
    assert found.is_from_repeats
    np.testing.assert_allclose(found.variance, 0.05**2, rtol=FROM_FIVE_HUNDRED)


@pytest.mark.parametrize(("ages", "is_from_repeats"), [([70.0, 71, 73], False), ([70.0, 70.05, 80.0], True)])
def test_the_noise_is_recovered_whatever_the_change(ages: list[float], is_from_repeats: bool) -> None:
    found = estimate_noise(cohort_of([ages] * 500, noise=0.3, rate=0.4), 0)
    assert found.is_from_repeats == is_from_repeats
    assert found.contrasts == 500
    np.testing.assert_allclose(found.variance, 0.09, rtol=FROM_FIVE_HUNDRED)


def test_shared_noise_becomes_a_pattern() -> None:
    generator = np.random.default_rng(0)
    pattern = generator.normal(size=SHAPE)
    people = tuple(
        Participant(
            f"sub-{number}",
            (70.0, 71.0, 72.0),
            np.multiply.outer(generator.normal(size=3), pattern) + 0.5 * generator.normal(size=(3, *SHAPE)),
            Covariates(71.0),
        )
        for number in range(300)
    )
    found = estimate_noise(Cohort(people), 1)
    likeness = found.factors[0] @ pattern.ravel() / np.linalg.norm(pattern) / np.linalg.norm(found.factors)
    assert abs(likeness) > 0.99
    assert np.linalg.norm(found.factors) == pytest.approx(np.linalg.norm(pattern), rel=0.15)
    np.testing.assert_allclose(found.variance, 0.25, rtol=0.4)


def test_noise_alone_makes_hardly_a_pattern() -> None:
    gram = np.cov(np.random.default_rng(0).normal(size=(40, 20000)), bias=True)
    assert np.sum(principal_mixtures(gram, 3) ** 2) < 0.5


def test_two_scans_each_cannot_tell_noise_from_change() -> None:
    with pytest.raises(InputError, match="three scans or with repeats"):
        estimate_noise(cohort_of([[70.0, 72.0]] * 20, 0.1, 0.1), 0)
