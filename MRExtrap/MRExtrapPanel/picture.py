"""What the views shall show, and who shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from numpy.typing import NDArray

from MRExtrapLib.worker.results import Interpolated, Loaded, Predicted, RegionVolume, VisitShown
from MRExtrapPanel.wishes import Wish

VoxelsOf = Callable[..., NDArray]
"""The client's `voxels`: an array of the worker, mapped into memory."""


@dataclass(frozen=True)
class Picture:
    """What the views shall show.

    Attributes:
        wish: what it is.
        image: of the age, or of the mixture.
        beside: the reconstruction that change is taken from, or the nearest real scan; None otherwise.
    """

    wish: Wish
    image: Predicted | Interpolated
    beside: VisitShown | None = None


class Stage(Protocol):
    """The views and the scene; Slicer's writes MRML nodes."""

    def begin(self, person: Loaded, scans: tuple[str, ...]) -> None:
        """A new person, whose visits are these scans of the host."""
        ...

    def show(self, picture: Picture, voxels_of: VoxelsOf) -> None:
        """A picture in the views."""
        ...

    def draw(self, rows: tuple[RegionVolume, ...], age_years: float) -> None:
        """Volumes over age, and where the slider stands."""
        ...

    def keep(self, frames: tuple[Predicted, ...], voxels_of: VoxelsOf) -> None:
        """A sweep that shall be stepped through without the worker."""
        ...
