"""Brains whose structures have grown or shrunk, each by a share of its own.

A segmenter that was taught on one scan of each person may find every border well and yet see but a part of a
change: it knows how thick a cortex is wont to be beside such white matter. Here every structure changes by
its own random share, a little differently from place to place, so that borders alone tell its size. The
displacement is u = ∇φ with ∇²φ = growth, solved by Fourier transforms on the crop (as the simulator's
motion, `simulation.flow`, without a skull and in a thousandth of the time).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from MRExtrapLib.anatomy.structures import CHANNEL, STRUCTURES
from MRExtrapLib.training.augmentation import smooth_field
from MRExtrapLib.training.sampling import at_voxels

SPREAD = 0.08
"""Standard deviation of the logarithm of a structure's size, where it is not named below."""

SPREADS = {"lateral-ventricle": 0.3, "3rd-ventricle": 0.2, "hippocampus": 0.15, "amygdala": 0.12}
"""Of what changes most in disease."""

LARGEST = 2.0
"""No draw goes beyond so many standard deviations: a motion must not fold."""

UNEVENNESS = 0.4
"""How much a structure's growth differs from place to place, as a share of itself."""


def source_of_grown(channels: Tensor, rng: np.random.Generator) -> Tensor:
    """Voxel positions (X, Y, Z, 3) that each voxel is to be taken from, once structures have changed size.

    Args:
        channels: (X, Y, Z) structure of each voxel before. Fluid around the brain and what is no brain make
            room.
        rng: draws every structure's share.
    """
    shape, device = tuple(channels.shape), channels.device
    spreads = np.array([SPREADS.get(structure.name, SPREAD) for structure in STRUCTURES])
    drawn = spreads * np.clip(rng.standard_normal(len(STRUCTURES)), -LARGEST, LARGEST)
    drawn[: CHANNEL["csf"] + 1] = 0.0
    uneven = 1 + UNEVENNESS * smooth_field(shape, int(rng.integers(3, 6)), rng, device)
    growth = torch.from_numpy(drawn.astype(np.float32)).to(device)[channels] * uneven
    yields = channels <= CHANNEL["csf"]
    growth = growth - yields * (growth.sum() / yields.sum().clamp(min=1))
    axes = [torch.arange(n, dtype=torch.float32, device=device) for n in shape]
    here = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
    return here - _displacement(growth)


def _displacement(growth: Tensor) -> Tensor:
    """The field (X, Y, Z, 3) in voxels whose divergence is growth less its mean; periodic."""
    device = growth.device
    frequencies = [2 * torch.pi * torch.fft.fftfreq(n, device=device) for n in growth.shape[:2]]
    frequencies.append(2 * torch.pi * torch.fft.rfftfreq(growth.shape[2], device=device))
    k = torch.stack(torch.meshgrid(*frequencies, indexing="ij"))
    square = k.square().sum(dim=0)
    smooth = torch.exp(-0.5 * square)  # a Gaussian of one voxel: nothing rings
    wave = torch.fft.rfftn(growth) * smooth / square.clamp(min=1e-6)
    wave[0, 0, 0] = 0
    parts = [torch.fft.irfftn(-1j * one * wave, s=growth.shape) for one in k]
    return torch.stack(parts, dim=-1)


def moved(positions: Tensor, source: Tensor) -> Tensor:
    """Positions (X, Y, Z, 3) of any kind taken from where each voxel comes from, (X, Y, Z, 3) voxels."""
    return at_voxels(positions.permute(3, 0, 1, 2), source).permute(1, 2, 3, 0)
