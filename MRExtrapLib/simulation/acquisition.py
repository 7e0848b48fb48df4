"""A visit to the scanner: the head lies a little differently, coils shade, gain drifts, noise enters.

Position, ageing and the visit's own grid are composed before the one interpolation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.imaging.rigid import rotation_about, translation
from MRExtrapLib.imaging.volume import Affine, Grid, Volume
from MRExtrapLib.simulation.deformation import (
    Deformation,
    sample_intensities,
    sample_labels,
    source_coordinates,
)

BRIGHT_PERCENTILE = 99.0
"""Of the signal: what noise and gain are measured against."""

BIAS_ORDER = 2
"""Highest power of position in the coil shading."""


@dataclass(frozen=True)
class Protocol:
    """How much visits differ: standard deviations, the noise itself, and the voxels.

    Attributes:
        rotation_deg, translation_mm: of the head between visits, per axis.
        gain: relative change of all intensities.
        bias: relative strength of the coil shading.
        noise: Rician noise relative to the bright tissue.
        spacing_mm: of the visit's voxels; None keeps the scan's own.
    """

    rotation_deg: float = 2.0
    translation_mm: float = 2.0
    gain: float = 0.05
    bias: float = 0.05
    noise: float = 0.01
    spacing_mm: tuple[float, float, float] | None = None


@dataclass(frozen=True, eq=False)
class Acquisition:
    """One visit's circumstances.

    Attributes:
        grid: the visit's voxels.
        to_subject: the visit's world mm → the baseline's world mm, rigid.
        gain: factor on all intensities.
        bias: polynomial coefficients of the log shading, in position scaled to −1…1.
        noise: Rician, relative to the bright tissue.
    """

    grid: Grid
    to_subject: Affine
    gain: float
    bias: NDArray[np.float64]
    noise: float


def draw_acquisition(baseline: Grid, protocol: Protocol, rng: np.random.Generator) -> Acquisition:
    """A visit's circumstances, drawn around those of the baseline scan."""
    grid = _grid_with_spacing(baseline, protocol.spacing_mm)
    centre_mm = _centre_mm(baseline)
    turn = rotation_about(centre_mm, tuple(protocol.rotation_deg * rng.standard_normal(3)))
    shift = translation(protocol.translation_mm * rng.standard_normal(3))
    gain = float(np.exp(protocol.gain * rng.standard_normal()))
    bias = protocol.bias * rng.standard_normal((BIAS_ORDER + 1,) * 3)
    bias[0, 0, 0] = 0.0  # a constant shading is gain
    return Acquisition(grid, shift @ turn, gain, bias, protocol.noise)


def acquire(
    volume: Volume, deformation: Deformation, acquisition: Acquisition, rng: np.random.Generator
) -> Volume:
    """The aged brain as this visit's scan.

    Where the baseline is exactly 0 it has been stripped or defaced; there the visit is 0 too.
    """
    coordinates = source_coordinates(deformation, acquisition.grid, volume.affine, acquisition.to_subject)
    signal = sample_intensities(volume.voxels, coordinates)
    has_signal = sample_intensities((volume.voxels != 0).astype(np.float32), coordinates, order=1) > 0.5
    bright = float(np.percentile(volume.voxels[volume.voxels != 0], BRIGHT_PERCENTILE))
    shaded = signal * _shading(acquisition)
    sigma = acquisition.noise * bright
    real = shaded + sigma * rng.standard_normal(shaded.shape, dtype=np.float32)
    imaginary = sigma * rng.standard_normal(shaded.shape, dtype=np.float32)
    noisy = np.hypot(real, imaginary) if sigma > 0 else shaded
    return Volume(np.where(has_signal, acquisition.gain * noisy, 0), acquisition.grid.affine)


def acquire_labels(labels: Volume, deformation: Deformation, acquisition: Acquisition) -> Volume:
    """The aged labels where this visit's scan shows them."""
    coordinates = source_coordinates(deformation, acquisition.grid, labels.affine, acquisition.to_subject)
    numbers = sample_labels(np.rint(labels.voxels), coordinates)
    return Volume(numbers.astype(np.float32), acquisition.grid.affine)


def _shading(acquisition: Acquisition) -> NDArray[np.float32]:
    x, y, z = (np.linspace(-1, 1, n) for n in acquisition.grid.shape)
    return np.exp(np.polynomial.polynomial.polygrid3d(x, y, z, acquisition.bias)).astype(np.float32)


def _centre_mm(grid: Grid) -> NDArray[np.float64]:
    return grid.affine[:3, :3] @ ((np.array(grid.shape) - 1) / 2) + grid.affine[:3, 3]


def _grid_with_spacing(grid: Grid, spacing_mm: tuple[float, float, float] | None) -> Grid:
    """The same field of view in voxels of another width."""
    if spacing_mm is None:
        return grid
    factors = np.array(spacing_mm) / grid.spacing_mm
    x, y, z = np.ceil(np.array(grid.shape) / factors).astype(int)
    to_old = np.diag([*factors, 1.0])
    to_old[:3, 3] = (factors - 1) / 2
    return Grid((x, y, z), grid.affine @ to_old)
