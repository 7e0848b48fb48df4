"""A brain made of formulas: known at every point of space, so any grid and any motion show it exactly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from MRExtrapLib.imaging.conform import Tissues
from MRExtrapLib.imaging.rigid import rotation_about
from MRExtrapLib.imaging.template import Template
from MRExtrapLib.imaging.volume import Affine, Grid, Volume

FLUID, GRAY, WHITE = 25.0, 70.0, 110.0
EDGE_MM = 2.5
"""Tissues pass into each other over about this width, so voxels of 2.5 mm still sample every edge."""

SPACING_MM = 2.5
BOX_MM = np.array([160.0, 200.0, 160.0])

AXES = {
    "RAS": np.diag([1.0, 1.0, 1.0]),
    "LAS": np.diag([-1.0, 1.0, 1.0]),
    "LPS": np.diag([-1.0, -1.0, 1.0]),
    "PSR": np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
}
"""Which way the stored voxel axes run, as columns."""


def brain_at(points_mm: NDArray) -> NDArray[np.float32]:
    """Brightness (…) of the brain at world points (…, 3); 0 outside, folded, larger in front."""
    folds = 5.0 * np.sin(points_mm / 9.0).prod(axis=-1)
    inside = _depth(points_mm, (0, 0, 0), (66, 84, 62))
    value = FLUID + (GRAY - FLUID) * _share(inside - 3)
    for brightness, depth in (
        (WHITE, _depth(points_mm, (0, 3, 2), (55, 72, 50)) + folds),
        (0.9 * GRAY, _depth(points_mm, (0, -50, -30), (40, 24, 20)) + folds),
        (GRAY, _depth(points_mm, (24, 14, -6), (10, 17, 11))),
        (FLUID, _depth(points_mm, (-15, 2, 8), (9, 32, 14))),
        (FLUID, _depth(points_mm, (14, 0, 8), (8, 27, 11))),
    ):
        value = value + (brightness - value) * _share(depth)
    return (value * _share(inside)).astype(np.float32)


def find_tissues(volume: Volume) -> Tissues:
    """The brain's tissues by brightness alone; gain and offset are read off the extremes."""
    low, high = volume.voxels.min(), np.percentile(volume.voxels, 99)
    level = (volume.voxels - low) / (high - low) * WHITE
    brain = level > FLUID / 2
    return Tissues(brain, brain & (abs(level - GRAY) < 12), brain & (level > WHITE - 15), volume.grid)


@pytest.fixture(scope="session")
def a_brain_on() -> Callable[..., Volume]:
    """The brain on a grid, after a rigid motion; `a_brain_on(grid, motion)`."""

    def scanned(grid: Grid, motion: Affine | None = None) -> Volume:
        to_brain = grid.affine if motion is None else np.linalg.inv(motion) @ grid.affine
        index = np.moveaxis(np.indices(grid.shape), 0, -1)
        return Volume(brain_at(index @ to_brain[:3, :3].T + to_brain[:3, 3]), grid.affine)

    return scanned


@pytest.fixture(scope="session")
def a_grid_stored() -> Callable[..., Grid]:
    """A scanner's grid around the brain; `a_grid_stored("LAS")` or "oblique"."""

    def grid(orientation: str, spacing_mm: float = SPACING_MM) -> Grid:
        axes = AXES[orientation] if orientation in AXES else _oblique()
        size_mm = np.abs(AXES.get(orientation, np.eye(3)).T @ BOX_MM)
        shape = np.round(size_mm / spacing_mm).astype(int)
        affine = np.eye(4)
        affine[:3, :3] = axes * spacing_mm
        affine[:3, 3] = -affine[:3, :3] @ ((shape - 1) / 2)
        return Grid(tuple(shape), affine)

    return grid


@pytest.fixture(scope="session")
def a_template(a_brain_on: Callable[..., Volume], a_grid_stored: Callable[..., Grid]) -> Template:
    """The same brain as a template on a 2.5 mm model grid."""
    brain = a_brain_on(a_grid_stored("RAS"))
    voxels = np.where(brain.voxels > FLUID / 2, brain.voxels / brain.voxels.max(), 0)
    return Template(brain.with_voxels(voxels), "phantom")


@pytest.fixture(scope="session")
def a_tissue_finder() -> Callable[[Volume], Tissues]:
    """Finds the tissues of the phantom brain by their brightness."""
    return find_tissues


def _oblique() -> NDArray:
    return rotation_about(np.zeros(3), (11, -8, 14))[:3, :3]


def _depth(points_mm: NDArray, centre_mm: tuple[float, ...], radii_mm: tuple[float, ...]) -> NDArray:
    """About how many mm a point lies inside an ellipsoid."""
    reach = np.linalg.norm((points_mm - np.array(centre_mm)) / np.array(radii_mm), axis=-1)
    return (1 - reach) * min(radii_mm)


def _share(depth_mm: NDArray) -> NDArray:
    return expit(depth_mm * 4 / EDGE_MM)
