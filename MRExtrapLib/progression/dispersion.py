"""How much rates differ among people of one kind: the more, the faster such people change.

Ventricles of patients do not only grow faster than those of controls, they grow more differently: Jack (2009)
and Leung (2013) report spreads about as large as the means. One variance for everyone is then too wide an
interval for who is well and too narrow a one for who is ill. The variance of a rate β among people with
covariates x is therefore a power of its mean (Davidian & Carroll 1987, J Am Stat Assoc 82:1079),

    Var β = τ² · (|μ(x)| / |μ(x̄)|)^2p,

with x̄ the cohort's typical covariates and p = 0 for one variance, 1 for one coefficient of variation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.prior import Prior

Array = NDArray[np.float64]

POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of the mean: what is tried."""

CHANCE = 0.05
"""That a variance is taken to follow the mean where it does not, by a likelihood ratio (0 is the least: half
of χ²₁)."""

FEWEST_FAMILIES = 20
"""Of fewer nobody knows how widely rates differ: mean rates of few people fit those people too well."""

LARGEST_RATIO = 10.0
"""No mean counts as further from the typical one: where it nears zero, nobody would seem to differ."""

LOG_FACTORS = (-2 * float(np.log(LARGEST_RATIO)), 2 * float(np.log(LARGEST_RATIO)))
"""Between which the variance at the typical mean is sought, as the logarithm of its factor on τ²."""


@dataclass(frozen=True)
class Differing:
    """One person's own rate of one region, beside that of such people.

    Attributes:
        family: whom the person must not be parted from.
        excess: own rate less the mean of such people.
        ratio: of that mean to the typical one.
        noise: variance of the own rate by the noise of scans alone.
    """

    family: str
    excess: float
    ratio: float
    noise: float


def rate_ratio(prior: Prior, covariates: Covariates) -> Array:
    """(E,) |μ(x)| / |μ(x̄)| of a person with these covariates, within its limits."""
    mean, typical = np.stack([prior.row(covariates), prior.typical_covariates]) @ prior.mean_rate
    return ratio_of(mean, typical)


def ratio_of(mean_rate: Array, typical_rate: Array) -> Array:
    """The ratio of their sizes within its limits; 1 where the typical mean is nil.

    >>> ratio_of(np.array([0.2, 0.0, 0.3]), np.array([-0.1, 0.1, 0.0])).tolist()
    [2.0, 0.1, 1.0]
    """
    size = np.abs(typical_rate)
    ratio = np.divide(np.abs(mean_rate), size, where=size > 0, out=np.ones_like(size, dtype=np.float64))
    return np.clip(ratio, 1.0 / LARGEST_RATIO, LARGEST_RATIO)


def fit_power(people: Sequence[Differing], variance: float) -> float:
    """The likeliest of `POWERS`, each family counting once; 0 where chance may say so.

    Args:
        people: of one region.
        variance: τ², as if it were one for everyone.
    """
    if variance <= 0 or len({one.family for one in people}) < FEWEST_FAMILIES:
        return 0.0
    told = [_likeliest(people, variance, power)[0] for power in POWERS]
    best = int(np.argmax(told))
    p = stats.chi2.sf(2 * (told[best] - told[0]), 1) / 2
    return POWERS[best] if p < CHANCE else 0.0


def fit_factor(people: Sequence[Differing], variance: float, power: float) -> float:
    """What τ² must be multiplied with, to be the variance at the typical mean, with such a power."""
    return float(np.exp(_likeliest(people, variance, power)[1])) if power and variance > 0 else 1.0


def _likeliest(people: Sequence[Differing], variance: float, power: float) -> tuple[float, float]:
    """The largest log-likelihood, and the logarithm of the factor that has it."""
    sizes: dict[str, int] = {}
    for one in people:
        sizes[one.family] = sizes.get(one.family, 0) + 1
    weight = np.array([1.0 / sizes[one.family] for one in people])
    squares = np.array([one.excess for one in people]) ** 2
    among = variance * np.array([one.ratio for one in people]) ** (2 * power)
    noise = np.array([one.noise for one in people])

    def missed(log_factor: float) -> float:
        total = np.exp(log_factor) * among + noise
        return float(np.sum(weight * (np.log(total) + squares / total)) / 2)

    found = optimize.minimize_scalar(missed, bounds=LOG_FACTORS, method="bounded")
    return -float(found.fun), float(found.x)
