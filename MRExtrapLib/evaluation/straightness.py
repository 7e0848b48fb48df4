"""How straight a region's volume runs along an interpolation between two scans.

The 2024 paper's first figure: decode α·z1 + (1 − α)·z2, measure, and the volumes are close to linear in α.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from MRExtrapLib.errors import InputError

FEWEST_POINTS = 3
"""Two points are straight whatever they are."""


@dataclass(frozen=True)
class Straightness:
    """A region's volume against the mixing weight.

    Attributes:
        r_squared: share of the volume's variance that the least-squares line explains; NaN when the volume
            does not change. Near 0 it says nothing where the change is as small as the measuring noise.
        change_percent: from α = 0 to α = 1 along that line, relative to α = 0.
    """

    r_squared: float
    change_percent: float


def straightness(alphas: Sequence[float], volumes_ml: Sequence[float]) -> Straightness:
    """R² and change of a volume along the mixing weight.

    Args:
        alphas: (n,) mixing weights, not all equal.
        volumes_ml: (n,) the region's volume at each.

    Raises:
        InputError: fewer than three points, or all at one α.

    >>> straightness([0.0, 0.5, 1.0], [2.0, 3.0, 4.0])
    Straightness(r_squared=1.0, change_percent=100.0)
    """
    alpha, volume = np.asarray(alphas, float), np.asarray(volumes_ml, float)
    if alpha.shape != volume.shape or alpha.size < FEWEST_POINTS or np.ptp(alpha) == 0:
        msg = f"Straightness needs {FEWEST_POINTS} volumes at different alphas, not {volume.size}."
        raise InputError(msg)
    centred_alpha, centred_volume = alpha - alpha.mean(), volume - volume.mean()
    slope = float(centred_alpha @ centred_volume / (centred_alpha @ centred_alpha))
    start = float(volume.mean() - slope * alpha.mean())
    total = float(centred_volume @ centred_volume)
    residual = centred_volume - slope * centred_alpha
    return Straightness(
        r_squared=1 - float(residual @ residual) / total if total > 0 else float("nan"),
        change_percent=100 * slope / start if start != 0 else float("nan"),
    )
