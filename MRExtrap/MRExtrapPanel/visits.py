"""The visit table: one person's scans with their ages, and what speaks against computing with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

from MRExtrapPanel.translation import tr as _

OLDEST_YEARS = 120.0
SHORTEST_SPAN_YEARS = 0.5
"""Scans nearer together differ more by noise than by ageing."""

SAME_AGE_YEARS = 0.005
"""Half of what the table shows: nearer ages look the same to whoever reads it."""

T1_WORDS = re.compile(r"T1|MPRAGE|MP2RAGE|SPGR|BRAVO|TFL", re.IGNORECASE)
OTHER_WORDS = re.compile(
    r"(?<![A-Z0-9])(T2\w*|FLAIR|PDW?|DWI|DTI|ADC|SWI|BOLD|ASL|TOF)(?![A-Z0-9])", re.IGNORECASE
)
"""How series of T1 and of other contrasts are called; a name that says neither tells nothing."""

Origin = Literal["", "typed", "dates", "PatientAge", "table"]

ORIGIN_WORDS: dict[Origin, str] = {
    "": _("type it"),
    "typed": _("typed"),
    "dates": _("birth and study date"),
    "PatientAge": _("PatientAge, whole years"),
    "table": _("file or sessions.tsv"),
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

    @property
    def sex(self) -> str:
        """F or M as the scans say; empty where none does, or where they disagree."""
        return "".join(self._sexes) if len(self._sexes) == 1 else ""

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
                words = _("{scan} cannot be used: {problem}")
                yield Finding(words.format(scan=visit.name, problem=visit.problem), stops=True)
            elif visit.age_years is None:
                words = _("The age at {scan} is not known; type it in years.")
                yield Finding(words.format(scan=visit.name), stops=True)
            elif not 0 <= visit.age_years <= OLDEST_YEARS:
                words = _("The age {age:g} at {scan} is not within 0 to {most:g}.")
                sentence = words.format(age=visit.age_years, scan=visit.name, most=OLDEST_YEARS)
                yield Finding(sentence, stops=True)
        for one, other in combinations(self._dated(), 2):
            if abs(one.age_years - other.age_years) < SAME_AGE_YEARS:
                words = _("{one} and {other} are both at age {age:g}; give each its own age, or remove one.")
                sentence = words.format(one=one.name, other=other.name, age=one.age_years)
                yield Finding(sentence, stops=True)

    def _too_few(self, least: int) -> Iterator[Finding]:
        if not self.visits:
            yield Finding(_("Add the T1 scans of one person."), stops=True)
        elif len(self.visits) < least:
            missing = least - len(self.visits)
            one = _("Add one more scan of this person: this method needs {least}.")
            several = _("Add {missing} more scans of this person: this method needs {least}.")
            words = one if missing == 1 else several
            yield Finding(words.format(missing=missing, least=least), stops=True)

    def _doubtful(self) -> Iterator[Finding]:
        for visit in self.visits:
            if names_another_contrast(visit.name):
                words = _("{scan} is called like no T1-weighted scan; only those can be forecast.")
                yield Finding(words.format(scan=visit.name), stops=False)
        patients = sorted({visit.patient for visit in self.visits if visit.patient})
        if len(patients) > 1:
            words = _("The scans name different patients: {patients}.")
            yield Finding(words.format(patients=", ".join(patients)), stops=False)
        if len(self._sexes) > 1:
            yield Finding(_("Some scans say sex F and some M; are they of one person?"), stops=False)
        for one, other in combinations(self._dated(), 2):
            if one.taken and other.taken and one.taken > other.taken:
                words = _("{later} was taken before {earlier}, but its age is the higher one.")
                yield Finding(words.format(later=other.name, earlier=one.name), stops=False)
        ages = self.ages_years
        if len(ages) > 1 and SAME_AGE_YEARS <= ages[-1] - ages[0] < SHORTEST_SPAN_YEARS:
            months = (ages[-1] - ages[0]) * 12
            words = _("The scans lie only {months:.0f} months apart; noise may outweigh change.")
            yield Finding(words.format(months=months), stops=False)

    @property
    def _sexes(self) -> set[str]:
        return {visit.sex for visit in self.visits if visit.sex}

    def _dated(self) -> tuple[Visit, ...]:
        return tuple(visit for visit in self.visits if visit.age_years is not None)


def names_another_contrast(name: str) -> bool:
    """Whether a series is called like one of another contrast than T1; its voxels are looked at by Apply.

    >>> [names_another_contrast(name) for name in ("3: T2 FLAIR sag", "sub-01_T2w", "5: T1 FLAIR", "head")]
    [True, True, False, False]
    """
    return bool(OTHER_WORDS.search(name.replace("_", " "))) and not T1_WORDS.search(name)


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
        words = _("The age “{text}” is no number of years within 0 to {most:g}; type it like 71.5.")
        raise ValueError(words.format(text=text.strip(), most=OLDEST_YEARS))
    return years
