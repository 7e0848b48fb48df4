"""What calibrates intervals, learned from people who taught the prior nothing.

The mixture of line and image is weighed as it missed least; what it still misses, in units of its stated
deviation, gives scales and tails. People are few: a person counts once however many scans there were, weights
are held back to the line, the scale of a horizon to that of the region, the tails from some scans to those of
the region, and scale and tails of a region to those of all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError
from MRExtrapLib.progression.calibration import (
    COUNTS,
    HORIZONS_YEARS,
    Calibration,
    Case,
    RegionCalibration,
    Tails,
    counted,
    near_horizons,
)
from MRExtrapLib.progression.student import LEVELS, reach

Array = NDArray[np.float64]

PEOPLE_OF_PRIOR = 4.0
"""A scale or a tail is held to the one above it as if so many people had agreed with that."""

WEIGHT_PEOPLE = 2.0
"""The image's weight is held to zero as if so many people had told nothing for it."""

FEWEST_PEOPLE = 5
"""Of fewer nobody can say what share of them an interval holds."""

FREEDOMS = (2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 30.0, 100.0)
"""Degrees of freedom that are tried; the last is as good as normal."""


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
        tails = _tails_by_count({case: left[case] for case in some}, everyones)
        mended[region] = RegionCalibration(weights[region], scales[region], tails=tails)
    freedom = _tails(everyones).freedom
    return Calibration(mended, freedom, len(people), len(cases), are_simulated)


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


def _tails_by_count(scores: Mapping[Case, float], everyones: Array) -> tuple[Tails, ...]:
    """Of one region, from one scan, from two, and from more."""
    regions = _held_reaches(everyones, scores)

    def reaches(count: int) -> Array:
        own = {case: score for case, score in scores.items() if counted(case.inputs) == count}
        return _held_reaches(regions, own) if own else regions

    return tuple(_tails(reaches(1 + index)) for index in range(COUNTS))


def _tails(reaches: Array) -> Tails:
    """The Student's t that reaches so far at each level."""

    def missed(freedom: float) -> tuple[float, float]:
        stated = reach(LEVELS, freedom)
        factor = float(np.exp(np.mean(np.log(reaches / stated))))
        return float(np.sum(np.log(reaches / (factor * stated)) ** 2)), factor

    freedom = min(FREEDOMS, key=lambda one: missed(one)[0])
    return Tails(missed(freedom)[1], freedom)
