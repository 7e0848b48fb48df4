"""One person's latents as a straight line in age: the paper's least squares.

Every latent element has its own line, fitted by ordinary least squares on the ages in years, centred on
the person's mean age (Kapoor, Macke, Baumgartner 2024). What the line leaves over, its residuals, says in
which directions of the latent space the scans scatter; there are few of them, and each moves the whole
brain coherently, as independent noise per element would not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError

Latent = NDArray[np.floating]
"""(C, D, H, W) latent of one visit; the maths here takes any shape."""

Latents = NDArray[np.floating]
"""(N, C, D, H, W) latents of a person's N visits."""

FEWEST_SCANS = 2
"""A line needs two points."""

SAME_AGE_YEARS = 1e-3
"""Ages closer than this (a third of a day) are one age: a slope through them would be noise."""


@dataclass(frozen=True, eq=False)
class LatentLine:
    """A person's latent at every age: `mean_latent + rate · (age − mean_age_years)`.

    Attributes:
        ages_years: (N,) the ages the line was fitted on.
        mean_latent: (C, D, H, W) float64, the latent at the mean age.
        rate: (C, D, H, W) float64, latent change per year.
        residuals: (N, C, D, H, W) float64, what each scan's latent differs from the line.
    """

    ages_years: NDArray[np.float64]
    mean_latent: Latent
    rate: Latent
    residuals: Latents

    @property
    def mean_age_years(self) -> float:
        """The age the line is centred on."""
        return float(self.ages_years.mean())

    @property
    def degrees_of_freedom(self) -> int:
        """How many scans are left over to judge the scatter about the line: N − 2."""
        return len(self.ages_years) - 2

    def at(self, age_years: float) -> Latent:
        """The latent (C, D, H, W) that the line predicts for an age, before or after the scans.

        >>> line = fit_line(np.array([[0.0], [2.0]]), [70.0, 72.0])
        >>> float(line.at(75.0)[0])
        5.0
        """
        return self.mean_latent + self.rate * (age_years - self.mean_age_years)

    def scan_weights(self, age_years: float) -> NDArray[np.float64]:
        """How much each scan (N,) counts in the prediction: `at(age) = Σ weight_i · z_i`.

        The weights sum to one. Far from the scans they grow large and of opposite sign, and so does what
        the noise of a single scan does to the forecast.
        """
        offsets = self.ages_years - self.mean_age_years
        n = len(offsets)
        return 1.0 / n + (age_years - self.mean_age_years) * offsets / np.sum(offsets**2)

    def variance_factor(self, age_years: float, of_a_new_scan: bool = False) -> float:
        """The line's variance at an age, in units of the scatter of one scan: 1/n + (a − ā)²/S.

        Args:
            age_years: the age a.
            of_a_new_scan: adds the scatter that a scan taken at that age would itself have.
        """
        factor = float(np.sum(self.scan_weights(age_years) ** 2))
        return factor + 1.0 if of_a_new_scan else factor

    def scatter_directions(self) -> Latents:
        """The (K, C, D, H, W) directions in which scans scatter about the line, K = N − 2 at most.

        They are orthogonal, strongest first, and their outer products sum to the residual covariance
        Σ = RᵀR / (N − 2): `Σ_k w_k · direction_k` with standard normal w_k draws from it. Two scans leave
        no residual, and so no direction.
        """
        freedom = self.degrees_of_freedom
        if freedom < 1:
            return np.zeros((0, *self.rate.shape))
        residuals = self.residuals.reshape(len(self.residuals), -1)
        _, mixtures = np.linalg.eigh(residuals @ residuals.T)
        strongest = mixtures[:, ::-1][:, :freedom]
        directions = strongest.T @ residuals / np.sqrt(freedom)
        return directions.reshape(freedom, *self.rate.shape)

    def sample(self, age_years: float, count: int, generator: np.random.Generator) -> Latents:
        """Latents (count, C, D, H, W) of the age, as uncertain as the line and coherent across the brain.

        Raises:
            InputError: fewer than three scans, which leave nothing to judge the scatter by.
        """
        if self.degrees_of_freedom < 1:
            msg = "Two scans leave nothing to judge their scatter by; give at least three for an uncertainty."
            raise InputError(msg)
        directions = self.scatter_directions()
        weights = generator.standard_normal((count, len(directions)))
        scatter = np.tensordot(weights, directions, axes=1)
        return self.at(age_years) + np.sqrt(self.variance_factor(age_years)) * scatter


def fit_line(latents: Latents, ages_years: Sequence[float]) -> LatentLine:
    """The least-squares line of every latent element on age, equal to scikit-learn's LinearRegression.

    Args:
        latents: (N, C, D, H, W), one latent per scan.
        ages_years: N ages, at least two of them different; their order is free.

    Raises:
        InputError: fewer than two scans, not one age per latent, or all at one age.

    >>> line = fit_line(np.array([[1.0], [2.0], [3.0]]), [70.0, 71.0, 72.0])
    >>> float(line.rate[0]), line.degrees_of_freedom
    (1.0, 1)
    """
    z = np.asarray(latents, dtype=np.float64)
    ages = np.asarray(ages_years, dtype=np.float64)
    if ages.ndim != 1 or len(ages) != len(z):
        msg = f"Each latent needs one age: got {len(z)} latents and {ages.size} ages."
        raise InputError(msg)
    if len(ages) < FEWEST_SCANS:
        msg = f"A line through a person's scans needs at least {FEWEST_SCANS} of them, not {len(ages)}."
        raise InputError(msg)
    if np.ptp(ages) < SAME_AGE_YEARS:
        msg = f"All scans are at age {ages[0]:g}; a line needs scans at different ages."
        raise InputError(msg)
    offsets = ages - ages.mean()
    mean_latent = z.mean(axis=0)
    rate = np.tensordot(offsets, z - mean_latent, axes=1) / np.sum(offsets**2)
    residuals = z - mean_latent - offsets.reshape(-1, *[1] * rate.ndim) * rate
    return LatentLine(ages, mean_latent, rate, residuals)
