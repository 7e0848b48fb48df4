"""Scans in and out of the latent space, on one device, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.volume import Voxels
from MRExtrapLib.model.architectures import LatentNetwork
from MRExtrapLib.model.device import Device, on_device

Latent = NDArray[np.float32]
"""(C, D, H, W) mean of the encoder."""


@dataclass(frozen=True, eq=False)
class Codec:
    """An autoencoder on one device; arrays in, arrays out.

    Attributes:
        autoencoder: has `encode`, `decode`, `downsampling` and `latent_channels`.
        shape: (X, Y, Z) of the grid that the model was trained on.
        device: where and in which precision.
    """

    autoencoder: LatentNetwork
    shape: tuple[int, int, int]
    device: Device

    def __post_init__(self) -> None:
        on_device(self.autoencoder, self.device.torch).eval()

    @torch.inference_mode()
    def encode(self, voxels: Voxels) -> Latent:
        """The latent of a scan on the model's grid.

        Raises:
            InputError: the scan has another shape.
        """
        if voxels.shape != self.shape:
            msg = f"A scan of shape {voxels.shape} is not on the model's grid {self.shape}; conform it first."
            raise InputError(msg)
        image = torch.from_numpy(np.ascontiguousarray(voxels))[None, None].to(self.device.torch)
        image = F.pad(image, self._padding())
        with self._precision():
            mean, _ = self.autoencoder.encode(image.contiguous(memory_format=torch.channels_last_3d))
        return mean[0].float().cpu().numpy()

    @torch.inference_mode()
    def decode(self, latent: Latent) -> Voxels:
        """The scan (X, Y, Z) of a latent, intensities in 0…1."""
        x, y, z = self.shape
        code = torch.from_numpy(np.ascontiguousarray(latent, dtype=np.float32))[None].to(self.device.torch)
        with self._precision():
            image = self.autoencoder.decode(code.contiguous(memory_format=torch.channels_last_3d))
        return image[0, 0, :x, :y, :z].float().clamp_(0, 1).cpu().numpy()

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.torch.type, self.device.precision, self.device.is_reduced)

    def _padding(self) -> tuple[int, ...]:
        x, y, z = ((-n) % self.autoencoder.downsampling for n in self.shape)
        return 0, z, 0, y, 0, x
