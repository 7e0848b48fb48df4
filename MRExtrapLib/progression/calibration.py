"""Intervals that hold what they say: how predicted volumes are mended once it is known what they miss.

For each region the prediction is a mixture of the line through volumes and the decoded image. Its intervals
are Student's t: the stated deviation times a scale, region by region and at a few horizons with straight
lines between them, and tails, region by region and by how many scans there were;
`calibrating` learns all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import ModelError
from MRExtrapLib.progression.student import reach

Array = NDArray[np.float64]

HORIZONS_YEARS = (1.0, 2.0, 4.0, 6.0)
"""Each has scales of its own; between two of them scales run straight, and beyond them they stay."""

COUNTS = 3
"""One scan rests on other people, two on the noise of both, three and more on themselves: each has tails of
its own, since shared ones would be too narrow for some and too wide for others."""


@dataclass(frozen=True)
class Case:
    """One region predicted for one scan that came.

    Attributes:
        person: whom it is about.
        region: which.
        inputs: how many scans the prediction rests on.
        horizon_years: from the nearest of them; 0 between them.
        observed_ml: what came.
        line_ml: by the line through volumes.
        decoded_ml: by the decoded image.
        spread_ml: one standard deviation, as the line through volumes states it.
        family: of whose cases all count as one; the person by default.
    """

    person: str
    region: str
    inputs: int
    horizon_years: float
    observed_ml: float
    line_ml: float
    decoded_ml: float
    spread_ml: float
    family: str = ""

    @property
    def kin(self) -> str:
        """The family, or the person of whom none is known."""
        return self.family or self.person


@dataclass(frozen=True)
class Tails:
    """The Student's t that predictions from so many scans miss by.

    Attributes:
        factor: its scale, over that of the horizon.
        freedom: its degrees of freedom.
    """

    factor: float
    freedom: float


@dataclass(frozen=True)
class RegionCalibration:
    """How predictions of one region are mended.

    Attributes:
        image_weights: of the decoded image's volume against the line's, from one scan and from several.
        scales: of the stated deviation, at each of `HORIZONS_YEARS`.
        freedom: degrees of freedom that all numbers of scans share; only in models calibrated when they did.
        tails: from one scan, from two, and from three or more (`COUNTS`); none in those models.
    """

    image_weights: tuple[float, float]
    scales: tuple[float, ...]
    freedom: float | None = None
    tails: tuple[Tails, ...] = ()

    def __post_init__(self) -> None:
        is_weight = all(0.0 <= weight <= 1.0 for weight in self.image_weights)
        are_all_there = len(self.scales) == len(HORIZONS_YEARS) and len(self.tails) in (0, COUNTS)
        sizes = (*self.scales, *(one.factor for one in self.tails), *(one.freedom for one in self.tails))
        if not is_weight or not are_all_there or min(sizes) <= 0:
            msg = (
                f"A region is calibrated with the weights {self.image_weights}, the scales {self.scales} and "
                f"{len(self.tails)} tails, which cannot be; calibrate again."
            )
            raise ModelError(msg)

    def tails_from(self, inputs: int) -> Tails | None:
        """Those from so many scans; None in models calibrated when all numbers of scans shared some."""
        return self.tails[counted(inputs) - 1] if self.tails else None


@dataclass(frozen=True)
class Calibration:
    """How predicted volumes are mended, and on how many people that was learned.

    Attributes:
        regions: region → its calibration.
        freedom: degrees of freedom of Student's t that all regions together follow.
        people, cases: how many taught it, those simulated of one scan counted once.
        are_simulated: whether all of them were simulated.
    """

    regions: Mapping[str, RegionCalibration]
    freedom: float
    people: int
    cases: int
    are_simulated: bool = False

    def volume_ml(self, region: str, inputs: int, line_ml: float, decoded_ml: float) -> float:
        """The predicted volume."""
        weight = self.regions[region].image_weights[min(inputs, 2) - 1]
        return max(line_ml + weight * (decoded_ml - line_ml), 0.0)

    def spread_ml(self, region: str, inputs: int, horizon_years: float, stated_ml: float) -> float:
        """The scale of Student's t about it."""
        one = self.regions[region]
        tails = one.tails_from(inputs)
        return stated_ml * float(near_horizons(horizon_years) @ one.scales) * (tails.factor if tails else 1.0)

    def freedom_of(self, region: str, inputs: int) -> float:
        """Degrees of freedom of Student's t that the region's intervals from so many scans follow."""
        tails = self.regions[region].tails_from(inputs)
        return tails.freedom if tails else self.regions[region].freedom or self.freedom

    def holds(self, case: Case, level: float) -> bool:
        """Whether what came lies within the interval that is said to hold it so often."""
        middle_ml = self.volume_ml(case.region, case.inputs, case.line_ml, case.decoded_ml)
        scale_ml = self.spread_ml(case.region, case.inputs, case.horizon_years, case.spread_ml)
        half_ml = reach(level, self.freedom_of(case.region, case.inputs)) * scale_ml
        return bool(abs(case.observed_ml - middle_ml) <= half_ml)


def counted(inputs: int) -> int:
    """The number of scans as it is counted: `COUNTS` and more are alike."""
    return min(inputs, COUNTS)


def near_horizons(years: float) -> Array:
    """How much each of `HORIZONS_YEARS` says of a horizon, (4,) that sum to one.

    >>> [near_horizons(years).tolist() for years in (0.0, 2.5, 9.0)]
    [[1.0, 0.0, 0.0, 0.0], [0.0, 0.75, 0.25, 0.0], [0.0, 0.0, 0.0, 1.0]]
    """
    return np.array([np.interp(years, HORIZONS_YEARS, one) for one in np.eye(len(HORIZONS_YEARS))])
