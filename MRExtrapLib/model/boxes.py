"""Parts of a grid: a slab that a viewer shows, the pieces that a short memory holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

from MRExtrapLib.errors import InputError

Shape: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True)
class Locality:
    """How far and how heavily a network works whose layers look no farther than their kernels.

    Attributes:
        encoder_halo: latent elements' worth of voxels around a box that its latent elements depend on.
        decoder_halo: latent elements around a box that its voxels depend on.
        live_numbers: of the device's precision, held at once for each latent element.
        live_floats: of single precision, likewise.
    """

    encoder_halo: int
    decoder_halo: int
    live_numbers: int
    live_floats: int

    def needed_bytes(self, latents: int, number_bytes: int) -> int:
        """Memory that decoding so many latent elements takes; encoding takes no more."""
        return latents * (self.live_numbers * number_bytes + self.live_floats * FLOAT32_BYTES)


FLOAT32_BYTES = 4


@dataclass(frozen=True)
class Box:
    """Elements `start` (included) to `stop` (left out) along each axis of a grid.

    Raises:
        InputError: it is empty, or begins before the grid.
    """

    start: Shape
    stop: Shape

    def __post_init__(self) -> None:
        if not all(0 <= first < end for first, end in zip(self.start, self.stop, strict=True)):
            msg = f"A box from {self.start} to {self.stop} holds nothing; let it end behind its start."
            raise InputError(msg)

    @classmethod
    def whole(cls, shape: Shape) -> Box:
        """All of a grid."""
        return cls((0, 0, 0), shape)

    @property
    def shape(self) -> Shape:
        """Elements along each axis."""
        x, y, z = (end - first for first, end in zip(self.start, self.stop, strict=True))
        return x, y, z

    @property
    def size(self) -> int:
        """Elements in all."""
        return prod(self.shape)

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Picks it out of an array of the grid."""
        x, y, z = (slice(first, end) for first, end in zip(self.start, self.stop, strict=True))
        return x, y, z

    def within(self, outer: Box) -> tuple[slice, slice, slice]:
        """Picks it out of an array that holds the outer box alone."""
        ends = zip(self.start, self.stop, outer.start, strict=True)
        x, y, z = (slice(first - begin, end - begin) for first, end, begin in ends)
        return x, y, z

    def lies_in(self, shape: Shape) -> bool:
        """Whether a grid of this shape holds all of it."""
        return all(end <= n for end, n in zip(self.stop, shape, strict=True))

    def grown(self, margin: int, within: Shape) -> Box:
        """With so many more elements on each side, as far as the grid has them."""
        start, stop = (
            tuple(max(0, first - margin) for first in self.start),
            tuple(min(n, end + margin) for end, n in zip(self.stop, within, strict=True)),
        )
        return Box(start, stop)  # type: ignore[arg-type]  # three of three

    def coarser(self, factor: int) -> Box:
        """The elements of a grid so many times coarser that it touches.

        >>> Box((3, 4, 8), (5, 8, 9)).coarser(4)
        Box(start=(0, 1, 2), stop=(2, 2, 3))
        """
        start, stop = (
            tuple(first // factor for first in self.start),
            tuple(-(-end // factor) for end in self.stop),
        )
        return Box(start, stop)  # type: ignore[arg-type]  # three of three

    def finer(self, factor: int) -> Box:
        """The same place on a grid so many times finer."""
        start, stop = (tuple(factor * n for n in ends) for ends in (self.start, self.stop))
        return Box(start, stop)  # type: ignore[arg-type]  # three of three

    def halves(self) -> tuple[Box, Box]:
        """Two boxes that share it, cut across its longest axis."""
        axis = max(range(3), key=lambda i: self.shape[i])
        middle = self.start[axis] + self.shape[axis] // 2
        stop = (*self.stop[:axis], middle, *self.stop[axis + 1 :])
        start = (*self.start[:axis], middle, *self.start[axis + 1 :])
        return Box(self.start, stop), Box(start, self.stop)  # type: ignore[arg-type]  # three of three


def slab(shape: Shape, axis: int, first: int, last: int) -> Box:
    """The slices `first` to `last` (both included) of a grid, across an axis.

    Raises:
        InputError: no such axis, or slices that the grid does not have.

    >>> slab((160, 192, 160), axis=1, first=80, last=80).shape
    (160, 1, 160)
    """
    if axis not in range(3):
        msg = f"A volume has the axes 0, 1 and 2, not {axis}."
        raise InputError(msg)
    if not 0 <= first <= last < shape[axis]:
        msg = f"Slices {first} to {last} are not among 0 to {shape[axis] - 1} of axis {axis}; choose others."
        raise InputError(msg)
    start, stop = [0, 0, 0], list(shape)
    start[axis], stop[axis] = first, last + 1
    return Box(tuple(start), tuple(stop))  # type: ignore[arg-type]  # three of three


def pieces_of(box: Box, is_small_enough: Callable[[Box], bool]) -> tuple[Box, ...]:
    """Boxes that share a box, halved until each is small enough, or a single element."""
    if is_small_enough(box) or box.size == 1:
        return (box,)
    return tuple(piece for half in box.halves() for piece in pieces_of(half, is_small_enough))
