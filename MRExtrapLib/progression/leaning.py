"""How far the share of a change that is seen is one scan's own, and how far all scans'.

What a segmenter sees of a change depends on the scan: on its voxels, its contrast, on what surrounds the
brain. A scan that is changed by a known amount tells its own share (Smith et al. 2002,
doi:10.1006/nimg.2002.1040, calibrate so by its size); how closely shares of true changes follow that, people
tell whose true changes are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import ModelError

EXPONENTS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
"""That are tried beside 0, which leans on nothing of the scan's own."""

FAR = 0.75
"""An own share below so much of the lowest that is known, or above the highest over it, is unlike all."""

SURE_ERRORS = 2.0
"""A leaning is kept only if it gained so many standard errors, as the subject-specific prior is."""

FEWEST_FAMILIES = 8
"""Of fewer nobody can say whether they would foretell others."""


@dataclass(frozen=True)
class Leaning:
    """By what the share of one region's change is larger or smaller in one scan than in all.

    Attributes:
        exponent: b of g·(o/ō)^b, with o the scan's own share of a known change, g the share of all scans.
        typical: ō, the geometric mean of those who taught it.
        lowest, highest: own shares among them; beyond these nobody knows, and nothing more is believed.

    Raises:
        ModelError: numbers that lean nowhere.
    """

    exponent: float
    typical: float
    lowest: float
    highest: float

    def __post_init__(self) -> None:
        if self.exponent < 0 or not 0 < self.lowest <= self.typical <= self.highest < np.inf:
            msg = f"What is seen of a change cannot lean as {self} on what one scan shows; learn it again."
            raise ModelError(msg)

    def is_unlike(self, own: float) -> bool:
        """Whether no scan that taught it was anything like this one."""
        return not FAR * self.lowest <= own <= self.highest / FAR

    def factor(self, own: float) -> float:
        """(o/ō)^b.

        >>> Leaning(1.0, 0.5, 0.4, 0.6).factor(0.6), Leaning(1.0, 0.5, 0.4, 0.5).factor(2.0)
        (1.2, 1.0)
        """
        return float((np.clip(own, self.lowest, self.highest) / self.typical) ** self.exponent)


def learn_leaning(
    families: Sequence[str], own: NDArray[np.float64], seen: NDArray[np.float64], true: NDArray[np.float64]
) -> Leaning | None:
    """The leaning by which the changes of families left out in turn are told most truly.

    None where none tells them more truly than no leaning, by more than chance.

    Args:
        families: (n,) of each person.
        own: (n,) shares of a known change of the person's own scan, above 0.
        seen, true: (n,) changes.
    """
    if len(set(families)) < FEWEST_FAMILIES:
        return None
    typical = float(np.exp(np.log(own).mean()))
    found = [Leaning(b, typical, float(own.min()), float(own.max())) for b in (0.0, *EXPONENTS)]
    missed = [
        held_out_errors(families, np.array([one.factor(share) for share in own]), seen, true) for one in found
    ]
    best = int(np.argmin([errors.sum() for errors in missed]))
    return found[best] if _is_sure(missed[0] - missed[best]) else None


def _is_sure(gains: NDArray[np.float64]) -> bool:
    """Whether the mean of these families' gains is beyond chance."""
    return float(gains.mean()) > SURE_ERRORS * float(gains.std(ddof=1)) / np.sqrt(len(gains))


def is_foretold(
    families: Sequence[str],
    factors: NDArray[np.float64],
    seen: NDArray[np.float64],
    true: NDArray[np.float64],
) -> bool:
    """Whether changes of families left out are told more truly by g·factor than as they are seen.

    Of few families nobody can say, and they are believed.
    """
    is_enough = len(set(families)) >= FEWEST_FAMILIES
    if not is_enough:
        return True
    told = held_out_errors(families, factors, seen, true)
    return float(told.sum()) < float(np.sum((seen - true) ** 2))


def held_out_errors(
    families: Sequence[str],
    factors: NDArray[np.float64],
    seen: NDArray[np.float64],
    true: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Squared error of each family's changes told, with g learned without the family that it is asked for.

    In what is told, not in what is seen: a share taken for too small makes a change far too large.
    """
    kin = np.asarray(families)
    found = []
    for family in dict.fromkeys(families):
        of_it = kin == family
        others = factors[~of_it] * true[~of_it]
        share = max(float(seen[~of_it] @ others) / max(float(others @ others), 1e-12), 1e-6)
        found.append(float(np.sum((seen[of_it] / (share * factors[of_it]) - true[of_it]) ** 2)))
    return np.array(found)
