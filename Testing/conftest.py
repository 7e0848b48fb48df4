"""Fixtures that every room shares."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from MRExtrapLib.imaging.volume import Grid, Volume

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real scans and label maps, where a checkout has them beside it."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the development scans in ../shared/data")
    return folder


HEAD_SPACING_MM = 3.0
HEAD_SIZE_MM = np.array([186.0, 234.0, 210.0])
EDGE_MM = 3.0
"""Width over which one tissue turns into the next: wider than a voxel, so no grid misses an edge."""

ORIENTATIONS = {
    "RAS": np.diag([1.0, 1.0, 1.0]),
    "LAS": np.diag([-1.0, 1.0, 1.0]),
    "LPS": np.diag([-1.0, -1.0, 1.0]),
    "oblique": Rotation.from_euler("xyz", (12, -9, 17), degrees=True).as_matrix(),
}
"""Which way the voxel axes of a stored head run, as columns."""


def ellipsoid(world_mm: NDArray, centre_mm: tuple[float, ...], radii_mm: tuple[float, ...]) -> NDArray:
    """1 inside, 0 outside, with a smooth edge; (…, 3) -> (…)."""
    reach = np.linalg.norm((world_mm - np.array(centre_mm)) / np.array(radii_mm), axis=-1)
    return 1 / (1 + np.exp((reach - 1) * min(radii_mm) * 4 / EDGE_MM))


def head_intensity(world_mm: NDArray) -> NDArray:
    """A head's T1 intensity anywhere: scalp, skull, gray and white matter, a larger left ventricle.

    Being a function of place, it is the same head on whatever grid it is sampled.
    """
    layers = [  # intensity, centre, radii: each paints over what lies under it
        (180.0, (0, 0, 0), (78, 98, 88)),
        (20.0, (0, 0, 0), (73, 93, 83)),
        (100.0, (0, -2, 4), (68, 86, 72)),
        (150.0, (1, -4, 5), (56, 74, 58)),
        (35.0, (11, -6, 12), (8, 28, 12)),
        (35.0, (-13, -6, 12), (10, 32, 14)),  # the left ventricle is the larger one
        (70.0, (-40, 38, 20), (9, 12, 10)),  # and a spot marks left, front and up
    ]
    intensity = np.zeros(world_mm.shape[:-1])
    for value, centre_mm, radii_mm in layers:
        inside = ellipsoid(world_mm, centre_mm, radii_mm)
        intensity = intensity * (1 - inside) + value * inside
    return intensity


@pytest.fixture(scope="session")
def head_on() -> Callable[[Grid], Volume]:
    """The phantom's head, sampled on any grid."""

    def sampled(grid: Grid) -> Volume:
        index = np.moveaxis(np.indices(grid.shape), 0, -1)
        world_mm = index @ grid.affine[:3, :3].T + grid.affine[:3, 3]
        return Volume(head_intensity(world_mm).astype(np.float32), grid.affine)

    return sampled


@pytest.fixture(scope="session")
def a_head_in(head_on: Callable[[Grid], Volume]) -> Callable[[str], Volume]:
    """The same head stored as RAS, LAS, LPS or oblique; `a_head_in("LAS")`."""

    @functools.cache
    def stored(orientation: str) -> Volume:
        axes = ORIENTATIONS[orientation] * HEAD_SPACING_MM
        shape = tuple(int(n) for n in HEAD_SIZE_MM / HEAD_SPACING_MM)
        affine = np.eye(4)
        affine[:3, :3] = axes
        affine[:3, 3] = -axes @ ((np.array(shape) - 1) / 2)
        return head_on(Grid(shape, affine))

    return stored


@pytest.fixture(scope="session")
def a_head(a_head_in: Callable[[str], Volume]) -> Volume:
    """A small smooth head, RAS, 3 mm, larger on its left."""
    return a_head_in("RAS")


@pytest.fixture(scope="session")
def an_oblique_head(a_head_in: Callable[[str], Volume]) -> Volume:
    """The same head on a grid that is turned about all three axes."""
    return a_head_in("oblique")
