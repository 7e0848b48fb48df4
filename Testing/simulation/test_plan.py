"""What is asked of a cohort, and of whom its people are made."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from MRExtrapLib.errors import InputError
from MRExtrapLib.simulation.plan import CohortPlan, Person, check_ages, plan_people
from MRExtrapLib.simulation.sources import Source


def source(name: str, sha256: str, age_years: float | None = 60.0) -> Source:
    return Source(Path(f"{name}.nii.gz"), name, sha256, age_years)


def names(people: tuple[Person, ...]) -> list[str]:
    return [person.participant_id for person in people]


def test_visits_come_in_order_of_age() -> None:
    assert CohortPlan((3.0, -2.0, 0.0)).years == (-2.0, 0.0, 3.0)


@pytest.mark.parametrize("years", [(), (0.0,), (math.nan, 1.0), (1.0, 1.001), tuple(range(101))])
def test_years_that_make_no_series_are_refused(years: tuple[float, ...]) -> None:
    with pytest.raises(InputError):
        CohortPlan(years)


@pytest.mark.parametrize(("profile", "seed"), [("flu", 0), ("CN", -1)])
def test_an_unknown_profile_or_seed_is_refused(profile: str, seed: int) -> None:
    with pytest.raises(InputError):
        CohortPlan((0.0, 1.0), profile, seed)


def test_a_subjects_name_says_of_whom_it_is_made_and_that_it_is_simulated() -> None:
    people = plan_people([source("sub-70_ses-1_T1w", "aa"), source("my scan_T1w", "bb")])
    assert names(people) == ["sub-70sim1", "sub-myscansim1"]


def test_scans_take_turns_and_those_of_one_scan_stay_together() -> None:
    people = plan_people([source("sub-1", "aa"), source("sub-2", "bb")], 3)
    assert names(people) == ["sub-1sim1", "sub-1sim2", "sub-2sim1"]
    assert names(plan_people([source("sub-1", "aa"), source("sub-2", "bb")], 1)) == ["sub-1sim1"]


def test_scans_of_one_name_are_told_apart() -> None:
    people = plan_people([source("t1", "aa"), source("T1", "bb")])
    assert len({name.lower() for name in names(people)}) == 2


def test_one_scan_given_twice_is_refused() -> None:
    with pytest.raises(InputError, match="twice"):
        plan_people([source("a", "aa"), source("b", "aa")])


def test_a_person_keeps_its_chance_in_a_larger_cohort() -> None:
    plan, one, two = CohortPlan((0.0, 1.0)), source("sub-1", "aa"), source("sub-2", "bb")
    (alone,) = plan_people([one])
    among_others = plan_people([two, one], 4)
    seeds = [person.seeds(plan) for person in among_others]
    assert alone.seeds(plan) in seeds
    assert len(set(seeds)) == len(seeds)


@pytest.mark.parametrize(("age", "years"), [(10.0, (-12.0, 0.0)), (115.0, (0.0, 6.0)), (None, (0.0, 1.0))])
def test_nobody_is_scanned_before_birth_after_death_or_at_an_unknown_age(
    age: float | None, years: tuple[float, ...]
) -> None:
    with pytest.raises(InputError):
        check_ages(plan_people([source("a", "aa", age)]), CohortPlan(years))
