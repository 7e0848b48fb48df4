"""The climb to the rigid motion under which two brains correlate best (Gauss–Newton, damped).

Correlation forgives gain and offset, so maximising it is the least squares fit of gain · moved + offset to
the fixed brain (Baker and Matthews 2004, Lucas–Kanade; gain and offset are solved for in every step).
Measured on one 2 mm head turned by up to 35°: the places found lie 0.05 to 0.17 mm apart, in 1.7 s with all
27 starts. ITK's regular step descent, 1 to 2 s with three starts, left them 0.4 to 2 mm apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, map_coordinates
from scipy.spatial.transform import Rotation

from MRExtrapLib.imaging.brain import Brain
from MRExtrapLib.imaging.resampling import world_of
from MRExtrapLib.imaging.rigid import displacement_mm, inverse, translation
from MRExtrapLib.imaging.volume import Affine

MOST_POINTS = 40_000
"""So many points, spread regularly, fix six degrees of freedom; more cost time and change nothing."""

RIM_VOXELS = 2
"""Correlation looks this far beyond the fixed brain, so that its outline counts."""

MOST_STEPS = 30
NEGLIGIBLE_STEP_MM = 0.005
FIRST_DAMPING, STRONGEST_DAMPING = 1e-3, 1e3


@dataclass(frozen=True, eq=False)
class Landscape:
    """How well two brains agree, over all rigid motions.

    Attributes:
        points_mm: (n, 3) where the fixed brain is looked at.
        fixed: (n,) its brightness there.
        moving: (4, X, Y, Z) the moving brain and its slope along x, y, z per mm.
        affine: voxel index of `moving` → mm, RAS-aligned.
        centre_mm: (3,) centre of the moving brain; motions turn about it.
    """

    points_mm: NDArray[np.float64]
    fixed: NDArray[np.float64]
    moving: NDArray[np.float32]
    affine: Affine
    centre_mm: NDArray[np.float64]

    @classmethod
    def of(cls, moving: Brain, fixed: Brain, spacing_mm: float) -> Landscape:
        """The landscape that is seen with voxels of this size."""
        fixed, moving = fixed.at(spacing_mm), moving.at(spacing_mm)
        index = np.argwhere(binary_dilation(fixed.mask, iterations=RIM_VOXELS))
        index = index[:: max(1, len(index) // MOST_POINTS)]
        slopes = np.gradient(moving.volume.voxels, spacing_mm)
        return cls(
            world_of(index, fixed.volume.affine),
            fixed.volume.voxels[tuple(index.T)].astype(np.float64),
            np.stack([moving.volume.voxels, *slopes]),
            moving.volume.affine,
            moving.centre_mm,
        )

    def height(self, pull: Affine) -> float:
        """Correlation (-1 to 1) when the fixed world's points are pulled into the moving world."""
        moved = self._seen(self.moving[:1], world_of(self.points_mm, pull))[0]
        return float(np.corrcoef(moved, self.fixed)[0, 1]) if moved.std() * self.fixed.std() > 0 else 0.0

    def curvature(self, pull: Affine) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Normal matrix (6, 6) and right side (6,) of the best turn and shift, gain and offset fitted."""
        pulled = world_of(self.points_mm, pull)
        moved, *slopes = self._seen(self.moving, pulled)
        slope = np.stack(slopes, axis=1)
        moved, fixed = moved - moved.mean(), self.fixed - self.fixed.mean()
        power = float(moved @ moved) or 1.0  # a brain out of sight leans nowhere
        gain = float(moved @ fixed) / power
        lean = gain * np.column_stack([np.cross(pulled - self.centre_mm, slope), slope])
        lean -= lean.mean(axis=0)
        lean -= np.outer(moved, moved @ lean / power)
        return lean.T @ lean, lean.T @ (fixed - gain * moved)

    def _seen(
        self, volumes: NDArray[np.float32], points_mm: NDArray[np.float64]
    ) -> list[NDArray[np.float64]]:
        index = world_of(points_mm, inverse(self.affine)).T
        return [map_coordinates(v, index, np.float64, order=1, mode="constant") for v in volumes]


def ascend(landscape: Landscape, start: Affine) -> tuple[Affine, float]:
    """The motion (moving world mm → fixed world mm) at the summit near a start, and the correlation there."""
    pull, damping = inverse(start), FIRST_DAMPING
    height = landscape.height(pull)
    for _ in range(MOST_STEPS):
        step = _step(landscape, pull, damping)
        tried = landscape.height(step @ pull)
        if tried > height:
            pull, height, damping = step @ pull, tried, damping / 10
        else:
            damping *= 10
        if damping > STRONGEST_DAMPING or displacement_mm(step) < NEGLIGIBLE_STEP_MM:
            break
    return inverse(pull), height


def _step(landscape: Landscape, pull: Affine, damping: float) -> Affine:
    """The damped Gauss–Newton step from here, as a motion of the moving world."""
    normal, side = landscape.curvature(pull)
    damped = normal + np.diag(damping * np.diag(normal) + np.finfo(float).tiny)
    x, y, z, *shift = np.linalg.lstsq(damped, side, rcond=None)[0]
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_rotvec((x, y, z)).as_matrix()
    return translation(landscape.centre_mm + shift) @ turn @ translation(-landscape.centre_mm)
