"""Whether a predicted brain is still that person's: it must find its own scan among everyone's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.volume import Volume

BLOCK_MM = 4.0
"""Averages over such cubes keep gyri and ventricles apart, and make a brain fit in 100 kB."""

Portrait = NDArray[np.float32]
"""(features,) a brain in averages over cubes."""


@dataclass(frozen=True)
class Retrieval:
    """How well predictions find their own person.

    Attributes:
        ranks: of the own scan for each prediction, 1 is best.
        people: to choose from.
    """

    ranks: tuple[int, ...]
    people: int

    @property
    def first_share(self) -> float:
        """Share of predictions whose own scan is the most alike."""
        return float(np.mean([rank == 1 for rank in self.ranks]))

    @property
    def mean_reciprocal_rank(self) -> float:
        """Mean of 1/rank."""
        return float(np.mean([1.0 / rank for rank in self.ranks]))


def portrait_of(volume: Volume) -> Portrait:
    """A brain in averages over cubes of 4 mm; what does not fill a cube at the far edges is left out.

    >>> portrait_of(Volume(np.ones((4, 4, 6)), np.diag([2.0, 2, 2, 1]))).shape
    (12,)
    """
    width = [max(round(BLOCK_MM / spacing), 1) for spacing in volume.spacing_mm]
    counts = [n // w for n, w in zip(volume.shape, width, strict=True)]
    cut = volume.voxels[tuple(slice(n * w) for n, w in zip(counts, width, strict=True))]
    cubes = cut.reshape(counts[0], width[0], counts[1], width[1], counts[2], width[2])
    return cubes.mean(axis=(1, 3, 5), dtype=np.float64).astype(np.float32).ravel()


def retrieve(predicted: Sequence[Portrait], scans: Sequence[Portrait]) -> Retrieval:
    """The rank of each person's own scan among all, by correlation with the mean brain taken off.

    Args:
        predicted: one a person.
        scans: of the same people in the same order, none of which a prediction knew.

    Raises:
        InputError: fewer than two people, or not one scan for each prediction.
    """
    if len(predicted) != len(scans) or len(scans) < 2:
        msg = f"{len(predicted)} predictions cannot be looked for among {len(scans)} scans."
        raise InputError(msg)
    # without the mean brain, what all people share says nothing
    mean = np.mean(scans, axis=0)
    questions, answers = (_at_unit_length(np.stack(side) - mean) for side in (predicted, scans))
    ranks = rankdata(-(questions @ answers.T), axis=1, method="max")
    return Retrieval(tuple(int(rank) for rank in np.diag(ranks)), len(scans))


def _at_unit_length(rows: NDArray) -> NDArray[np.float64]:
    centred = rows - rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.divide(centred, length, out=np.zeros(centred.shape), where=length > 0)
