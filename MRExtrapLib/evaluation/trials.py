"""Which visits predict which: an evaluation's design, nested in the same subjects and targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from MRExtrapLib.errors import InputError
from MRExtrapLib.forecast.subject import DIRECTIONS
from MRExtrapLib.progression.interpolation import MOST_STEPS
from MRExtrapLib.progression.line import FEWEST_SCANS

STRETCHES = ("< 1 y", "1–2 y", "2–4 y", "> 4 y")
"""Of horizons and of spans."""

MOST_INPUTS = 6
"""As many scans as the dose–response curve of the paper reaches."""

FEWEST_STEPS = 3
"""Two ends and a middle, which may then leave the line."""

DAY_DECIMALS = 3
"""Ages come to a thousandth of a year; what arithmetic adds beyond that is not time."""


def stretch_of(years: float) -> str:
    """The stretch of time that so many years fall into; 2 and 4 count as the end of theirs.

    >>> [stretch_of(years) for years in (0.5, 1.0, 2.0, 3.0, 6.0)]
    ['< 1 y', '1–2 y', '1–2 y', '2–4 y', '> 4 y']
    """
    years = round(years, DAY_DECIMALS)
    if years < 1:
        return STRETCHES[0]
    return STRETCHES[1] if years <= 2 else STRETCHES[2] if years <= 4 else STRETCHES[3]


@dataclass(frozen=True)
class Design:
    """What is tried on every person.

    Attributes:
        most_inputs: scans that a prediction rests on, at most.
        has_all_pairs: every last input with every later scan as target; else, for each stretch of the
            horizon, the one pair with the most inputs before it.
        directions: that uncertainties are decoded along; 0 leaves them out.
        steps: of the interpolation between a person's first and last scan, both included.

    Raises:
        InputError: a number that makes no evaluation.
    """

    most_inputs: int = MOST_INPUTS
    has_all_pairs: bool = False
    directions: int = DIRECTIONS
    steps: int = 6

    def __post_init__(self) -> None:
        if self.most_inputs < 1 or self.directions < 0:
            msg = (
                f"An evaluation needs at least one input scan, not {self.most_inputs}, and 0 or more "
                f"directions, not {self.directions}."
            )
            raise InputError(msg)
        if not FEWEST_STEPS <= self.steps <= MOST_STEPS:
            msg = f"Linearity is seen in {FEWEST_STEPS} to {MOST_STEPS} steps, not {self.steps}."
            raise InputError(msg)


@dataclass(frozen=True)
class Trial:
    """One question: the scan of one visit, from earlier ones.

    Attributes:
        inputs: numbers of the visits that are known, youngest first.
        target: number of the visit that is predicted.
    """

    inputs: tuple[int, ...]
    target: int

    @property
    def last(self) -> int:
        """The visit that would be carried forward."""
        return self.inputs[-1]

    @property
    def pair(self) -> tuple[int, int]:
        """Last input and target: what trials with more or fewer inputs share."""
        return self.last, self.target

    @property
    def has_gaps(self) -> bool:
        """Whether visits between the inputs are left out."""
        return len(self.inputs) <= self.last - self.inputs[0]


def trials_of(ages_years: Sequence[float], design: Design) -> tuple[Trial, ...]:
    """The trials of a person scanned at these ages (ascending).

    Inputs of a pair are the 1, 2, … scans up to and with the last: the last scan and the target stay
    the same, only the span grows.

    >>> [trial.inputs for trial in trials_of([70.0, 71.0, 74.0], Design()) if trial.target == 2]
    [(1,), (0, 1)]
    """
    return tuple(
        Trial(tuple(range(last - count + 1, last + 1)), target)
        for last, target in _pairs(ages_years, design)
        for count in range(1, min(last + 1, design.most_inputs) + 1)
    )


def wide_trials_of(ages_years: Sequence[float], design: Design) -> tuple[Trial, ...]:
    """The same last scans and targets from two scans that lie as far apart as can be: the first and the last.

    Beside the trial of the last two scans they show what a longer span does that is not the doing of more
    scans. Where no visit lies between the two they are that trial, and left out here.

    >>> [trial.inputs for trial in wide_trials_of([70.0, 71.0, 72.0, 75.0], Design()) if trial.target == 3]
    [(0, 2)]
    """
    if design.most_inputs < FEWEST_SCANS:
        return ()
    return tuple(
        Trial((0, last), target)
        for last, target in _pairs(ages_years, design)
        if last > 1  # the second visit has none between it and the first
    )


def _pairs(ages_years: Sequence[float], design: Design) -> list[tuple[int, int]]:
    count = len(ages_years)
    pairs = [(last, target) for target in range(1, count) for last in range(target)]
    if design.has_all_pairs:
        return pairs

    def worth(pair: tuple[int, int]) -> tuple[int, float]:
        return min(pair[0] + 1, design.most_inputs), ages_years[pair[1]] - ages_years[pair[0]]

    best: dict[str, tuple[int, int]] = {}
    for pair in pairs:
        stretch = stretch_of(worth(pair)[1])
        if stretch not in best or worth(pair) > worth(best[stretch]):
            best[stretch] = pair
    return [best[stretch] for stretch in STRETCHES if stretch in best]
