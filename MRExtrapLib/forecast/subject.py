"""Whom a forecast is about and what is asked: visits with ages, and the ages to predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from MRExtrapLib.errors import InputError
from MRExtrapLib.forecast.anchoring import DEFAULT_IMAGE, ImageKind
from MRExtrapLib.imaging.ages import OLDEST_YEARS, Diagnosis, checked_age
from MRExtrapLib.imaging.scan import Scan, Sex
from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.line import FEWEST_SCANS, SAME_AGE_YEARS

Method = Literal["bayes", "linear"]

MOST_TARGETS = 100
"""More predicted scans than that are a mistyped step."""

FEWEST_OF_METHOD: Mapping[Method, int] = {"linear": FEWEST_SCANS, "bayes": 1}
"""A line needs two scans; with a prior one is enough."""

DIRECTIONS = 4
"""Directions that the Bayesian uncertainty is decoded along: three of the strongest, one for all others."""


def age_words(age_years: float) -> str:
    """An age as file names write it, in years with two decimals.

    >>> age_words(71.5), age_words(8)
    ('71.50', '08.00')
    """
    return f"{age_years:05.2f}"


def _checked_target(age_years: float) -> float:
    """An age to predict, refused unless a person can have it."""
    if not 0 <= age_years <= OLDEST_YEARS:
        msg = (
            f"The age to predict {age_years:g} is not within 0 to {OLDEST_YEARS:g} years; choose one that is."
        )
        raise InputError(msg)
    return float(age_years)


@dataclass(frozen=True, eq=False)
class Visit:
    """One scan and the age in years at which it was taken."""

    scan: Scan
    age_years: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "age_years", checked_age(self.age_years, of=self.scan.name))


@dataclass(frozen=True, eq=False)
class Subject:
    """A person: visits in order of age, no two at one age.

    Attributes:
        visits: youngest first.
        sex, diagnosis: as given; None takes what the scans tell (`known_sex`, `known_diagnosis`).

    Raises:
        InputError: no visit at all, or two at the same age.
    """

    visits: tuple[Visit, ...]
    sex: Sex | None = None
    diagnosis: Diagnosis | None = None

    def __post_init__(self) -> None:
        if not self.visits:
            msg = "A forecast needs at least one scan; none was given."
            raise InputError(msg)
        visits = tuple(sorted(self.visits, key=lambda visit: visit.age_years))
        for earlier, later in zip(visits, visits[1:], strict=False):
            if later.age_years - earlier.age_years < SAME_AGE_YEARS:
                age = f"{later.age_years:g}"
                msg = f"Two scans are both at age {age}. Give each scan its own age, or remove one."
                raise InputError(msg)
        object.__setattr__(self, "visits", visits)

    @property
    def ages_years(self) -> tuple[float, ...]:
        """The visits' ages, youngest first."""
        return tuple(visit.age_years for visit in self.visits)

    @property
    def known_sex(self) -> Sex | None:
        """As given, or as the latest scan tells that does."""
        return self.sex or next((visit.scan.sex for visit in reversed(self.visits) if visit.scan.sex), None)

    @property
    def known_diagnosis(self) -> Diagnosis | None:
        """As given, or as the tables tell of the latest scan of which they do."""
        return self.diagnosis or self._told_diagnosis

    @property
    def covariates(self) -> Covariates:
        """What is known of the person besides scans, at the middle of the visits."""
        return Covariates(fmean(self.ages_years), self.known_sex, self.known_diagnosis)

    def without(self, index: int) -> Subject:
        """The same person with one visit forgotten."""
        return Subject((*self.visits[:index], *self.visits[index + 1 :]), self.sex, self.diagnosis)

    def without_last(self) -> Subject:
        """The same person before the last visit."""
        return Subject(self.visits[:-1], self.sex, self.diagnosis)

    def warnings(self) -> tuple[str, ...]:
        """What a reader must know of the scans: their own warnings, one file given twice, a sex in doubt."""
        found = [f"{visit.scan.name}: {words}" for visit in self.visits for words in visit.scan.warnings]
        first_with: dict[str, Visit] = {}
        for visit in self.visits:
            twin = first_with.setdefault(visit.scan.sha256, visit)
            if twin is not visit:
                ages = f"{twin.age_years:g} and {visit.age_years:g}"
                found.append(
                    f"The scans at ages {ages} are one and the same file; no change can show in them."
                )
            if self.sex and visit.scan.sex and visit.scan.sex != self.sex:
                found.append(
                    f"{visit.scan.name} says sex {visit.scan.sex}, but {self.sex} was given and is used."
                )
        return (*found, *self._diagnosis_warnings())

    @property
    def _told_diagnosis(self) -> Diagnosis | None:
        return next((v.scan.diagnosis for v in reversed(self.visits) if v.scan.diagnosis), None)

    def _diagnosis_warnings(self) -> tuple[str, ...]:
        told = self._told_diagnosis
        if told is None or told == self.diagnosis:
            return ()
        if self.diagnosis:
            return (f"The tables beside the scans say {told}, but {self.diagnosis} was given and is used.",)
        return (f"The diagnosis is {told}, as the tables beside the scans say; give another if it is wrong.",)


@dataclass(frozen=True)
class Request:
    """What is asked of a subject: ages to predict, the method, and whether the last scan is kept as truth.

    Attributes:
        ages_years: ages to predict, within 0 to 120; equal ones count once. May be empty only when the
            last scan is held out, whose age is then predicted.
        method: None takes the model's own best: Bayes where it holds a progression prior, else linear.
        has_last_held_out: fit without the last scan, predict at its age, and compare.
        directions: that a Bayesian uncertainty is decoded along; each costs two decodes and two measurements.
        image: whether the predicted image is the plain decode, or holds on to the reference scan.
        has_each_left_out: also predict each visit from all others, and compare.
    """

    ages_years: tuple[float, ...]
    method: Method | None = None
    has_last_held_out: bool = False
    directions: int = DIRECTIONS
    image: ImageKind = DEFAULT_IMAGE
    has_each_left_out: bool = False

    def __post_init__(self) -> None:
        ages = tuple(sorted({_checked_target(age) for age in self.ages_years}))
        if not ages and not self.has_last_held_out:
            msg = "No age to predict was given; name at least one."
            raise InputError(msg)
        if len(ages) > MOST_TARGETS:
            msg = f"{len(ages)} ages to predict are more than {MOST_TARGETS}; choose fewer or a larger step."
            raise InputError(msg)
        if self.directions < 1:
            msg = f"An uncertainty needs at least one direction, not {self.directions}."
            raise InputError(msg)
        object.__setattr__(self, "ages_years", ages)


def check_request(subject: Subject, request: Request, method: Method) -> None:
    """Whether a method can answer; said before any work is done.

    Raises:
        InputError: too few scans for the method, or two targets that files could not tell apart.
    """
    count, fewest = len(subject.visits), FEWEST_OF_METHOD[method]
    if request.has_last_held_out and count <= fewest:
        msg = (
            f"Holding out the last scan leaves {count - 1} of {count}, but the {method} method needs "
            f"{fewest}; give at least {fewest + 1} scans."
        )
        raise InputError(msg)
    if count < fewest:
        msg = (
            f"The {method} method needs at least {fewest} scans at different ages, not {count}; "
            "add an earlier or a later scan."
        )
        raise InputError(msg)
    target_ages(subject, request)


def target_ages(subject: Subject, request: Request) -> tuple[float, ...]:
    """All ages to predict, youngest first: those asked for, and the held-out scan's.

    Raises:
        InputError: two of them are written alike (AA.AA) and would share a file.
    """
    held_out = subject.ages_years[-1:] if request.has_last_held_out else ()
    ages: Sequence[float] = sorted({*request.ages_years, *held_out})
    for earlier, later in zip(ages, ages[1:], strict=False):
        if age_words(earlier) == age_words(later):
            msg = (
                f"The ages to predict {earlier!r} and {later!r} share the name {age_words(later)}; drop one."
            )
            raise InputError(msg)
    return tuple(ages)
