"""Volumes on other grids, through the affines alone.

Everything happens in index space: the map from an output voxel to an input voxel is one affine, so
oblique, flipped and even sheared storage need no case of their own, and transforms compose before the
one interpolation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from functools import partial
from typing import TypeAlias

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.ndimage import find_objects, gaussian_filter

from MRExtrapLib.imaging.volume import Affine, Grid, Volume

FWHM_PER_SIGMA = 2.355
"""Width at half maximum of a Gaussian, in standard deviations."""

NEGLIGIBLE_SIGMA = 0.1
"""Narrower than this (in voxels) a Gaussian changes nothing."""


TRUNCATE = 3.0
"""Standard deviations at which a Gaussian ends."""

BOX_MARGIN_VOXELS = 16
"""Farther away nothing is felt of a voxel: no blur up to sixfold coarser, and of a spline a part in 10⁹."""


FAINT = 0.02
"""Where a class has no more of a voxel than this it is not looked for: others are larger there."""

_Part: TypeAlias = tuple[int, tuple[slice, ...], Callable[[tuple[slice, ...]], NDArray]]
"""A number, the box that holds it, and its share of the voxels in a box."""


class Interpolation(Enum):
    """How values between voxels are found.

    Measured on a stripped 0.9 mm brain, turned by 6° on to 1 mm: `SPLINE` keeps 95 % of the slope (13.7 of
    14.4 per mm), `LINEAR` 87 %; there and back the error is 4.6 against 6.1 of 255; what is brighter than a
    threshold in white matter gains 1.1 %, against −0.2 %; a mask's volume stays within 0.02 %.
    """

    LINEAR = sitk.sitkLinear
    SPLINE = sitk.sitkBSpline3
    LABEL = sitk.sitkLabelLinear


def resample(
    volume: Volume,
    grid: Grid,
    to_grid_world: Affine | None = None,
    interpolation: Interpolation = Interpolation.LINEAR,
) -> Volume:
    """The volume on another grid, interpolated once; 0 where it does not reach.

    A coarser grid is met with the Gaussian that makes up the difference in voxel width, so that fine
    detail is averaged and not aliased.

    Args:
        volume: what to resample.
        grid: where to.
        to_grid_world: the volume's world mm → the grid's world mm; the same world if left out.
        interpolation: `SPLINE` (cubic) keeps images sharp, `LINEAR` never overshoots.

    >>> cube = Volume(np.ones((4, 4, 4)), np.eye(4))
    >>> resample(cube, Grid((2, 2, 2), np.diag([1.0, 1.0, 1.0, 1.0]))).voxels.sum()
    np.float32(8.0)
    """
    to_source = index_map(grid, volume.affine, to_grid_world)
    voxels = _blurred_for(volume.voxels, to_source)
    return Volume(_pulled(voxels, grid.shape, to_source, interpolation), grid.affine)


def resample_mask(
    mask: NDArray[np.bool_], source: Grid, grid: Grid, to_grid_world: Affine | None = None
) -> NDArray[np.bool_]:
    """A mask on another grid: true where at least half of a voxel is, so its volume in ml stays.

    Args:
        mask: (X, Y, Z) on `source`.
        source: where the mask lies.
        grid: where to.
        to_grid_world: the mask's world mm → the grid's world mm; the same world if left out.
    """
    if to_grid_world is None and source.is_same_as(grid):
        return mask.astype(bool)
    if not mask.any():
        return np.zeros(grid.shape, dtype=bool)
    near = Volume(mask.astype(np.float32), source.affine).cropped(box_around(mask))
    return resample(near, grid, to_grid_world).voxels >= 0.5


def resample_labels(
    labels: NDArray, source: Grid, grid: Grid, to_grid_world: Affine | None = None
) -> NDArray[np.int16]:
    """Labels on another grid: at each voxel the label that fills most of it.

    A coarser grid is met as `resample` meets it: each label's share of the wider voxel counts, not the label
    at its centre. Labels of a 1 mm brain laid on the 2 mm scan they came from then agree better with ones
    drawn there: by 2 to 4 points of Dice in hippocampus and ventricles, measured on three scans.

    Args:
        labels: (X, Y, Z) integers on `source`, none negative.
        source: where the labels lie.
        grid: where to.
        to_grid_world: the labels' world mm → the grid's world mm; the same world if left out.
    """
    to_source = index_map(grid, source.affine, to_grid_world)
    if not _sigma_for(to_source).any():
        return _pulled(labels.astype(np.int16), grid.shape, to_source, Interpolation.LABEL)
    boxes = enumerate(find_objects(labels), start=1)
    parts = ((number, box, partial(_is_label, labels, number)) for number, box in boxes if box is not None)
    return _fullest(parts, labels.shape, grid, to_source)


def resample_shares(
    shares: NDArray[np.float32], source: Grid, grid: Grid, to_grid_world: Affine | None = None
) -> NDArray[np.int16]:
    """At each voxel of another grid the class with the largest share of it; 0 where it is none of the others.

    Shares tell where a border runs within a voxel, which labels of whole voxels do not: what is laid on the
    scan that it came from agrees better with labels drawn there (`Testing/quality/segmenter.py`).

    Args:
        shares: (classes, X, Y, Z) on `source`, that of each class in each voxel, together one.
        source: where the shares lie.
        grid: where to.
        to_grid_world: the shares' world mm → the grid's world mm; the same world if left out.
    """
    to_source = index_map(grid, source.affine, to_grid_world)
    boxes = (
        (number, find_objects((shares[number] > FAINT).astype(np.uint8))) for number in range(1, len(shares))
    )
    parts = ((number, found[0], shares[number].__getitem__) for number, found in boxes if found)
    return _fullest(parts, shares.shape[1:], grid, to_source)


def _is_label(labels: NDArray, number: int, box: tuple[slice, ...]) -> NDArray[np.bool_]:
    return labels[box] == number


def _fullest(
    parts: Iterable[_Part], shape: tuple[int, ...], grid: Grid, to_source: Affine
) -> NDArray[np.int16]:
    """At each voxel of the grid the number of the part that fills most of it; 0 where most is none's."""
    best = np.zeros(grid.shape, dtype=np.int16)
    most = np.zeros(grid.shape, dtype=np.float32)
    nothing = np.ones(grid.shape, dtype=np.float32)
    for number, box, within in parts:
        window, share = _share(within, box, shape, grid, to_source)
        nothing[window] -= share
        is_more = share > most[window]
        best[window][is_more] = number
        most[window][is_more] = share[is_more]
    return np.where(most >= nothing, best, 0).astype(np.int16)


def _share(
    within: Callable[[tuple[slice, ...]], NDArray],
    box: tuple[slice, ...],
    shape: tuple[int, ...],
    grid: Grid,
    to_source: Affine,
) -> tuple[tuple[slice, ...], NDArray[np.float32]]:
    """Where on the grid a part can be, and how much of each voxel there it fills.

    Args:
        within: the part's share of the source's voxels in a box.
        box: that holds all of it.
        shape: of the source.
        grid, to_source: where to.
    """
    reach = np.ceil(TRUNCATE * _sigma_for(to_source)).astype(int) + 1
    low = np.maximum([at.start for at in box] - reach, 0)
    high = np.minimum([at.stop for at in box] + reach, shape)
    corners = np.stack(np.meshgrid(*zip(low - 1, high, strict=True), indexing="ij"), axis=-1).reshape(-1, 3)
    reached = world_of(corners, np.linalg.inv(to_source).astype(np.float64))
    first = np.clip(np.floor(reached.min(axis=0)).astype(int), 0, grid.shape)
    last = np.clip(np.ceil(reached.max(axis=0)).astype(int) + 1, first, grid.shape)
    window = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
    if (last == first).any():
        return window, np.zeros(last - first, dtype=np.float32)
    inside = within(tuple(slice(a, b) for a, b in zip(low, high, strict=True))).astype(np.float32)
    part = to_source.copy()
    part[:3, 3] += to_source[:3, :3] @ first - low
    return window, _pulled(_blurred_for(inside, part), tuple(last - first), part, Interpolation.LINEAR)


def index_map(grid: Grid, source: Affine, to_grid_world: Affine | None = None) -> Affine:
    """Output voxel index → source voxel index, as one affine."""
    source_to_world = source if to_grid_world is None else to_grid_world @ source
    return np.linalg.solve(source_to_world, grid.affine).astype(np.float64)


def isotropic_grid_around(points_mm: NDArray, spacing_mm: float, margin_mm: float) -> Grid:
    """The smallest RAS-aligned grid of cubic voxels that holds the points (n, 3) with a margin."""
    lowest = np.min(points_mm, axis=0) - margin_mm
    extent = np.ptp(points_mm, axis=0) + 2 * margin_mm
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = lowest
    x, y, z = np.ceil(extent / spacing_mm).astype(int) + 1
    return Grid((x, y, z), affine)


def box_around(mask: NDArray[np.bool_]) -> tuple[slice, slice, slice]:
    """The box of voxel indices that holds a mask, and all that interpolating inside it looks at."""
    (found,) = find_objects(mask.astype(np.uint8))
    x, y, z = (
        slice(max(along.start - BOX_MARGIN_VOXELS, 0), min(along.stop + BOX_MARGIN_VOXELS, voxels))
        for along, voxels in zip(found, mask.shape, strict=True)
    )
    return x, y, z


def world_of(indices: NDArray, affine: Affine) -> NDArray:
    """World mm (n, 3) of voxel indices (n, 3)."""
    return indices @ affine[:3, :3].T + affine[:3, 3]


def image_of(voxels: NDArray) -> sitk.Image:
    """The array as an image whose physical space is its own (i, j, k) index."""
    return sitk.GetImageFromArray(np.ascontiguousarray(voxels.T))


def _blurred_for(voxels: NDArray, to_source: Affine) -> NDArray:
    """The voxels, low-passed as far as the output's wider voxels ask along each source axis."""
    sigma = _sigma_for(to_source)
    return gaussian_filter(voxels, sigma, truncate=TRUNCATE) if sigma.any() else voxels


def _sigma_for(to_source: Affine) -> NDArray[np.float64]:
    """Of the Gaussian along each source axis, in voxels; 0 where the output is no coarser."""
    width_in_voxels = np.linalg.norm(to_source[:3, :3], axis=1)
    sigma = np.sqrt(np.maximum(width_in_voxels**2 - 1, 0)) / FWHM_PER_SIGMA
    sigma[sigma < NEGLIGIBLE_SIGMA] = 0
    return sigma


def _pulled(voxels: NDArray, shape: tuple, to_source: Affine, interpolation: Interpolation) -> NDArray:
    # Voxels are taken as they lie in memory: turning a brain round costs a third of a linear interpolation.
    is_turned = voxels.flags.c_contiguous and not voxels.flags.f_contiguous
    axes = to_source[2::-1] if is_turned else to_source[:3]
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(axes[:, :3].ravel().tolist())
    transform.SetTranslation(axes[:, 3].tolist())
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize([int(n) for n in shape])
    resampler.SetTransform(transform)
    resampler.SetInterpolator(interpolation.value)
    image = sitk.GetImageFromArray(voxels) if is_turned else image_of(voxels)
    return sitk.GetArrayFromImage(resampler.Execute(image)).T
