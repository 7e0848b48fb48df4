"""A codec that encodes a scan once, however often it is asked and by however many processes."""

from __future__ import annotations

from dataclasses import dataclass

from MRExtrapLib.forecast.engine import LatentCodec
from MRExtrapLib.imaging.volume import Voxels
from MRExtrapLib.model.latent_cache import LatentCache, latent_key
from MRExtrapLib.progression.line import Latent


@dataclass(frozen=True, eq=False)
class KeepingCodec:
    """Another codec, whose latents are kept on disk.

    Attributes:
        codec: encodes and decodes.
        cache: where latents lie.
        model_sha256: hash of the model.
        precision: device and number format, in words.
    """

    codec: LatentCodec
    cache: LatentCache
    model_sha256: str
    precision: str

    def encode(self, voxels: Voxels) -> Latent:
        """The latent of a scan on the template's grid: the kept one, or a new one that is then kept."""
        key = latent_key(voxels, self.model_sha256, self.precision)
        latent = self.cache.find(key)
        if latent is None:
            latent = self.codec.encode(voxels)
            self.cache.keep(key, latent)
        return latent

    def decode(self, latent: Latent) -> Voxels:
        """The scan of a latent, on the template's grid."""
        return self.codec.decode(latent)

    def decode_slab(self, latent: Latent, axis: int, first: int, last: int) -> Voxels:
        """The slices `first` to `last` of the scan of a latent, across an axis."""
        return self.codec.decode_slab(latent, axis, first, last)
