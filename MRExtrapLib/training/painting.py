"""A T1-like or arbitrary scan painted over a label map (SynthSeg, Billot et al. 2023).

Every label draws a mean and a spread; the picture is then blurred as a scanner's point spread would.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

T1_MEANS = {
    # relative to white matter = 1; CSF dark, cortex between; deep grey between cortex and white
    "csf": (24, 4, 5, 14, 15, 43, 44, 72, 136, 163, 137, 164, 85, 512),
    "cortex": (3, 42, 8, 47, 17, 18, 53, 54, 26, 58, 11, 50, 25, 57),
    "deep": (10, 49, 12, 51, 28, 60, 16),
    "bright deep": (13, 52),
    "white": (2, 41, 7, 46),
}
"""FreeSurfer numbers of tissues that look alike on a T1 scan."""

_T1_LEVEL = {
    "csf": (0.18, 0.06),
    "cortex": (0.66, 0.06),
    "deep": (0.8, 0.06),
    "bright deep": (0.9, 0.05),
    "white": (1.0, 0.03),
}


def label_means(
    numbers: NDArray[np.integer], rng: np.random.Generator, *, is_t1_like: bool
) -> NDArray[np.float32]:
    """A table label → mean intensity (0…1) for every number that occurs."""
    means = np.zeros(1024, dtype=np.float32)
    means[numbers] = rng.uniform(0.05, 1.0, size=len(numbers))
    if is_t1_like:
        brightness = rng.uniform(0.65, 1.05)
        for tissue, alike in T1_MEANS.items():
            mean, spread = _T1_LEVEL[tissue]
            tissue_mean = rng.normal(mean, spread)
            for number in alike:
                means[number] = brightness * (tissue_mean + rng.normal(0, 0.02))
    means[0] = rng.uniform(0, 0.1) if rng.random() < 0.7 else means[0]
    return means


def paint(parts: Sequence[Tensor], means: NDArray[np.float32], rng: np.random.Generator) -> Tensor:
    """(X, Y, Z) float32 intensities with texture and point spread, painted over integer labels.

    Args:
        parts: labels (X, Y, Z) at one or several places within each voxel, which mix as tissues do in a scan.
        means: label → mean intensity.
        rng: draws texture and point spread.
    """
    device = parts[0].device
    generator = generator_of(rng, device)
    spreads = rng.uniform(0.005, 0.06, size=means.shape).astype(np.float32)
    mean_of, first = torch.from_numpy(means).to(device), parts[0].long()
    image = torch.stack([mean_of[part.long()] for part in parts]).mean(dim=0)
    noise = torch.randn(first.shape, generator=generator, device=device)
    image += torch.from_numpy(spreads).to(device)[first] * noise
    return blur(image, float(rng.uniform(0.3, 0.9)))


def generator_of(rng: np.random.Generator, device: torch.device) -> torch.Generator:
    """What draws on a device, begun by the next number of `rng`."""
    return torch.Generator(device).manual_seed(int(rng.integers(2**31)))


def blur(image: Tensor, sigma_voxels: float) -> Tensor:
    """(X, Y, Z) smoothed by a Gaussian, the edges repeated."""
    radius = max(1, round(2.5 * sigma_voxels))
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32, device=image.device)
    kernel = torch.exp(-0.5 * (offsets / sigma_voxels) ** 2)
    kernel /= kernel.sum()
    smooth = image[None, None]
    for axis in (2, 3, 4):
        along = [len(kernel) if other == axis else 1 for other in range(5)]
        padding = [radius if other == axis else 0 for other in (4, 3, 2) for _ in range(2)]
        smooth = F.conv3d(F.pad(smooth, padding, mode="replicate"), kernel.reshape(along))
    return smooth[0, 0]
