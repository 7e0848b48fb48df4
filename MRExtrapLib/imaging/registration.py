"""Where one brain lies in relation to another: six degrees of freedom, sizes stay native.

Registration sees brains only, at 2 mm, and correlates them inside the fixed brain. It starts from the
two centres, tries a few tilts on a coarse grid, and refines the best. No random numbers are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from MRExtrapLib.imaging.resampling import isotropic_grid_around, resample, resample_mask, world_of
from MRExtrapLib.imaging.rigid import inverse, rotation_about, translation
from MRExtrapLib.imaging.volume import Affine, Grid, Volume

WORKING_SPACING_MM = 2.0
"""At 2 mm a rigid motion is still found to a tenth of a millimetre, in an eighth of the time."""

COARSE_SHRINK = 4
STARTS_TRIED = 4
TILTS_DEGREES = (-25.0, 0.0, 25.0)
"""Pitches, rolls and yaws to start from: together with the optimiser they cover heads tilted by ±40°."""

MARGIN_MM = 12.0
RIM_VOXELS = 2
"""Correlation looks this far beyond the fixed brain, so that its outline counts."""

POINTS_PER_LEVEL = 40_000
"""So many points, spread regularly, fix six degrees of freedom; more cost time and change nothing."""

FIRST_STEP_MM = 2.0
ITERATIONS = 60
SEED = 1
"""The points are jittered within their voxels; always the same way."""


@dataclass(frozen=True, eq=False)
class Brain:
    """A brain as registration sees it: on an RAS-aligned grid, 0 outside, median 1; and its mask there."""

    volume: Volume
    mask: NDArray[np.bool_]

    @property
    def centre_mm(self) -> NDArray[np.float64]:
        """Centre of the mask (3,)."""
        return world_of(np.argwhere(self.mask), self.volume.affine).mean(axis=0)


@dataclass(frozen=True, eq=False)
class BareBrain:
    """The brain of a scan at full resolution, 0 outside; ready to be laid on any working grid."""

    volume: Volume
    mask: NDArray[np.bool_]

    @classmethod
    def of(cls, volume: Volume, mask: NDArray[np.bool_]) -> BareBrain:
        """The brain (X, Y, Z mask) in a scan, its median intensity scaled to 1."""
        median = float(np.median(volume.voxels[mask])) or 1.0
        return cls(volume.with_voxels(np.where(mask, volume.voxels / abs(median), 0)), mask)

    def on(self, grid: Grid, motion: Affine) -> Brain:
        """The brain on a working grid after a rigid motion (its world mm → the grid's world mm)."""
        mask = resample_mask(self.mask, self.volume.grid, grid, motion)
        return Brain(resample(self.volume, grid, motion), mask)

    def snug(self) -> Brain:
        """The brain at 2 mm, where it lies, on the smallest grid that holds it with a margin."""
        inside = np.argwhere(self.mask)
        corners = np.array(list(product(*zip(inside.min(axis=0), inside.max(axis=0), strict=True))))
        points = world_of(corners, self.volume.affine)
        return self.on(isotropic_grid_around(points, WORKING_SPACING_MM, MARGIN_MM), np.eye(4))


def register(
    moving: Brain, fixed: Brain, start: Affine | None = None, shrinks: tuple[int, ...] = (2, 1)
) -> Affine:
    """The rigid motion (world mm → world mm) that lays the moving brain on the fixed one.

    Args:
        moving: the brain to move.
        fixed: the brain that stays.
        start: a motion known to be within some degrees and millimetres; searched for if left out.
        shrinks: by how much the working grid is coarsened at each level, coarse to fine.
    """
    start = _best_tilt(moving, fixed) if start is None else start
    return _optimised(moving, fixed, start, shrinks, smallest_step_mm=0.01)[0]


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


def _best_tilt(moving: Brain, fixed: Brain) -> Affine:
    """The best of a few starts after a short search on a coarse grid."""
    centred = translation(fixed.centre_mm - moving.centre_mm)
    starts = [rotation_about(fixed.centre_mm, t) @ centred for t in product(TILTS_DEGREES, repeat=3)]
    coarse_moving, coarse_fixed = _coarse(moving), _coarse(fixed)
    starts.sort(key=lambda start: correlation(coarse_moving, coarse_fixed, start), reverse=True)
    tried = starts[:STARTS_TRIED]
    found = [_optimised(coarse_moving, coarse_fixed, start, (1,), smallest_step_mm=0.2) for start in tried]
    return min(found, key=lambda result: result[1])[0]


def _coarse(brain: Brain) -> Brain:
    x, y, z = (n // COARSE_SHRINK + 1 for n in brain.volume.shape)
    grid = Grid((x, y, z), brain.volume.affine @ np.diag([COARSE_SHRINK, COARSE_SHRINK, COARSE_SHRINK, 1.0]))
    same = np.eye(4)
    return Brain(resample(brain.volume, grid, same), resample_mask(brain.mask, brain.volume.grid, grid, same))


def _optimised(
    moving: Brain, fixed: Brain, start: Affine, shrinks: tuple[int, ...], smallest_step_mm: float
) -> tuple[Affine, float]:
    """The motion found from a start, and the metric there (lower is better)."""
    image, mask = _image(fixed), _rim_mask(fixed)
    euler = _euler(inverse(start), fixed.centre_mm)
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsCorrelation()
    method.SetMetricFixedMask(mask)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentagePerLevel(_sampled_shares(fixed, shrinks), SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel(list(shrinks))
    method.SetSmoothingSigmasPerLevel([WORKING_SPACING_MM * (s - 1) / 2 for s in shrinks])
    method.SetOptimizerAsRegularStepGradientDescent(FIRST_STEP_MM, smallest_step_mm, ITERATIONS)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(euler, inPlace=True)
    method.Execute(image, _image(moving))
    found = np.eye(4)
    found[:3, :3] = np.reshape(euler.GetMatrix(), (3, 3))
    found[:3, 3] = np.asarray(euler.TransformPoint((0.0, 0.0, 0.0)))
    return inverse(found), float(method.GetMetricValue())


def _euler(motion: Affine, centre_mm: NDArray[np.float64]) -> sitk.Euler3DTransform:
    """The motion as three angles about a centre and a shift."""
    euler = sitk.Euler3DTransform()
    euler.SetCenter(centre_mm.tolist())
    euler.SetMatrix(motion[:3, :3].ravel().tolist(), 1e-6)
    euler.SetTranslation((motion[:3, :3] @ centre_mm + motion[:3, 3] - centre_mm).tolist())
    return euler


def _sampled_shares(fixed: Brain, shrinks: tuple[int, ...]) -> list[float]:
    """What share of the voxels is looked at on each level."""
    return [min(1.0, POINTS_PER_LEVEL * shrink**3 / int(fixed.mask.sum())) for shrink in shrinks]


def _image(brain: Brain) -> sitk.Image:
    return _placed(brain.volume.voxels, brain.volume.affine)


def _rim_mask(brain: Brain) -> sitk.Image:
    return _placed(binary_dilation(brain.mask, iterations=RIM_VOXELS).astype(np.uint8), brain.volume.affine)


def _placed(voxels: NDArray, affine: Affine) -> sitk.Image:
    """An image whose physical space is RAS mm; working grids are RAS-aligned, so no rotation is lost."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.T))
    image.SetSpacing(np.diag(affine)[:3].tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    return image
