"""How often calibrated intervals hold on people who taught them nothing, told by those who calibrate.

Each family is judged by the calibration that others teach (leave one family out, or of many some), so that
nobody need be kept aside for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np

from MRExtrapLib.errors import InputError
from MRExtrapLib.progression.calibration import FEWEST_PEOPLE, Case, calibrate
from MRExtrapLib.progression.crossfit import parted
from MRExtrapLib.progression.student import LEVELS

MOST_FOLDS = 50
"""A calibration of a thousand people takes a minute; so many of them are made."""


def held_out_coverage(cases: Sequence[Case]) -> dict[str, Mapping[float, float]]:
    """Region → level → share of held-out scans inside their interval; every family counts once.

    Raises:
        InputError: too few people are left when a family is taken away.
    """
    families = [case.kin for case in cases]
    count = len(set(families))
    if count <= FEWEST_PEOPLE:
        msg = f"Held-out coverage needs {FEWEST_PEOPLE + 1} people or more; there are {count}."
        raise InputError(msg)
    held: dict[str, list[list[float]]] = {case.region: [] for case in cases}
    for left, others in parted(families, min(count, MOST_FOLDS)):
        calibration = calibrate([cases[index] for index in others])
        for region, found in held.items():
            own = [cases[index] for index in left if cases[index].region == region]
            if own:
                found.append([fmean(calibration.holds(case, level) for case in own) for level in LEVELS])
    return {
        region: dict(zip(LEVELS, np.mean(found, axis=0).tolist(), strict=True))
        for region, found in held.items()
    }
