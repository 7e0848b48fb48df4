"""The visit table: what it holds, and what it says against itself."""

from __future__ import annotations

import itertools

import pytest
from MRExtrapPanel.visits import Visit, VisitTable, read_age


def table(*ages: float | None, **facts: object) -> VisitTable:
    return VisitTable(tuple(Visit(f"scan{n}", f"scan {n}", age, **facts) for n, age in enumerate(ages)))


def sentences(given: VisitTable, least: int = 2, stops: bool = True) -> list[str]:
    return [finding.sentence for finding in given.findings(least) if finding.stops is stops]


def test_scans_stand_youngest_first_however_they_came() -> None:
    for ages in itertools.permutations((73.0, 70.0, None, 71.5)):
        assert [visit.age_years for visit in table(*ages).visits] == [70.0, 71.5, 73.0, None]


def test_two_good_scans_have_nothing_against_them() -> None:
    assert table(70.0, 73.0).findings(2) == ()


def test_an_empty_table_asks_for_scans() -> None:
    assert sentences(VisitTable()) == ["Add the T1 scans of one person."]


def test_too_few_scans_are_told_by_how_many() -> None:
    assert "Add one more scan" in sentences(table(70.0), least=2)[0]
    assert "Add 2 more scans" in sentences(table(70.0), least=3)[0]
    assert sentences(table(70.0), least=1) == []


def test_an_unknown_age_is_asked_for_by_name() -> None:
    assert sentences(table(70.0, None)) == ["The age at scan 1 is not known; type it in years."]


def test_equal_ages_are_refused_and_both_scans_named() -> None:
    assert sentences(table(70.0, 70.0)) == [
        "scan 0 and scan 1 are both at age 70; give each its own age, or remove one."
    ]


@pytest.mark.parametrize("age", [-1.0, 121.0])
def test_an_age_outside_a_life_is_refused(age: float) -> None:
    assert "not within 0 to 120" in sentences(table(70.0, age))[0]


def test_ages_against_the_order_of_the_dates_are_doubted() -> None:
    swapped = VisitTable(
        (Visit("a", "early", 72.0, taken="20100101"), Visit("b", "late", 70.0, taken="20120101"))
    )
    assert sentences(swapped, stops=False) == ["early was taken before late, but its age is the higher one."]


def test_scans_of_two_patients_are_doubted() -> None:
    mixed = VisitTable((Visit("a", "a", 70.0, patient="P1"), Visit("b", "b", 72.0, patient="P2")))
    assert sentences(mixed, stops=False) == ["The scans name different patients: P1, P2."]


def test_scans_of_two_sexes_are_doubted() -> None:
    mixed = VisitTable((Visit("a", "a", 70.0, sex="F"), Visit("b", "b", 72.0, sex="M")))
    assert "one person?" in sentences(mixed, stops=False)[0]


def test_scans_within_months_are_doubted() -> None:
    assert "only 3 months apart" in sentences(table(70.0, 70.25), stops=False)[0]


def test_a_scan_with_a_problem_stops_with_its_reason() -> None:
    broken = table(70.0, 73.0).changed(
        "scan0", lambda one: Visit(one.scan, one.name, 70.0, problem="it is 4D.")
    )
    assert sentences(broken) == ["scan 0 cannot be used: it is 4D."]


def test_a_scan_is_added_once() -> None:
    one = Visit("a", "a", 70.0)
    assert len(VisitTable().with_visit(one).with_visit(one)) == 1


def test_typing_an_age_and_taking_it_back() -> None:
    typed = table(None, 73.0).with_age("scan0", 71.5)
    assert typed.visits[0].age_years == 71.5
    assert typed.visits[0].origin == "typed"
    assert typed.with_age("scan0", None).ages_years == (73.0,)


def test_removed_scans_are_gone_and_others_stay() -> None:
    assert table(70.0, 71.0, 72.0).without(frozenset({"scan1"})).scans == ("scan0", "scan2")


@pytest.mark.parametrize(("text", "years"), [("71.5", 71.5), (" 71,5 ", 71.5), ("71 y", 71.0), ("", None)])
def test_ages_are_read_as_people_type_them(text: str, years: float | None) -> None:
    assert read_age(text) == years


@pytest.mark.parametrize("text", ["seventy", "-3", "700", "nan"])
def test_what_is_no_age_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"type it like 71\.5"):
        read_age(text)


@pytest.mark.parametrize(
    ("name", "is_doubted"),
    [
        ("sub-01_ses-01_T2w", True),
        ("7: Ax SWI", True),
        ("FLAIR 3D", True),
        ("sub-01_ses-01_T1w", False),
        ("T1_MPRAGE_PD", False),
        ("update of 2012", False),
        ("phantom 70", False),
    ],
)
def test_a_scan_that_is_called_like_another_contrast_is_doubted_not_refused(
    name: str, is_doubted: bool
) -> None:
    table = VisitTable((Visit("a", name, 70.0, "typed"), Visit("b", "head", 72.0, "typed")))
    doubts = [finding for finding in table.findings(2) if "T1-weighted" in finding.sentence]
    assert [finding.stops for finding in doubts] == [False] * is_doubted
    assert all(name in finding.sentence for finding in doubts)
