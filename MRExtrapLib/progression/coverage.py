"""How often calibrated intervals hold on people who taught them nothing, told by those who calibrate.

Each family is judged by the calibration that others teach (leave one family out, or of many some), so that
nobody need be kept aside for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from MRExtrapLib.errors import InputError
from MRExtrapLib.progression.calibrating import FEWEST_PEOPLE, calibrate
from MRExtrapLib.progression.calibration import Case, counted
from MRExtrapLib.progression.crossfit import parted
from MRExtrapLib.progression.student import LEVELS

MOST_FOLDS = 50
"""A calibration of a thousand people takes a minute; so many of them are made."""


def held_out_coverage(cases: Sequence[Case]) -> dict[str, dict[int, Mapping[float, float]]]:
    """Region → number of scans (0: all; `COUNTS`: so many or more) → level → share of held-out scans inside.

    Every family counts once.

    Raises:
        InputError: too few people are left when a family is taken away.
    """
    held: dict[tuple[str, int], dict[str, list[list[bool]]]] = {}
    for case, inside in judged_by_others(cases):
        for group in (0, counted(case.inputs)):
            held.setdefault((case.region, group), {}).setdefault(case.kin, []).append(inside)
    found: dict[str, dict[int, Mapping[float, float]]] = {}
    for (region, group), by_family in sorted(held.items(), key=lambda one: one[0][1]):
        shares = np.mean([np.mean(own, axis=0) for own in by_family.values()], axis=0)
        found.setdefault(region, {})[group] = dict(zip(LEVELS, shares.tolist(), strict=True))
    return found


def judged_by_others(cases: Sequence[Case]) -> Iterator[tuple[Case, list[bool]]]:
    """Each case, and whether it lies inside at each of `LEVELS`, by what other families teach.

    Raises:
        InputError: too few people are left when a family is taken away.
    """
    families = [case.kin for case in cases]
    count = len(set(families))
    if count <= FEWEST_PEOPLE:
        msg = f"Held-out coverage needs {FEWEST_PEOPLE + 1} people or more; there are {count}."
        raise InputError(msg)
    for left, others in parted(families, min(count, MOST_FOLDS)):
        calibration = calibrate([cases[index] for index in others])
        for case in (cases[index] for index in left):
            yield case, [calibration.holds(case, level) for level in LEVELS]
