"""Errors against what a prediction knew, the same subjects and targets throughout."""

from __future__ import annotations

import pytest

from MRExtrapLib.evaluation.doses import POOLED, by_horizon, dose_rows
from MRExtrapLib.evaluation.evaluation import widest_nesting
from MRExtrapLib.evaluation.page_doses import horizon_table
from MRExtrapLib.evaluation.results import CARRIED_FORWARD


def test_pooled_horizons_are_all_answers_and_the_others_part_them(make_people, evaluate) -> None:
    answers = evaluate(make_people(noise=0.01)).answers
    pooled, *apart = (by_horizon(answers)[one] for one in (POOLED, "1–2 y", "2–4 y", "> 4 y"))
    assert pooled == answers
    assert sorted(map(id, pooled)) == sorted(id(one) for found in apart for one in found)
    assert {one.horizon_years > 4 for one in apart[-1]} == {True}


def test_at_one_horizon_the_last_scan_carried_forward_misses_the_same_whatever_was_known(
    make_people, evaluate
) -> None:
    """Its error hangs on last scan and target alone: were these others, it would differ."""
    rows = [row for row in dose_rows(evaluate(make_people(noise=0.01))) if row["method"] == CARRIED_FORWARD]
    errors: dict[tuple[object, ...], set[object]] = {}
    for row in rows:
        errors.setdefault((row["nested"], row["horizon"], row["region"]), set()).add(row["error_ml"])
    assert {len(found) for found in errors.values()} == {1}
    near, far = (errors[2, horizon, "ventricles"].pop() for horizon in ("1–2 y", "> 4 y"))
    assert near < far


def test_pooled_rows_lie_between_those_of_their_horizons(make_people, evaluate) -> None:
    rows = [
        row
        for row in dose_rows(evaluate(make_people(noise=0.01)))
        if (row["nested"], row["inputs"], row["method"]) == (2, 2, CARRIED_FORWARD)
        and row["region"] == "ventricles"
    ]
    pooled, *apart = (float(row["error_ml"]) for row in rows)
    assert [row["horizon"] for row in rows] == [POOLED, "1–2 y", "2–4 y", "> 4 y"]
    assert pooled == pytest.approx(sum(apart) / 3)  # of each person one pair a stretch


def test_nesting_is_as_wide_as_half_of_those_who_were_asked(make_people, evaluate) -> None:
    """Visits after 0, 1, 2, 3 and 6 years: four scans lie before the last, two before a target 5 years on."""
    evaluation = evaluate(make_people())
    assert widest_nesting(evaluation) == widest_nesting(evaluation, "2–4 y") == 4
    assert widest_nesting(evaluation, "> 4 y") == 2
    assert widest_nesting(evaluation, "< 1 y") == 0


def test_horizons_stand_side_by_side_on_the_page(make_people, evaluate) -> None:
    table = horizon_table(evaluate(make_people(noise=0.01)), "ventricles")
    assert table.columns[1:] == ("1–2 y", "2–4 y", "> 4 y")
