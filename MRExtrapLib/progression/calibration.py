"""Intervals that hold what they say, learned from people who taught the prior nothing.

For each region the prediction is a mixture of the line through volumes and the decoded image, weighed as it
missed least; what it still misses, in units of its stated deviation, gives the scale of its intervals, region
by region and horizon by horizon, and their tails, region by region (Student's t). People are few: a person
counts once however many scans there were, weights are held back to the line, the scale of a horizon to that
of the region, and scale and tails of a region to those of all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError, ModelError
from MRExtrapLib.progression.student import LEVELS, reach

Array = NDArray[np.float64]

HORIZON_EDGES_YEARS = (1.0, 2.0, 4.0)
"""Part horizons into four bands, each with scales of its own; a band holds its later edge."""

PEOPLE_OF_PRIOR = 4.0
"""A scale or a tail is held to the one above it as if so many people had agreed with that."""

WEIGHT_PEOPLE = 2.0
"""The image's weight is held to zero as if so many people had told nothing for it."""

FEWEST_PEOPLE = 5
"""Of fewer nobody can say what share of them an interval holds."""

FREEDOMS = (3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 30.0, 100.0)
"""Degrees of freedom that are tried; the last is as good as normal."""

DAY_DECIMALS = 3
"""Ages come to a thousandth of a year; what arithmetic adds beyond that is not time."""


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
class RegionCalibration:
    """How predictions of one region are mended.

    Attributes:
        image_weights: of the decoded image's volume against the line's, from one scan and from several.
        scales: of the stated deviation, one for each band of horizons.
        freedom: degrees of freedom of Student's t that its intervals follow; None in models calibrated when
            all regions shared one.
    """

    image_weights: tuple[float, float]
    scales: tuple[float, ...]
    freedom: float | None = None

    def __post_init__(self) -> None:
        is_weight = all(0.0 <= weight <= 1.0 for weight in self.image_weights)
        if not is_weight or len(self.scales) != len(HORIZON_EDGES_YEARS) + 1 or min(self.scales) <= 0:
            msg = (
                f"A region is calibrated with the weights {self.image_weights} and the scales {self.scales}, "
                "which cannot be; calibrate again."
            )
            raise ModelError(msg)


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

    def spread_ml(self, region: str, horizon_years: float, stated_ml: float) -> float:
        """The scale of Student's t about it."""
        return stated_ml * self.regions[region].scales[band_of(horizon_years)]

    def freedom_of(self, region: str) -> float:
        """Degrees of freedom of Student's t that the region's intervals follow."""
        return self.regions[region].freedom or self.freedom

    def holds(self, case: Case, level: float) -> bool:
        """Whether what came lies within the interval that is said to hold it so often."""
        middle_ml = self.volume_ml(case.region, case.inputs, case.line_ml, case.decoded_ml)
        scale_ml = self.spread_ml(case.region, case.horizon_years, case.spread_ml)
        half_ml = reach(level, self.freedom_of(case.region)) * scale_ml
        return bool(abs(case.observed_ml - middle_ml) <= half_ml)


def band_of(horizon_years: float) -> int:
    """Which band a horizon lies in.

    >>> [band_of(years) for years in (0.0, 1.0, 3.0, 4.0, 9.0)]
    [0, 0, 2, 2, 3]
    """
    return int(np.searchsorted(HORIZON_EDGES_YEARS, round(horizon_years, DAY_DECIMALS)))


def calibrate(cases: Sequence[Case], *, are_simulated: bool = False) -> Calibration:
    """The calibration that these cases teach.

    Args:
        cases: of everyone.
        are_simulated: whether all of them were simulated.

    Raises:
        InputError: too few people.
    """
    people = {case.kin for case in cases}
    if len(people) < FEWEST_PEOPLE:
        msg = (
            f"Calibration needs {FEWEST_PEOPLE} people or more who taught no prior; there are {len(people)}."
        )
        raise InputError(msg)
    regions = dict.fromkeys(case.region for case in cases)
    of_region = {region: [case for case in cases if case.region == region] for region in regions}
    weights = {region: _weights(some) for region, some in of_region.items()}
    score = {region: _scores(some, weights[region]) for region, some in of_region.items()}
    everyone = [(case.kin, z) for region, some in of_region.items() for case, z in score[region].items()]
    overall = _held(1.0, everyone)
    scales = {}
    for region, some in of_region.items():
        whole = _held(overall, [(case.kin, z) for case, z in score[region].items()])
        scales[region] = tuple(
            _held(whole, [(case.kin, score[region][case]) for case in some if _is_in(band, case)])
            for band in range(len(HORIZON_EDGES_YEARS) + 1)
        )
    left = {
        case: z / scales[region][band_of(case.horizon_years)]
        for region in regions
        for case, z in score[region].items()
    }
    everyones = _reaches(left)
    mended = {}
    for region, some in of_region.items():
        freedom, factor = _tails(_held_reaches(everyones, {case: left[case] for case in some}))
        mended[region] = RegionCalibration(
            weights[region], tuple(factor * scale for scale in scales[region]), freedom
        )
    return Calibration(mended, _tails(everyones)[0], len(people), len(cases), are_simulated)


def _is_in(band: int, case: Case) -> bool:
    return band_of(case.horizon_years) == band


def _weights(cases: Sequence[Case]) -> tuple[float, float]:
    """Least squares of what the line missed on where the image differs from it, for one scan and several."""

    def weight(some: Sequence[Case]) -> float:
        if not some:
            return 0.0
        missed = _person_means(some, lambda c: (c.observed_ml - c.line_ml) * (c.decoded_ml - c.line_ml))
        differs = _person_means(some, lambda c: (c.decoded_ml - c.line_ml) ** 2)
        held = differs.sum() + WEIGHT_PEOPLE * differs.mean()
        return float(np.clip(missed.sum() / held, 0.0, 1.0)) if held > 0 else 0.0

    one = [case for case in cases if case.inputs == 1]
    return weight(one), weight([case for case in cases if case.inputs > 1])


def _scores(cases: Sequence[Case], weights: tuple[float, float]) -> dict[Case, float]:
    """What the mixture missed, in stated deviations."""
    found = {}
    for case in cases:
        mixed = case.line_ml + weights[min(case.inputs, 2) - 1] * (case.decoded_ml - case.line_ml)
        found[case] = (case.observed_ml - mixed) / case.spread_ml
    return found


def _held(prior_scale: float, scores: Iterable[tuple[str, float]]) -> float:
    """The scale of some scores, each person counting once, held to the one above."""
    squares: dict[str, list[float]] = {}
    for person, z in scores:
        squares.setdefault(person, []).append(z**2)
    total = sum(float(np.mean(some)) for some in squares.values())
    return float(np.sqrt((PEOPLE_OF_PRIOR * prior_scale**2 + total) / (PEOPLE_OF_PRIOR + len(squares))))


def _person_means(cases: Sequence[Case], value: Callable[[Case], float]) -> Array:
    values: dict[str, list[float]] = {}
    for case in cases:
        values.setdefault(case.kin, []).append(value(case))
    return np.array([np.mean(some) for some in values.values()])


def _reaches(scores: Mapping[Case, float]) -> Array:
    """How far from zero each level's share of the scores lies; people count alike."""
    sizes = np.abs(list(scores.values()))
    counts = Counter(case.kin for case in scores)
    weight = np.array([1.0 / counts[case.kin] for case in scores])
    order = np.argsort(sizes)
    share = (np.cumsum(weight[order]) - weight[order] / 2) / weight.sum()
    return np.interp(LEVELS, share, sizes[order])


def _held_reaches(everyones: Array, scores: Mapping[Case, float]) -> Array:
    """The reaches of some scores, held to everyone's."""
    people = len({case.kin for case in scores})
    logs = PEOPLE_OF_PRIOR * np.log(everyones) + people * np.log(_reaches(scores))
    return np.exp(logs / (PEOPLE_OF_PRIOR + people))


def _tails(reaches: Array) -> tuple[float, float]:
    """Degrees of freedom and factor of the Student's t that reaches so far at each level."""

    def missed(freedom: float) -> tuple[float, float]:
        stated = reach(LEVELS, freedom)
        factor = float(np.exp(np.mean(np.log(reaches / stated))))
        return float(np.sum(np.log(reaches / (factor * stated)) ** 2)), factor

    freedom = min(FREEDOMS, key=lambda one: missed(one)[0])
    return freedom, missed(freedom)[1]
