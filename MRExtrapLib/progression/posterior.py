"""A person's rate and level given any number of scans, one included: the Bayesian line.

With offsets t_i = a_i − ā, S = Σ t_i² and u_i = t_i/√S, all that the scans say of the rate is r = Σ u_i z_i:

    r − √S x·M = √S W c + U d + noise,   noise ~ N(0, Sτ² + σ²) in every element,

so c and d follow from a system of k + m equations (Woodbury), and the rest e of the rate from each element
by itself. With one scan, or several of one day, S is zero and the prior comes back; with τ² → ∞ the rate is
that of least squares. No `if` tells these cases apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError, ModelError
from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.line import Latent, Latents
from MRExtrapLib.progression.prior import Prior
from MRExtrapLib.progression.timing import Timing, timing_of


@dataclass(frozen=True, eq=False)
class Posterior:
    """What a person's scans and the prior say together about the latent at every age.

    Attributes:
        prior: what it was made with.
        timing: when the scans were taken.
        level: (E,) latent at the mean age.
        rate: (E,) posterior mean change per year.
        factor_root: (k + m, k + m) L with L Lᵀ the posterior covariance of (c, d).
    """

    prior: Prior
    timing: Timing
    level: NDArray[np.float64]
    rate: NDArray[np.float64]
    factor_root: NDArray[np.float64]

    @property
    def ages_years(self) -> NDArray[np.float64]:
        """(n,) the ages of the scans."""
        return self.timing.ages_years

    @property
    def mean_age_years(self) -> float:
        """The age the line is centred on."""
        return self.timing.mean_age_years

    @cached_property
    def mean_data_weight(self) -> float:
        """How much the scans count in the rate, 0 to 1."""
        return mean_data_weight(self.prior, self.timing.information)

    def data_weight(self) -> NDArray[np.float64]:
        """S/(S + σ²/τ²) of each element (E,), patterns included in both variances."""
        return data_weight(self.prior, self.timing.information)

    def at(self, age_years: float) -> Latent:
        """The posterior mean latent (C, D, H, W) of an age, before, between or after the scans."""
        latent = self.level + self.rate * (age_years - self.mean_age_years)
        return latent.reshape(self.prior.latent_shape)

    def scan_weights(self, age_years: float) -> NDArray[np.float64]:
        """How much each scan (n,) counts in the prediction, on average over elements; they sum to one."""
        reach = (age_years - self.mean_age_years) * self.mean_data_weight
        root = np.sqrt(self.timing.information) or 1.0
        return 1.0 / len(self.ages_years) + reach * self.timing.contrast / root

    def rate_variance(self) -> NDArray[np.float64]:
        """The posterior variance (E,) of the rate, per year²."""
        variance = np.empty(self.prior.elements)
        for block in self.prior.blocks():
            variance[block] = self._rest_variance(block) + np.sum(self._rate_patterns(block) ** 2, axis=0)
        return variance

    def variance(self, age_years: float, of_a_new_scan: bool = False) -> NDArray[np.float64]:
        """The variance (E,) of the latent at an age, bending beyond a straight line included.

        Without patterns and curvature this is σ²/n + (a − ā)²·(1/τ² + S/σ²)⁻¹.

        Args:
            age_years: the age a.
            of_a_new_scan: adds the noise of a scan taken at that age.
        """
        variance = np.empty(self.prior.elements)
        for block in self.prior.blocks():
            patterns = self._patterns(block, age_years, of_a_new_scan)
            variance[block] = self._rest(block, age_years, of_a_new_scan) + np.sum(patterns**2, axis=0)
        return variance

    def sample(
        self, age_years: float, count: int, generator: np.random.Generator, of_a_new_scan: bool = False
    ) -> Latents:
        """Latents (count, C, D, H, W) of an age drawn from the posterior, coherent across the brain."""
        weights = generator.standard_normal((count, self._columns))
        drawn = self._mixed(age_years, weights, generator, of_a_new_scan, rest_of=np.ones(count))
        return self.at(age_years) + drawn

    def directions(
        self, age_years: float, count: int, generator: np.random.Generator, of_a_new_scan: bool = False
    ) -> Latents:
        """The posterior's spread at an age as (count, C, D, H, W) independent directions, strongest first.

        The last is a random one that stands for everything weaker, so that in expectation their outer
        products sum to the posterior covariance: `Σ_j w_j · direction_j` with standard normal w_j.

        Args:
            age_years: the age.
            count: how many, at least one.
            generator: draws the last one.
            of_a_new_scan: adds the noise of a scan taken at that age.

        Raises:
            InputError: fewer than one direction asked for.
        """
        if count < 1:
            msg = f"An uncertainty needs at least one direction, not {count}."
            raise InputError(msg)
        gram = np.zeros((self._columns, self._columns))
        for block in self.prior.blocks():
            patterns = self._patterns(block, age_years, of_a_new_scan)
            gram += patterns @ patterns.T
        _, mixtures = np.linalg.eigh(gram)
        mixtures = mixtures[:, ::-1].T
        strongest, weaker = mixtures[: count - 1], mixtures[count - 1 :]
        rest = generator.standard_normal((1, len(weaker))) @ weaker
        rest_of = np.zeros(len(strongest) + 1)
        rest_of[-1] = 1.0
        return self._mixed(age_years, np.vstack([strongest, rest]), generator, of_a_new_scan, rest_of)

    @property
    def _columns(self) -> int:
        """How many patterns `_patterns` gives: noise, rate, and the bend."""
        return len(self.prior.noise_factors) + len(self.factor_root) + 1

    def _mixed(
        self,
        age_years: float,
        weights: NDArray[np.float64],
        generator: np.random.Generator,
        of_a_new_scan: bool,
        rest_of: NDArray[np.float64],
    ) -> Latents:
        """Mixtures of the patterns (one a row of weights), some with the elements' own noise on top."""
        mixed = np.empty((len(weights), self.prior.elements), dtype=np.float32)
        for block in self.prior.blocks():
            patterns = self._patterns(block, age_years, of_a_new_scan)
            own = np.sqrt(self._rest(block, age_years, of_a_new_scan))
            noise = generator.standard_normal((len(weights), len(own))) * own
            mixed[:, block] = weights @ patterns + rest_of[:, None] * noise
        return mixed.reshape(len(weights), *self.prior.latent_shape)

    def _patterns(self, block: slice, age_years: float, of_a_new_scan: bool) -> NDArray[np.float64]:
        """(m + k + m + 1, elements of the block): what the coherent part of the spread is made of."""
        noise = self.prior.noise_factors[:, block] * np.sqrt(self._scan_share(of_a_new_scan))
        rate = self._rate_patterns(block) * (age_years - self.mean_age_years)
        bend = self.timing.bend(age_years, self.mean_data_weight) * self.prior.curvature_per_year
        return np.vstack([noise, rate, bend * self.rate[None, block]])

    def _rest(self, block: slice, age_years: float, of_a_new_scan: bool) -> NDArray[np.float64]:
        """The variance of each element by itself, beside the patterns."""
        noise = self.prior.noise_variance[block] * self._scan_share(of_a_new_scan)
        return noise + self._rest_variance(block) * (age_years - self.mean_age_years) ** 2

    def _scan_share(self, of_a_new_scan: bool) -> float:
        """The level's noise is 1/n of a scan's; a new scan brings its own."""
        return 1.0 / len(self.ages_years) + float(of_a_new_scan)

    def _rate_patterns(self, block: slice) -> NDArray[np.float64]:
        """Lᵀ [(1 − g) W, −h U]ᵀ: how what is unknown of c and d shows in the rate."""
        gain, root = _gain(self.prior, block, self.timing), np.sqrt(self.timing.information)
        loadings = np.vstack(
            [(1.0 - gain * root) * self.prior.factors[:, block], -gain * self.prior.noise_factors[:, block]]
        )
        return self.factor_root.T @ loadings

    def _rest_variance(self, block: slice) -> NDArray[np.float64]:
        """(1/τ² + S/σ²)⁻¹, written so that it stays finite for τ² = 0."""
        rate = self.prior.residual_variance[block].astype(np.float64)
        noise = self.prior.noise_variance[block].astype(np.float64)
        return rate * noise / (self.timing.information * rate + noise)


def posterior_rate(
    latents: Latents, ages_years: Sequence[float], prior: Prior, covariates: Covariates
) -> Posterior:
    """The posterior of a person's rate and level from any number of scans.

    Args:
        latents: (n, C, D, H, W), one a scan, n ≥ 1.
        ages_years: n ages, in any order, equal ones allowed.
        prior: of the model that made the latents.
        covariates: of the person; what is not known widens the prior.

    Raises:
        InputError: not one age per latent.
        ModelError: the latents are not of the prior's shape.
    """
    timing = timing_of(ages_years)
    scans = np.asarray(latents)
    if len(scans) != len(timing.ages_years):
        msg = f"Each latent needs one age: got {len(scans)} latents and {len(timing.ages_years)} ages."
        raise InputError(msg)
    if scans.shape[1:] != prior.latent_shape:
        msg = (
            f"The progression prior is for latents {prior.latent_shape}, not {scans.shape[1:]}; fit it again."
        )
        raise ModelError(msg)
    scans = scans.reshape(len(scans), -1)
    prior, row = prior.doubting(covariates), prior.row(covariates)
    factors, root = _factor_posterior(scans, timing, prior, row)
    level, rate = np.empty(prior.elements), np.empty(prior.elements)
    for block in prior.blocks():
        level[block] = scans[:, block].mean(axis=0, dtype=np.float64)
        misfit, loadings = _misfit(scans, timing, prior, row, block)
        known = factors[: len(prior.factors)] @ prior.factors[:, block] + row @ prior.mean_rate[:, block]
        rate[block] = known + _gain(prior, block, timing) * (misfit - factors @ loadings)
    return Posterior(prior, timing, level, rate, root)


def factor_scores(
    latents: Latents, ages_years: Sequence[float], prior: Prior, covariates: Covariates
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A person's expected scores on the patterns of change (k,) and of noise (m,)."""
    scans = np.asarray(latents).reshape(len(latents), -1)
    mean, _ = _factor_posterior(scans, timing_of(ages_years), prior, prior.row(covariates))
    return mean[: len(prior.factors)], mean[len(prior.factors) :]


def data_weight(prior: Prior, information: float) -> NDArray[np.float64]:
    """S/(S + σ²/τ²) of each element (E,) for scans of that information S, patterns in both variances."""
    rate, noise = total_variances(prior)
    return information * rate / (information * rate + noise)


def mean_data_weight(prior: Prior, information: float) -> float:
    """How much scans of that information S count in the rate, 0 to 1: elements by their prior variance."""
    rate, _ = total_variances(prior)
    open_to_data = float(rate.sum())
    return float((rate * data_weight(prior, information)).sum()) / open_to_data if open_to_data > 0 else 0.0


def total_variances(prior: Prior) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The prior variance (E,) of the rate and of one scan, patterns included."""
    rate, noise = np.empty(prior.elements), np.empty(prior.elements)
    for block in prior.blocks():
        rate[block] = prior.residual_variance[block] + np.sum(np.square(prior.factors[:, block]), axis=0)
        noise[block] = prior.noise_variance[block] + np.sum(np.square(prior.noise_factors[:, block]), axis=0)
    return rate, noise


def _factor_posterior(
    scans: Latents, timing: Timing, prior: Prior, row: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (k + m,) of (c, d), and L with L Lᵀ their covariance."""
    columns = len(prior.factors) + len(prior.noise_factors)
    precision, pull = np.eye(columns), np.zeros(columns)
    for block in prior.blocks():
        misfit, loadings = _misfit(scans, timing, prior, row, block)
        weighted = loadings / _misfit_variance(prior, block, timing)
        precision += weighted @ loadings.T
        pull += weighted @ misfit
    lower = np.linalg.cholesky(precision)
    root = np.linalg.inv(lower).T
    return root @ (root.T @ pull), root


def _misfit(
    scans: Latents, timing: Timing, prior: Prior, row: NDArray[np.float64], block: slice
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What the scans differ from the mean rate, Σ u_i z_i − √S x·M, and its loadings [√S W; U]."""
    root = np.sqrt(timing.information)
    misfit = timing.contrast @ scans[:, block].astype(np.float64) - root * (row @ prior.mean_rate[:, block])
    loadings = np.vstack([root * prior.factors[:, block], prior.noise_factors[:, block]])
    return misfit, loadings.astype(np.float64)


def _misfit_variance(prior: Prior, block: slice, timing: Timing) -> NDArray[np.float64]:
    """Sτ² + σ²."""
    rate = prior.residual_variance[block].astype(np.float64)
    return timing.information * rate + prior.noise_variance[block]


def _gain(prior: Prior, block: slice, timing: Timing) -> NDArray[np.float64]:
    """H = τ²√S/(Sτ² + σ²): what of a misfit the element's own rate takes up."""
    rate = prior.residual_variance[block].astype(np.float64)
    return rate * np.sqrt(timing.information) / _misfit_variance(prior, block, timing)
