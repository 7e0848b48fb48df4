"""Change that speeds up: the mean bend of a cohort's volumes, as a share of each person's own rate.

Ventricles of patients enlarge faster each year, by about a tenth of their rate (Leung 2013: 0.27 and 0.88
ml/y² beside the 2.5 and 7.7 ml/y of Jack 2009). A line through past scans believes their slower pace; where a
cohort says by how much paces grow, the line is bent so. With t years from the mean age of the scans, a
person's volume is taken for

    v(t) = level + r · (f(t) − mean f),    f(t) = t + a·t²/2,    a = acceleration × weight of the scans,

the mean over the scans, and r such that the least-squares line through it has the person's rate. What a prior
says of a rate is of the years ahead already: one scan alone weighs nothing, and bends nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from MRExtrapLib.progression.timing import Timing

Array = NDArray[np.float64]

CHANCE = 0.05
"""That any region's line bends for nothing, over all regions together (Bonferroni)."""

FEWEST_FAMILIES = 8
"""Of fewer nobody knows how far such means are off."""

LARGEST = 0.5
"""No acceleration is taken for larger."""


def bent_years(timing: Timing, age_years: float, acceleration: float) -> float:
    """How many years of its rate a bent line runs ahead of the straight one at an age.

    A pace that grows was once nil, one that falls will be: beyond that the line stands still, rather than
    turn round.

    >>> from MRExtrapLib.progression.timing import timing_of
    >>> round(bent_years(timing_of([70.0, 72.0]), 75.0, 0.1), 6)
    0.75
    >>> bent_years(timing_of([70.0, 72.0]), 75.0, 0.0)
    0.0
    """
    if acceleration == 0.0 or timing.information == 0.0:
        return 0.0
    offsets = timing.ages_years - timing.mean_age_years
    travelled = travelled_years(offsets, acceleration)
    slope = float(np.sum(offsets * travelled)) / timing.information
    offset = np.array([age_years - timing.mean_age_years])
    return float((travelled_years(offset, acceleration)[0] - travelled.mean()) / slope - offset[0])


def travelled_years(offsets: Array, acceleration: float) -> Array:
    """f(t), which never turns round."""
    if acceleration == 0.0:
        return offsets
    halt = -1.0 / acceleration
    moving = np.maximum(offsets, halt) if acceleration > 0 else np.minimum(offsets, halt)
    return moving + 0.5 * acceleration * moving**2


@dataclass(frozen=True, eq=False)
class Miss:
    """What a straight line missed on one later scan of a person.

    Attributes:
        family: whom the person must not be parted from.
        missed: (regions,) observed volume less the line's, in stated deviations.
        bent: (regions,) by how much an acceleration of 1 a year bends the line, to first order, likewise.
        expected: (regions,) the same of such people's rate in the place of the person's own, whose noise is
            in `missed` too.
    """

    family: str
    missed: Array
    bent: Array
    expected: Array


@dataclass(frozen=True, eq=False)
class Bend:
    """What a cohort says of acceleration.

    Attributes:
        acceleration: (regions,) share of itself by which a rate grows in a year, held towards 0 by its own
            uncertainty; 0 where chance may say so.
        measured, error: (regions,) what was found, and its standard error over families.
        families: that told; with fewer than `FEWEST_FAMILIES` nothing is believed.
    """

    acceleration: Array
    measured: Array
    error: Array
    families: int

    def words(self, regions: Sequence[str]) -> str:
        """One sentence on the regions whose line is bent."""
        if self.families < FEWEST_FAMILIES:
            return (
                f"Whether change speeds up was not judged: {self.families} families came thrice, "
                f"{FEWEST_FAMILIES} are needed."
            )
        found = [
            f"{region.replace('_', ' ')} {100 * value:+.0f} ± {100 * error:.0f}"
            for region, value, error, taken in zip(
                regions, self.measured, self.error, self.acceleration, strict=True
            )
            if taken
        ]
        if not found:
            return f"No region's change speeds up or slows down for sure ({self.families} families)."
        shown = ", ".join(found)
        return f"Rates grow, % of themselves a year (± standard error; {self.families} families): {shown}."


def fit_acceleration(misses: Sequence[Miss], regions: int) -> Bend:
    """The accelerations that these misses tell of, each family counting once.

    Own rates hold the same noise as what is missed; the rates of such people stand in for them as an
    instrument. Standard errors are robust to what a family's misses have in common (Liang & Zeger 1986).
    """
    told_by = [one for one in misses if np.any(one.expected)]
    families = list(dict.fromkeys(one.family for one in told_by))
    count = len(families)
    if count < FEWEST_FAMILIES:
        nothing = np.zeros(regions)
        return Bend(nothing, nothing, nothing, count)
    told = np.stack([_mean_products(told_by, family) for family in families])
    length = told[:, 1].sum(axis=0)
    length = np.where(np.abs(length) > np.finfo(np.float64).tiny, length, np.inf)
    measured = told[:, 0].sum(axis=0) / length
    left = told[:, 0] - measured * told[:, 1]
    error = np.sqrt(count / (count - 1) * np.sum(left**2, axis=0)) / np.abs(length)
    sure = float(stats.t.ppf(1 - CHANCE / (2 * regions), count - 1))
    is_sure = np.abs(measured) > sure * error
    held = measured * (1 - np.square(np.divide(error, measured, where=is_sure, out=np.ones(regions))))
    return Bend(np.where(is_sure, np.clip(held, -LARGEST, LARGEST), 0.0), measured, error, count)


def _mean_products(misses: Sequence[Miss], family: str) -> Array:
    """(2, regions): the family's mean of expected × missed, and of expected × bent."""
    own = [one for one in misses if one.family == family]
    return np.mean([(one.expected * one.missed, one.expected * one.bent) for one in own], axis=0)
