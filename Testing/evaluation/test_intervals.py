"""Whether intervals can be trusted: what is told of them with every number of scans known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy import stats

from MRExtrapLib.evaluation.answers import Answer, Answers
from MRExtrapLib.evaluation.calibration_figure import calibration_figure
from MRExtrapLib.evaluation.findings import findings
from MRExtrapLib.evaluation.intervals import by_spread, coverage_rows, deviation_ml, spread_rows
from MRExtrapLib.evaluation.page_trust import coverage_table, spread_table
from MRExtrapLib.evaluation.results import BAYES, CARRIED_FORWARD, MIXED, Estimate, PersonResult
from MRExtrapLib.evaluation.scoring import root_mean_square_of
from MRExtrapLib.evaluation.tables import score_rows

SAMPLING = 0.1
"""Five standard errors of a root mean square of a thousand normal errors, as a share of it."""


@pytest.fixture
def an_answer(make_people, evaluate) -> Callable[..., Answer]:
    """An answer with an interval, but for the facts given."""
    (answer, *_) = evaluate(make_people(count=1)).answers
    return partial(replace, answer, spread_ml=0.2)


def overconfident(person: PersonResult) -> PersonResult:
    """The person, predicted by the model: ten spreads off from one scan, within a tenth of one from more."""
    estimates = []
    for trial in person.trials:
        off = 10.0 if len(trial.inputs) == 1 else 0.1
        volumes_ml = {region: ml + off for region, ml in person.observed_ml[trial.target].items()}
        estimates.append(Estimate(BAYES, trial, volumes_ml, dict.fromkeys(volumes_ml, 1.0)))
    return replace(person, estimates=(*person.estimates, *estimates))


def test_coverage_is_told_from_one_scan_on_and_is_that_of_the_scores(make_people, evaluate) -> None:
    scores = score_rows(evaluate(make_people(noise=0.01)))
    rows = [row for row in coverage_rows(scores) if row["by"] == "everyone" and row["method"] == MIXED]
    assert {row["inputs"] for row in rows if row["region"] == "ventricles"} == {1, 2, 3, 4}
    for row in rows:
        (whole,) = [
            one
            for one in scores
            if all(one[key] == row[key] for key in ("by", "group", "inputs", "region", "method"))
        ]
        assert row["coverage_80"] == whole["coverage_80"]


def test_a_method_without_intervals_has_no_coverage(make_people, evaluate) -> None:
    scores = score_rows(evaluate(make_people(noise=0.01)))
    assert CARRIED_FORWARD in {row["method"] for row in scores}
    assert CARRIED_FORWARD not in {row["method"] for row in coverage_rows(scores)}


def test_the_page_shows_that_intervals_from_one_scan_hold_nothing(make_people, evaluate) -> None:
    evaluation = evaluate([overconfident(person) for person in make_people()])
    rows = [[cell.words for cell in row.cells[:3]] for row in coverage_table(evaluation).rows]
    held = {scans: share for region, scans, share in rows if region == "hippocampus"}
    assert held == {"1": "0%", "2": "100%", "3": "100%", "4": "100%", "any": held["any"]}
    assert held["any"] not in ("0%", "100%")
    assert "0% from 1, 100% from 2" in findings(evaluation)[0]


def test_quarters_hold_every_answer_with_a_spread_once_from_narrow_to_wide(an_answer) -> None:
    spreads = [*np.random.default_rng(0).uniform(0.1, 2.0, size=103), None, 0.0]
    found = by_spread(Answers(tuple(an_answer(spread_ml=spread) for spread in spreads)))
    assert list(found) == [1, 2, 3, 4]
    assert {len(one.rows) for one in found.values()} <= {25, 26}
    ordered = [row.spread_ml for one in found.values() for row in sorted(one.rows, key=lambda r: r.spread_ml)]
    assert ordered == sorted(filter(None, spreads))


def test_equal_spreads_are_in_one_quarter_and_no_spread_in_none(an_answer) -> None:
    assert [len(one.rows) for one in by_spread(Answers((an_answer(),) * 9)).values()] == [9]
    assert by_spread(Answers((an_answer(spread_ml=None),))) == {}


def test_the_deviation_of_students_t_is_that_of_scipy(an_answer) -> None:
    freedoms = (2.5, 5.0, 100.0, np.inf)
    found = deviation_ml(Answers(tuple(an_answer(spread_ml=0.3, freedom=one) for one in freedoms)))
    assert found[:3] == pytest.approx([0.3 * stats.t.std(one) for one in freedoms[:3]])
    assert found[3] == pytest.approx(0.3)
    assert np.isnan(deviation_ml(Answers((an_answer(freedom=2.0), an_answer(freedom=1.0))))).all()


@pytest.mark.parametrize("claimed", [1.0, 0.5])
def test_an_honest_spread_misses_by_what_it_states_in_every_quarter(claimed: float, an_answer) -> None:
    generator = np.random.default_rng(0)
    spreads = generator.uniform(0.1, 2.0, size=4000)
    rows = [
        an_answer(
            participant=f"sub-{i}", predicted_ml=30 + spread * z, observed_ml=30.0, spread_ml=claimed * spread
        )
        for i, (spread, z) in enumerate(zip(spreads, generator.normal(size=4000), strict=True))
    ]
    for answers in by_spread(Answers(tuple(rows))).values():
        stated, missed = (
            root_mean_square_of(answers, values).value
            for values in (deviation_ml(answers), answers.column("off_ml"))
        )
        assert missed * claimed == pytest.approx(stated, rel=SAMPLING)


def test_errors_against_spread_are_of_the_volume_that_was_observed(make_people, evaluate) -> None:
    """The truth of a simulation judges changes; a spread speaks of a scan."""
    evaluation = evaluate([overconfident(person) for person in make_people(noise=0.02, has_truth=True)])
    rows = [row for row in spread_rows(evaluation) if (row["method"], row["region"]) == (BAYES, "ventricles")]
    chosen = [one for one in evaluation.answers if (one.method, one.region) == (BAYES, "ventricles")]
    off = np.mean([10.0**2 if one.inputs == 1 else 0.1**2 for one in chosen]) ** 0.5
    assert [(row["people"], row["answers"]) for row in rows] == [(12, len(chosen))]
    assert rows[0]["rms_error_ml"] == pytest.approx(off)
    assert rows[0]["stated_deviation_ml"] == pytest.approx(1.0)
    (shown,) = [row for row in spread_table(evaluation).rows if row.cells[0].words == "ventricles"]
    assert shown.cells[4].words == f"{off:.2f}"


def test_the_figure_draws_a_line_for_each_number_of_scans(make_people, evaluate) -> None:
    evaluation = evaluate([overconfident(person) for person in make_people()])
    figure = calibration_figure(evaluation)
    assert figure is not None
    first = figure.axes[2 * len(evaluation.main_regions)]
    held = {line.get_label(): np.asarray(line.get_ydata()) for line in first.lines}
    assert not held["1 scan"].any()
    assert held["2 scans"][-1] == 1.0
