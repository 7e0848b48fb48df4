"""A volume: voxels and where they lie.

World coordinates are RAS+ millimetres throughout. Voxels keep the order in which they were stored; the
affine says what that order means, so no step ever flips an array to please another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError

Affine = NDArray[np.float64]
"""4×4, homogeneous, voxel index (or world mm) → world mm, RAS+."""

Voxels = NDArray[np.float32]
"""(X, Y, Z) intensities."""

SMALLEST_VOXEL_MM3 = 1e-4
"""Below this a voxel has no volume to speak of: the affine is degenerate."""


def checked_affine(affine: NDArray) -> Affine:
    """The affine as a read-only float64 copy, refused unless it is invertible and homogeneous."""
    affine = np.array(affine, dtype=np.float64)
    is_homogeneous = affine.shape == (4, 4) and np.allclose(affine[3], (0, 0, 0, 1))
    if not is_homogeneous or not np.isfinite(affine).all():
        msg = f"An affine must be a finite 4×4 matrix with last row 0 0 0 1, not {affine.tolist()}."
        raise InputError(msg)
    if abs(np.linalg.det(affine[:3, :3])) < SMALLEST_VOXEL_MM3:
        msg = f"The affine {affine[:3, :3].tolist()} squashes voxels to nothing; the header is damaged."
        raise InputError(msg)
    affine.setflags(write=False)
    return affine


@dataclass(frozen=True, eq=False)
class Grid:
    """Where voxels lie: how many along each axis, and the affine from index to RAS+ mm."""

    shape: tuple[int, int, int]
    affine: Affine

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        object.__setattr__(self, "affine", checked_affine(self.affine))
        if len(self.shape) != 3 or min(self.shape) < 1:
            msg = f"A grid has three axes of at least one voxel, not {self.shape}."
            raise InputError(msg)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxels along each axis."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(x), float(y), float(z)

    @property
    def words(self) -> str:
        """How many voxels of which size, to read.

        >>> Grid((80, 96, 80), np.diag([2.0, 2.0, 2.0, 1.0])).words
        '80 × 96 × 80 at 2 × 2 × 2 mm'
        """
        counts, sizes = (" × ".join(f"{n:g}" for n in along) for along in (self.shape, self.spacing_mm))
        return f"{counts} at {sizes} mm"

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    def is_same_as(self, other: Grid, tolerance_mm: float = 1e-4) -> bool:
        """Whether both grids put every voxel in the same place."""
        return self.shape == other.shape and np.allclose(self.affine, other.affine, rtol=0, atol=tolerance_mm)


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels (float32) and their affine (float64), valid once built.

    Raises:
        InputError: the array is not three-dimensional or the affine is degenerate.

    >>> Volume(np.zeros((4, 5, 6)), np.diag([2.0, 2.0, 2.0, 1.0])).spacing_mm
    (2.0, 2.0, 2.0)
    """

    voxels: Voxels
    affine: Affine

    def __post_init__(self) -> None:
        voxels = np.asarray(self.voxels, dtype=np.float32)
        if voxels.ndim != 3 or min(voxels.shape) < 1:
            msg = f"A volume has three axes, not shape {voxels.shape}."
            raise InputError(msg)
        object.__setattr__(self, "voxels", voxels)
        object.__setattr__(self, "affine", checked_affine(self.affine))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along each stored axis."""
        x, y, z = self.voxels.shape
        return x, y, z

    @property
    def grid(self) -> Grid:
        """Where the voxels lie."""
        return Grid(self.shape, self.affine)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxels along each axis."""
        return self.grid.spacing_mm

    def cropped(self, box: tuple[slice, slice, slice]) -> Volume:
        """What lies in a box of voxel indices, where it lies.

        >>> Volume(np.zeros((4, 5, 6)), np.eye(4)).cropped((slice(1, 3),) * 3).affine[:3, 3].tolist()
        [1.0, 1.0, 1.0]
        """
        affine = self.affine.copy()
        affine[:3, 3] += self.affine[:3, :3] @ [along.start for along in box]
        return Volume(self.voxels[box], affine)

    def with_voxels(self, voxels: NDArray) -> Volume:
        """The same place, other intensities."""
        if voxels.shape != self.voxels.shape:
            msg = f"New voxels of shape {voxels.shape} do not fit a volume of shape {self.shape}."
            raise InputError(msg)
        return Volume(voxels, self.affine)
