"""What makes one labelled head into many: position, bias, gain, noise, resolution, stripping."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from MRExtrapLib.training.painting import blur


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


def smooth_field(shape: tuple[int, ...], knots: int, rng: np.random.Generator) -> Tensor:
    """A smooth random field of unit spread at its knots, (X, Y, Z)."""
    coarse = torch.from_numpy(rng.standard_normal((1, 1, knots, knots, knots)).astype(np.float32))
    return F.interpolate(coarse, size=shape, mode="trilinear", align_corners=True)[0, 0]


def crop_coordinates(
    centre_mm: NDArray, size: int, rng: np.random.Generator, *, is_still: bool, bend_mm: float = 2.0
) -> Tensor:
    """(size, size, size, 3) positions in mm of a 1 mm crop: turned, scaled, mirrored and gently bent.

    `is_still` keeps the voxel lattice (only mirrored), for labels coarser than the crop.
    """
    axis = torch.arange(size, dtype=torch.float32) - (size - 1) / 2
    lattice = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1)
    mirror = np.array([-1.0 if rng.random() < 0.5 else 1.0, 1, 1])
    if is_still:
        return lattice * torch.from_numpy(mirror).float() + torch.from_numpy(centre_mm).float()
    matrix = random_rotation(rng, 15) @ np.diag(
        mirror * rng.uniform(0.87, 1.15) * rng.uniform(0.95, 1.05, size=3)
    )
    moved = lattice @ torch.from_numpy(matrix.T).float() + torch.from_numpy(centre_mm).float()
    bend = torch.stack([smooth_field((size,) * 3, int(rng.integers(3, 7)), rng) for _ in range(3)], dim=-1)
    return moved + bend * float(rng.uniform(0, bend_mm))


def sample(
    volume: NDArray, coordinates_mm: Tensor, spacing_mm: tuple[float, ...], *, is_labels: bool
) -> Tensor:
    """Values of a volume (voxel 0 at 0 mm) at positions (…, 3) in mm; nothing (0) outside."""
    index = coordinates_mm / torch.tensor(spacing_mm, dtype=torch.float32)
    low = np.maximum(np.floor(index.amin(dim=(0, 1, 2)).numpy()).astype(int) - 1, 0)
    high = np.minimum(np.ceil(index.amax(dim=(0, 1, 2)).numpy()).astype(int) + 2, volume.shape)
    if (high - low < 2).any():
        return torch.zeros(coordinates_mm.shape[:-1])
    part = torch.from_numpy(
        volume[tuple(slice(a, b) for a, b in zip(low, high, strict=True))].astype(np.float32)
    )
    unit = (index - torch.from_numpy(low).float()) / torch.tensor([n - 1 for n in part.shape]) * 2 - 1
    values = F.grid_sample(
        part[None, None], unit.flip(-1)[None], mode="nearest" if is_labels else "bilinear", align_corners=True
    )
    return values[0, 0]


def degrade(image: Tensor, rng: np.random.Generator) -> Tensor:
    """Bias field, gamma, coarser resolution and Rician noise, as scanners add them; (X, Y, Z)."""
    shape = tuple(image.shape)
    if rng.random() < 0.7:
        image = image * torch.exp(
            float(rng.uniform(0, 0.15)) * smooth_field(shape, int(rng.integers(2, 5)), rng)
        )
    if rng.random() < 0.4:
        image = image.clamp(min=0) ** float(np.exp(rng.normal(0, 0.12)))
    if rng.random() < 0.3:
        image = blur(image, float(rng.uniform(0.4, 1.2)))
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    sigma = float(rng.uniform(0, 0.04))
    real = image + sigma * torch.randn(shape, generator=generator)
    imaginary = sigma * torch.randn(shape, generator=generator)
    return torch.where(image > 0, torch.hypot(real, imaginary), image)
