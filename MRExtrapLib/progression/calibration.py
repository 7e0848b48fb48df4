"""Intervals that hold what they say, learned from people who taught the prior nothing.

For each region the prediction is a mixture of the line through volumes and the decoded image, weighed as it
missed least; what it still misses, in units of its stated deviation, gives the scale of its intervals, region
by region and at a few horizons with straight lines between them, and their tails, region by region (Student's
t). People are few: a person counts once however many scans there were, weights are held back to the line, the
scale of a horizon to that of the region, and scale and tails of a region to those of all.
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

HORIZONS_YEARS = (1.0, 2.0, 4.0, 6.0)
"""Each has scales of its own; between two of them scales run straight, and beyond them they stay."""

PEOPLE_OF_PRIOR = 4.0
"""A scale or a tail is held to the one above it as if so many people had agreed with that."""

WEIGHT_PEOPLE = 2.0
"""The image's weight is held to zero as if so many people had told nothing for it."""

FEWEST_PEOPLE = 5
"""Of fewer nobody can say what share of them an interval holds."""

FREEDOMS = (3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 30.0, 100.0)
"""Degrees of freedom that are tried; the last is as good as normal."""


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
        scales: of the stated deviation, at each of `HORIZONS_YEARS`.
        freedom: degrees of freedom of Student's t that its intervals follow; None in models calibrated when
            all regions shared one.
    """

    image_weights: tuple[float, float]
    scales: tuple[float, ...]
    freedom: float | None = None

    def __post_init__(self) -> None:
        is_weight = all(0.0 <= weight <= 1.0 for weight in self.image_weights)
        if not is_weight or len(self.scales) != len(HORIZONS_YEARS) or min(self.scales) <= 0:
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
        return stated_ml * float(near_horizons(horizon_years) @ self.regions[region].scales)

    def freedom_of(self, region: str) -> float:
        """Degrees of freedom of Student's t that the region's intervals follow."""
        return self.regions[region].freedom or self.freedom

    def holds(self, case: Case, level: float) -> bool:
        """Whether what came lies within the interval that is said to hold it so often."""
        middle_ml = self.volume_ml(case.region, case.inputs, case.line_ml, case.decoded_ml)
        scale_ml = self.spread_ml(case.region, case.horizon_years, case.spread_ml)
        half_ml = reach(level, self.freedom_of(case.region)) * scale_ml
        return bool(abs(case.observed_ml - middle_ml) <= half_ml)


def near_horizons(years: float) -> Array:
    """How much each of `HORIZONS_YEARS` says of a horizon, (4,) that sum to one.

    >>> [near_horizons(years).tolist() for years in (0.0, 2.5, 9.0)]
    [[1.0, 0.0, 0.0, 0.0], [0.0, 0.75, 0.25, 0.0], [0.0, 0.0, 0.0, 1.0]]
    """
    return np.array([np.interp(years, HORIZONS_YEARS, one) for one in np.eye(len(HORIZONS_YEARS))])


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
    everyone = [(case.kin, z, 1.0) for region, some in of_region.items() for case, z in score[region].items()]
    overall = _held(1.0, everyone)
    scales = {region: _scales(score[region], overall) for region in regions}
    left = {
        case: z / float(near_horizons(case.horizon_years) @ scales[region])
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


def _scales(scores: Mapping[Case, float], overall: float) -> tuple[float, ...]:
    """Of one region, at each of the horizons; a case speaks for the two that it lies between."""
    near = {case: near_horizons(case.horizon_years) for case in scores}
    whole = _held(overall, [(case.kin, z, 1.0) for case, z in scores.items()])
    return tuple(
        _held(whole, [(case.kin, z, near[case][one]) for case, z in scores.items() if near[case][one] > 0])
        for one in range(len(HORIZONS_YEARS))
    )


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


def _held(prior_scale: float, scores: Iterable[tuple[str, float, float]]) -> float:
    """The scale of some scores with weights, each person counting once at most, held to the one above."""
    told: dict[str, list[tuple[float, float]]] = {}
    for person, z, weight in scores:
        told.setdefault(person, []).append((z**2, weight))
    squares, counts = PEOPLE_OF_PRIOR * prior_scale**2, PEOPLE_OF_PRIOR
    for some in told.values():
        values, weights = np.array(some).T
        squares += weights.max() * np.average(values, weights=weights)
        counts += weights.max()
    return float(np.sqrt(squares / counts))


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
