"""What of a head ages together, and where it can move to: compartments, outer CSF, skull side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from MRExtrapLib.anatomy.structures import CHANNEL, channels_of
from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.volume import Grid, Volume

VENTRICLES = "ventricles"
"""The one compartment that grows with age."""

COMPARTMENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "hippocampus": ("hippocampus",),
        "amygdala": ("amygdala",),
        "cortex": ("cerebral-cortex",),
        "white_matter": ("cerebral-white-matter",),
        "deep_gray": ("thalamus", "caudate", "putamen", "pallidum", "accumbens-area", "ventral-dc"),
        "cerebellum": ("cerebellum-cortex", "cerebellum-white-matter"),
        VENTRICLES: ("lateral-ventricle", "3rd-ventricle"),
    }
)
"""Structures that change at one rate. Brain stem and fourth ventricle keep their volume."""

WORKING_SPACING_MM = 2.0
"""About the voxel width on which the motion is solved; wide against noise, narrow against a hippocampus."""

SULCUS_MM = 8.0
"""Gaps in the brain's outline up to twice this wide are sulci and fissures: inside the skull."""

STRIPPED_RIM_MM = 4.0
"""Outer CSF assumed around a brain whose labels have none (a stripped scan)."""

LEAST_CSF_SHARE = 0.01
"""Of the labelled brain must be outer CSF to be taken for it: labels drawn by shares show some anywhere."""

SHARE_INSIDE = 0.98
"""Of a working voxel must lie inside the skull for it to move at all."""

Occupancy = NDArray[np.float32]
"""(X, Y, Z) share of each working voxel that a compartment fills, 0 to 1."""


@dataclass(frozen=True, eq=False)
class Compartments:
    """How much of each working voxel every compartment fills.

    Attributes:
        grid: the working grid, about 2 mm, axes as the labels'.
        moving: (X, Y, Z) voxels wholly inside the skull; all others stand still.
        occupancy: of each ageing compartment.
        outer_csf: share that is cerebrospinal fluid outside the brain.
    """

    grid: Grid
    moving: NDArray[np.bool_]
    occupancy: Mapping[str, Occupancy]
    outer_csf: Occupancy


def find_compartments(labels: Volume) -> Compartments:
    """The compartments of a FreeSurfer-numbered label volume (whole head or stripped brain).

    Raises:
        InputError: no brain is labelled, or the grid's axes are not at right angles.
    """
    numbers = np.rint(labels.voxels).astype(np.int16)
    channels = channels_of(numbers, "freesurfer")
    if not channels.any():
        msg = "The labels hold no FreeSurfer brain label (such as 2, 3, 17 or 42); give a segmentation."
        raise InputError(msg)
    factors = _block_factors(labels.grid)
    brain = _block_mean(channels > 0, factors)
    grid = _block_grid(labels.grid, factors, brain.shape)
    occupancy = {}
    for name, structures in COMPARTMENTS.items():
        is_member = np.zeros(len(CHANNEL), bool)
        is_member[[CHANNEL[structure] for structure in structures]] = True
        members = is_member[channels]
        if members.any():
            occupancy[name] = _block_mean(members, factors)
    has_outer_csf = bool((channels == CHANNEL["csf"]).sum() > LEAST_CSF_SHARE * (channels > 0).sum())
    inside = _inside_skull(brain, grid.spacing_mm, 0.0 if has_outer_csf else STRIPPED_RIM_MM)
    tissue = _block_mean((channels > 0) & (channels != CHANNEL["csf"]), factors)
    moving = _largest_piece(inside >= SHARE_INSIDE)
    outer_csf = np.where(moving, np.clip(inside - tissue, 0, 1), 0).astype(np.float32)
    return Compartments(grid, moving, MappingProxyType(occupancy), outer_csf)


def _inside_skull(brain: Occupancy, spacing_mm: tuple[float, float, float], rim_mm: float) -> Occupancy:
    """Share of each voxel inside the skull: the labelled brain, its sulci, and a rim where asked for."""
    pad = [(int(np.ceil((SULCUS_MM + rim_mm) / s)) + 1,) * 2 for s in spacing_mm]
    outline = np.pad(brain >= 0.5, pad)
    grown = ndimage.distance_transform_edt(~outline, sampling=spacing_mm) <= SULCUS_MM
    closed = ndimage.distance_transform_edt(grown, sampling=spacing_mm) > SULCUS_MM - rim_mm
    crop = tuple(slice(before, n - after) for (before, after), n in zip(pad, closed.shape, strict=True))
    filled = ndimage.binary_fill_holes(closed)[crop]
    return np.maximum(brain, filled).astype(np.float32)


def _block_factors(grid: Grid) -> tuple[int, int, int]:
    axes = grid.affine[:3, :3] / np.array(grid.spacing_mm)
    if not np.allclose(axes.T @ axes, np.eye(3), atol=1e-3):
        msg = "The label grid's axes are not at right angles; resample the labels to a plain grid first."
        raise InputError(msg)
    x, y, z = (max(1, round(WORKING_SPACING_MM / spacing)) for spacing in grid.spacing_mm)
    return x, y, z


def _block_mean(members: NDArray[np.bool_], factors: tuple[int, int, int]) -> Occupancy:
    pad = [(0, -n % factor) for n, factor in zip(members.shape, factors, strict=True)]
    padded = np.pad(members, pad)
    (x, y, z), (fx, fy, fz) = padded.shape, factors
    blocks = padded.reshape(x // fx, fx, y // fy, fy, z // fz, fz)
    return blocks.mean(axis=(1, 3, 5), dtype=np.float32)


def _block_grid(fine: Grid, factors: tuple[int, int, int], shape: tuple[int, ...]) -> Grid:
    to_fine = np.diag([*factors, 1.0])
    to_fine[:3, 3] = (np.array(factors) - 1) / 2
    x, y, z = shape
    return Grid((x, y, z), fine.affine @ to_fine)


def _largest_piece(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    pieces, count = ndimage.label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(pieces.ravel())[1:]
    return pieces == 1 + int(sizes.argmax())
