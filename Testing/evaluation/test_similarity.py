"""Laws of structural similarity, and MONAI's as the reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.metrics.regression import compute_ssim_and_cs
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from MRExtrapLib.errors import InputError
from MRExtrapLib.evaluation.similarity import SIGMA_VOXELS, ssim

WINDOW = 11
HALF_WINDOW = WINDOW // 2
SAME_FORMULA = 1e-4
"""MONAI computes in float32."""


@pytest.fixture
def an_image() -> NDArray[np.float64]:
    smooth = gaussian_filter(np.random.default_rng(5).normal(size=(20, 22, 24)), 2.0)
    return (smooth - smooth.min()) / np.ptp(smooth)


@pytest.fixture
def a_mask(an_image: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.ones(an_image.shape, dtype=bool)


def noisy(image: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    return image + sigma * np.random.default_rng(6).normal(size=image.shape)


def test_an_image_is_wholly_like_itself(an_image, a_mask) -> None:
    assert ssim(an_image, an_image, a_mask) == pytest.approx(1.0)


def test_similarity_is_symmetric(an_image, a_mask) -> None:
    other = noisy(an_image, 0.1)
    assert ssim(an_image, other, a_mask) == pytest.approx(ssim(other, an_image, a_mask))


def test_more_noise_is_less_alike(an_image, a_mask) -> None:
    values = [ssim(an_image, noisy(an_image, sigma), a_mask) for sigma in (0.0, 0.02, 0.05, 0.2)]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == len(values)


def test_scale_does_not_matter_when_the_range_goes_with_it(an_image, a_mask) -> None:
    other = noisy(an_image, 0.05)
    scaled = ssim(255 * an_image, 255 * other, a_mask, value_range=255)
    assert scaled == pytest.approx(ssim(an_image, other, a_mask))


def test_what_lies_far_outside_the_mask_does_not_count(an_image) -> None:
    mask = np.zeros(an_image.shape, dtype=bool)
    mask[:5] = True
    spoiled = an_image.copy()
    spoiled[5 + HALF_WINDOW + 1 :] = 0
    assert ssim(an_image, spoiled, mask) == pytest.approx(1.0)


def test_it_is_what_monai_computes(an_image) -> None:
    other = noisy(an_image, 0.05)
    theirs, _ = compute_ssim_and_cs(
        torch.from_numpy(other).float()[None, None],
        torch.from_numpy(an_image).float()[None, None],
        spatial_dims=3,
        kernel_size=[WINDOW] * 3,
        kernel_sigma=[SIGMA_VOXELS] * 3,
        data_range=1.0,
    )
    interior = np.zeros(an_image.shape, dtype=bool)
    interior[(slice(HALF_WINDOW, -HALF_WINDOW),) * 3] = True
    assert ssim(an_image, other, interior) == pytest.approx(float(theirs.mean()), abs=SAME_FORMULA)


def test_an_empty_mask_is_refused(an_image, a_mask) -> None:
    with pytest.raises(InputError, match="empty"):
        ssim(an_image, an_image, ~a_mask)
