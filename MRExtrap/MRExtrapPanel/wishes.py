"""What the user wants to see, and what must be asked of the worker for it; the newest wish wins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


PLAIN = "plain"
"""The image that costs one decode, and so is what a slider shows while it is dragged."""

MOVED = "moved"
"""The mixture of two visits whose borders move; the motion between both takes seconds to find."""


@dataclass(frozen=True)
class AtAge:
    """The brain at an age, and how.

    Attributes:
        age_years: which age.
        shown: what of it.
        image: the kind of predicted image that is wanted in the end.
        is_settled: whether to wait for that image, and for segmentation and volumes; else a plain decode
            does.
    """

    age_years: float
    shown: Shown = Shown.PREDICTED
    image: str = PLAIN
    is_settled: bool = False

    @property
    def images(self) -> tuple[str, ...]:
        """The kinds of image that will do, the best first."""
        return (self.image,) if self.is_settled else tuple(dict.fromkeys((self.image, PLAIN)))


@dataclass(frozen=True)
class Between:
    """The brain between two visits: alpha of the first, the rest of the second.

    Attributes:
        is_settled: whether to wait for borders that move; else a plain decode, where they fade, does.
    """

    first: int
    second: int
    alpha: float
    is_settled: bool = False


Wish = AtAge | Between


W = TypeVar("W", AtAge, Between)


def settled(wish: W) -> W:
    """The same, as it is to be in the end."""
    return replace(wish, is_settled=True)


def wished_image(shown: Shown, image: str) -> str:
    """The kind of image to show: change is what the model decodes, so it lies over the decode."""
    return PLAIN if shown is Shown.CHANGE else image


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
        predicted: by age and kind of image, the newest last.
        visits: by number and kind.
        between: by what was asked.
        spread_asked: ages and kinds whose uncertainty was asked for; there need not be one.
    """

    predicted: Mapping[tuple[float, str], Predicted] = field(default_factory=dict)
    visits: Mapping[tuple[int, str], VisitShown] = field(default_factory=dict)
    between: Mapping[Between, Interpolated] = field(default_factory=dict)
    spread_asked: frozenset[tuple[float, str]] = frozenset()

    def with_answer(self, asked: Predict | ShowVisit | Interpolate, answer: object) -> Seen:
        """With one answer more; a fuller one of an age replaces a plainer one."""
        match answer:
            case Predicted():
                kind = asked.image_kind if isinstance(asked, Predict) else None
                key = key_of(answer.age_years), kind or answer.image_kind
                others = {one: there for one, there in self.predicted.items() if one != key}
                has_spread = isinstance(asked, Predict) and asked.has_uncertainty
                tried = self.spread_asked | {key} if has_spread else self.spread_asked - {key}
                return replace(self, predicted=others | {key: answer}, spread_asked=tried)
            case VisitShown():
                return replace(self, visits={**self.visits, (answer.visit, answer.kind): answer})
            case Interpolated() if isinstance(asked, Interpolate):
                wish = Between(asked.first, asked.second, asked.alpha, asked.image_kind == MOVED)
                return replace(self, between={**self.between, wish: answer})
        return self

    def mixture(self, wish: Between) -> Interpolated | None:
        """What a mixture can be shown with: the settled one, or a plain one where that does."""
        found = self.between.get(settled(wish))
        return found if found or wish.is_settled else self.between.get(wish)

    def at(self, wish: AtAge) -> Predicted | None:
        """What a wish can be shown with: the image wanted, or a plain one where that does."""
        keys = [(key_of(wish.age_years), kind) for kind in wish.images if self._has(wish, kind)]
        return self.predicted[keys[0]] if keys else None

    def _has(self, wish: AtAge, kind: str) -> bool:
        key = key_of(wish.age_years), kind
        found = self.predicted.get(key)
        has_spread = wish.shown is not Shown.UNCERTAINTY or key in self.spread_asked
        return found is not None and has_spread and (bool(found.volumes) or not wish.is_settled)

    def has_all(self, ages_years: Iterable[float], image: str) -> bool:
        """Whether these ages are there with that kind of image."""
        return all((key_of(age), image) in self.predicted for age in ages_years)

    @property
    def files(self) -> frozenset[str]:
        """The array files of all answers."""
        answers = (*self.predicted.values(), *self.visits.values(), *self.between.values())
        return frozenset(path for answer in answers for path in files_of(answer))

    def without_oldest(self, most: int) -> Seen:
        """With so many images of ages and mixtures at most."""
        old = list(self.predicted)[: max(0, len(self.predicted) - most)]
        old_mixtures = list(self.between)[: max(0, len(self.between) - most)]
        return replace(
            self,
            predicted={key: one for key, one in self.predicted.items() if key not in old},
            between={wish: one for wish, one in self.between.items() if wish not in old_mixtures},
        )


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
        return None if seen.mixture(wish) else _mixture(wish, person)
    if wish.shown is Shown.CHANGE and (person.reference, "reconstructed") not in seen.visits:
        return ShowVisit(person.subject, person.reference, "reconstructed")
    nearest = nearest_visit(wish.age_years, person)
    if wish.shown is Shown.SIDE_BY_SIDE and (nearest, "observed") not in seen.visits:
        return ShowVisit(person.subject, nearest, "observed")
    if seen.at(wish) is None:
        has_spread = wish.shown is Shown.UNCERTAINTY
        is_measured = wish.is_settled or has_spread
        return Predict(person.subject, key_of(wish.age_years), is_measured, has_spread, wish.images[-1])
    return None


def _mixture(wish: Between, person: Loaded) -> Interpolate:
    kind = MOVED if wish.is_settled else None
    return Interpolate(person.subject, wish.first, wish.second, wish.alpha, image_kind=kind)
