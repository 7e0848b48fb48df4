"""Where one brain lies in relation to another: six degrees of freedom, sizes stay native.

Registration sees brains only and correlates them inside the fixed brain. It starts from the two centres,
climbs from many tilts on an 8 mm grid, and refines the best at 4 and 2 mm. No random numbers are drawn.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from MRExtrapLib.imaging.ascent import Landscape, ascend
from MRExtrapLib.imaging.brain import WORKING_SPACING_MM, Brain
from MRExtrapLib.imaging.resampling import resample, resample_mask
from MRExtrapLib.imaging.rigid import rotation_about, translation
from MRExtrapLib.imaging.volume import Affine

COARSE_SPACING_MM = 8.0
TILTS_DEGREES = (-25.0, 0.0, 25.0)
"""Pitches, rolls and yaws to start from: together with the ascent they cover heads tilted by ±40°."""

REFINING_SPACINGS_MM = (4.0, 2.0)

HALF_CIRCLES_DEGREES = ((180.0, 0.0, 0.0), (0.0, 180.0, 0.0), (0.0, 0.0, 180.0))
"""About each axis: how a header that is wrong lays a brain."""


def register(
    moving: Brain, fixed: Brain, start: Affine | None = None, finest_mm: float = WORKING_SPACING_MM
) -> Affine:
    """The rigid motion (world mm → world mm) that lays the moving brain on the fixed one.

    Args:
        moving: the brain to move.
        fixed: the brain that stays.
        start: a motion known to be within some degrees and millimetres; searched for if left out.
        finest_mm: voxel size at which to stop refining.
    """
    motion = _best_tilt(moving, fixed) if start is None else start
    for spacing_mm in REFINING_SPACINGS_MM:
        if spacing_mm >= finest_mm:
            motion, _ = ascend(Landscape.of(moving, fixed, spacing_mm), motion)
    return motion


def correlation(moving: Brain, fixed: Brain, motion: Affine) -> float:
    """Normalised correlation (-1 to 1) of the moved brain with the fixed one, inside either."""
    moved = resample(moving.volume, fixed.volume.grid, motion)
    inside = fixed.mask | resample_mask(moving.mask, moving.volume.grid, fixed.volume.grid, motion)
    a, b = moved.voxels[inside], fixed.volume.voxels[inside]
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0


def overlap(moving: Brain, fixed: Brain, motion: Affine) -> float:
    """Dice overlap (0 to 1) of the two brain masks after the motion."""
    moved = resample_mask(moving.mask, moving.volume.grid, fixed.volume.grid, motion)
    return float(2 * (moved & fixed.mask).sum() / max(moved.sum() + fixed.mask.sum(), 1))


def turned_correlation(moving: Brain, fixed: Brain) -> float:
    """The best correlation of the moving brain with the fixed one after half a circle about one of the axes.

    Higher than that of the brain as it lies, it tells that this lies upside down or back to front.
    """
    centred = translation(fixed.centre_mm - moving.centre_mm)
    starts = (centred @ rotation_about(moving.centre_mm, turn) for turn in HALF_CIRCLES_DEGREES)
    turned = (register(moving, fixed, start, REFINING_SPACINGS_MM[0]) for start in starts)
    return max(correlation(moving, fixed, motion) for motion in turned)


def _best_tilt(moving: Brain, fixed: Brain) -> Affine:
    """The best of many tilts, each after a short ascent on a coarse grid."""
    centred = translation(fixed.centre_mm - moving.centre_mm)
    coarse = Landscape.of(moving, fixed, COARSE_SPACING_MM)
    starts = (rotation_about(fixed.centre_mm, tilt) @ centred for tilt in product(TILTS_DEGREES, repeat=3))
    return max((ascend(coarse, start) for start in starts), key=lambda found: found[1])[0]
