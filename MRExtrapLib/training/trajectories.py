"""People seen several times, simulated or real, as an autoencoder learns ageing from them.

All visits of a person lie on the template's grid, so the same crop of each shows the same piece of brain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from MRExtrapLib.errors import InputError
from MRExtrapLib.progression.line import SAME_AGE_YEARS
from MRExtrapLib.training.brains import MARGIN_VOXELS, STEPS, Brain, random_crop
from MRExtrapLib.training.people import PersonScans
from MRExtrapLib.training.scans import KeptScan, ScanMaker, kept_scans, read_kept

TRIPLES = 3
"""Tells the random stream of triples from that of crops."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One person's visits in order of age, all cut alike to brain and margin.

    Attributes:
        name: 'dataset/sub-…'.
        ages_years: (n,).
        visits: (n, X, Y, Z) bytes at 1 mm, as `Brain` holds them.
    """

    name: str
    ages_years: tuple[float, ...]
    visits: NDArray[np.uint8]

    @property
    def brains(self) -> tuple[Brain, ...]:
        """Each visit by itself."""
        return tuple(Brain(self.name, voxels) for voxels in self.visits)

    @property
    def middle(self) -> int | None:
        """The visit between first and last, as `middle_visit` finds it."""
        return middle_visit(self.ages_years)

    def share(self, visit: int) -> float:
        """Of the years from the first visit to the last, those that have passed at a visit."""
        first, last = self.ages_years[0], self.ages_years[-1]
        return (self.ages_years[visit] - first) / (last - first)


@dataclass(frozen=True, eq=False)
class Triple:
    """One crop at three visits of a person.

    Attributes:
        images: (3, 1, S, S, S) earliest, middle, latest; intensities in 0…1.
        share: of the years between the ends that have passed at the middle.
    """

    images: Tensor
    share: float


class TripleCrops:
    """Triple number i of an endless series; the same number and seed give the same triple.

    Raises:
        InputError: nobody was seen between first and last visit.
    """

    def __init__(self, trajectories: Sequence[Trajectory], size: int, seed: int) -> None:
        self.people = [(one, one.middle) for one in trajectories if one.middle is not None]
        self.size, self.seed = size, seed
        require_middle_visits([one.ages_years for one in trajectories])

    def __getitem__(self, index: int) -> Triple:
        rng = np.random.default_rng((self.seed, TRIPLES, index))
        one, middle = self.people[int(rng.integers(len(self.people)))]
        images = random_crop([one.visits[0], one.visits[middle], one.visits[-1]], self.size, rng)
        return Triple(images, one.share(middle))


def middle_visit(ages_years: Sequence[float]) -> int | None:
    """Which of the visits, in order of age, is nearest to the middle age; None if none is between the ends.

    >>> middle_visit([70.0, 71.0, 72.5, 74.0]), middle_visit([70.0, 74.0])
    (2, None)
    """
    first, last = ages_years[0], ages_years[-1]
    between = [age for age in ages_years if first + SAME_AGE_YEARS <= age <= last - SAME_AGE_YEARS]
    if not between:
        return None
    return ages_years.index(min(between, key=lambda age: abs(age - (first + last) / 2)))


def require_middle_visits(ages_years: Sequence[Sequence[float]]) -> None:
    """Says so if of these people, each with ages in order, nobody was seen between first and last visit.

    Raises:
        InputError: nobody was.
    """
    if all(middle_visit(ages) is None for ages in ages_years):
        msg = (
            f"The linearity term needs three visits of a person at different ages, and of {len(ages_years)} "
            "people none has them; give --trajectories with such people, or leave out --linearity-weight."
        )
        raise InputError(msg)


def kept_trajectories(
    people: Sequence[PersonScans], maker: ScanMaker, folder: Path
) -> tuple[list[Trajectory], list[str]]:
    """Everyone's conformed visits, found in the folder or made and kept there, and why some were left out.

    Args:
        people: with two visits or more.
        maker: conforms.
        folder: of kept scans.

    Raises:
        InputError: nobody is left.
    """
    found, refused = [], []
    for one in people:
        try:
            files = kept_scans(one, maker, folder)
        except InputError as error:
            refused.append(f"{one.name}: {error}")
            continue
        found.append(trajectory_of(one.name, one.ages_years, [read_kept(file) for file in files]))
    if not found:
        why = refused[0] if refused else "give people with two visits or more at known ages."
        msg = f"No trajectory is left to train on: {why}"
        raise InputError(msg)
    return found, refused


def trajectory_of(name: str, ages_years: Sequence[float], scans: Sequence[KeptScan]) -> Trajectory:
    """Conformed scans of one person as bytes, cut to what is brain at any visit and a margin of air."""
    seen = np.any([scan.brain for scan in scans], axis=0)
    (box,) = ndimage.find_objects(seen.astype(np.uint8))
    margin = [(MARGIN_VOXELS, MARGIN_VOXELS)] * 3
    visits = [np.where(scan.brain, np.clip(scan.voxels, 0, 1) * STEPS, 0)[box] for scan in scans]
    cut = np.stack([np.pad(np.round(one).astype(np.uint8), margin) for one in visits])
    return Trajectory(name, tuple(ages_years), cut)
