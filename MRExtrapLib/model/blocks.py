"""The few layers that both networks are made of.

Everything here looks at a bounded neighbourhood: no statistics over the whole image. A crop therefore
means the same to the network as the whole head, and a slab decodes to exactly what the whole decodes to.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def space_to_depth(image: Tensor, factor: int) -> Tensor:
    """Blocks of factor³ voxels as channels: (B, C, X, Y, Z) → (B, C·factor³, X/f, Y/f, Z/f)."""
    b, c, x, y, z = image.shape
    f = factor
    blocks = image.reshape(b, c, x // f, f, y // f, f, z // f, f)
    return blocks.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(b, c * f**3, x // f, y // f, z // f)


def depth_to_space(features: Tensor, factor: int) -> Tensor:
    """The inverse of `space_to_depth`: (B, C·factor³, X, Y, Z) → (B, C, X·f, Y·f, Z·f)."""
    b, c, x, y, z = features.shape
    f = factor
    blocks = features.reshape(b, c // f**3, f, f, f, x, y, z)
    return blocks.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(b, c // f**3, x * f, y * f, z * f)


class ChannelNorm(nn.Module):
    """Root-mean-square normalisation over the channels of each voxel by itself (RMSNorm, Zhang 2019)."""

    def __init__(self, channels: int, epsilon: float = 1e-4) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        scale = torch.rsqrt(x.square().mean(dim=1, keepdim=True) + self.epsilon)
        return x * scale * self.gain.to(x.dtype)[:, None, None, None]


class ResidualBlock(nn.Module):
    """x + convolution(SiLU(convolution(x))), which begins as the identity."""

    def __init__(self, channels: int, *, is_normalised: bool) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels) if is_normalised else nn.Identity()
        self.first = nn.Conv3d(channels, channels, 3, padding=1)
        self.second = nn.Conv3d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.silu(self.first(self.norm(x))))


class Upsample(nn.Module):
    """Twice the resolution: a 1×1×1 convolution, then nearest neighbours."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.mix = nn.Conv3d(channels_in, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(self.mix(x), scale_factor=2, mode="nearest")
