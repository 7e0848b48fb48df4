"""What makes one labelled head into many: position, bias, gain, noise, resolution, stripping."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from MRExtrapLib.training.painting import blur, generator_of


def random_rotation(rng: np.random.Generator, largest_degrees: float) -> NDArray[np.float64]:
    """(3, 3) rotation by Euler angles drawn evenly up to the largest."""
    angles = np.deg2rad(rng.uniform(-largest_degrees, largest_degrees, size=3))
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        turn = np.eye(3)
        a, b = (axis + 1) % 3, (axis + 2) % 3
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix


def smooth_field(
    shape: tuple[int, ...], knots: int, rng: np.random.Generator, device: torch.device | None = None
) -> Tensor:
    """A smooth random field of unit spread at its knots, (X, Y, Z)."""
    coarse = torch.from_numpy(rng.standard_normal((1, 1, knots, knots, knots)).astype(np.float32)).to(device)
    return F.interpolate(coarse, size=shape, mode="trilinear", align_corners=True)[0, 0]


def crop_coordinates(
    centre_mm: NDArray,
    size: int,
    rng: np.random.Generator,
    *,
    is_still: bool,
    bend_mm: float = 2.0,
    device: torch.device | None = None,
) -> Tensor:
    """(size, size, size, 3) positions in mm of a 1 mm crop: turned, scaled, mirrored and gently bent.

    `is_still` keeps the voxel lattice (only mirrored), for labels coarser than the crop.
    """
    axis = torch.arange(size, dtype=torch.float32, device=device) - (size - 1) / 2
    lattice = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1)
    centre = torch.from_numpy(centre_mm).float().to(device)
    mirror = np.array([-1.0 if rng.random() < 0.5 else 1.0, 1, 1])
    if is_still:
        return lattice * torch.from_numpy(mirror).float().to(device) + centre
    matrix = random_rotation(rng, 15) @ np.diag(
        mirror * rng.uniform(0.87, 1.15) * rng.uniform(0.95, 1.05, size=3)
    )
    moved = lattice @ torch.from_numpy(matrix.T).float().to(device) + centre
    waves = [smooth_field((size,) * 3, int(rng.integers(3, 7)), rng, device) for _ in range(3)]
    return moved + torch.stack(waves, dim=-1) * float(rng.uniform(0, bend_mm))


def degrade(image: Tensor, rng: np.random.Generator) -> Tensor:
    """Bias field, gamma, coarser resolution and Rician noise, as scanners add them; (X, Y, Z)."""
    shape, device = tuple(image.shape), image.device
    if rng.random() < 0.7:
        image = image * torch.exp(
            float(rng.uniform(0, 0.15)) * smooth_field(shape, int(rng.integers(2, 5)), rng, device)
        )
    if rng.random() < 0.4:
        image = image.clamp(min=0) ** float(np.exp(rng.normal(0, 0.12)))
    if rng.random() < 0.3:
        image = blur(image, float(rng.uniform(0.4, 1.2)))
    generator = generator_of(rng, device)
    sigma = float(rng.uniform(0, 0.04))
    real = image + sigma * torch.randn(shape, generator=generator, device=device)
    imaginary = sigma * torch.randn(shape, generator=generator, device=device)
    return torch.where(image > 0, torch.hypot(real, imaginary), image)
