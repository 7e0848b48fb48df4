"""The segmentation network: a small U-Net that works at half resolution and answers at full."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from MRExtrapLib.model.blocks import NormalisedConvolution, Upsample, depth_to_space, space_to_depth

PATCH = 2
"""Voxels of one side of the block that becomes channels: the network's finest work is at 2 mm."""

LOGIT_SCALE = 8.0
"""Logits are this many times what the last layer says: confidence would else take longer than anatomy."""

WINDOW = 128
"""Side in voxels of the crops that the network is trained on."""


@dataclass(frozen=True)
class SegmenterConfig:
    """How wide each level is (finest first) and how many structures come out (background included).

    Attributes:
        is_settled: whether normalisation no longer looks at the image. While it does, tissue lost in one half
            of a brain shifts the borders seen in the other (`Testing/quality/seen_change.py`).
    """

    structures: int = 18
    widths: tuple[int, ...] = (32, 64, 96, 128)
    is_settled: bool = False

    @property
    def divisor(self) -> int:
        """Every axis of an input must be a multiple of this."""
        return PATCH * 2 ** (len(self.widths) - 1)


class SegmenterNetwork(nn.Module):
    """U-Net on space-to-depth blocks; sides (left, right) are not its business, geometry decides them."""

    def __init__(self, config: SegmenterConfig) -> None:
        super().__init__()
        self.config = config
        widths, settled = config.widths, config.is_settled
        self.stem = NormalisedConvolution(PATCH**3, widths[0], is_settled=settled)
        self.descent = nn.ModuleList(
            _level(width, 1 if level == 0 else 2, settled) for level, width in enumerate(widths)
        )
        self.down = nn.ModuleList(
            nn.Conv3d(a, b, 2, stride=2) for a, b in zip(widths, widths[1:], strict=False)
        )
        self.up = nn.ModuleList(Upsample(b, a) for a, b in zip(widths, widths[1:], strict=False))
        self.ascent = nn.ModuleList(_level(width, 2, settled) for width in widths[:-1])
        self.head = nn.Conv3d(widths[0], config.structures * PATCH**3, 1)
        self.apply(_initialise)
        nn.init.normal_(self.head.weight, std=0.02)

    def features(self, image: Tensor) -> list[Tensor]:
        """(B, 1, X, Y, Z) → what each level saw on the way down, finest first (for perceptual losses)."""
        x = self.stem(space_to_depth(image, PATCH))
        levels = []
        for level, block in enumerate(self.descent):
            x = block(x)
            levels.append(x)
            if level < len(self.down):
                x = self.down[level](x)
        return levels

    def forward(self, image: Tensor) -> Tensor:
        """(B, 1, X, Y, Z) → logits (B, structures·8, X/2, Y/2, Z/2): each block of 2³ voxels as channels.

        Every axis of the image is a multiple of `config.divisor`.
        """
        *skips, x = self.features(image)
        for level in reversed(range(len(skips))):
            x = self.ascent[level](self.up[level](x) + skips[level])
        return LOGIT_SCALE * self.head(x)

    def voxel_logits(self, image: Tensor) -> Tensor:
        """(B, 1, X, Y, Z) → logits (B, structures, X, Y, Z)."""
        return depth_to_space(self(image), PATCH)


def to_draw_from(logits: Tensor, generator: torch.Generator) -> Tensor:
    """Logits of any shape whose largest is a draw from the softmax of those given (Gumbel 1954)."""
    return logits - torch.log(torch.empty_like(logits).exponential_(generator=generator))


def _level(width: int, convolutions: int, is_settled: bool) -> nn.Sequential:
    return nn.Sequential(
        *(NormalisedConvolution(width, width, is_settled=is_settled) for _ in range(convolutions))
    )


def _initialise(layer: nn.Module) -> None:
    """Weights that keep the size of what passes through (He 2015)."""
    if isinstance(layer, nn.Conv3d) and layer.bias is not None:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
