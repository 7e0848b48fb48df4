"""Errors against what a prediction knew, the same subjects and targets throughout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from MRExtrapLib.evaluation.doses import (
    BETWEEN_TOO,
    FIRST_AND_LAST,
    LAST_TWO,
    POOLED,
    by_horizon,
    dose_rows,
    span_rows,
)
from MRExtrapLib.evaluation.evaluation import Evaluation, widest_nesting
from MRExtrapLib.evaluation.findings import span_findings
from MRExtrapLib.evaluation.page_doses import horizon_table, span_table, stretch_table
from MRExtrapLib.evaluation.results import (
    BAYES,
    CARRIED_FORWARD,
    MIXED,
    POPULATION,
    VOLUME_LINE,
    Estimate,
    PersonResult,
)
from MRExtrapLib.evaluation.span import WideResult
from MRExtrapLib.evaluation.trials import Design, Trial, wide_trials_of

EXACT_ML = 1e-9
"""Of hundreds of millilitres in float64."""


def guessed(person: PersonResult, trials: Sequence[Trial]) -> list[Estimate]:
    """The last scan carried forward, and a model that misses by 1 ml over the years that it has seen."""
    found = []
    for trial in trials:
        off_ml = 1.0 / (1.0 + person.span_years(trial))
        volumes_ml = {region: ml + off_ml for region, ml in person.observed_ml[trial.target].items()}
        found.append(Estimate(CARRIED_FORWARD, trial, person.observed_ml[trial.last]))
        found.append(Estimate(BAYES, trial, volumes_ml))
    return found


@pytest.fixture
def an_evaluation(make_people, evaluate) -> Callable[..., Evaluation]:
    """Of people who were also asked from the first and the last scan alone."""

    def made(**facts: object) -> Evaluation:
        people = [replace(one, estimates=tuple(guessed(one, one.trials))) for one in make_people(**facts)]
        wide = {
            one.participant: WideResult(1, "", tuple(guessed(one, wide_trials_of(one.ages_years, Design()))))
            for one in people
        }
        return evaluate(people, wide=wide)

    return made


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


def test_the_page_tells_each_horizon_as_far_as_its_scans_go(an_evaluation) -> None:
    rows = [[cell.words for cell in row.cells] for row in stretch_table(an_evaluation()).rows]
    of_region = {words[1]: words[2:] for words in rows if words[0] == "ventricles"}
    assert of_region["2–4 y"] == ["1.00", "0.50", "0.33", "0.25", "12"]
    assert of_region["> 4 y"] == ["1.00", "0.50", "–", "–", "12"]


def test_wide_trials_change_no_other_answer(an_evaluation) -> None:
    evaluation = an_evaluation(noise=0.01)
    without = replace(evaluation, wide={})
    assert evaluation.answers == without.answers
    assert without.wide_answers == ()
    assert span_rows(without) == span_findings(without) == []
    assert dose_rows(evaluation) == dose_rows(without)


def test_every_method_answers_wide_trials_that_can_answer_two_scans(an_evaluation) -> None:
    evaluation = an_evaluation(noise=0.01)
    assert {one.inputs for one in evaluation.wide_answers} == {2}
    assert {one.method for one in evaluation.wide_answers} == {
        *(CARRIED_FORWARD, BAYES),
        *(VOLUME_LINE, POPULATION, MIXED),
    }


def test_the_span_differs_and_subjects_and_targets_do_not(an_evaluation) -> None:
    """Visits after 0, 1, 2, 3 and 6 years: before 6 the last two lie 1 year apart, first and last 3."""
    rows = [row for row in span_rows(an_evaluation(noise=0.01)) if row["region"] == "ventricles"]
    of_model = {row["known"]: row for row in rows if (row["method"], row["horizon"]) == (BAYES, "2–4 y")}
    spans = {known: row["mean_span_years"] for known, row in of_model.items()}
    assert spans == pytest.approx({LAST_TWO: 1.0, FIRST_AND_LAST: 3.0, BETWEEN_TOO: 3.0})
    assert {known: row["mean_inputs"] for known, row in of_model.items()} == {
        LAST_TWO: 2,
        FIRST_AND_LAST: 2,
        BETWEEN_TOO: 4,
    }
    assert {row["people"] for row in rows} == {12}
    assert of_model[FIRST_AND_LAST]["error_ml"] == pytest.approx(0.25, abs=EXACT_ML)
    assert of_model[FIRST_AND_LAST]["error_less_last_two_ml"] == pytest.approx(-0.25, abs=EXACT_ML)
    unmoved = [row for row in rows if row["method"] in (CARRIED_FORWARD, POPULATION)]
    assert all(row["error_less_last_two_ml"] == pytest.approx(0.0, abs=EXACT_ML) for row in unmoved)


def test_least_squares_on_noisy_volumes_gains_by_the_span(an_evaluation) -> None:
    """Its slope's noise goes by one over the span; two scans between them add little (SCIENCE's table)."""
    rows = [
        row
        for row in span_rows(an_evaluation(count=60, noise=0.02, between=0.0))
        if (row["method"], row["region"], row["horizon"]) == (VOLUME_LINE, "hippocampus", "2–4 y")
    ]
    errors = {str(row["known"]): float(np.asarray(row["error_ml"])) for row in rows}
    # a line over 1 year read 3 years on has 5 times the noise of a scan, over 3 years 2.2 times
    assert errors[FIRST_AND_LAST] < 0.65 * errors[LAST_TWO]
    assert errors[BETWEEN_TOO] > 0.7 * errors[FIRST_AND_LAST]


def test_the_page_says_what_the_span_does(an_evaluation) -> None:
    evaluation = an_evaluation(noise=0.01)
    table = span_table(evaluation, "ventricles")
    assert table.columns[1:] == (
        *(f"{LAST_TWO} (1.0 y)", f"{FIRST_AND_LAST} (2.5 y)"),
        f"{BETWEEN_TOO} (2.5 y)",
    )
    first = span_findings(evaluation)[0]
    assert first.startswith(
        f"Hippocampus, {BAYES} from two scans 2.5 years apart: 0.21 ml less than two scans"
    )
