"""A pace that wanders: recent scans tell more of the years ahead than old ones.

A line counts every scan alike, yet ventricles that grew slowly long ago may grow fast now. Of a region whose
pace wanders, with a mean path f(t) = t + a·t²/2 about the mean age of the scans (see `acceleration`),

    y_i = α + β f(t_i) + D(a_i) + ε_i,    β ~ N(μ, τ²),    ε ~ N(0, σ²),    α anything,

where the pace D′ is a Brownian motion that begins at the first scan and spreads by q a year: the continuous
form of a local linear trend (Harvey 1989), a smoothing spline (Wahba 1978) about the line of such people.
With s ≤ t years after the first scan Cov(D(s), D(t)) = q·s²(3t − s)/6. Nothing wanders before it, or with one
scan. q is stated as a share of τ²: the part of the variance of paces among people that one's own gains in a
year.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from MRExtrapLib.progression.acceleration import travelled_years

Array = NDArray[np.float64]

SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Of τ² a year: what is tried."""

CHANCE = 0.05
"""That a pace is taken to wander where none does, by a likelihood ratio (0 is the least: half of χ²₁)."""

FEWEST_FAMILIES = 8
"""Of fewer nobody knows whether paces wander."""


@dataclass(frozen=True)
class Pace:
    """What is known of one region's pace before any scan, in units per year.

    Attributes:
        mean: μ.
        variance: τ², among people; larger for whom less is known.
        noise: σ², of one scan.
        acceleration: a, share of itself by which a pace grows in a year.
        drift: q, variance by which it wanders in a year.
    """

    mean: float
    variance: float
    noise: float
    acceleration: float = 0.0
    drift: float = 0.0

    def path(self, offsets: Array) -> Array:
        """f(t), t years from the mean age of the scans; it never turns round."""
        return travelled_years(offsets, self.acceleration)

    def covariance(self, ages: Array, others: Array, scans: Array) -> Array:
        """Of volumes at some ages with those at others, for a person with these scans; no level, no noise."""
        straight = np.outer(self.path(ages - scans.mean()), self.path(others - scans.mean()))
        return self.variance * straight + self.drift * wandered(ages - scans.min(), others - scans.min())


def wandered(years: Array, others: Array) -> Array:
    """s²(3t − s)/6, the earlier of each two being s; per year of drift."""
    early = np.maximum(np.minimum(years[:, None], others), 0.0)
    return early**2 * (3 * np.maximum(years[:, None], others) - early) / 6


def predicted(values: Array, ages_years: Array, age_years: float, pace: Pace) -> tuple[float, float]:
    """Mean and variance of the volume at an age, given those of n scans (n ≥ 1).

    The level α is flat: its part is that of generalised least squares (universal kriging).
    """
    target = np.array([age_years])
    scatter = pace.covariance(ages_years, ages_years, ages_years) + pace.noise * np.eye(len(values))
    beside = pace.covariance(ages_years, target, ages_years)[:, 0]
    own = pace.covariance(target, target, ages_years)[0, 0]
    ones = np.ones(len(values))
    by_ones, by_beside = np.linalg.solve(scatter, np.stack([ones, beside], axis=1)).T
    left = values - pace.mean * pace.path(ages_years - ages_years.mean())
    certainty = ones @ by_ones
    level = (by_ones @ left) / certainty
    ahead = pace.mean * float(pace.path(target - ages_years.mean())[0])
    mean = level + ahead + by_beside @ (left - level)
    return float(mean), float(own - beside @ by_beside + (1 - ones @ by_beside) ** 2 / certainty)


def added_by_drift(values: Array, ages_years: Array, age_years: float, pace: Pace) -> tuple[float, float]:
    """What a pace that wanders adds to mean and variance of one that keeps its path."""
    calm = predicted(values, ages_years, age_years, replace(pace, drift=0.0))
    mean, variance = predicted(values, ages_years, age_years, pace)
    return mean - calm[0], variance - calm[1]


@dataclass(frozen=True, eq=False)
class Watched:
    """One person's scans of one region.

    Attributes:
        family: whom the person must not be parted from.
        values: (n,) in the prior's units.
        ages_years: (n,).
        pace: known of such people, as if it did not wander.
        among_people: variance of paces that shares are of.
    """

    family: str
    values: Array
    ages_years: Array
    pace: Pace
    among_people: float

    def likelihood(self, share: float) -> float:
        """Log-likelihood of what changed from scan to scan, whatever the level, if the pace wanders so."""
        pace, ages = replace(self.pace, drift=share * self.among_people), self.ages_years
        step = np.diff(np.eye(len(ages)), axis=0)
        scatter = pace.covariance(ages, ages, ages) + pace.noise * np.eye(len(ages))
        expected = pace.mean * pace.path(ages - ages.mean())
        cov = step @ scatter @ step.T
        return float(stats.multivariate_normal.logpdf(step @ (self.values - expected), cov=cov))


def fit_share(people: Sequence[Watched]) -> float:
    """The likeliest of `SHARES`, each family counting once; 0 where chance may say so.

    Only who was scanned at three ages or more tells. τ² and σ² stay as they were found of paces that keep to
    their line, and so hold some of the wandering already: the share is found rather too small.
    """
    told_by = [one for one in people if len(np.unique(one.ages_years)) >= 3]
    sizes: dict[str, int] = {}
    for one in told_by:
        sizes[one.family] = sizes.get(one.family, 0) + 1
    if len(sizes) < FEWEST_FAMILIES:
        return 0.0
    told = [sum(one.likelihood(share) / sizes[one.family] for one in told_by) for share in SHARES]
    best = int(np.argmax(told))
    p = stats.chi2.sf(2 * (told[best] - told[0]), 1) / 2
    return SHARES[best] if p < CHANCE else 0.0
