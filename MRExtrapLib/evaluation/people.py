"""Whom an evaluation or a cohort run is about: everyone in a BIDS tree, one scan for each age."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from MRExtrapLib.errors import InputError
from MRExtrapLib.progression.line import FEWEST_SCANS, SAME_AGE_YEARS
from MRExtrapLib.training.people import PersonScans, Roster, roster_of


def people_of(cohort: Path, fewest_scans: int = FEWEST_SCANS) -> tuple[list[PersonScans], list[str]]:
    """Everyone in a BIDS tree with scans at enough different ages, and sentences on what is left out.

    The same as `cohort_roster`, with its errors, for whoever only passes the sentences on.
    """
    roster = cohort_roster(cohort, fewest_scans)
    return list(roster.people), roster.left_out


def cohort_roster(cohort: Path, fewest_scans: int = FEWEST_SCANS) -> Roster:
    """Everyone in a BIDS tree with scans at enough different ages, and who is not among them.

    Of several scans at one age the first by name is taken: a forecast wants each age once.

    Raises:
        InputError: there is no such folder, no scan in it, or nobody with enough of them.
    """
    if not cohort.is_dir():
        msg = f"There is no folder {cohort}; give a BIDS tree with *_T1w.nii.gz files."
        raise InputError(msg)
    found = roster_of([cohort.absolute()], fewest_scans)  # workers may run in another folder
    people, absent, unused = [], dict(found.absent), list(found.unused)
    for one in found.people:
        person = _one_scan_an_age(one)
        unused += [f"{path.name}: another scan at this age is used." for path in _dropped(one, person)]
        if len(person.paths) >= fewest_scans:
            people.append(person)
        else:
            absent[one.name] = "all scans are at one age."
    roster = Roster(tuple(people), absent, tuple(unused))
    if not people:
        why = f" ({roster.left_out[0].rstrip('.')})" if roster.left_out else ""
        msg = f"{cohort} holds nobody with {fewest_scans} scans at known, different ages{why}."
        raise InputError(msg)
    return roster


def _one_scan_an_age(one: PersonScans) -> PersonScans:
    kept: list[int] = []
    for index, age in enumerate(one.ages_years):
        if not kept or age - one.ages_years[kept[-1]] >= SAME_AGE_YEARS:
            kept.append(index)
    return replace(
        one,
        paths=tuple(one.paths[index] for index in kept),
        ages_years=tuple(one.ages_years[index] for index in kept),
    )


def _dropped(before: PersonScans, after: PersonScans) -> Sequence[Path]:
    return [path for path in before.paths if path not in after.paths]
