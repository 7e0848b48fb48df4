"""What an autoencoder learns from and is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from MRExtrapLib.training.brains import Brain
from MRExtrapLib.training.trajectories import Trajectory


@dataclass(frozen=True, eq=False)
class Lessons:
    """Brains and people for an autoencoder.

    Attributes:
        brains: to learn from.
        validation: to judge by.
        trajectories: people at several ages, to learn from.
    """

    brains: Sequence[Brain]
    validation: Sequence[Brain] = ()
    trajectories: Sequence[Trajectory] = ()

    @property
    def aged(self) -> tuple[Brain, ...]:
        """Every visit of every trajectory."""
        return tuple(brain for one in self.trajectories for brain in one.brains)
