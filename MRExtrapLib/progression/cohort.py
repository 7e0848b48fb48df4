"""People whose repeated scans a prior is fitted on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError
from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.line import Latents
from MRExtrapLib.progression.timing import Timing, timing_of

NUMBERS_AT_ONCE = 2_000_000
"""People times elements of a block in float64: 16 MB an array, and a dozen such arrays."""

MOST_ELEMENTS = 8192
"""Of a block: fitting holds a square matrix of covariates and patterns for each."""


@dataclass(frozen=True, eq=False)
class Participant:
    """One person of a cohort.

    Attributes:
        name: in messages.
        ages_years: (n,) one a scan.
        latents: (n, C, D, H, W); may lie on disk (`np.load(…, mmap_mode="r")`), it is read in pieces.
        covariates: with the age in the middle of the scans.

    Raises:
        InputError: not one age per latent.
    """

    name: str
    ages_years: Sequence[float]
    latents: Latents
    covariates: Covariates

    def __post_init__(self) -> None:
        if len(self.ages_years) != len(self.latents):
            msg = f"{self.name} has {len(self.latents)} latents but {len(self.ages_years)} ages."
            raise InputError(msg)

    @cached_property
    def timing(self) -> Timing:
        """When the scans were taken."""
        return timing_of(self.ages_years)

    def scans(self, block: slice) -> NDArray[np.float64]:
        """(n, elements of the block) of the flattened latents."""
        flat = self.latents.reshape(len(self.latents), -1)
        return np.asarray(flat[:, block], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Cohort:
    """People whose latents have one shape.

    Raises:
        InputError: nobody, or latents of several shapes.
    """

    people: tuple[Participant, ...]

    def __post_init__(self) -> None:
        if not self.people:
            msg = "A cohort needs people; none was given."
            raise InputError(msg)
        for one in self.people:
            if one.latents.shape[1:] != self.latent_shape:
                msg = f"{one.name} has latents {one.latents.shape[1:]}, others {self.latent_shape}."
                raise InputError(msg)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """(C, D, H, W)."""
        return self.people[0].latents.shape[1:]

    @property
    def elements(self) -> int:
        """How many elements a latent has."""
        return int(np.prod(self.latent_shape))

    @property
    def repeated(self) -> Cohort:
        """Those who were scanned at more than one age."""
        return Cohort(tuple(one for one in self.people if one.timing.information > 0))

    def blocks(self) -> Iterator[slice]:
        """Slices that cover all elements, each small enough for a number per person and element."""
        size = min(max(NUMBERS_AT_ONCE // len(self.people), 1), MOST_ELEMENTS)
        for start in range(0, self.elements, size):
            yield slice(start, min(start + size, self.elements))
