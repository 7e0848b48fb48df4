"""Rigid motions as 4×4 matrices, and their mean.

A motion moves a world (RAS+ mm) onto another. The mean is taken in the Lie algebra, where a motion and
its inverse average to rest, whatever the order they come in.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import expm, logm
from scipy.spatial.transform import Rotation

from MRExtrapLib.imaging.volume import Affine

HEAD_RADIUS_MM = 80.0
"""A brain is about a ball of this radius: how far a rotation moves its surface."""


def rotation_about(centre_mm: np.ndarray, degrees_xyz: Sequence[float]) -> Affine:
    """The motion that turns about a point: pitch (x), roll (y), yaw (z), in degrees.

    >>> rotation_about(np.zeros(3), (0, 0, 90)).round(6)[:3, 0].tolist()
    [0.0, 1.0, 0.0]
    """
    motion = np.eye(4)
    motion[:3, :3] = Rotation.from_euler("xyz", degrees_xyz, degrees=True).as_matrix()
    motion[:3, 3] = centre_mm - motion[:3, :3] @ centre_mm
    return motion


def translation(offset_mm: np.ndarray) -> Affine:
    """The motion that shifts by an offset (3,)."""
    motion = np.eye(4)
    motion[:3, 3] = offset_mm
    return motion


def inverse(motion: Affine) -> Affine:
    """The way back."""
    return np.linalg.inv(motion).astype(np.float64)


def part_of(motion: Affine, share: float) -> Affine:
    """A share of a motion along its own screw: 0.5 goes half the way, -1 goes back."""
    return np.asarray(expm(share * _logarithm(motion)), dtype=np.float64)


def mean_motion(motions: Sequence[Affine]) -> Affine:
    """The mean in the Lie algebra; the order of the motions does not matter."""
    generator = np.mean([_logarithm(motion) for motion in motions], axis=0)
    return np.asarray(expm(generator), dtype=np.float64)


def displacement_mm(motion: Affine, radius_mm: float = HEAD_RADIUS_MM) -> float:
    """How far a motion moves a ball about the world's origin, root mean square (Jenkinson 1999).

    >>> displacement_mm(translation(np.array([3.0, 4.0, 0.0])))
    5.0
    """
    change = motion[:3, :3] - np.eye(3)
    return float(np.sqrt(radius_mm**2 / 5 * np.trace(change.T @ change) + np.sum(motion[:3, 3] ** 2)))


def _logarithm(motion: Affine) -> Affine:
    """The 4×4 generator; real, as no brain is turned by half a circle."""
    return np.asarray(np.real(logm(motion)), dtype=np.float64)
