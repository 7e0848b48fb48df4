"""How far an interval reaches: Student's t, and the normal distribution as its limit."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

LEVELS = (0.5, 0.8, 0.95)
"""That intervals state, and must hold."""


def reach(level: ArrayLike, freedom: ArrayLike) -> NDArray[np.float64]:
    """Scales to each side that hold this share of Student's t.

    Args:
        level: share, 0 to 1.
        freedom: degrees of freedom; infinite for the normal distribution.

    >>> reach([0.5, 0.95], np.inf).round(3).tolist()
    [0.674, 1.96]
    """
    return np.asarray(stats.t.ppf((1.0 + np.asarray(level)) / 2.0, freedom))
