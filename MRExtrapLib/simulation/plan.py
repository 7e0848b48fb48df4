"""What a simulated cohort shall be: when its people are scanned, and of whom each is made."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.ages import checked_age
from MRExtrapLib.simulation.acquisition import Protocol
from MRExtrapLib.simulation.profiles import PROFILES
from MRExtrapLib.simulation.sources import Source

PROTOCOL = Protocol()

MIXED = "mixed"
"""Each subject's profile is drawn, all alike."""

NEAREST_VISITS_YEARS = 0.01
"""Visits closer than this (four days) could not be told apart by age."""

MOST_VISITS = 100
"""More than that is a typing error."""


@dataclass(frozen=True)
class CohortPlan:
    """What is asked of every subject.

    Attributes:
        years: of the visits, relative to the real scan, ascending; negative: before it; 0: the scan
            itself, or one made anew.
        profile: CN, MCI, AD or mixed.
        seed: of everything random.
        protocol: how much visits differ.
        is_scanned_anew: whether the visit at 0 is made like all others, rather than the real scan kept, which
            is the only one that was never resampled: between it and the next a segmenter sees some 0.1 % of
            white matter where nothing changed.

    Raises:
        InputError: no visit to simulate, two at one time, or an unknown profile.
    """

    years: tuple[float, ...]
    profile: str = MIXED
    seed: int = 0
    protocol: Protocol = PROTOCOL
    is_scanned_anew: bool = False

    def __post_init__(self) -> None:
        years = tuple(sorted(float(y) for y in self.years))
        if not all(map(math.isfinite, years)) or not any(years) or len(years) > MOST_VISITS:
            shown = " ".join(f"{y:g}" for y in years[:10]) or "none"
            msg = f"The visits' years are {shown}; give 1 to {MOST_VISITS} numbers, one at least not 0."
            raise InputError(msg)
        for earlier, later in zip(years, years[1:], strict=False):
            if later - earlier < NEAREST_VISITS_YEARS:
                msg = f"Two visits lie at {earlier:g} years; give each its own time."
                raise InputError(msg)
        if self.profile not in (*PROFILES, MIXED):
            msg = f"There is no profile {self.profile}; choose {', '.join((*PROFILES, MIXED))}."
            raise InputError(msg)
        if self.seed < 0:
            msg = f"The seed {self.seed} is below 0; choose a whole number from 0 up."
            raise InputError(msg)
        object.__setattr__(self, "years", years)


@dataclass(frozen=True)
class Person:
    """A subject to be simulated: whom it is made of, and the how-manieth of that scan it is (from 1)."""

    label: str
    source: Source
    repetition: int = 1

    @property
    def participant_id(self) -> str:
        """As BIDS names the subject, as in `sub-70sim1`; it says that it is simulated."""
        return f"sub-{self.label}sim{self.repetition}"

    @property
    def age_years(self) -> float:
        """At the real scan.

        Raises:
            InputError: nothing tells it.
        """
        if self.source.age_years is None:
            msg = f"The age at scan {self.source.path} is not known; write it as {self.source.path}@AGE."
            raise InputError(msg)
        return self.source.age_years

    def seeds(self, plan: CohortPlan) -> tuple[int, ...]:
        """What this person's chance rests on: the same person comes out the same in any cohort."""
        return (plan.seed, int(self.source.sha256[:16] or "0", 16), self.repetition)


def plan_people(sources: Sequence[Source], count: int | None = None) -> tuple[Person, ...]:
    """So many people, made of the sources in turn, those of one source together; one of each by default.

    Raises:
        InputError: no source, one scan given twice, or a count below 1.
    """
    if not sources:
        msg = "No scan to age was found; give scans, or a folder with *_T1w.nii.gz files."
        raise InputError(msg)
    if count is not None and count < 1:
        msg = f"{count} subjects are none; give a number from 1 up."
        raise InputError(msg)
    labels: dict[str, str] = {}
    for source in sources:
        if source.sha256 in labels:
            msg = f"{source.path} was given twice; to make several subjects of one scan use --subjects."
            raise InputError(msg)
        labels[source.sha256] = _unused_label(source.name, set(labels.values()))
    total = count or len(sources)
    chosen = sorted((i % len(sources), 1 + i // len(sources)) for i in range(total))
    return tuple(
        Person(labels[sources[index].sha256], sources[index], repetition) for index, repetition in chosen
    )


def check_ages(people: Sequence[Person], plan: CohortPlan) -> None:
    """Whether every visit falls within a human life; said before any work is done.

    Raises:
        InputError: an age is not known, or a visit lies before birth or beyond 120 years.
    """
    for person in people:
        for years in (plan.years[0], plan.years[-1]):
            checked_age(person.age_years + years, of=f"{person.source.name} at {years:+g} years")


def _unused_label(name: str, used: set[str]) -> str:
    """What BIDS allows of a scan's name in `sub-…`: the subject where it names one, else letters, digits."""
    bids = re.match(r"sub-([A-Za-z0-9]+)", name)
    plain = bids[1] if bids else re.sub("[^A-Za-z0-9]", "", name.removesuffix("_T1w")) or "scan"
    known = {label.lower() for label in used}  # some disks do not tell A from a
    label, number = plain, 1
    while label.lower() in known:
        number += 1
        label = f"{plain}n{number}"
    return label
