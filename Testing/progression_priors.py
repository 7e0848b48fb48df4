"""Priors and people drawn from them, small enough for dense matrices to be the judge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.prior import Prior

SHAPE = (2, 3, 2, 1)
ELEMENTS = 12


def a_prior_of(
    shape: tuple[int, ...] = SHAPE, k: int = 2, m: int = 1, seed: int = 0, **values: object
) -> Prior:
    """A prior with k patterns and m of noise, everything random; `values` replace what it has."""
    generator = np.random.default_rng(seed)
    elements = int(np.prod(shape))
    drawn = {
        "latent_shape": shape,
        "mean_rate": generator.normal(size=(5, elements)) * np.array([[0.2], [0.01], [0.05], [0.1], [0.2]]),
        "factors": 0.2 * generator.normal(size=(k, elements)),
        "residual_variance": generator.uniform(0.005, 0.02, elements),
        "noise_factors": 0.2 * generator.normal(size=(m, elements)),
        "noise_variance": generator.uniform(0.02, 0.06, elements),
        "typical_covariates": np.array([1.0, 0.0, 0.1, 0.3, 0.2]),
        "age_centre_years": 72.0,
        "curvature_per_year": 0.0,
    }
    return Prior(**(drawn | values))


def drawn_person(
    prior: Prior, ages_years: NDArray | list[float], covariates: Covariates, generator: np.random.Generator
) -> tuple[NDArray, NDArray]:
    """Latents (n, …) of a person of the prior's population, and the rate (E,) that they truly have."""
    ages = np.asarray(ages_years, dtype=np.float64)
    rate = prior.row(covariates) @ prior.mean_rate
    rate = rate + generator.normal(size=len(prior.factors)) @ prior.factors
    rate = rate + np.sqrt(prior.residual_variance) * generator.normal(size=prior.elements)
    noise = generator.normal(size=(len(ages), len(prior.noise_factors))) @ prior.noise_factors
    noise = noise + np.sqrt(prior.noise_variance) * generator.normal(size=(len(ages), prior.elements))
    level = 3.0 * generator.normal(size=prior.elements)
    latents = level + (ages - ages.mean())[:, None] * rate + noise
    return latents.reshape(len(ages), *prior.latent_shape), rate
