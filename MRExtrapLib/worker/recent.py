"""What was computed lately, at hand again without computing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from MRExtrapLib.forecast.engine import LatentCodec
from MRExtrapLib.imaging.volume import Voxels
from MRExtrapLib.progression.line import Latent

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """The last few values, by what they were made of; the one unused longest goes first.

    >>> squares: Recent[int, int] = Recent(most=1)
    >>> squares.get(3, lambda: 9), squares.get(3, lambda: 0), squares.get(4, lambda: 16)
    (9, 9, 16)
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """The value, made only if it is not kept; what `make` raises leaves no trace."""
        if key not in self._kept:
            self._kept[key] = make()
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return self._kept[key]

    def __contains__(self, key: Key) -> bool:
        return key in self._kept


MOST_DECODED = 8
"""Decoded images kept: 160 MB of them at 1 mm."""


@dataclass(frozen=True, eq=False)
class RememberingCodec:
    """A codec that decodes the same latent once: an image that is then measured was decoded already."""

    codec: LatentCodec
    recent: Recent[bytes, Voxels] = field(default_factory=lambda: Recent(MOST_DECODED))

    def encode(self, voxels: Voxels) -> Latent:
        """The latent of a scan on the template's grid."""
        return self.codec.encode(voxels)

    def decode(self, latent: Latent) -> Voxels:
        """The scan of a latent, on the template's grid."""
        return self.recent.get(latent.tobytes(), lambda: self.codec.decode(latent))

    def decode_slab(self, latent: Latent, axis: int, first: int, last: int) -> Voxels:
        """The slices `first` to `last` of it across an axis."""
        return self.codec.decode_slab(latent, axis, first, last)
