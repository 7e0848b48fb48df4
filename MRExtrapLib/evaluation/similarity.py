"""How alike two images of one brain are. (PSNR lies beside the reconstruction that reports it.)"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from MRExtrapLib.errors import InputError

SIGMA_VOXELS = 1.5
"""Of the window, cut to 11 voxels a side, as Wang 2004 has it."""

TRUNCATE = 3.5
"""Half the window in sigmas: round(1.5 · 3.5) = 5 voxels on either side."""

K1, K2 = 0.01, 0.03
"""The constants that keep the quotient finite (Wang 2004)."""


def ssim(truth: NDArray, estimate: NDArray, mask: NDArray[np.bool_], *, value_range: float = 1.0) -> float:
    """Structural similarity (Wang 2004), averaged over the voxels of a mask; 1 for equal images.

    Windows look a few voxels past the mask's edge.

    Args:
        truth, estimate: (X, Y, Z) intensities.
        mask: (X, Y, Z), the brain.
        value_range: of the intensities: 1 on the model's scale.

    Raises:
        InputError: the shapes differ, or the mask is empty.

    >>> ramp = np.linspace(0, 1, 512).reshape(8, 8, 8)
    >>> ssim(ramp, ramp, ramp > 0).__round__(6)
    1.0
    """
    if not truth.shape == estimate.shape == mask.shape:
        msg = f"Images {truth.shape}, {estimate.shape} and mask {mask.shape} lie on different grids."
        raise InputError(msg)
    if not mask.any():
        msg = "The mask is empty; similarity needs a brain to look at."
        raise InputError(msg)
    return float(_ssim_map(truth.astype(np.float64), estimate.astype(np.float64), value_range)[mask].mean())


def _ssim_map(x: NDArray[np.float64], y: NDArray[np.float64], value_range: float) -> NDArray[np.float64]:
    mu_x, mu_y = _windowed(x), _windowed(y)
    variance_x, variance_y = _windowed(x * x) - mu_x**2, _windowed(y * y) - mu_y**2
    covariance = _windowed(x * y) - mu_x * mu_y
    c1, c2 = (K1 * value_range) ** 2, (K2 * value_range) ** 2
    luminance = (2 * mu_x * mu_y + c1) / (mu_x**2 + mu_y**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return luminance * structure


def _windowed(image: NDArray[np.float64]) -> NDArray[np.float64]:
    return gaussian_filter(image, SIGMA_VOXELS, truncate=TRUNCATE)
