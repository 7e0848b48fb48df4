"""How often what came lies inside the intervals that a model states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from MRExtrapLib.anatomy.regions import MAIN_REGIONS
from MRExtrapLib.errors import ModelError
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.progression.calibration import Calibration, Case
from MRExtrapLib.progression.student import LEVELS

Coverage = Mapping[str, Sequence[float]]
"""Region → share inside at each of `LEVELS`."""


def calibration_of(engine: Engine) -> Calibration:
    """What mends the volumes that this model predicts.

    Raises:
        ModelError: the model states no calibrated intervals.
    """
    if engine.knowledge is None or engine.knowledge.calibration is None:
        msg = f"The model {engine.identity.model} states no calibrated intervals; give one that does."
        raise ModelError(msg)
    return engine.knowledge.calibration


def coverage_of(cases: Sequence[Case], calibration: Calibration) -> Coverage:
    """How often these cases lie inside their intervals, every person counting once."""
    found: dict[str, dict[str, list[list[bool]]]] = {region: {} for region in MAIN_REGIONS}
    for case in cases:
        if case.region in found:
            inside = [calibration.holds(case, level) for level in LEVELS]
            found[case.region].setdefault(case.person, []).append(inside)
    return {
        region: np.mean([np.mean(own, axis=0) for own in people.values()], axis=0).tolist()
        for region, people in found.items()
    }
