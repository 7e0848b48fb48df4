"""How one image must be bent, point by point, to look like another (dense registration), and the bending.

Made for two images of one brain that differ by slow change and share their intensities, as two decodes of
one model do: then brightness itself may be compared (Thirion 1998), and diffeomorphic steps keep tissue from
folding (Vercauteren 2009). The work is ITK's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.volume import Grid, Volume

SPACINGS_MM = (4.0, 2.0)
"""Voxels at which the bending is sought, coarse first."""

STEPS = (40, 30)
"""At each of them, at most; ITK stops where nothing improves."""

SMOOTHING_VOXELS = 1.5
"""Standard deviation of the Gaussian over the whole bending: tissue moves together."""

UPDATE_SMOOTHING_VOXELS = 1.0
"""And over each step's change of it."""

NEGLIGIBLE_MM = 1e-3
"""A bending that moves nothing farther is none."""


@dataclass(frozen=True, eq=False)
class Bending:
    """Where each point of the new image comes from in the old one.

    Attributes:
        grid: of the images, on which it is meant.
        field: displacement in mm along the grid's own axes, on coarser voxels of the same place.
    """

    grid: Grid
    field: sitk.Image

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing moves at all."""
        return self.farthest_mm < NEGLIGIBLE_MM

    @property
    def farthest_mm(self) -> float:
        """How far the point that moves most does."""
        return float(np.linalg.norm(sitk.GetArrayViewFromImage(self.field), axis=-1).max())

    def part(self, share: float) -> Bending:
        """So much of the way, every point along its own straight line.

        Args:
            share: 0 is rest, 1 the whole bending, less than 0 the opposite way.
        """
        return self._with_field(share * sitk.GetArrayViewFromImage(self.field))

    def mean_with_opposite(self, opposite: Bending) -> Bending:
        """The mean of this bending and the way back along one that was found from the other image to this
        one: the same motion, whichever image it was sought from.
        """
        there, back = (sitk.GetArrayViewFromImage(one.field) for one in (self, opposite))
        return self._with_field((there - back) / 2.0)

    def _with_field(self, moved_mm: NDArray[np.floating]) -> Bending:
        field = sitk.GetImageFromArray(moved_mm, isVector=True)
        field.CopyInformation(self.field)
        return Bending(self.grid, field)

    def source_voxels(self) -> NDArray[np.float32]:
        """(3, x, y, z) where each of the field's own voxels finds its content in the old image, in voxels of
        the grid; `from_source_voxels` is the inverse.
        """
        per_voxel = np.array(self.grid.spacing_mm, np.float32)[:, None, None, None]
        moved_mm = sitk.GetArrayFromImage(self.field).transpose(3, 2, 1, 0).astype(np.float32)
        return (self._places_mm() + moved_mm) / per_voxel

    def from_source_voxels(self, source: NDArray[np.float32]) -> Bending:
        """The bending whose field's voxels find their content there."""
        per_voxel = np.array(self.grid.spacing_mm, np.float32)[:, None, None, None]
        moved_mm = source * per_voxel - self._places_mm()
        return self._with_field(moved_mm.transpose(3, 2, 1, 0).astype(np.float64))

    @property
    def field_voxel_ml(self) -> float:
        """Of one of the field's own voxels."""
        return float(np.prod(self.field.GetSpacing())) / 1000.0

    def _places_mm(self) -> NDArray[np.float32]:
        """(3, x, y, z) of the field's voxels, along the grid's axes from its first voxel."""
        spacing, origin = (
            np.array(one, np.float32)[:, None, None, None]
            for one in (self.field.GetSpacing(), self.field.GetOrigin())
        )
        return origin + spacing * np.indices(self.field.GetSize(), dtype=np.float32)

    def displacement_mm(self) -> NDArray[np.float32]:
        """(3, X, Y, Z): what to add to a point of the new image to find it in the old one, along the axes."""
        fine = sitk.Resample(self.field, _frame(self.grid), sitk.Transform(), sitk.sitkLinear)
        return sitk.GetArrayFromImage(fine).transpose(3, 2, 1, 0).astype(np.float32)

    def bend(self, volume: Volume) -> Volume:
        """A volume of the old image's grid as it looks in the new one; interpolated once, by cubic splines.

        Raises:
            InputError: it lies on another grid.
        """
        self._require_own_grid(volume)
        if self.is_at_rest:
            return volume
        moved = self._resampled(volume, sitk.sitkBSpline3)
        darkest, brightest = float(volume.voxels.min()), float(volume.voxels.max())
        return volume.with_voxels(np.clip(moved, darkest, brightest))

    def bend_labels(self, labels: Volume) -> Volume:
        """Labels of the old image's voxels as they lie in the new one: the nearest label.

        Raises:
            InputError: they lie on another grid.
        """
        self._require_own_grid(labels)
        return labels.with_voxels(self._resampled(labels, sitk.sitkNearestNeighbor))

    def _require_own_grid(self, volume: Volume) -> None:
        if not volume.grid.is_same_as(self.grid):
            msg = f"A volume of {volume.shape} voxels does not lie on the bending's grid {self.grid.shape}."
            raise InputError(msg)

    def _resampled(self, volume: Volume, interpolator: int) -> NDArray:
        image = _image(volume)
        # ITK takes the field over for the transform, so it gets its own
        move = sitk.DisplacementFieldTransform(sitk.Cast(self.field, sitk.sitkVectorFloat64))
        return sitk.GetArrayFromImage(sitk.Resample(image, image, move, interpolator)).T


def find_bending(old: Volume, new: Volume) -> Bending:
    """The smooth, unfolded motion that makes the old image look like the new one.

    Args:
        old, new: two images of one brain on one grid, of the same brightness where they show the same.

    Raises:
        InputError: they lie on different grids.
    """
    if not old.grid.is_same_as(new.grid):
        msg = f"Images of {old.shape} and {new.shape} voxels lie on different grids; conform both first."
        raise InputError(msg)
    field: sitk.Image | None = None
    for spacing_mm, steps in zip(SPACINGS_MM, STEPS, strict=True):
        fixed, moving = _coarser(new, spacing_mm), _coarser(old, spacing_mm)
        demons = sitk.DiffeomorphicDemonsRegistrationFilter()
        demons.SetNumberOfIterations(steps)
        demons.SetSmoothDisplacementField(True)
        demons.SetStandardDeviations(SMOOTHING_VOXELS)
        demons.SetSmoothUpdateField(True)
        demons.SetUpdateFieldStandardDeviations(UPDATE_SMOOTHING_VOXELS)
        if field is None:
            field = demons.Execute(fixed, moving)
        else:
            field = demons.Execute(
                fixed, moving, sitk.Resample(field, fixed, sitk.Transform(), sitk.sitkLinear)
            )
    if field is None:
        msg = "No spacing was given to seek a bending at."
        raise InputError(msg)
    return Bending(new.grid, field)


def find_motion(first: Volume, second: Volume) -> Bending:
    """The motion from the first image to the second, sought from both and averaged.

    A search moves one image and leaves the other as it lies; sought from one side only, what it does not find
    is missing at that side alone. Of motions of a few millimetres the opposite field is the way back.

    Args:
        first, second: as in `find_bending`.

    Raises:
        InputError: they lie on different grids.
    """
    return find_bending(first, second).mean_with_opposite(find_bending(second, first))


def _image(volume: Volume) -> sitk.Image:
    """The volume in the frame of its own axes: millimetres from its first voxel."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.voxels.T))
    image.SetSpacing(volume.spacing_mm)
    return image


def _frame(grid: Grid) -> sitk.Image:
    """An empty image of a grid, in the same frame."""
    frame = sitk.Image(grid.shape, sitk.sitkUInt8)
    frame.SetSpacing(grid.spacing_mm)
    return frame


def _coarser(volume: Volume, spacing_mm: float) -> sitk.Image:
    """The volume with voxels of about this size, each the mean of those it holds."""
    factors = [max(1, round(spacing_mm / own)) for own in volume.spacing_mm]
    return sitk.BinShrink(_image(volume), [min(f, n) for f, n in zip(factors, volume.shape, strict=True)])
