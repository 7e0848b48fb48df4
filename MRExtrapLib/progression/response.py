"""How much of a region's change the segmenter sees, and changes told as they are.

A segmenter names structures whatever the contrast, and for that leans on what surrounds a border: a border
that moves by a tenth of a voxel it moves by less. Where true changes are known, as in simulated people, the
share that it sees is measured, and what it sees is taken for so much more; SIENA calibrates itself so, on
scans whose size is changed by a known amount (Smith et al. 2002, doi:10.1006/nimg.2002.1040).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.anatomy.regions import MAIN_REGIONS
from MRExtrapLib.errors import ModelError

Millilitres = Mapping[str, float]
"""Region → ml."""

PRIOR_SPREAD = 0.3
"""Standard deviation about 1 of what a share is taken for before anything is known of it: a region that
hardly changes in those who teach stays as it is seen."""

FEWEST_PEOPLE = 5
"""Of fewer nobody can say how much is seen."""

LEAST_SHARE = 0.2
"""Of a region of whose change less is seen, nothing is."""


@dataclass(frozen=True)
class Response:
    """How much of each region's change is seen.

    Attributes:
        shares: region → natural log of the volume's change as seen, over the true one.
        people: how many taught it.

    Raises:
        ModelError: a share so small that nothing is seen.
    """

    shares: Mapping[str, float]
    people: int

    def __post_init__(self) -> None:
        for region, share in self.shares.items():
            if not LEAST_SHARE <= share < np.inf:
                msg = f"Of a change of the {region} {share:g} is seen, which tells nothing; learn it again."
                raise ModelError(msg)

    @property
    def words(self) -> str:
        """What is seen of the main regions' changes, and what becomes of it."""
        seen = ", ".join(
            f"{region.replace('_', ' ')} {self.shares[region]:.2f}"
            for region in MAIN_REGIONS
            if region in self.shares
        )
        return f"Of a change the segmenter sees a share ({seen}), and it is told in full."

    def told_ml(self, seen_ml: Millilitres, anchor_ml: Millilitres) -> dict[str, float]:
        """Volumes as they are told: V₀·(V/V₀)^(1/g), V as seen, V₀ the anchor's, g the share.

        Ratios of two volumes are the same whatever the anchor; the anchor's own volumes stay as seen. The
        anchor is the person's first scan, so that another visit changes nothing that was told before.

        Args:
            seen_ml: in one of a person's images.
            anchor_ml: in the image that the person's others are told beside.
        """
        return {region: self._told(region, ml, anchor_ml.get(region, 0.0)) for region, ml in seen_ml.items()}

    def _told(self, region: str, seen_ml: float, anchor_ml: float) -> float:
        if min(seen_ml, anchor_ml) <= 0 or region not in self.shares:
            return seen_ml
        return float(anchor_ml * (seen_ml / anchor_ml) ** (1.0 / self.shares[region]))


@dataclass(frozen=True)
class KnownChange:
    """One person from one scan to another, as seen and in truth."""

    seen_ml: tuple[Millilitres, Millilitres]
    true_ml: tuple[Millilitres, Millilitres]

    def logs(self, region: str) -> tuple[float, float]:
        """Natural log of the change: seen, true."""
        (seen, seen_later), (true, true_later) = (
            (pair[0][region], pair[1][region]) for pair in (self.seen_ml, self.true_ml)
        )
        return float(np.log(seen_later / seen)), float(np.log(true_later / true))

    def has(self, region: str) -> bool:
        """Whether the region is seen and known in both scans."""
        return all(ml.get(region, 0.0) > 0 for ml in (*self.seen_ml, *self.true_ml))


def learn_response(changes: Sequence[KnownChange]) -> Response | None:
    """How much of each region's change is seen, from one change of each person; None of too few people."""
    if len(changes) < FEWEST_PEOPLE:
        return None
    regions = [region for region in changes[0].seen_ml[0] if all(one.has(region) for one in changes)]
    logs = {region: np.array([one.logs(region) for one in changes]) for region in regions}
    return Response({region: _share(*pairs.T) for region, pairs in logs.items()}, len(changes))


def _share(seen: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    """Of seen = g·true + noise the posterior mean of g, with g ~ N(1, PRIOR_SPREAD²)."""
    size = float(true @ true)
    if size <= 0:
        return 1.0
    left = seen - (seen @ true / size) * true
    variance = max(float(left @ left) / (len(seen) - 1), 1e-12)
    known, before = size / variance, PRIOR_SPREAD**-2
    return max((float(seen @ true) / variance + before) / (known + before), LEAST_SHARE)
