"""What a cohort teaches about rates of change, before any scan of this person: the prior.

For a person with covariates x, and for every latent element,

    rate   β = x·M + W c + e,     c ~ N(0, 1), e ~ N(0, τ²)
    scan   z = α + β (a − ā) + U d + ε,     d ~ N(0, 1), ε ~ N(0, σ²), α flat

The few columns of W are patterns in which people's brains change together, those of U patterns in which one
scan differs from the next though nothing changed (position, contrast, bias field). Without U, millions of
elements with independent noise would seem to determine c from any two scans; without W, the forecasts'
volume intervals would be far too narrow. Nothing here is ever a matrix of element by element.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import ModelError
from MRExtrapLib.progression.covariates import COVARIATE_NAMES, INDICATORS, Covariates

Array = NDArray[np.floating]

MOST_FACTORS = 50
"""More patterns than any cohort at hand can tell apart."""

MOST_PATTERNS = MOST_FACTORS + len(COVARIATE_NAMES)
"""With those of what is not known of a person."""

ELEMENTS_AT_ONCE = 1 << 16
"""A block of elements in float64, times a hundred columns, is 50 MB."""

CURVATURE_PER_YEAR = 0.1
"""How much of itself a rate typically gains or loses in a year (one standard deviation): ventricles in MCI
0.27 ml/y² at 2.5 ml/y, the hippocampus in AD somewhat less (after Leung 2013)."""

NEAR_AGE_YEARS = 5.0
"""So far from the cohort's youngest and oldest nobody need be told."""

ANY_AGE = (0.0, 120.0)
"""Of a prior that does not say whom it was fitted on."""

_SCALARS = ("age_centre_years", "curvature_per_year")


@dataclass(frozen=True, eq=False)
class Prior:
    """The prior of a rate: arrays over the E elements of a latent, stored in float32, valid once built.

    Attributes:
        latent_shape: (C, D, H, W), E elements in all.
        mean_rate: (5, E) M, change per year that each covariate (`COVARIATE_NAMES`) brings.
        factors: (k, E) W, one pattern a row.
        residual_variance: (E,) τ², of the rate beside the patterns, per year².
        noise_factors: (m, E) U, one pattern of scan-to-scan scatter a row; m may be 0.
        noise_variance: (E,) σ², of one scan beside those.
        typical_covariates: (5,) the cohort's mean row, for what is not known of a person.
        age_centre_years: the age at which the covariate age is zero.
        curvature_per_year: how much of itself a rate changes in a year, one standard deviation.
        age_range_years: youngest and oldest of the cohort; beyond them age changes the mean rate no further.

    Raises:
        ModelError: shapes that do not fit, values that are not finite, a negative variance.
    """

    latent_shape: tuple[int, ...]
    mean_rate: Array
    factors: Array
    residual_variance: Array
    noise_factors: Array
    noise_variance: Array
    typical_covariates: Array
    age_centre_years: float
    curvature_per_year: float = CURVATURE_PER_YEAR
    age_range_years: tuple[float, float] = ANY_AGE

    def __post_init__(self) -> None:
        elements, columns = prod(self.latent_shape), len(COVARIATE_NAMES)
        object.__setattr__(self, "latent_shape", tuple(int(n) for n in self.latent_shape))
        for name, expected in {
            "mean_rate": (columns, elements),
            "factors": (None, elements),
            "residual_variance": (elements,),
            "noise_factors": (None, elements),
            "noise_variance": (elements,),
            "typical_covariates": (columns,),
        }.items():
            object.__setattr__(self, name, _checked(name, getattr(self, name), expected))
        if np.any(self.residual_variance < 0) or np.any(self.noise_variance <= 0):
            msg = "The progression prior has a variance that is not positive; fit it again."
            raise ModelError(msg)
        if not np.isfinite(self.age_centre_years) or not 0 <= self.curvature_per_year < np.inf:
            msg = (
                f"The progression prior is centred on {self.age_centre_years:g} years with a curvature of "
                f"{self.curvature_per_year:g} a year, which makes no sense; fit it again."
            )
            raise ModelError(msg)

    @property
    def elements(self) -> int:
        """How many elements a latent has."""
        return prod(self.latent_shape)

    def row(self, covariates: Covariates) -> NDArray[np.float64]:
        """The (5,) covariates of a person, the cohort's typical values where something is not known.

        An effect of age seen between 20 and 55 says nothing of 75: it is held at the cohort's own ends.
        """
        within = min(max(covariates.age_years, self.age_range_years[0]), self.age_range_years[1])
        known = replace(covariates, age_years=within)
        return known.row(self.age_centre_years, self.typical_covariates)

    def shifted(self, shift: Array) -> Prior:
        """The prior of someone whose rate is expected to differ by (E,) from that of such people."""
        mean_rate = np.array(self.mean_rate)
        mean_rate[0] += shift
        return replace(self, mean_rate=mean_rate)

    def doubting(self, covariates: Covariates) -> Prior:
        """The prior of someone of whom not all is known: what it might be is a pattern of change like others.

        Scans then tell of it too; without any, intervals are as wide as those people differ.
        """
        patterns = (covariates.doubt(self.typical_covariates) @ self.mean_rate).astype(np.float32)
        if not patterns.any():
            return self
        return replace(self, factors=np.concatenate([self.factors, patterns]))

    def unfamiliar(self, covariates: Covariates, whom: str = "people") -> tuple[str, ...]:
        """Sentences when the cohort held nobody of this age or diagnosis, and when no diagnosis is given.

        Args:
            covariates: of the person.
            whom: what those of the cohort are called.
        """
        words = []
        youngest, oldest = self.age_range_years
        if not youngest - NEAR_AGE_YEARS <= covariates.age_years <= oldest + NEAR_AGE_YEARS:
            words.append(
                f"The prior was learned from {whom} of {youngest:.0f} to {oldest:.0f} years; this person is "
                f"{covariates.age_years:.0f}, and may change faster or slower than it knows."
            )
        column = {"MCI": 3, "AD": 4}.get(covariates.diagnosis or "")
        if column is not None and not self.typical_covariates[column] > 0:
            words.append(
                f"The cohort behind the prior held nobody with {covariates.diagnosis}; the diagnosis changes "
                "nothing of this forecast."
            )
        if covariates.diagnosis is None and self.mean_rate[INDICATORS].any():
            mci, ad = self.typical_covariates[INDICATORS]
            words.append(
                f"No diagnosis is given: rates are those of a mix of {1 - mci - ad:.0%} cognitively normal, "
                f"{mci:.0%} MCI and {ad:.0%} AD, with intervals that allow for it; give it if it is known."
            )
        return tuple(words)

    def blocks(self) -> Iterator[slice]:
        """Slices that cover all elements, each small enough to be worked on in float64."""
        for start in range(0, self.elements, ELEMENTS_AT_ONCE):
            yield slice(start, min(start + ELEMENTS_AT_ONCE, self.elements))

    def tensors(self) -> dict[str, NDArray]:
        """The prior as named arrays, for a file; `prior_from` is the inverse."""
        return {
            "latent_shape": np.array(self.latent_shape, dtype=np.int64),
            "mean_rate": self.mean_rate,
            "factors": self.factors,
            "residual_variance": self.residual_variance,
            "noise_factors": self.noise_factors,
            "noise_variance": self.noise_variance,
            "typical_covariates": self.typical_covariates,
            "age_range_years": np.array(self.age_range_years, dtype=np.float64),
            **{name: np.array([getattr(self, name)], dtype=np.float64) for name in _SCALARS},
        }


def prior_from(tensors: Mapping[str, NDArray]) -> Prior:
    """The prior that `Prior.tensors` gave.

    Raises:
        ModelError: a tensor is missing, unknown or of a wrong shape.
    """
    expected = set(Prior.__dataclass_fields__)
    if tensors.keys() != expected:
        wrong = min(expected ^ tensors.keys())
        state = "is missing" if wrong in expected else "is unknown"
        msg = f"The progression prior is not one of this version: {wrong} {state}; fit it again."
        raise ModelError(msg)
    is_shaped = tensors["latent_shape"].ndim == 1 and tensors["age_range_years"].shape == (2,)
    if any(tensors[name].size != 1 for name in _SCALARS) or not is_shaped:
        msg = "The progression prior's scalars or latent shape are not what they should be; fit it again."
        raise ModelError(msg)
    return Prior(
        latent_shape=tuple(int(n) for n in tensors["latent_shape"]),
        mean_rate=tensors["mean_rate"],
        factors=tensors["factors"],
        residual_variance=tensors["residual_variance"],
        noise_factors=tensors["noise_factors"],
        noise_variance=tensors["noise_variance"],
        typical_covariates=tensors["typical_covariates"],
        age_centre_years=float(tensors["age_centre_years"].item()),
        curvature_per_year=float(tensors["curvature_per_year"].item()),
        age_range_years=(float(tensors["age_range_years"][0]), float(tensors["age_range_years"][1])),
    )


def _checked(name: str, values: Array, expected: tuple[int | None, ...]) -> NDArray[np.float32]:
    array = np.ascontiguousarray(values, dtype=np.float32)
    fits = array.ndim == len(expected) and all(
        found <= MOST_PATTERNS if needed is None else found == needed
        for found, needed in zip(array.shape, expected, strict=True)
    )
    if not fits:
        needed = tuple(f"≤ {MOST_PATTERNS}" if n is None else n for n in expected)
        msg = f"The progression prior's {name} has shape {array.shape} where {needed} is needed."
        raise ModelError(msg)
    # the sum is finite exactly when all are, and needs no array of booleans
    if not np.isfinite(array.sum(dtype=np.float64)):
        msg = f"The progression prior's {name} holds values that are not finite; fit it again."
        raise ModelError(msg)
    return array
