"""A prior on boxes is the prior it stands for, in a small part of the space."""

from __future__ import annotations

import numpy as np
import pytest
from progression_priors import a_prior_of, drawn_person

from MRExtrapLib.errors import ModelError
from MRExtrapLib.progression.coarse import (
    CoarsePrior,
    box_means,
    boxed_shape,
    fit_coarse_prior,
    spread_boxes,
    stored_prior,
)
from MRExtrapLib.progression.cohort import Cohort, Participant
from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.fitting import PriorFitting
from MRExtrapLib.progression.line import fit_line
from MRExtrapLib.progression.posterior import posterior_rate, total_variances

FINE, STEP = (2, 8, 10, 8), 4
HALF_PRECISION = 2e-3
"""Stored values have eleven bits, relative to the largest of their row."""

AGES = [70.0, 71.9, 72.0, 74.0]


def a_coarse_prior() -> CoarsePrior:
    return CoarsePrior(a_prior_of(boxed_shape(FINE, STEP)), FINE, STEP)


def test_averages_of_what_was_spread_keep_a_constant_and_the_mean() -> None:
    boxes = np.random.default_rng(0).normal(size=(2, 3, 4, 3)).astype(np.float32)
    flat = spread_boxes(np.full_like(boxes, 1.5), STEP, (2, 12, 16, 12))
    np.testing.assert_allclose(flat, 1.5, rtol=1e-6)
    assert spread_boxes(boxes, STEP, FINE).shape == FINE
    np.testing.assert_allclose(box_means(spread_boxes(boxes, 1, boxes.shape), 1), boxes, atol=1e-6)


def test_a_step_of_one_changes_nothing() -> None:
    prior = a_prior_of()
    same = CoarsePrior(prior, prior.latent_shape, 1).spread()
    np.testing.assert_allclose(same.factors, prior.factors, atol=1e-6)
    np.testing.assert_allclose(same.residual_variance, prior.residual_variance, atol=1e-6)


def test_a_stored_prior_comes_back() -> None:
    coarse = a_coarse_prior()
    back, meant = stored_prior(coarse.tensors()), coarse.spread()
    assert back.latent_shape == FINE
    for name in ("mean_rate", "factors", "noise_factors", "residual_variance", "noise_variance"):
        found, expected = getattr(back, name), getattr(meant, name)
        np.testing.assert_allclose(found, expected, atol=HALF_PRECISION * np.abs(expected).max())
    assert back.age_centre_years == meant.age_centre_years


def test_a_full_prior_still_loads() -> None:
    prior = a_prior_of()
    np.testing.assert_array_equal(stored_prior(prior.tensors()).factors, prior.factors)


def test_it_takes_a_small_part_of_the_space() -> None:
    coarse = a_coarse_prior()
    stored = sum(array.nbytes for array in coarse.tensors().values())
    full = sum(array.nbytes for array in coarse.spread().tensors().values())
    assert stored < full / 20


@pytest.mark.parametrize("name", ["factors_unit", "fine_shape", "noise_variance"])
def test_a_file_that_lacks_something_is_refused(name: str) -> None:
    tensors = a_coarse_prior().tensors()
    del tensors[name]
    with pytest.raises(ModelError, match=name):
        stored_prior(tensors)


def test_boxes_that_do_not_fill_the_latent_are_refused() -> None:
    tensors = a_coarse_prior().tensors()
    tensors["fine_shape"] = np.array([2, 80, 10, 8])
    with pytest.raises(ModelError, match="do not fill"):
        stored_prior(tensors)


def test_one_scan_returns_the_prior_and_a_flat_one_least_squares() -> None:
    prior = a_coarse_prior().spread()
    latents, _ = drawn_person(prior, AGES, Covariates(72.0, "F", "AD"), np.random.default_rng(3))
    alone = posterior_rate(latents[:1], AGES[:1], prior, Covariates(70.0, "F", "AD"))
    expected = prior.row(Covariates(70.0, "F", "AD")) @ prior.mean_rate
    np.testing.assert_allclose(alone.rate, expected, atol=1e-6)
    wide = np.full(prior.elements, 1e12)
    flat = a_prior_of(FINE, k=0, m=0, residual_variance=wide, noise_variance=prior.noise_variance)
    found = posterior_rate(latents, AGES, flat, Covariates(72.0))
    np.testing.assert_allclose(found.rate, fit_line(latents, AGES).rate.ravel(), atol=1e-6)


def test_a_cohort_teaches_mean_rates_patterns_and_the_variances_of_single_elements() -> None:
    generator, truth = np.random.default_rng(1), a_coarse_prior().spread()
    people = []
    for number in range(80):
        known = Covariates(72.0, "FM"[number % 2], ("CN", "MCI", "AD")[number % 3])
        latents, _ = drawn_person(truth, AGES, known, generator)
        people.append(Participant(f"p{number}", AGES, latents, known))
    coarse = fit_coarse_prior(Cohort(tuple(people)), PriorFitting(factors=2, noise_factors=1), STEP)
    fitted = coarse.spread()
    row = truth.row(Covariates(72.0, "F", "AD"))
    expected = box_means((row @ truth.mean_rate).reshape(FINE), STEP).ravel()
    np.testing.assert_allclose(row @ coarse.boxes.mean_rate, expected, atol=0.12)
    # what blurred patterns explain no more is in the variances of single elements: the sums agree
    for found, meant in zip(total_variances(fitted), total_variances(truth), strict=True):
        assert found.mean() == pytest.approx(meant.mean(), rel=0.15)
    assert np.corrcoef(fitted.noise_variance, truth.noise_variance)[0, 1] > 0.9
    spread = np.sum(np.square(fitted.factors)) / np.sum(np.square(truth.factors))
    assert 0.4 < spread < 1.2  # averaging what was spread blurs its tips
