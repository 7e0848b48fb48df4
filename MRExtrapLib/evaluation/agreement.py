"""How well measured volumes agree with reference volumes over a group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from MRExtrapLib.errors import InputError

FEWEST_TO_CORRELATE = 3
"""Any two points lie on a line."""


@dataclass(frozen=True)
class Agreement:
    """Volumes of one region against their reference, over a group.

    Attributes:
        bias_percent: mean of (measured − reference) / reference.
        spread_percent: its standard deviation between subjects (n − 1); NaN for one subject.
        correlation: Pearson's r; NaN with fewer than three subjects or without any variation.
        count: subjects.
    """

    bias_percent: float
    spread_percent: float
    correlation: float
    count: int


def agreement(reference_ml: Sequence[float], measured_ml: Sequence[float]) -> Agreement:
    """Bias, spread and correlation of measured volumes.

    Args:
        reference_ml: (n,) true volumes, above 0.
        measured_ml: (n,) of the same subjects in the same order.

    Raises:
        InputError: no subjects, unequal numbers, or a reference volume that is not above 0.

    >>> agreement([2.0, 4.0, 8.0], [2.2, 4.4, 8.8]).bias_percent.__round__(6)
    10.0
    """
    reference, measured = np.asarray(reference_ml, float), np.asarray(measured_ml, float)
    if reference.shape != measured.shape or reference.ndim != 1 or not reference.size:
        msg = f"{reference.size} reference volumes and {measured.size} measured ones cannot be compared."
        raise InputError(msg)
    if reference.min() <= 0:
        msg = f"A reference volume is {reference.min():g} ml; relative differences need volumes above 0."
        raise InputError(msg)
    percent = 100 * (measured - reference) / reference
    return Agreement(
        bias_percent=float(percent.mean()),
        spread_percent=float(percent.std(ddof=1)) if percent.size > 1 else float("nan"),
        correlation=_pearson(reference, measured),
        count=int(percent.size),
    )


def _pearson(x: np.ndarray, y: np.ndarray) -> float:
    if x.size < FEWEST_TO_CORRELATE or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])
