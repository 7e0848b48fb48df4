"""MONAI's 3D AutoencoderKL behind the interface of our own autoencoder.

Published brain autoencoders have this architecture (Pinaya et al. 2022, arXiv 2209.07162).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import cast

from monai.networks.nets import AutoencoderKL
from torch import Tensor, nn

from MRExtrapLib.errors import ModelError
from MRExtrapLib.model.boxes import Locality


@dataclass(frozen=True)
class MonaiAutoencoderConfig:
    """The arguments of MONAI's AutoencoderKL that shape its weights, with MONAI's names and defaults.

    Always three-dimensional, one channel in and out.

    Raises:
        ModelError: arguments that do not go together.
    """

    channels: tuple[int, ...] = (32, 64, 64, 64)
    num_res_blocks: tuple[int, ...] = (2, 2, 2, 2)
    attention_levels: tuple[bool, ...] = (False, False, True, True)
    latent_channels: int = 3
    norm_num_groups: int = 32
    norm_eps: float = 1e-6
    with_encoder_nonlocal_attn: bool = True
    with_decoder_nonlocal_attn: bool = True
    use_convtranspose: bool = False
    include_fc: bool = True
    use_combined_linear: bool = False

    def __post_init__(self) -> None:
        lengths = {len(self.channels), len(self.num_res_blocks), len(self.attention_levels)}
        if len(lengths) != 1 or 0 in lengths:
            msg = (
                f"channels {self.channels}, num_res_blocks {self.num_res_blocks} and attention_levels "
                f"{self.attention_levels} need one value a level each."
            )
            raise ModelError(msg)
        if self.norm_num_groups < 1 or any(width % self.norm_num_groups for width in self.channels):
            msg = f"channels {self.channels} must be multiples of norm_num_groups {self.norm_num_groups}."
            raise ModelError(msg)


class MonaiAutoencoder(nn.Module):
    """MONAI's AutoencoderKL, with the log-variance where MONAI gives the standard deviation.

    Attributes:
        network: MONAI's own module.
        downsampling: voxels of the image along each side of one latent voxel.
        latent_channels: channels of the latent.
        locality: None, as group statistics look at the whole image: no part of it can be decoded alone.
    """

    locality: Locality | None = None

    def __init__(self, config: MonaiAutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        self.network = AutoencoderKL(spatial_dims=3, in_channels=1, out_channels=1, **asdict(config))
        self.downsampling = 2 ** (len(config.channels) - 1)
        self.latent_channels = config.latent_channels

    def encode(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (B, C, X/f, Y/f, Z/f) of the latent of an image (B, 1, X, Y, Z)."""
        mean, deviation = self.network.encode(image)
        return mean, 2 * deviation.log()  # MONAI keeps the deviation above exp(−15)

    def decode(self, latent: Tensor) -> Tensor:
        """The image (B, 1, X, Y, Z) of a latent (B, C, X/f, Y/f, Z/f)."""
        return cast("Tensor", self.network.decode(latent))
