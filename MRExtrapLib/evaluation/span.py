"""What a longer span does: the same last scan and target, from the first and the last scan alone.

Two scans that lie close say little of a rate, and every further scan of the nested trials lengthens the span
too. These trials keep the number at two, so that what the span does is told from what the number does. They
are a part of their own: an evaluation made before them lacks nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from MRExtrapLib.evaluation.images import Bench, image_estimates
from MRExtrapLib.evaluation.results import Estimate
from MRExtrapLib.evaluation.trials import Trial, wide_trials_of


@dataclass(frozen=True)
class WideResult:
    """What methods that make images say of a person's trials from the first and the last scan.

    Attributes:
        schema: of the file; one of another schema is made anew.
        key: of what it depends on, as of the person's result.
        estimates: none where no visit ever lies between first and last input.
    """

    SCHEMA: ClassVar[int] = 1

    schema: int
    key: str
    estimates: tuple[Estimate, ...]

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All that were asked, each once."""
        return tuple(dict.fromkeys(one.trial for one in self.estimates))


def wide_result_of(bench: Bench, key: str) -> WideResult:
    """The wide trials of the person on the bench, answered."""
    trials = wide_trials_of(bench.person.ages_years, bench.design)
    found = tuple(one.estimate for trial in trials for one in image_estimates(bench, trial))
    return WideResult(WideResult.SCHEMA, key, found)
