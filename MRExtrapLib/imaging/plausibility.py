"""What no scan of a head can be, told before memory is spent on it and before anyone computes with it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.volume import Volume

LARGEST_VOXELS = 2**29
"""More than any scan of a head: a 0.25 mm whole brain has 4.96e8 voxels (Lüsebrink 2017)."""

DEFLATE_RATIO = 1032
"""The most that gzip can shrink (zlib's technical details); a header that asks for more is wrong."""

FINEST_MM, COARSEST_MM = 0.05, 20.0
"""Voxel edges outside this are a header in metres or micrometres, not a head."""


def spatial_shape(name: str, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The three spatial axes of a stored shape; trailing axes of length one are dropped.

    Raises:
        InputError: several frames (4D), or a flat picture (2D).

    >>> spatial_shape("scan", (160, 192, 160, 1))
    (160, 192, 160)
    """
    told = " × ".join(str(n) for n in shape)
    if len(shape) > 3 and math.prod(shape[3:]) != 1:
        msg = f"{name} holds more than one frame ({told}); extract one 3D volume from it and give that."
        raise InputError(msg)
    if len(shape) < 3 or min(shape[:3]) == 1:
        msg = f"{name} is a flat picture ({told}), not a 3D scan; give the whole volume."
        raise InputError(msg)
    return int(shape[0]), int(shape[1]), int(shape[2])


def check_size(name: str, shape: tuple[int, ...], bytes_per_voxel: float, available_bytes: float) -> None:
    """Refuse dimensions that no scan has, or that the file cannot hold; allocates nothing.

    Args:
        name: of the scan, for the message.
        shape: every stored axis.
        bytes_per_voxel: as stored, uncompressed.
        available_bytes: the most that the file can unpack to (inf: not known).

    Raises:
        InputError: an axis below one, too many voxels, or more bytes than the file can hold.
    """
    told = " × ".join(str(n) for n in shape)
    if not shape or min(shape) < 1:
        msg = f"The header of {name} gives dimensions of {told or 'nothing'}; it is damaged, export it again."
        raise InputError(msg)
    n_voxels = math.prod(int(n) for n in shape)
    if n_voxels > LARGEST_VOXELS:
        msg = f"The header of {name} claims {told} voxels, more than any head scan has; it is damaged."
        raise InputError(msg)
    if n_voxels * bytes_per_voxel > available_bytes:
        msg = (
            f"{name} is cut short: its header claims {told} voxels, more than the file holds; copy it again."
        )
        raise InputError(msg)


def checked_volume(name: str, voxels: NDArray, affine: NDArray) -> Volume:
    """A volume whose voxels are numbers that differ, on a grid of head-like spacing.

    Args:
        name: of the scan, for the message.
        voxels: (X, Y, Z), any real type.
        affine: (4, 4), index → RAS+ mm.

    Raises:
        InputError: NaN or infinite voxels (how many), all voxels equal, or a degenerate affine.
    """
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes inf, and is counted below
        voxels = np.ascontiguousarray(voxels, dtype=np.float32)
    n_bad = voxels.size - int(np.count_nonzero(np.isfinite(voxels)))
    if n_bad:
        msg = f"{name} holds {n_bad} voxels that are not finite numbers (NaN or infinite); replace them."
        raise InputError(msg)
    lowest, highest = float(voxels.min()), float(voxels.max())
    if lowest == highest:
        msg = f"All voxels of {name} are {lowest:g}; there is no image in it, export the scan again."
        raise InputError(msg)
    try:
        volume = Volume(voxels, affine)
    except InputError as error:
        msg = f"{name} cannot be placed in space: {error}"
        raise InputError(msg) from error
    spacing = volume.spacing_mm
    if min(spacing) < FINEST_MM or max(spacing) > COARSEST_MM:
        told = " × ".join(f"{mm:.3g}" for mm in spacing)
        msg = f"The voxels of {name} measure {told} mm, which no head scan's do; mend its header's spacing."
        raise InputError(msg)
    return volume
