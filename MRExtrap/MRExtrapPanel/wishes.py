"""What the user wants to see, and what must be asked of the worker for it; the newest wish wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Generic, TypeVar

from MRExtrapLib.worker.requests import Interpolate, Predict, ShowVisit
from MRExtrapLib.worker.results import Interpolated, Loaded, Predicted, VisitShown


class Shown(Enum):
    """What is shown of an age."""

    PREDICTED = "predicted"
    CHANGE = "change"
    UNCERTAINTY = "uncertainty"
    SIDE_BY_SIDE = "side by side"


@dataclass(frozen=True)
class AtAge:
    """The brain at an age, and how; measured ones bring segmentation and volumes."""

    age_years: float
    shown: Shown = Shown.PREDICTED
    is_measured: bool = False


@dataclass(frozen=True)
class Between:
    """The brain between two visits: alpha of the first, the rest of the second."""

    first: int
    second: int
    alpha: float


Wish = AtAge | Between

T = TypeVar("T")


@dataclass(frozen=True)
class LatestWins(Generic[T]):
    """One thing is under way, and at most one waits: the newest; whatever it replaces was never started.

    >>> LatestWins().wanting("a").wanting("b").wanting("c").finished()
    LatestWins(running='c', waiting=None)
    """

    running: T | None = None
    waiting: T | None = None

    def wanting(self, wish: T) -> LatestWins[T]:
        """One wish more."""
        return LatestWins(wish) if self.running is None else LatestWins(self.running, wish)

    def finished(self) -> LatestWins[T]:
        """What was under way is over, however it went; what waited is under way now."""
        return LatestWins(self.waiting)


@dataclass(frozen=True)
class Seen:
    """What the worker has answered of one person.

    Attributes:
        predicted: by age, the newest last.
        visits: by number and kind.
        between: by what was asked.
        spread_asked: ages whose uncertainty was asked for; there need not be one.
    """

    predicted: Mapping[float, Predicted] = field(default_factory=dict)
    visits: Mapping[tuple[int, str], VisitShown] = field(default_factory=dict)
    between: Mapping[Between, Interpolated] = field(default_factory=dict)
    spread_asked: frozenset[float] = frozenset()

    def with_answer(self, asked: Predict | ShowVisit | Interpolate, answer: object) -> Seen:
        """With one answer more; a fuller one of an age replaces a plainer one."""
        match answer:
            case Predicted():
                key = key_of(answer.age_years)
                others = {age: one for age, one in self.predicted.items() if age != key}
                has_spread = isinstance(asked, Predict) and asked.has_uncertainty
                tried = self.spread_asked | {key} if has_spread else self.spread_asked - {key}
                return replace(self, predicted=others | {key: answer}, spread_asked=tried)
            case VisitShown():
                return replace(self, visits={**self.visits, (answer.visit, answer.kind): answer})
            case Interpolated() if isinstance(asked, Interpolate):
                wish = Between(asked.first, asked.second, asked.alpha)
                return replace(self, between={**self.between, wish: answer})
        return self

    def without_oldest(self, most: int) -> tuple[Seen, tuple[str, ...]]:
        """With so many images of ages and mixtures at most, and the files that nobody needs any more."""
        old_ages = list(self.predicted)[: max(0, len(self.predicted) - most)]
        old_mixtures = list(self.between)[: max(0, len(self.between) - most)]
        gone = [self.predicted[age] for age in old_ages] + [self.between[wish] for wish in old_mixtures]
        kept = replace(
            self,
            predicted={age: one for age, one in self.predicted.items() if age not in old_ages},
            between={wish: one for wish, one in self.between.items() if wish not in old_mixtures},
        )
        return kept, tuple(path for one in gone for path in files_of(one))


def key_of(age_years: float) -> float:
    """The age as it is told apart: to a hundredth of a year, some four days."""
    return round(age_years, 2)


def files_of(answer: Predicted | Interpolated | VisitShown) -> tuple[str, ...]:
    """The array files of an answer."""
    files = (answer.image, answer.segmentation, getattr(answer, "uncertainty", None))
    return tuple(file.path for file in files if file is not None)


def nearest_visit(age_years: float, person: Loaded) -> int:
    """The real scan nearest in age."""
    ages = [visit.age_years for visit in person.visits]
    known = [(abs(age - age_years), index) for index, age in enumerate(ages) if age is not None]
    return min(known)[1]


def next_request(wish: Wish, seen: Seen, person: Loaded) -> Predict | ShowVisit | Interpolate | None:
    """What is still to be asked before the wish can be shown; None when all is there."""
    if isinstance(wish, Between):
        return None if wish in seen.between else _mixture(wish, person)
    if wish.shown is Shown.CHANGE and (person.reference, "reconstructed") not in seen.visits:
        return ShowVisit(person.subject, person.reference, "reconstructed")
    nearest = nearest_visit(wish.age_years, person)
    if wish.shown is Shown.SIDE_BY_SIDE and (nearest, "observed") not in seen.visits:
        return ShowVisit(person.subject, nearest, "observed")
    key = key_of(wish.age_years)
    found = seen.predicted.get(key)
    needs_spread = wish.shown is Shown.UNCERTAINTY
    lacks_spread = needs_spread and key not in seen.spread_asked
    lacks_volumes = wish.is_measured and (found is None or not found.volumes)
    if found is None or lacks_spread or lacks_volumes:
        return Predict(person.subject, key, wish.is_measured or needs_spread, needs_spread)
    return None


def _mixture(wish: Between, person: Loaded) -> Interpolate:
    return Interpolate(person.subject, wish.first, wish.second, wish.alpha)
