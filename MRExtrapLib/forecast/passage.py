"""The way from one decoded scan to another: faded, as a latent's line decodes, or moved.

A border that moves by more than a voxel fades out here and in there along a line of latents, and white matter
that fades to fluid looks gray on the way: volumes run crooked. Moved, both decodes are bent towards each
other, each by its share of the motion between them, and then mixed (a metamorphosis: Trouvé & Younes 2005).

A border that moves evenly takes in volume ever faster: a ball that grows eightfold has gained a seventh of it
after a quarter of the way. So the way is walked at the pace at which the brain darkens evenly, as it does
where fluid takes the place of tissue.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.imaging.dense import Bending, find_motion
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.progress import Progress, silent
from MRExtrapLib.progression.interpolation import mix_latents
from MRExtrapLib.progression.line import Latent

MixtureKind = Literal["plain", "moved"]

DEFAULT_MIXTURE: MixtureKind = "moved"
"""Straighter than the plain one in every region; `mrextrap evaluate` measures both."""

MIXTURE_WORDS: Mapping[MixtureKind, str] = {
    "plain": "the decoded mixture of both latents; borders fade",
    "moved": "both decoded scans, each moved by its share of the motion between them, mixed, at the pace at "
    "which brightness changes evenly; borders move",
}
"""For whoever reads an interpolation's provenance."""

MOST_DONE = 0.7
"""At most this share of the change is taken to be done halfway, and at least the rest of it: no border that
moves evenly is farther from an even change of volume, unless what it encloses grows fifteenfold."""

UNCERTAIN_BRIGHTNESS = 0.002
"""Share of the mean brightness by which two scans may differ though no tissue was lost: a change no larger is
hardly trusted to tell how it runs."""


@dataclass(frozen=True)
class Pace:
    """How much of a change is done where on the way, a parabola through its ends.

    Attributes:
        done_halfway: share of the change at the middle of the way; 0.5 is even.

    >>> [round(Pace(0.4).place(done), 3) for done in (0.0, 0.4, 1.0)]
    [0.0, 0.5, 1.0]
    """

    done_halfway: float

    def place(self, done: float) -> float:
        """The place on the way, 0 to 1, where so much of the change is done: done = s + b·s·(1 − s) for s."""
        b = 4.0 * (self.done_halfway - 0.5)
        # the smaller root of b·s² − (1 + b)·s + done, in the form that b = 0 leaves as it is
        return 2.0 * done / (1.0 + b + math.sqrt((1.0 + b) ** 2 - 4.0 * b * done))


def pace_between(first: float, halfway: float, second: float) -> Pace:
    """The pace at which brightness changes evenly, of which these are the means at both ends and halfway.

    Even where it hardly changes.

    >>> [round(pace_between(1.0, halfway, 0.9).done_halfway, 3) for halfway in (0.95, 0.96, 0.0)]
    [0.5, 0.4, 0.7]
    """
    middle, change = (first + second) / 2.0, second - first
    uncertain = UNCERTAIN_BRIGHTNESS * middle
    ahead = (halfway - middle) * change / max(change**2 + uncertain**2, 1e-30)
    return Pace(float(np.clip(0.5 + ahead, 1.0 - MOST_DONE, MOST_DONE)))


@dataclass(frozen=True, eq=False)
class Passage:
    """The way between two latents of one person.

    Attributes:
        first, second: (C, D, H, W); α = 1 is the first.
        inside: (X, Y, Z) where either scan has brain.
        engine: that decodes.
    """

    first: Latent
    second: Latent
    inside: NDArray[np.bool_]
    engine: Engine

    def at(self, alpha: float, kind: MixtureKind = DEFAULT_MIXTURE, progress: Progress = silent) -> Volume:
        """The brain at a mixing weight; the first that is moved takes seconds longer than all others.

        Raises:
            InputError: a weight that does not lie between the scans.
        """
        if not 0.0 <= alpha <= 1.0:
            msg = f"The mixing weight {alpha:g} does not lie between the scans; choose 0 to 1."
            raise InputError(msg)
        progress(0.0, f"decoding alpha {alpha:.2f}")
        if kind == "plain" or alpha in (0.0, 1.0):
            return self.engine.decode(mix_latents(self.first, self.second, alpha), self.inside)
        progress(0.1, "finding the motion between the scans")
        return self._moved(self._pace.place(1.0 - alpha))

    def _moved(self, place: float) -> Volume:
        """Both decodes bent to one place of the way, 0 at the first scan, and mixed there."""
        first, second = self._ends
        near_first = self._motion.part(place).bend(first)
        near_second = self._motion.part(place - 1.0).bend(second)
        return first.with_voxels((1.0 - place) * near_first.voxels + place * near_second.voxels)

    @cached_property
    def _ends(self) -> tuple[Volume, Volume]:
        return self.engine.decode(self.first, self.inside), self.engine.decode(self.second, self.inside)

    @cached_property
    def _motion(self) -> Bending:
        return find_motion(*self._ends)

    @cached_property
    def _pace(self) -> Pace:
        first, second = self._ends
        return pace_between(
            *(float(one.voxels.mean(dtype=np.float64)) for one in (first, self._moved(0.5), second))
        )
