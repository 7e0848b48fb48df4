"""How well two segmentations of one brain agree, structure by structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.anatomy.regions import REGIONS, region_volumes_ml
from MRExtrapLib.anatomy.structures import CHANNEL, STRUCTURES
from MRExtrapLib.errors import InputError

Channels = NDArray[np.uint8]
"""(X, Y, Z) the structure of each voxel, as its index in `STRUCTURES`; sides are merged."""


@dataclass(frozen=True, eq=False)
class Overlap:
    """How many voxels one segmentation calls this and the other that.

    Attributes:
        counts: (structures, structures), rows by the first segmentation, columns by the second.
    """

    counts: NDArray[np.int64]

    @classmethod
    def of(cls, first: Channels, second: Channels) -> Overlap:
        """The overlap of two segmentations on one grid.

        Raises:
            InputError: they do not share a shape.
        """
        if first.shape != second.shape:
            msg = f"Segmentations of shapes {first.shape} and {second.shape} lie on different grids."
            raise InputError(msg)
        size = len(STRUCTURES)
        pairs = first.astype(np.int64) * size + second
        return cls(np.bincount(pairs.ravel(), minlength=size**2).reshape(size, size))

    def dice(self, structures: Sequence[str]) -> float:
        """2 |A ∩ B| / (|A| + |B|) of the union of some structures (Dice 1945); NaN where neither has any.

        >>> brain = np.array([14, 14, 0, 2], dtype=np.uint8)
        >>> Overlap.of(brain, np.array([14, 0, 0, 2], dtype=np.uint8)).dice(["hippocampus"]).__round__(3)
        0.667
        """
        index = [CHANNEL[name] for name in structures]
        sizes = int(self.counts[index].sum() + self.counts[:, index].sum())
        return 2 * int(self.counts[np.ix_(index, index)].sum()) / sizes if sizes else float("nan")

    def structure_dice(self) -> Mapping[str, float]:
        """Structure → Dice, the background left out."""
        return {structure.name: self.dice([structure.name]) for structure in STRUCTURES[1:]}

    def region_dice(self) -> Mapping[str, float]:
        """Reported region → Dice of the union of its structures."""
        return {region: self.dice(names) for region, names in REGIONS.items()}


def counted_ml(channels: Channels, voxel_ml: float) -> Mapping[str, float]:
    """Region → ml by counting voxels, both sides together.

    Args:
        channels: (X, Y, Z) structures.
        voxel_ml: volume of a voxel.
    """
    counts = np.bincount(channels.ravel(), minlength=len(STRUCTURES)).astype(np.float64)
    volumes = region_volumes_ml(np.stack([counts * voxel_ml, np.zeros_like(counts)], axis=1))
    return {region: volumes[region] for region in REGIONS}
