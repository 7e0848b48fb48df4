"""A smooth, invertible motion of the brain, and what it does to volumes and labels.

A stationary velocity field v is integrated by scaling and squaring (Arsigny 2006): exp(v) composed with
itself from exp(v / 2ⁿ). Its inverse is exp(−v), so pulling images back needs no inversion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.volume import Affine, Grid, Volume

FIRST_STEP_VOXELS = 0.1
"""The first step of scaling and squaring moves nothing further than this."""

SMALLEST_JACOBIAN = 0.05
"""Below a twentieth of its volume tissue is as good as folded: the prescribed change is refused."""

Displacement = NDArray[np.float32]
"""(3, X, Y, Z) in voxels of the grid it lies on, along that grid's axes."""

Coordinates = NDArray[np.float32]
"""(3, X, Y, Z) voxel indices, not whole numbers, in another array."""


@dataclass(frozen=True, eq=False)
class Deformation:
    """Where each point of the baseline lies later, and where each later point came from.

    Attributes:
        grid: on which the motion is known; it stands still outside.
        forward: baseline → later.
        backward: later → baseline, its inverse.
    """

    grid: Grid
    forward: Displacement
    backward: Displacement

    def displacement_mm(self) -> NDArray[np.float64]:
        """(3, X, Y, Z) forward motion in world (RAS+) mm."""
        return np.einsum("ij,jxyz->ixyz", self.grid.affine[:3, :3], self.forward)

    def jacobian(self) -> NDArray[np.float32]:
        """(X, Y, Z) local volume later / volume at baseline."""
        return jacobian_determinant(self.forward)

    def is_at_rest(self) -> bool:
        """Whether nothing moves at all."""
        return not self.forward.any()


def integrate(velocity: Displacement, grid: Grid) -> Deformation:
    """The motion along a stationary velocity field (3, X, Y, Z; voxels) for one unit of time.

    Raises:
        InputError: the motion would fold tissue (a Jacobian near or below zero).
    """
    deformation = Deformation(grid, exponential(velocity), exponential(-velocity))
    for displacement in (deformation.forward, deformation.backward):
        smallest = float(jacobian_determinant(displacement).min())
        if smallest < SMALLEST_JACOBIAN:
            msg = (
                f"The prescribed change squeezes tissue to {smallest:.2f} of its volume somewhere; "
                "choose smaller rates or fewer years."
            )
            raise InputError(msg)
    return deformation


def jacobian_determinant(displacement: Displacement) -> NDArray[np.float32]:
    """(X, Y, Z) determinant of the derivative of x → x + displacement(x)."""
    j = [[np.gradient(displacement[row], axis=axis) for axis in range(3)] for row in range(3)]
    for axis in range(3):
        j[axis][axis] += 1
    return (
        j[0][0] * (j[1][1] * j[2][2] - j[1][2] * j[2][1])
        - j[0][1] * (j[1][0] * j[2][2] - j[1][2] * j[2][0])
        + j[0][2] * (j[1][0] * j[2][1] - j[1][1] * j[2][0])
    )


def exponential(velocity: Displacement) -> Displacement:
    """exp(v): where each voxel is carried in one unit of time; exp(−v) is its inverse."""
    fastest = float(np.abs(velocity).max())
    squarings = max(0, int(np.ceil(np.log2(max(fastest, 1e-9) / FIRST_STEP_VOXELS))))
    displacement = (velocity / 2**squarings).astype(np.float32)
    for _ in range(squarings):
        displacement = compose(displacement, displacement)
    return displacement


def compose(outer: Displacement, inner: Displacement) -> Displacement:
    """First `inner`, then `outer`: x → x + inner(x) + outer(x + inner(x))."""
    reached = _indices(inner.shape[1:]) + inner
    return inner + np.stack([_linear(component, reached) for component in outer])


def source_coordinates(
    deformation: Deformation, grid: Grid, source: Affine, to_subject: Affine | None = None
) -> Coordinates:
    """For each voxel of `grid`, where in the baseline array (affine `source`) its content lay.

    Args:
        deformation: of the subject between baseline and visit.
        grid: the visit's voxels.
        source: voxel index → world of the baseline scan.
        to_subject: the visit's world mm → the subject's baseline world mm; the same world if left out.
    """
    to_world = grid.affine if to_subject is None else to_subject @ grid.affine
    to_source = np.linalg.inv(source) @ to_world
    return carried_back(deformation, _apply(to_source, _indices(grid.shape)), source)


def carried_back(deformation: Deformation, at: Coordinates, affine: Affine) -> Coordinates:
    """Where in the baseline the content of later points lay; all in voxels of one array with this affine."""
    to_working: Affine = np.linalg.inv(deformation.grid.affine) @ affine
    working = _apply(to_working, at)
    moved = working + np.stack([_linear(component, working) for component in deformation.backward])
    return _apply(np.linalg.inv(affine) @ deformation.grid.affine, moved)


def sample_intensities(voxels: NDArray, coordinates: Coordinates, order: int = 3) -> NDArray[np.float32]:
    """Intensities at coordinates, by cubic splines (never below the darkest voxel); 0 beyond the array."""
    sampled = map_coordinates(voxels.astype(np.float32), coordinates, order=order, mode="constant")
    return np.clip(sampled, min(0.0, float(voxels.min())), None)


def sample_labels(labels: NDArray, coordinates: Coordinates) -> NDArray[np.int16]:
    """The label at each coordinate; exact volumes come from the Jacobian, not from counting these."""
    return map_coordinates(labels.astype(np.int16), coordinates, order=0, mode="constant")


def warp(volume: Volume, deformation: Deformation) -> Volume:
    """The volume as it looks later, on its own grid."""
    if deformation.is_at_rest():
        return volume
    coordinates = source_coordinates(deformation, volume.grid, volume.affine)
    return volume.with_voxels(sample_intensities(volume.voxels, coordinates))


def warp_labels(labels: Volume, deformation: Deformation) -> Volume:
    """The labels as they lie later, on their own grid."""
    coordinates = source_coordinates(deformation, labels.grid, labels.affine)
    return labels.with_voxels(sample_labels(np.rint(labels.voxels), coordinates))


def label_volumes_ml(labels: Volume, deformation: Deformation) -> dict[int, float]:
    """The volume of each label after the motion: the Jacobian summed over where the label was.

    The central differences of the Jacobian are the exact volume change of a working voxel under the
    linearly interpolated motion, so nearest neighbours, not interpolation, read it without bias. There is
    none of the noise of counting deformed voxels.
    """
    numbers = np.rint(labels.voxels).astype(np.int64)
    to_working = np.linalg.inv(deformation.grid.affine) @ labels.affine
    at = _apply(to_working, _indices(labels.shape))
    jacobian = map_coordinates(deformation.jacobian(), at, order=0, mode="nearest")
    volumes = np.bincount(numbers.ravel(), weights=jacobian.ravel()) * labels.grid.voxel_ml
    return {int(number): float(volumes[number]) for number in np.unique(numbers)}


def _linear(values: NDArray[np.float32], at: Coordinates) -> NDArray[np.float32]:
    return map_coordinates(values, at, order=1, mode="constant")


def _indices(shape: tuple[int, ...]) -> Coordinates:
    return np.indices(shape, dtype=np.float32)


def _apply(affine: Affine, points: Coordinates) -> Coordinates:
    moved = np.tensordot(affine[:3, :3].astype(np.float32), points, axes=1)
    return moved + affine[:3, 3].astype(np.float32)[:, None, None, None]
