"""The way from one decoded scan to another: faded, as a latent's line decodes, or moved.

A border that moves by more than a voxel fades out here and in there along a line of latents, and white matter
that fades to fluid looks gray on the way: volumes run crooked. Moved, both decodes are bent towards each
other, each by its share of the motion between them, and then mixed (a metamorphosis: Trouvé & Younes 2005).
"""

from __future__ import annotations

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
    "moved": "both decoded scans, each moved by its share of the motion between them, mixed; borders move",
}
"""For whoever reads an interpolation's provenance."""


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
        first, second = self._ends
        progress(0.1, "finding the motion between the scans")
        near_first = self._motion.part(1.0 - alpha).bend(first)
        near_second = self._motion.part(-alpha).bend(second)
        return first.with_voxels(alpha * near_first.voxels + (1.0 - alpha) * near_second.voxels)

    @cached_property
    def _ends(self) -> tuple[Volume, Volume]:
        return self.engine.decode(self.first, self.inside), self.engine.decode(self.second, self.inside)

    @cached_property
    def _motion(self) -> Bending:
        return find_motion(*self._ends)
