"""When a person was scanned, as far as a straight line in age cares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError


@dataclass(frozen=True, eq=False)
class Timing:
    """When a person was scanned, as far as a straight line cares.

    Attributes:
        ages_years: (n,) the ages.
        information: S = Σ (a − ā)², in years².
        contrast: (n,) u, the offsets at length one; zero where all ages are one.
    """

    ages_years: NDArray[np.float64]
    information: float
    contrast: NDArray[np.float64]

    @property
    def mean_age_years(self) -> float:
        """ā, the age that the line is centred on."""
        return float(self.ages_years.mean())

    def bend(self, age_years: float, data_weight: float = 1.0) -> float:
        """How far a curve with an acceleration of 1 a year² runs off the line at an age, in years².

        The curve ½t² less the line that was fitted to it. For two scans and least squares this is
        ½·T(T − D), with span D and time T since the first scan; for one scan ½·T².

        >>> timing_of([70.0, 72.0]).bend(75.0)
        7.5
        """
        offsets, target = self.ages_years - self.mean_age_years, age_years - self.mean_age_years
        slope = np.sum(offsets**3) / self.information if self.information > 0 else 0.0
        return float(0.5 * (target**2 - np.mean(offsets**2) - data_weight * slope * target))


def timing_of(ages_years: Sequence[float]) -> Timing:
    """The timing of at least one scan.

    Raises:
        InputError: no age, or one that is not a number.
    """
    ages = np.asarray(ages_years, dtype=np.float64)
    if ages.ndim != 1 or not len(ages) or not np.all(np.isfinite(ages)):
        msg = f"A person's scans need one finite age each, at least one scan; got {list(ages_years)}."
        raise InputError(msg)
    # ages that are one differ from their mean by what arithmetic leaves, and that is no time
    offsets = np.zeros_like(ages) if np.ptp(ages) == 0 else ages - ages.mean()
    information = float(np.sum(offsets**2))
    root = np.sqrt(information)
    return Timing(ages, information, offsets / root if root > 0 else np.zeros_like(offsets))
