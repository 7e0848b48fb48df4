"""Change that speeds up: the mean bend of a cohort's volumes, as a share of each person's own rate.

Ventricles of patients enlarge faster each year, by about a tenth of their rate (Leung 2013: 0.27 and 0.88
ml/y² beside the 2.5 and 7.7 ml/y of Jack 2009). A line through past scans believes their slower pace; where a
cohort says by how much paces grow, the line is bent so. With x years from the mean age of the scans,

    v(x) = level + rate · (x + a·x²/2),    a = acceleration × weight of the person's scans in the rate:

what the prior says of a rate is of the years ahead already, and one scan alone bends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.progression.timing import Timing

Array = NDArray[np.float64]

SURE_ERRORS = 2.0
"""Standard errors that an acceleration must exceed, else a region's line stays straight."""

FEWEST_FAMILIES = 8
"""Of fewer nobody knows how far such means are off."""

LARGEST = 0.5
"""No mean of a cohort is believed beyond this share a year."""


def bent_years(timing: Timing, age_years: float, acceleration: float) -> float:
    """How many years of its rate a bent line runs ahead of the straight one at an age.

    A pace that grows was once nil: before that the line stands still, rather than turn round.

    >>> from MRExtrapLib.progression.timing import timing_of
    >>> round(bent_years(timing_of([70.0, 72.0]), 75.0, 0.1), 6)
    0.75
    >>> bent_years(timing_of([70.0, 72.0]), 75.0, 0.0)
    0.0
    """
    if acceleration == 0.0:
        return 0.0
    offset = age_years - timing.mean_age_years
    halt = -1.0 / acceleration
    reach = max(offset, halt) if acceleration > 0 else min(offset, halt)
    return reach - offset + acceleration * timing.bend(timing.mean_age_years + reach)


@dataclass(frozen=True, eq=False)
class Miss:
    """What straight lines missed on one later scan of a person.

    Attributes:
        family: whom the person must not be parted from.
        missed: (regions,) observed volume less the line's, in stated deviations.
        bent: (regions,) by how much an acceleration of 1 a year would have bent the line, likewise.
    """

    family: str
    missed: Array
    bent: Array


@dataclass(frozen=True, eq=False)
class Bend:
    """What a cohort says of acceleration.

    Attributes:
        acceleration: (regions,) share of itself by which a rate grows in a year; 0 where chance may say so.
        measured, error: (regions,) what was found, and its standard error over families.
        families: that told; with fewer than `FEWEST_FAMILIES` nothing is believed.
    """

    acceleration: Array
    measured: Array
    error: Array
    families: int

    def words(self, regions: Sequence[str]) -> str:
        """One sentence on the regions whose line is bent."""
        found = [
            f"{region.replace('_', ' ')} {100 * value:+.0f} ± {100 * error:.0f}"
            for region, value, error in zip(regions, self.acceleration, self.error, strict=True)
            if value
        ]
        if not found:
            return f"No region's change speeds up or slows down for sure ({self.families} families)."
        return f"Change speeds up, % of its rate a year ({self.families} families): {', '.join(found)}."


def fit_acceleration(misses: Sequence[Miss], regions: int) -> Bend:
    """The accelerations that take most from these misses, each family counting once.

    Least squares of what was missed on what a bend would add; standard errors are robust to what a family's
    misses have in common (Liang & Zeger 1986).
    """
    families = list(dict.fromkeys(one.family for one in misses))
    if len(families) < FEWEST_FAMILIES:
        nothing = np.zeros(regions)
        return Bend(nothing, nothing, nothing, len(families))
    told = np.stack([_mean_products(misses, family) for family in families])
    length = np.maximum(told[:, 1].sum(axis=0), np.finfo(np.float64).tiny)
    measured = told[:, 0].sum(axis=0) / length
    error = np.sqrt(np.sum((told[:, 0] - measured * told[:, 1]) ** 2, axis=0)) / length
    is_sure = np.abs(measured) > SURE_ERRORS * error
    return Bend(np.where(is_sure, np.clip(measured, -LARGEST, LARGEST), 0.0), measured, error, len(families))


def _mean_products(misses: Sequence[Miss], family: str) -> Array:
    """(2, regions): the family's mean of missed × bent, and of bent²."""
    own = list(_of_family(misses, family))
    return np.mean([(one.missed * one.bent, one.bent**2) for one in own], axis=0)


def _of_family(misses: Sequence[Miss], family: str) -> Iterator[Miss]:
    return (one for one in misses if one.family == family)
