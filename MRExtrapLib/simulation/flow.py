"""The motion that makes room: a velocity field whose divergence is prescribed and that rests at the skull.

With v = κ ∇φ the potential solves ∇·(κ ∇φ) = r. The mobility κ is 1 in the brain and falls to 0 at the
skull side, so v vanishes there in every direction and not just across the wall, as it would with κ = 1.
Finite volumes keep ∇·v = r exactly on the voxel faces; conjugate gradients solve them in about a second.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.linalg import cg

from MRExtrapLib.errors import InputError
from MRExtrapLib.simulation.compartments import Compartments

SLIDING_MM = 8.0
"""Deeper than this below the skull side tissue moves freely."""

RESIDUAL = 1e-3
"""Relative residual at which the potential is good enough; the volumes are corrected afterwards anyway."""

NEARNESS_MM = 12.0
"""Lost tissue is made up for by outer CSF about this near, so that sulci widen where cortex is lost."""

SCARCE = 0.05
"""Where a neighbourhood holds less outer CSF than this share, it takes up proportionally less."""

Velocity = NDArray[np.float32]
"""(3, X, Y, Z) working voxels per unit of time, along the grid's own axes."""


class Flow:
    """Velocity fields inside one skull, for any prescribed rate of growth."""

    def __init__(self, compartments: Compartments) -> None:
        self._compartments = compartments
        self._spacing = np.array(compartments.grid.spacing_mm)
        layer = _layers(compartments.moving)
        self._mobility = np.clip((layer - 0.5) * self._spacing.min() / SLIDING_MM, 0, 1)
        # The outermost layer stands still, so that interpolation shows no motion on the skull side.
        self._freedom = np.clip(layer - 1, 0, 1).astype(np.float32)
        self._yielding = compartments.outer_csf * self._freedom
        self._number = np.full(compartments.grid.shape, -1, np.int32)
        self._number[compartments.moving] = np.arange(int(compartments.moving.sum()))
        self._stiffness = self._assemble()
        if not self._yielding.any():
            msg = "There is no outer CSF between brain and skull to take up the change; check the labels."
            raise InputError(msg)

    def for_growth(self, rate: NDArray[np.float32], is_local: bool = True) -> Velocity:
        """The velocity whose divergence is `rate` (X, Y, Z), balanced by outer CSF near by or everywhere."""
        moving = self._compartments.moving
        growth = np.where(moving, rate, 0).astype(np.float32)
        balanced = growth - self._taken_up(growth, is_local)
        # CG wants the positive operator −∇·(κ∇·), hence the sign of both sides.
        right = -balanced[moving]
        diagonal = self._stiffness.diagonal()
        jacobi = sparse.diags_array(1 / np.where(diagonal > 0, diagonal, 1))
        solution, failed = cg(self._stiffness, right - right.mean(), rtol=RESIDUAL, maxiter=4000, M=jacobi)
        if failed:
            msg = "The motion inside the skull could not be solved; the labels may be fragmented. Check them."
            raise InputError(msg)
        potential = np.zeros(moving.shape)
        potential[moving] = solution
        return self._velocity(potential)

    def _taken_up(self, growth: NDArray[np.float32], is_local: bool) -> NDArray[np.float32]:
        """Where outer CSF yields to growth: first near it, the rest evenly; sums to the same volume."""
        csf = self._yielding
        near = np.zeros_like(csf)
        if is_local:
            sigma = NEARNESS_MM / self._spacing
            supply = ndimage.gaussian_filter(csf, sigma, mode="constant")
            near = csf * ndimage.gaussian_filter(growth / (supply + SCARCE), sigma, mode="constant")
        return near + csf * (growth.sum() - near.sum()) / csf.sum()

    def _faces(self, axis: int) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
        """Mobility of the faces between voxel i and i + 1 along an axis; whether both sides move."""
        low, high = _neighbours(axis)
        moving = self._compartments.moving
        return (self._mobility[low] + self._mobility[high]) / 2, moving[low] & moving[high]

    def _assemble(self) -> sparse.csr_array:
        rows, columns, weights = [], [], []  # float32 is enough for RESIDUAL and twice as fast
        for axis in range(3):
            mobility, is_open = self._faces(axis)
            low, high = _neighbours(axis)
            rows.append(self._number[low][is_open])
            columns.append(self._number[high][is_open])
            weights.append(mobility[is_open] / self._spacing[axis] ** 2)
        i, j = np.concatenate(rows), np.concatenate(columns)
        w = np.concatenate(weights).astype(np.float32)
        n = int(self._compartments.moving.sum())
        off = sparse.coo_array((w, (i, j)), shape=(n, n)).tocsr()
        off = off + off.T
        return (sparse.diags_array(off.sum(axis=1)) - off).tocsr()

    def _velocity(self, potential: NDArray[np.floating]) -> Velocity:
        """Voxel-centre velocities as the mean of the fluxes through opposite faces."""
        velocity = np.zeros((3, *potential.shape), np.float32)
        for axis in range(3):
            mobility, is_open = self._faces(axis)
            low, high = _neighbours(axis)
            flux = np.where(is_open, mobility * (potential[high] - potential[low]), 0)
            half = flux / (2 * self._spacing[axis] ** 2)
            velocity[axis][low] += half
            velocity[axis][high] += half
        return velocity * self._freedom


def _neighbours(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    low, high = [slice(None)] * 3, [slice(None)] * 3
    low[axis], high[axis] = slice(None, -1), slice(1, None)
    return tuple(low), tuple(high)


def _layers(moving: NDArray[np.bool_]) -> NDArray[np.int32]:
    """How many voxels below the skull side each voxel lies: 1 for the outermost that may move, 0 outside.

    Corners count as touching: linear interpolation on the skull side sees them too.
    """
    padded = np.pad(moving, 1)  # the border of the array is skull side too
    return ndimage.distance_transform_cdt(padded, metric="chessboard")[1:-1, 1:-1, 1:-1]
