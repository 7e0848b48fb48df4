"""The lean KL autoencoder: space-to-depth at the door, all convolutions at 1/2 resolution and below.

No layer looks farther than its kernel (no normalisation over the image), so bfloat16 stays close to
float32 and a slab decodes to what the whole brain decodes to. The shape is a choice of speed and of a large
latent; how it compares in reconstruction and linearity with patch 4 or downsampling 8 is not measured yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from MRExtrapLib.model.blocks import ResidualBlock, Upsample, depth_to_space, space_to_depth

LOG_VARIANCE_RANGE = (-30.0, 20.0)
"""Beyond this the exponential overflows (as in latent diffusion, Rombach 2022)."""

FIRST_LOG_VARIANCE = -6.0
"""Before training: a latent noise far below the signal, so that the decoder sees something to learn from."""


@dataclass(frozen=True)
class AutoencoderConfig:
    """The shape of the network.

    Attributes:
        patch: side of the voxel block that becomes channels.
        widths: channels of each level, finest first; each level halves the resolution again.
        blocks: residual blocks of each level.
        latent_channels: channels of the latent z ∈ R^(c×d×h×w) (4 in the paper).
    """

    patch: int = 2
    widths: tuple[int, ...] = (32, 64)
    blocks: tuple[int, ...] = (1, 2)
    latent_channels: int = 4

    @property
    def downsampling(self) -> int:
        """Voxels per latent element along each axis."""
        return self.patch * 2 ** (len(self.widths) - 1)


class Autoencoder(nn.Module):
    """Image (B, 1, X, Y, Z) ↔ Gaussian latent (B, c, X/d, Y/d, Z/d); the mean is the latent."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        self.downsampling = config.downsampling
        self.latent_channels = config.latent_channels
        self.encoder = _encoder(config)
        self.decoder = _decoder(config)

    def encode(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the latent, each (B, c, X/d, Y/d, Z/d)."""
        moments = self.encoder(space_to_depth(image, self.config.patch))
        mean, log_variance = moments.chunk(2, dim=1)
        return mean, log_variance.clamp(*LOG_VARIANCE_RANGE)

    def decode(self, latent: Tensor) -> Tensor:
        """The image (B, 1, X, Y, Z) of a latent."""
        return depth_to_space(self.decoder(latent), self.config.patch)

    def forward(self, image: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruction, mean and log-variance; with `noise` ~ N(0, 1) the latent is a sample."""
        mean, log_variance = self.encode(image)
        latent = mean if noise is None else mean + noise * torch.exp(0.5 * log_variance)
        return self.decode(latent), mean, log_variance


def _encoder(config: AutoencoderConfig) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv3d(config.patch**3, config.widths[0], 3, padding=1)]
    for level, (width, count) in enumerate(zip(config.widths, config.blocks, strict=True)):
        layers += [ResidualBlock(width) for _ in range(count)]
        if level + 1 < len(config.widths):
            layers.append(nn.Conv3d(width, config.widths[level + 1], 2, stride=2))
    moments = nn.Conv3d(config.widths[-1], 2 * config.latent_channels, 3, padding=1)
    nn.init.constant_(cast("nn.Parameter", moments.bias)[config.latent_channels :], FIRST_LOG_VARIANCE)
    return nn.Sequential(*layers, moments)


def _decoder(config: AutoencoderConfig) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv3d(config.latent_channels, config.widths[-1], 3, padding=1)]
    for level in reversed(range(len(config.widths))):
        width = config.widths[level]
        layers += [ResidualBlock(width) for _ in range(config.blocks[level])]
        if level > 0:
            layers.append(Upsample(width, config.widths[level - 1]))
    return nn.Sequential(*layers, nn.Conv3d(config.widths[0], config.patch**3, 3, padding=1))
