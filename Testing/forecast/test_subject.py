"""Who and what may be asked."""

from __future__ import annotations

import pytest
from fakes import fake_scan, fake_visits, fake_voxels

from MRExtrapLib.errors import InputError
from MRExtrapLib.forecast.subject import Request, Subject, Visit, check_request, target_ages


def test_visits_are_put_in_order_of_age() -> None:
    assert Subject(fake_visits(75, 70, 72)).ages_years == (70, 72, 75)


def test_equal_ages_are_refused() -> None:
    with pytest.raises(InputError, match=r"Two scans are both at age 70\. Give each scan its own age"):
        Subject(fake_visits(70, 72, 70))


def test_a_subject_needs_a_scan() -> None:
    with pytest.raises(InputError, match="at least one scan"):
        Subject(())


@pytest.mark.parametrize("age", [-1.0, 120.5, 700.0, float("nan"), float("inf")])
def test_an_age_that_nobody_has_is_refused(age: float) -> None:
    with pytest.raises(InputError, match="age"):
        Visit(fake_scan(fake_voxels(0)), age)
    with pytest.raises(InputError, match="age to predict"):
        Request((age,))


@pytest.mark.parametrize("age", [0.0, 120.0])
def test_the_ends_of_life_may_be_asked_for(age: float) -> None:
    assert Request((age,)).ages_years == (age,)


def test_equal_targets_count_once() -> None:
    assert Request((80, 75, 80)).ages_years == (75, 80)


def test_something_must_be_asked() -> None:
    with pytest.raises(InputError, match="No age"):
        Request(())
    assert Request((), has_last_held_out=True).ages_years == ()


def test_targets_that_files_could_not_tell_apart_are_refused() -> None:
    with pytest.raises(InputError, match=r"share the name 75\.00"):
        target_ages(Subject(fake_visits(70, 72)), Request((75.001, 75.002)))


def test_too_many_targets_are_refused() -> None:
    with pytest.raises(InputError, match="more than 100"):
        Request(tuple(70 + 0.1 * index for index in range(101)))


def test_one_scan_makes_no_line() -> None:
    with pytest.raises(InputError, match="at least 2 scans at different ages, not 1"):
        check_request(Subject(fake_visits(70)), Request((75,)), "linear")


def test_holding_out_needs_three_scans() -> None:
    with pytest.raises(InputError, match="leaves 1 of 2"):
        check_request(Subject(fake_visits(70, 72)), Request((75,), has_last_held_out=True), "linear")
    check_request(Subject(fake_visits(70, 72, 74)), Request((75,), has_last_held_out=True), "linear")


def test_one_file_at_two_ages_is_warned_about() -> None:
    twin = fake_scan(fake_voxels(0))
    (words,) = Subject((Visit(twin, 70), Visit(twin, 72))).warnings()
    assert "one and the same file" in words


def test_what_scans_say_of_a_person_is_taken_from_the_latest_that_says_it() -> None:
    told = [(70, "F", "CN"), (74, None, None), (72, None, "MCI")]
    visits = [
        Visit(fake_scan(fake_voxels(0), name=f"at-{age}", sex=sex, diagnosis=diagnosis), age)
        for age, sex, diagnosis in told
    ]
    found = Subject(tuple(visits))
    assert (found.known_sex, found.known_diagnosis) == ("F", "MCI")
    assert "diagnosis is MCI, as the tables" in found.warnings()[-1]
    given = Subject(tuple(visits), "M", "AD")
    assert (given.covariates.sex, given.covariates.diagnosis) == ("M", "AD")
    assert "say MCI, but AD was given" in given.warnings()[-1]


def test_a_scan_that_is_held_out_tells_nothing_of_the_diagnosis() -> None:
    told = [(70, "CN"), (72, "MCI"), (74, "AD")]
    visits = tuple(
        Visit(fake_scan(fake_voxels(age), name=f"at-{age}", diagnosis=diagnosis), age)
        for age, diagnosis in told
    )
    assert Subject(visits).known_diagnosis == "AD"
    assert Subject(visits).without_last().known_diagnosis == "MCI"
    assert Subject(visits, diagnosis="CN").without_last().known_diagnosis == "CN"


def test_a_sex_that_contradicts_the_header_is_warned_about() -> None:
    visits = (Visit(fake_scan(fake_voxels(0), sex="F"), 70),)
    assert "sex F" in Subject(visits, sex="M").warnings()[0]
    assert Subject(visits, sex="F").warnings() == ()


def test_with_a_prior_one_scan_is_enough() -> None:
    check_request(Subject(fake_visits(70)), Request((75,)), "bayes")
    check_request(Subject(fake_visits(70, 72)), Request((75,), has_last_held_out=True), "bayes")
    with pytest.raises(InputError, match="leaves 0 of 1"):
        check_request(Subject(fake_visits(70)), Request((75,), has_last_held_out=True), "bayes")


def test_an_uncertainty_without_directions_is_refused() -> None:
    with pytest.raises(InputError, match="at least one direction"):
        Request((75,), directions=0)
