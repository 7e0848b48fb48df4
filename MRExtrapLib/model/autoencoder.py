"""The lean KL autoencoder: space-to-depth at the door, all convolutions at 1/2 resolution and below.

No layer looks farther than its kernel (no normalisation over the image), so a slab decodes to what the whole
brain decodes to. The linear half stays in float32 under autocast, for what the network adds to it is small:
of the bundled model's decoded template, bfloat16 then misses float32 by 0.0021 at most.

The shape is chosen by `Testing/quality/networks.py`: after 300 steps on the same data a latent of 4×80×96×80
keeps 33.9 dB inside held-out brains, 16×40×48×40 28.0 dB, 4×40×48×40 26.0 dB and 4×20×24×20 19.0 dB, and
interpolations between two visits run as straight in the first as in the second and third (median R² 0.99).
"""

from __future__ import annotations

import itertools
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from MRExtrapLib.model.blocks import ResidualBlock, depth_to_space, reach, space_to_depth
from MRExtrapLib.model.boxes import Locality

LOG_VARIANCE_RANGE = (-30.0, 20.0)
"""Beyond this the exponential overflows (as in latent diffusion, Rombach 2022)."""

FIRST_LOG_VARIANCE = -9.0
"""Before training: a latent noise far below the signal, so that the decoder sees something to learn from."""

REDUCING_DEVICES = ("cpu", "cuda")
"""Where we compute in less than single precision."""

LIVE_FEATURES, LIVE_IMAGES = 4, 4
"""Feature maps and images that decoding holds at once."""


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
    widths: tuple[int, ...] = (32,)
    blocks: tuple[int, ...] = (1,)
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
        self.transform = LappedTransform(config)
        self.encoder = _encoder(config)
        self.decoder = _decoder(config)

    @property
    def locality(self) -> Locality:
        """How far the layers look, as their kernels say, and what they hold.

        A residual block holds four feature maps of its level at once; beside them lie images of single
        precision. At 160×192×160 in bfloat16 the bundled shape is estimated at 236 MB; 184 MB were measured.
        """
        config = self.config
        blocks_a_latent = config.downsampling // config.patch
        voxels = config.downsampling**3
        features = max(
            width * (blocks_a_latent // 2**level) ** 3 for level, width in enumerate(config.widths)
        )
        return Locality(
            encoder_halo=max(-(-reach(self.encoder) // blocks_a_latent), reach(self.transform.analysis)),
            decoder_halo=max(reach(self.decoder), reach(self.transform.synthesis)),
            live_numbers=LIVE_FEATURES * features,
            live_floats=LIVE_IMAGES * voxels,
        )

    def encode(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the latent, each (B, c, X/d, Y/d, Z/d)."""
        blocks = space_to_depth(image, self.config.patch)
        mean, log_variance = self.encoder(blocks).chunk(2, dim=1)
        return mean + self.transform.analyse(blocks), log_variance.clamp(*LOG_VARIANCE_RANGE)

    def decode(self, latent: Tensor) -> Tensor:
        """The image (B, 1, X, Y, Z) of a latent."""
        blocks = self.decoder(latent) + self.transform.synthesise(latent)
        return depth_to_space(blocks, self.config.patch)

    def forward(self, image: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruction, mean and log-variance; with `noise` ~ N(0, 1) the latent is a sample."""
        mean, log_variance = self.encode(image)
        latent = mean if noise is None else mean + noise * torch.exp(0.5 * log_variance)
        return self.decode(latent), mean, log_variance


class LappedTransform(nn.Module):
    """The linear half: analysis and synthesis with windows of three blocks a side, one latent a block.

    It begins as the lowest cosines of the block under a smooth window (a lapped transform, Malvar 1992),
    which already draws a blurred brain; the networks beside it learn what linear filters leave behind.
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.factor = config.downsampling // config.patch
        voxels = config.downsampling**3
        self.analysis = nn.Conv3d(voxels, config.latent_channels, 3, padding=1)
        self.synthesis = nn.Conv3d(config.latent_channels, voxels, 3, padding=1)
        waves = _lapped_cosines(config.downsampling, config.latent_channels)
        with torch.no_grad():
            kernels = _as_kernels(waves, config)
            self.analysis.weight.copy_(kernels)
            self.synthesis.weight.copy_(kernels.transpose(0, 1).flip(2, 3, 4))
            for layer in (self.analysis, self.synthesis):
                nn.init.zeros_(cast("nn.Parameter", layer.bias))

    def analyse(self, blocks: Tensor) -> Tensor:
        """Latent (B, c, X/d, Y/d, Z/d) of an image in blocks (B, p³, X/p, Y/p, Z/p)."""
        with _single_precision(blocks.device.type):
            return self.analysis(space_to_depth(blocks.float(), self.factor))

    def synthesise(self, latent: Tensor) -> Tensor:
        """The image in blocks (B, p³, X/p, Y/p, Z/p) of a latent."""
        with _single_precision(latent.device.type):
            return depth_to_space(self.synthesis(latent.float()), self.factor)


def _single_precision(device: str) -> AbstractContextManager:
    """Without autocast, on the devices that have it."""
    return torch.autocast(device, enabled=False) if device in REDUCING_DEVICES else nullcontext()


def _lapped_cosines(side: int, count: int) -> Tensor:
    """The `count` slowest cosines of a block under a window over three blocks, (count, 3s, 3s, 3s), norm 1.

    Windows of neighbouring blocks add up to one, so that the first wave keeps a flat image flat.
    """
    at = (torch.arange(3 * side) + 0.5) / side - 1
    window = torch.cos(torch.pi * (at - 0.5) / 2).square() * ((at - 0.5).abs() < 1)
    waves = [window * torch.cos(torch.pi * frequency * at) for frequency in range(side)]
    waves = [wave / side**0.5 for wave in waves]
    slowest = sorted(itertools.product(range(side), repeat=3), key=lambda k: (sum(n * n for n in k), k))
    return torch.stack(
        [torch.einsum("x,y,z->xyz", *(waves[frequency] for frequency in k)) for k in slowest[:count]]
    )


def _as_kernels(waves: Tensor, config: AutoencoderConfig) -> Tensor:
    """Waves (count, 3d, 3d, 3d) as weights of a convolution over blocks, (count, d³, 3, 3, 3)."""
    patches = space_to_depth(waves[:, None], config.patch)
    return space_to_depth(patches, config.downsampling // config.patch)


def _encoder(config: AutoencoderConfig) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv3d(config.patch**3, config.widths[0], 3, padding=1)]
    for level, (width, count) in enumerate(zip(config.widths, config.blocks, strict=True)):
        layers += [ResidualBlock(width) for _ in range(count)]
        if level + 1 < len(config.widths):
            layers.append(nn.Conv3d(width, config.widths[level + 1], 2, stride=2))
    moments = nn.Conv3d(config.widths[-1], 2 * config.latent_channels, 3, padding=1)
    _silence(moments)
    nn.init.constant_(cast("nn.Parameter", moments.bias)[config.latent_channels :], FIRST_LOG_VARIANCE)
    return nn.Sequential(*layers, moments)


def _decoder(config: AutoencoderConfig) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv3d(config.latent_channels, config.widths[-1], 3, padding=1)]
    for level in reversed(range(len(config.widths))):
        width = config.widths[level]
        layers += [ResidualBlock(width) for _ in range(config.blocks[level])]
        if level > 0:
            layers.append(nn.ConvTranspose3d(width, config.widths[level - 1], 2, stride=2))
    image = nn.Conv3d(config.widths[0], config.patch**3, 3, padding=1)
    _silence(image)
    return nn.Sequential(*layers, image)


def _silence(layer: nn.Conv3d) -> None:
    """A layer that says zero until it has learnt something."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(cast("nn.Parameter", layer.bias))
