"""The visit table: one person's scans with their ages, and what speaks against computing with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

OLDEST_YEARS = 120.0
SHORTEST_SPAN_YEARS = 0.5
"""Scans nearer together differ more by noise than by ageing."""

SAME_AGE_YEARS = 0.005
"""Half of what the table shows: nearer ages look the same to whoever reads it."""

Origin = Literal["", "typed", "dates", "PatientAge", "table"]

ORIGIN_WORDS: dict[Origin, str] = {
    "": "type it",
    "typed": "typed",
    "dates": "birth and study date",
    "PatientAge": "PatientAge, whole years",
    "table": "file or sessions.tsv",
}


@dataclass(frozen=True)
class Visit:
    """One scan of the table.

    Attributes:
        scan: how the host finds it again: a node's identifier.
        name: as the user knows it.
        age_years: None while unknown.
        origin: who told the age.
        doubts: sentences to show with it.
        problem: why it cannot be used at all.
        taken: the day of the scan as YYYYMMDD, where known.
        patient: whom the scan names, where it names one.
        sex: F or M, where the scan says so.
    """

    scan: str
    name: str
    age_years: float | None = None
    origin: Origin = ""
    doubts: tuple[str, ...] = ()
    problem: str = ""
    taken: str = ""
    patient: str = ""
    sex: str = ""

    @property
    def origin_words(self) -> str:
        """Where the age comes from, or what is wrong, for the table's last column."""
        if self.problem:
            return self.problem
        return ORIGIN_WORDS[self.origin] + (f"; {self.doubts[0]}" if self.doubts else "")


@dataclass(frozen=True)
class Finding:
    """What a check of the table says; one that stops must be mended before Apply."""

    sentence: str
    stops: bool


@dataclass(frozen=True)
class VisitTable:
    """The scans, youngest first; those of unknown age at the end, as they were added."""

    visits: tuple[Visit, ...] = ()

    def __post_init__(self) -> None:
        def years(visit: Visit) -> float:
            return OLDEST_YEARS * 2 if visit.age_years is None else visit.age_years

        object.__setattr__(self, "visits", tuple(sorted(self.visits, key=years)))

    def __len__(self) -> int:
        return len(self.visits)

    @property
    def ages_years(self) -> tuple[float, ...]:
        """The ages that are known, youngest first."""
        return tuple(visit.age_years for visit in self.visits if visit.age_years is not None)

    @property
    def scans(self) -> tuple[str, ...]:
        """Which scans, in the table's order."""
        return tuple(visit.scan for visit in self.visits)

    def with_visit(self, added: Visit) -> VisitTable:
        """One scan more; one that is there already stays as it is."""
        return self if added.scan in self.scans else VisitTable((*self.visits, added))

    def without(self, scans: frozenset[str]) -> VisitTable:
        """Without these scans."""
        return VisitTable(tuple(visit for visit in self.visits if visit.scan not in scans))

    def with_age(self, scan: str, age_years: float | None) -> VisitTable:
        """With an age as the user typed it; None takes it back."""
        origin: Origin = "" if age_years is None else "typed"
        return self.changed(scan, lambda visit: replace(visit, age_years=age_years, origin=origin, doubts=()))

    def changed(self, scan: str, change: Callable[[Visit], Visit]) -> VisitTable:
        """With one visit changed."""
        return VisitTable(tuple(change(visit) if visit.scan == scan else visit for visit in self.visits))

    def findings(self, least: int) -> tuple[Finding, ...]:
        """What speaks against computing, the worst first.

        Args:
            least: how many scans method and model need.
        """
        found = (*self._unusable(), *self._too_few(least), *self._doubtful())
        return tuple(sorted(found, key=lambda finding: not finding.stops))

    def _unusable(self) -> Iterator[Finding]:
        for visit in self.visits:
            if visit.problem:
                yield Finding(f"{visit.name} cannot be used: {visit.problem}", stops=True)
            elif visit.age_years is None:
                yield Finding(f"The age at {visit.name} is not known; type it in years.", stops=True)
            elif not 0 <= visit.age_years <= OLDEST_YEARS:
                sentence = f"The age {visit.age_years:g} at {visit.name} is not within 0 to {OLDEST_YEARS:g}."
                yield Finding(sentence, stops=True)
        for one, other in combinations(self._dated(), 2):
            if abs(one.age_years - other.age_years) < SAME_AGE_YEARS:
                sentence = (
                    f"{one.name} and {other.name} are both at age {one.age_years:g}; give each its own age, "
                    "or remove one."
                )
                yield Finding(sentence, stops=True)

    def _too_few(self, least: int) -> Iterator[Finding]:
        if not self.visits:
            yield Finding("Add the T1 scans of one person.", stops=True)
        elif len(self.visits) < least:
            missing = least - len(self.visits)
            scans = "one more scan" if missing == 1 else f"{missing} more scans"
            yield Finding(f"Add {scans} of this person: this method needs {least}.", stops=True)

    def _doubtful(self) -> Iterator[Finding]:
        patients = sorted({visit.patient for visit in self.visits if visit.patient})
        if len(patients) > 1:
            yield Finding(f"The scans name different patients: {', '.join(patients)}.", stops=False)
        sexes = {visit.sex for visit in self.visits if visit.sex}
        if len(sexes) > 1:
            yield Finding("Some scans say sex F and some M; are they of one person?", stops=False)
        for one, other in combinations(self._dated(), 2):
            if one.taken and other.taken and one.taken > other.taken:
                sentence = f"{other.name} was taken before {one.name}, but its age is the higher one."
                yield Finding(sentence, stops=False)
        ages = self.ages_years
        if len(ages) > 1 and SAME_AGE_YEARS <= ages[-1] - ages[0] < SHORTEST_SPAN_YEARS:
            months = (ages[-1] - ages[0]) * 12
            yield Finding(
                f"The scans lie only {months:.0f} months apart; noise may outweigh change.", stops=False
            )

    def _dated(self) -> tuple[Visit, ...]:
        return tuple(visit for visit in self.visits if visit.age_years is not None)


def read_age(text: str) -> float | None:
    """The years that a user typed, with a point or a comma; None for an empty cell.

    Raises:
        ValueError: it is no number of years.

    >>> read_age(" 71,5 "), read_age("")
    (71.5, None)
    """
    words = text.strip().replace(",", ".").removesuffix("y").strip()
    if not words:
        return None
    try:
        years = float(words)
    except ValueError:
        years = -1.0
    if not 0 <= years <= OLDEST_YEARS:
        msg = (
            f"The age {text.strip()!r} is no number of years within 0 to {OLDEST_YEARS:g}; type it like 71.5."
        )
        raise ValueError(msg)
    return years
