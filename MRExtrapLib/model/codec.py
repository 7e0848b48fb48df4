"""Scans in and out of the latent space, on one device, as arrays; in pieces where memory is short."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from MRExtrapLib.errors import InputError, is_out_of_memory
from MRExtrapLib.imaging.volume import Voxels
from MRExtrapLib.model.architectures import LatentNetwork
from MRExtrapLib.model.boxes import Box, Shape, pieces_of, slab
from MRExtrapLib.model.device import Device, on_device
from MRExtrapLib.model.memory import Footing, Tell, free_bytes, log

Latent = NDArray[np.float32]
"""(C, D, H, W) mean of the encoder."""


@dataclass(frozen=True, eq=False)
class Codec:
    """An autoencoder on one device; arrays in, arrays out.

    A network whose layers look no farther than their kernels also works on boxes of the grid, each with the
    halo that its layers ask for: a slab costs a part of the whole, and pieces need a part of the memory.
    Any other network does all at once, and is cut to what was asked.

    Attributes:
        autoencoder: has `encode`, `decode`, `downsampling`, `latent_channels` and `locality`.
        shape: (X, Y, Z) of the grid that the model was trained on.
        device: where and in which precision; where memory runs out, work goes on in pieces, then on the CPU.
        tell: hears, in a sentence, when it does.
        find_free_bytes: how much memory a device has left.
    """

    autoencoder: LatentNetwork
    shape: Shape
    device: Device
    tell: Tell = log
    find_free_bytes: Callable[[Device], int | None] = free_bytes
    _footing: Footing = field(init=False)

    def __post_init__(self) -> None:
        on_device(self.autoencoder, self.device.torch).eval()
        footing = Footing(self.device, self.autoencoder.locality is not None, self.tell)
        object.__setattr__(self, "_footing", footing)

    @property
    def latent_shape(self) -> Shape:
        """(D, H, W) of a latent."""
        return Box.whole(self.shape).coarser(self.autoencoder.downsampling).stop

    def encode(self, voxels: Voxels) -> Latent:
        """The latent of a scan on the model's grid.

        Raises:
            InputError: the scan has another shape.
        """
        if voxels.shape != self.shape:
            msg = f"A scan of shape {voxels.shape} is not on the model's grid {self.shape}; conform it first."
            raise InputError(msg)
        image = F.pad(torch.from_numpy(np.ascontiguousarray(voxels)), self._padding())
        latent = np.empty((self.autoencoder.latent_channels, *self.latent_shape), np.float32)

        def work(box: Box) -> None:
            latent[:, *box.slices] = self._encoded(image, box)

        self._in_pieces(Box.whole(self.latent_shape), work)
        return latent

    def decode(self, latent: Latent) -> Voxels:
        """The scan (X, Y, Z) of a latent, intensities in 0…1."""
        return self.decode_box(latent, Box.whole(self.shape))

    def decode_slab(self, latent: Latent, axis: int, first: int, last: int) -> Voxels:
        """The slices `first` to `last` (both included) of the scan of a latent, across an axis.

        Equal to these slices of `decode` but for rounding (within 1e-3 in every precision, a test holds).

        Raises:
            InputError: no such axis or slices.
        """
        return self.decode_box(latent, slab(self.shape, axis, first, last))

    def decode_box(self, latent: Latent, box: Box) -> Voxels:
        """A box of the scan of a latent.

        Raises:
            InputError: the box does not lie on the grid, or the latent is another model's.
        """
        if not box.lies_in(self.shape):
            msg = f"A box that ends at {box.stop} does not lie on the model's grid {self.shape}."
            raise InputError(msg)
        if latent.shape != (self.autoencoder.latent_channels, *self.latent_shape):
            msg = f"A latent of shape {latent.shape} does not fit; this model makes {self.latent_shape}."
            raise InputError(msg)
        code = torch.from_numpy(np.ascontiguousarray(latent, dtype=np.float32))
        voxels = np.empty(box.shape, np.float32)

        def work(piece: Box) -> None:
            part = _common(piece.finer(self.autoencoder.downsampling), box)
            voxels[part.within(box)] = self._decoded(code, piece, part)

        self._in_pieces(box.coarser(self.autoencoder.downsampling), work)
        return voxels

    @torch.inference_mode()
    def _encoded(self, image: Tensor, box: Box) -> Latent:
        """A box of the latent of a padded image (X, Y, Z)."""
        local, factor = self.autoencoder.locality, self.autoencoder.downsampling
        everything = Box.whole(self.latent_shape)
        seen = box.grown(local.encoder_halo, self.latent_shape) if local else everything
        part = image[seen.finer(factor).slices][None, None].to(self._footing.device.torch)
        with self._precision():
            mean, _ = self.autoencoder.encode(part.contiguous(memory_format=torch.channels_last_3d))
        return mean[0][:, *box.within(seen)].float().cpu().numpy()

    @torch.inference_mode()
    def _decoded(self, code: Tensor, piece: Box, part: Box) -> Voxels:
        """The voxels `part`, which the latent elements `piece` stand for, of a latent (C, D, H, W)."""
        local, factor = self.autoencoder.locality, self.autoencoder.downsampling
        everything = Box.whole(self.latent_shape)
        seen = piece.grown(local.decoder_halo, self.latent_shape) if local else everything
        some = code[:, *seen.slices][None].to(self._footing.device.torch)
        with self._precision():
            image = self.autoencoder.decode(some.contiguous(memory_format=torch.channels_last_3d))
        return image[0, 0][part.within(seen.finer(factor))].float().clamp_(0, 1).cpu().numpy()

    def _in_pieces(self, whole: Box, work: Callable[[Box], None]) -> None:
        """Works through a box of latent elements: at once where memory allows, else piece by piece.

        Raises:
            MemoryError and its like: even small pieces on the processor do not fit.
        """
        while True:
            try:
                for piece in self._pieces(whole):
                    work(piece)
                return
            except Exception as error:
                if not is_out_of_memory(error) or not self._footing.step_back():
                    raise
            # outside the handler, where the failed work's tensors are not held any more
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            on_device(self.autoencoder, self._footing.device.torch)

    def _pieces(self, whole: Box) -> tuple[Box, ...]:
        """The boxes that share a box of latent elements; several where the memory is short."""
        local = self.autoencoder.locality
        if local is None:
            return (whole,)
        halo, number_bytes = (
            max(local.encoder_halo, local.decoder_halo),
            self._footing.device.precision.itemsize,
        )

        def needed(box: Box) -> int:
            return local.needed_bytes(box.grown(halo, self.latent_shape).size, number_bytes)

        free = self.find_free_bytes(self._footing.device)
        usable = self._footing.usable_bytes(free, needed(whole))
        return pieces_of(whole, lambda box: needed(box) <= usable)

    def _precision(self) -> AbstractContextManager:
        device = self._footing.device
        return torch.autocast(device.torch.type, device.precision) if device.is_reduced else nullcontext()

    def _padding(self) -> tuple[int, ...]:
        x, y, z = ((-n) % self.autoencoder.downsampling for n in self.shape)
        return 0, z, 0, y, 0, x


def _common(one: Box, other: Box) -> Box:
    """What two boxes share."""
    start = tuple(max(a, b) for a, b in zip(one.start, other.start, strict=True))
    stop = tuple(min(a, b) for a, b in zip(one.stop, other.stop, strict=True))
    return Box(start, stop)  # type: ignore[arg-type]  # three of three
