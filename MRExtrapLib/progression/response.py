"""How much of a region's change the segmenter sees, and changes told as they are.

A segmenter names structures whatever the contrast, and for that leans on what surrounds a border: a border
that moves by a tenth of a voxel it moves by less. Where true changes are known, as in simulated people, the
share that it sees is measured, and what it sees is taken for so much more; SIENA calibrates itself so, on
scans whose size is changed by a known amount (Smith et al. 2002, doi:10.1006/nimg.2002.1040).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.anatomy.regions import MAIN_REGIONS
from MRExtrapLib.errors import ModelError
from MRExtrapLib.progression.leaning import Leaning, is_foretold, learn_leaning
from MRExtrapLib.progression.volumes import FLUID, Millilitres

PRIOR_SPREAD = 0.3
"""Standard deviation about 1 of what a share is taken for before anything is known of it: a region that
hardly changes in those who teach stays as it is seen."""

FEWEST_PEOPLE = 5
"""Of fewer nobody can say how much is seen; those simulated of one scan count once."""

LEAST_SHARE = 0.2
"""Of a change of which less is seen nothing can be told: noise would be told five times as large."""

NOT_TRIED = (
    "What is seen of a known change could not be tried on the first scan; how much of a true one is seen is "
    "taken from other people alone."
)

SIDES = ("_left", "_right")
"""Endings of regions that are sides of another and share what is seen of it, so that they go on adding up."""


@dataclass(frozen=True)
class Response:
    """How much of each region's change is seen.

    Attributes:
        shares: region → its change as seen over the true one: of tissue that of the volume's natural log, of
            ventricles that in ml, as both are counted by the prior. What is seen of others is told as it is.
        people: how many taught it.
        leanings: region → how its share leans on what a person's own scan shows; none in models that never
            asked. What holds for one person has none left.
        is_own: whether it is that of one person.

    Raises:
        ModelError: a share so small that nothing is seen.
    """

    shares: Mapping[str, float]
    people: int
    leanings: Mapping[str, Leaning] = field(default_factory=dict)
    is_own: bool = False

    def __post_init__(self) -> None:
        for region, share in self.shares.items():
            if not LEAST_SHARE <= share < np.inf:
                msg = (
                    f"Of a change of the {region} a share of {share:g} is seen, not {LEAST_SHARE:g} or more; "
                    "learn it again."
                )
                raise ModelError(msg)

    @property
    def words(self) -> str:
        """What is seen of the main regions' changes, and what becomes of it; nothing if all stays as seen."""
        if not self.shares:
            return ""
        seen = ", ".join(
            f"{region.replace('_', ' ')} {self.shares[region]:.2f}"
            for region in MAIN_REGIONS
            if region in self.shares
        )
        learned = f"{seen}; learned from {self.people} simulated people"
        if self.is_own:
            learned += " and from a known change of this person's first scan"
        elif self.leanings:
            learned += ", scaled by what is seen of a known change of each person's first scan"
        return (
            f"The segmenter sees a share of a change ({learned}), and changes since the first scan are told "
            "in full."
        )

    def of(self, own_shares: Mapping[str, float]) -> Response:
        """That of one person, by the shares that are seen of a known change of the first scan.

        Where they say nothing of a region its share stays that of all.
        """
        shares = {region: self._own(region, share, own_shares) for region, share in self.shares.items()}
        is_own = any(_whole(region) in own_shares for region in self.leanings)
        return replace(self, shares=shares, leanings={}, is_own=is_own)

    def doubts(self, own_shares: Mapping[str, float]) -> tuple[str, ...]:
        """Of which main regions' changes more or less is seen in the first scan than in any that taught."""
        if self.leanings and not own_shares:
            return (NOT_TRIED,)
        found = []
        for region in MAIN_REGIONS:
            own, leaning = own_shares.get(region), self.leanings.get(region)
            if own is not None and leaning and leaning.is_unlike(own):
                name = region.replace("_", " ")
                found.append(
                    f"Of a known change of the {name} in the first scan {own:.2f} is seen, where scans that "
                    f"the model learned from show {leaning.lowest:.2f} to {leaning.highest:.2f}; how large "
                    "true changes are is doubtful."
                )
        return tuple(found)

    def _own(self, region: str, share: float, own_shares: Mapping[str, float]) -> float:
        own, leaning = own_shares.get(_whole(region)), self.leanings.get(region)
        if own is None or leaning is None:
            return share
        return max(share * leaning.factor(own), LEAST_SHARE)

    def told_ml(self, seen_ml: Millilitres, first_ml: Millilitres) -> dict[str, float]:
        """Volumes as they are told, from V as seen and V₀ in the first scan, g the share.

        Tissue: V₀·(V/V₀)^(1/g); ventricles: V₀ + (V − V₀)/g. The ratio of two volumes, of ventricles the
        difference, is the same whichever scan is the first. That one's own volumes stay as seen, so that a
        later visit changes nothing that was told before.
        """
        return {region: self._told(region, ml, first_ml.get(region, 0.0)) for region, ml in seen_ml.items()}

    def _told(self, region: str, seen_ml: float, first_ml: float) -> float:
        if min(seen_ml, first_ml) <= 0 or region not in self.shares:
            return seen_ml
        share = self.shares[region]
        if FLUID in region:
            return max(first_ml + (seen_ml - first_ml) / share, 0.0)
        return float(first_ml * (seen_ml / first_ml) ** (1.0 / share))


@dataclass(frozen=True)
class Telling:
    """How the volumes of one person's scans and predictions are told, all of them beside the first scan's.

    Attributes:
        first_ml: region → ml seen in the person's first scan.
        response: of the segmenter; without one volumes are told as they are seen.
        doubts: why changes may be told wrongly, in sentences.
    """

    first_ml: Millilitres
    response: Response | None = None
    doubts: tuple[str, ...] = ()

    def told(self, seen_ml: Millilitres) -> Millilitres:
        """Region → ml as told, from those seen."""
        return self.response.told_ml(seen_ml, self.first_ml) if self.response else seen_ml

    @property
    def words(self) -> str:
        """How they are told; nothing where they are told as they are seen."""
        return self.response.words if self.response else ""


@dataclass(frozen=True)
class KnownChange:
    """One person from one scan to another, as seen and in truth.

    Attributes:
        family: of whom those simulated of one scan have the same.
        seen_ml, true_ml: region → ml of both scans.
        own_shares: region → share seen of a known change of the first of them; none where nobody looked.
    """

    family: str
    seen_ml: tuple[Millilitres, Millilitres]
    true_ml: tuple[Millilitres, Millilitres]
    own_shares: Mapping[str, float] = field(default_factory=dict)

    def of(self, region: str) -> tuple[float, float]:
        """The change as seen, and the true one: of ventricles in ml, else of the natural log."""
        return _change(self.seen_ml, region), _change(self.true_ml, region)

    def has(self, region: str) -> bool:
        """Whether the region is seen and known in both scans."""
        return all(ml.get(region, 0.0) > 0 for ml in (*self.seen_ml, *self.true_ml))


def learn_response(changes: Sequence[KnownChange]) -> Response | None:
    """How much of each region's change is seen, from one change of each person; None of too few people.

    Regions of which families left out are told no more truly so than they are seen have no share.
    """
    if len({one.family for one in changes}) < FEWEST_PEOPLE:
        return None
    whole = {_whole(region) for one in changes for region in one.seen_ml[0]}
    learned = {region: _learned(region, changes) for region in sorted(whole)}
    everywhere = dict.fromkeys(region for one in changes for region in one.seen_ml[0])
    known = {region: learned[_whole(region)] for region in everywhere}
    shares = {region: share for region, (share, _) in known.items() if share}
    leanings = {region: leaning for region, (share, leaning) in known.items() if share and leaning}
    return Response(shares, len(changes), leanings)


def _change(volumes_ml: tuple[Millilitres, Millilitres], region: str) -> float:
    earlier, later = volumes_ml
    if FLUID in region:
        return later[region] - earlier[region]
    return float(np.log(later[region] / earlier[region]))


def _whole(region: str) -> str:
    """The region that a side is of, or itself."""
    return next((region.removesuffix(side) for side in SIDES if region.endswith(side)), region)


def _learned(region: str, changes: Sequence[KnownChange]) -> tuple[float | None, Leaning | None]:
    """The share of all scans, and how it leans on one scan's own; None where nothing true can be told.

    That of fluid leans on nothing: nine tenths of its change are seen in any scan, and what one scan shows of
    so few millilitres rests on how large they are in it.
    """
    found = [one for one in changes if one.has(region)]
    families = [one.family for one in found]
    if len(set(families)) < FEWEST_PEOPLE:
        return None, None
    seen, true = np.array([one.of(region) for one in found]).T
    own = np.array([one.own_shares.get(region, np.nan) for one in found])
    looked = own > 0
    kin = np.array(families)[looked].tolist()
    leaning = None if FLUID in region else learn_leaning(kin, own[looked], seen[looked], true[looked])
    factors = np.array(
        [1.0 if leaning is None or np.isnan(share) else leaning.factor(share) for share in own]
    )
    if not is_foretold(families, factors, seen, true):
        return None, None
    return _share(seen, factors * true), leaning


def _share(seen: NDArray[np.float64], true: NDArray[np.float64]) -> float | None:
    """Of seen = g·true + noise the posterior mean of g, with g ~ N(1, PRIOR_SPREAD²); None if too little."""
    size = float(true @ true)
    if size <= 0:
        return None
    left = seen - (seen @ true / size) * true
    variance = max(float(left @ left) / (len(seen) - 1), 1e-12)
    known, before = size / variance, PRIOR_SPREAD**-2
    share = (float(seen @ true) / variance + before) / (known + before)
    return share if share >= LEAST_SHARE else None
