"""The prior of a cohort by expectation and maximisation, element block by element block.

Raw slopes are never averaged: a person's Σ u_i z_i is weighted by what it says, S/(Sτ² + σ²), which is little
for scans close together. Patterns' scores c and d of each person are what is expected (k + m numbers each,
their covariance included); mean rates, patterns and variances are what is maximised, each element for itself.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError
from MRExtrapLib.progress import Progress, silent
from MRExtrapLib.progression.cohort import Cohort, Participant
from MRExtrapLib.progression.covariates import COVARIATE_NAMES, ridge, typical_row
from MRExtrapLib.progression.noise import Noise, estimate_noise, noise_contrasts, principal_mixtures
from MRExtrapLib.progression.prior import CURVATURE_PER_YEAR, MOST_FACTORS, Prior
from MRExtrapLib.progression.scores import Scores, expected_scores
from MRExtrapLib.progression.timing import timing_of

Array = NDArray[np.float64]

FEWEST_PEOPLE = 8
"""Five mean-rate coefficients and a variance need a few more people than that."""

PEOPLE_PER_FACTOR = 3
"""A pattern of change needs a few people to be seen in."""

VARIANCE_STEPS = 3
"""Updates of the variances for one of everything else; they move slowest and cost least."""

LEAST_SHARE = 1e-6
"""No τ² below this share of σ² (per year²): it would never rise again."""


@dataclass(frozen=True)
class PriorFitting:
    """How a prior is fitted.

    Attributes:
        factors: patterns of change k, fewer where the cohort is small.
        noise_factors: patterns of noise m, fewer where there are few repeats.
        iterations: at most.
        tolerance: relative change of the prior's total variance at which it is done.
        curvature_per_year: passed on to the prior.

    Raises:
        InputError: more patterns than a prior may have, or no iteration.
    """

    factors: int = 10
    noise_factors: int = 5
    iterations: int = 30
    tolerance: float = 1e-3
    curvature_per_year: float = CURVATURE_PER_YEAR

    def __post_init__(self) -> None:
        if not (0 <= self.factors <= MOST_FACTORS and 0 <= self.noise_factors <= MOST_FACTORS):
            msg = f"A prior has 0 to {MOST_FACTORS} patterns, not {self.factors} and {self.noise_factors}."
            raise InputError(msg)
        if self.iterations < 1 or not self.curvature_per_year >= 0:
            msg = (
                f"Fitting takes at least one iteration, not {self.iterations}, and a curvature of zero or "
                f"more, not {self.curvature_per_year:g}."
            )
            raise InputError(msg)


@dataclass(frozen=True, eq=False)
class _Evidence:
    """What the cohort says of rates, each person of N in one number per element.

    Attributes:
        misfits: (N, E) float32, Σ u_i z_i, on disk.
        information: (N,) S.
        rows: (N, 5) covariates.
        noise: of a scan.
        blocks: slices over elements.
    """

    misfits: NDArray[np.float32]
    information: Array
    rows: Array
    noise: Noise
    blocks: tuple[slice, ...]

    @property
    def roots(self) -> Array:
        """√S as a column (N, 1)."""
        return np.sqrt(self.information)[:, None]


@dataclass(frozen=True, eq=False)
class _Estimate:
    """The prior as it stands; its arrays are replaced block by block."""

    mean_rate: NDArray[np.float32]
    factors: NDArray[np.float32]
    rate_variance: Array
    noise_variance: Array

    @property
    def total(self) -> float:
        """Of all variance in rates, which settles last."""
        return float(self.rate_variance.sum() + np.sum(np.square(self.factors), dtype=np.float64))


def fit_prior(cohort: Cohort, fitting: PriorFitting | None = None, progress: Progress = silent) -> Prior:
    """The prior that a cohort teaches.

    Memory holds the prior and one block; the cohort's slopes lie in a temporary file of N·E float32.

    Args:
        cohort: people with any number of scans; those with one age only help to judge noise.
        fitting: how; the defaults by default.
        progress: hears of each iteration.

    Raises:
        InputError: too few people with scans at several ages, or nothing to judge noise by.
    """
    fitting = fitting or PriorFitting()
    check_ages([one.ages_years for one in cohort.people])
    several = cohort.repeated.people
    progress(0.0, "judging the noise of scans")
    noise = estimate_noise(cohort, fitting.noise_factors)
    centre = round(float(np.mean([one.covariates.age_years for one in several])), 1)
    typical = typical_row([one.covariates for one in several], centre)
    with tempfile.TemporaryDirectory() as scratch:
        rows = np.stack([one.covariates.row(centre, typical) for one in several])
        evidence = _gathered(several, rows, noise, Path(scratch) / "misfits.npy", cohort.repeated.blocks())
        estimate = _fitted(evidence, fitting, progress)
        del evidence  # a mapped file cannot be deleted on Windows
    return Prior(
        latent_shape=cohort.latent_shape,
        mean_rate=estimate.mean_rate,
        factors=estimate.factors,
        residual_variance=estimate.rate_variance,
        noise_factors=noise.factors,
        noise_variance=estimate.noise_variance,
        typical_covariates=typical,
        age_centre_years=centre,
        curvature_per_year=fitting.curvature_per_year,
        age_range_years=_age_range([one.covariates.age_years for one in several]),
    )


def _age_range(ages_years: Sequence[float]) -> tuple[float, float]:
    return round(min(ages_years), 1), round(max(ages_years), 1)


def check_ages(ages_years: Sequence[Sequence[float]]) -> None:
    """Whether people scanned at these ages can teach a prior; said before their scans are encoded.

    Raises:
        InputError: too few people with scans at several ages, or nothing to judge noise by.
    """
    several = sum(timing_of(one).information > 0 for one in ages_years)
    if several < FEWEST_PEOPLE:
        msg = (
            f"A prior needs at least {FEWEST_PEOPLE} people with scans at several ages; the cohort has "
            f"{several}."
        )
        raise InputError(msg)
    noise_contrasts(ages_years)


def _gathered(
    people: Sequence[Participant], rows: Array, noise: Noise, file: Path, blocks: Iterable[slice]
) -> _Evidence:
    misfits = np.lib.format.open_memmap(file, "w+", np.float32, (len(people), len(noise.variance)))
    blocks = tuple(blocks)
    for number, one in enumerate(people):
        for block in blocks:
            misfits[number, block] = one.timing.contrast @ one.scans(block)
    information = np.array([one.timing.information for one in people])
    return _Evidence(misfits, information, rows, noise, blocks)


def _fitted(evidence: _Evidence, fitting: PriorFitting, progress: Progress) -> _Estimate:
    most = min(fitting.factors, (len(evidence.rows) - len(COVARIATE_NAMES)) // PEOPLE_PER_FACTOR)
    estimate = _start(evidence, most)
    scores, before = None, estimate.total
    for iteration in range(fitting.iterations):
        progress((iteration + 1) / (fitting.iterations + 1), f"fitting the prior, iteration {iteration + 1}")
        scores = expected_scores(
            (_loadings(evidence, estimate, block) for block in evidence.blocks), len(estimate.factors)
        )
        for block in evidence.blocks:
            _maximise(evidence, estimate, scores, block)
        if abs(estimate.total - before) <= fitting.tolerance * before:
            progress(1.0, "prior fitted")
            return estimate
        before = estimate.total
    progress(1.0, f"prior fitted as far as {fitting.iterations} iterations bring it")
    return estimate


def _start(evidence: _Evidence, most_factors: int) -> _Estimate:
    """Mean rates by weighted regression, variances by moments, patterns by principal components."""
    s, x, root = evidence.information, evidence.rows, evidence.roots
    people, elements = evidence.misfits.shape
    scan = evidence.noise.variance + np.sum(np.square(evidence.noise.factors), axis=0)
    to_mean = np.linalg.solve((x * s[:, None]).T @ x + np.diag(s.mean() * ridge(x)), (x * root).T)
    mean_rate = np.empty((x.shape[1], elements), dtype=np.float32)
    spread = np.empty(elements)
    for block in evidence.blocks:
        mean_rate[:, block] = to_mean @ evidence.misfits[:, block]
        squares = np.sum(_unexplained(evidence, mean_rate, block) ** 2, axis=0)
        spread[block] = np.maximum(squares - people * scan[block], 0.05 * squares) / s.sum()
    weight = 1.0 / np.sqrt(s * spread.sum() / scan.sum() + 1.0)[:, None]
    gram = np.zeros((people, people))
    for block in evidence.blocks:
        seen = weight * _unexplained(evidence, mean_rate, block)
        gram += seen @ seen.T
    mixtures = principal_mixtures(gram / people, max(most_factors, 0))
    factors = np.empty((len(mixtures), elements), dtype=np.float32)
    scale = np.sqrt(np.sum((weight * root) ** 2))
    for block in evidence.blocks:
        factors[:, block] = mixtures @ (weight * _unexplained(evidence, mean_rate, block)) / scale
    alone = np.maximum(spread - np.sum(np.square(factors), axis=0), 0.1 * spread)
    noise = evidence.noise.variance.copy()
    return _Estimate(mean_rate, factors, np.maximum(alone, LEAST_SHARE * noise), noise)


def _maximise(evidence: _Evidence, estimate: _Estimate, scores: Scores, block: slice) -> None:
    """Mean rates and patterns of a block by weighted regression on covariates and scores; then variances."""
    s, root, x = evidence.information[:, None], evidence.roots, evidence.rows
    misfits = evidence.misfits[:, block].astype(np.float64)
    noise_factors = evidence.noise.factors[:, block].astype(np.float64)
    design, squares, with_noise = scores.regressors(x)
    variance = s * estimate.rate_variance[block] + estimate.noise_variance[block]
    people, columns = design.shape
    weight = s / variance
    normal = (weight.T @ squares.reshape(people, -1)).reshape(-1, columns, columns)
    held = np.concatenate([ridge(x), np.full(columns - x.shape[1], 1e-6)])
    normal += weight.mean(axis=0)[:, None, None] * np.diag(held)
    pull = (root / variance * misfits).T @ design
    crossed = np.tensordot((root / variance).T, with_noise, axes=1)
    pull -= np.einsum("mb,bmq->bq", noise_factors, crossed)
    uncertainty = np.linalg.inv(normal)
    coefficients = np.einsum("bqr,br->qb", uncertainty, pull)
    estimate.mean_rate[:, block] = coefficients[: x.shape[1]]
    estimate.factors[:, block] = coefficients[x.shape[1] :]
    left_over = misfits - root * (design @ coefficients) - scores.noise_mean @ noise_factors
    left_over **= 2
    left_over += scores.spread_of(root, coefficients[x.shape[1] :], noise_factors)
    left_over += s * (squares.reshape(people, -1) @ uncertainty.reshape(len(uncertainty), -1).T)
    _update_variances(evidence, estimate, left_over, block)


def _update_variances(evidence: _Evidence, estimate: _Estimate, left_over: Array, block: slice) -> None:
    """τ², and σ² where no repeats tell it, from the expected squares (N, B) that the patterns leave over."""
    s, noise = evidence.information[:, None], evidence.noise
    rate, scan = estimate.rate_variance[block], estimate.noise_variance[block]
    for _ in range(VARIANCE_STEPS):
        variance = s * rate + scan
        both = rate * scan / variance
        of_rate = both + s * (rate / variance) ** 2 * left_over
        of_noise = s * both + (scan / variance) ** 2 * left_over
        rate = np.maximum(of_rate.mean(axis=0), LEAST_SHARE * scan)
        if not noise.is_from_repeats:
            known = noise.contrasts * noise.variance[block]
            scan = (known + of_noise.sum(axis=0)) / (noise.contrasts + len(left_over))
    estimate.rate_variance[block], estimate.noise_variance[block] = rate, scan


def _loadings(
    evidence: _Evidence, estimate: _Estimate, block: slice
) -> tuple[Array, Array, Array, Array, Array]:
    """Roots √S, patterns, noise patterns, variances and misfits of a block, for the scores."""
    variance = evidence.information[:, None] * estimate.rate_variance[block] + estimate.noise_variance[block]
    return (
        evidence.roots,
        estimate.factors[:, block].astype(np.float64),
        evidence.noise.factors[:, block].astype(np.float64),
        variance,
        _unexplained(evidence, estimate.mean_rate, block),
    )


def _unexplained(evidence: _Evidence, mean_rate: NDArray[np.float32], block: slice) -> Array:
    """(N, B) what people's misfits differ from those of the mean rates."""
    return evidence.misfits[:, block] - evidence.roots * (evidence.rows @ mean_rate[:, block])
