"""The few layers that both networks are made of."""

from __future__ import annotations

import math

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


class NormalisedConvolution(nn.Module):
    """Convolution 3×3×3, group normalisation (Wu 2018), SiLU.

    Once settled (`training.settling`) there is no normalisation: it lies in the convolution's weights.
    """

    def __init__(
        self, channels_in: int, channels_out: int, groups: int = 8, *, is_settled: bool = False
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(channels_in, channels_out, 3, padding=1)
        self.norm = (
            nn.Identity() if is_settled else nn.GroupNorm(math.gcd(groups, channels_out), channels_out)
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(self.norm(self.convolution(x)))


class ResidualBlock(nn.Module):
    """x + convolution(SiLU(convolution(x))), which begins as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv3d(channels, channels, 3, padding=1)
        self.second = nn.Conv3d(channels, channels, 3, padding=1)
        for parameter in self.second.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.silu(self.first(x)))


class Upsample(nn.Module):
    """Twice the resolution: a 1×1×1 convolution, then nearest neighbours."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.mix = nn.Conv3d(channels_in, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(self.mix(x), scale_factor=2, mode="nearest")


def reach(layer: nn.Module, beyond: int = 0) -> int:
    """How many elements of a layer's input lie beyond those under an output that it depends on, each side.

    Args:
        layer: a convolution of any stride, a transposed one that doubles as often as its stride, a residual
            block, or a sequence of these.
        beyond: elements of the output that are needed beyond its own.

    Raises:
        TypeError: a layer whose reach is not known (a normalisation looks at the whole image).

    >>> reach(nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), ResidualBlock(4)))
    3
    """
    match layer:
        case nn.Sequential():
            for one in reversed(layer):
                beyond = reach(one, beyond)
            return beyond
        case ResidualBlock():
            return reach(layer.first, reach(layer.second, beyond))
        case nn.Conv3d():
            stride, padding = layer.stride[0], int(layer.padding[0])
            return beyond * stride + max(padding, layer.kernel_size[0] - stride - padding)
        case nn.ConvTranspose3d() if layer.stride == layer.kernel_size:
            return -(-beyond // layer.stride[0])
    msg = (
        f"How far {type(layer).__name__} looks is not known, so no part of an image can go through it alone."
    )
    raise TypeError(msg)
