"""Whether intervals can be trusted: what is told of them with every number of scans known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from MRExtrapLib.evaluation.calibration_figure import calibration_figure
from MRExtrapLib.evaluation.findings import findings
from MRExtrapLib.evaluation.intervals import coverage_rows
from MRExtrapLib.evaluation.page_trust import coverage_table
from MRExtrapLib.evaluation.results import BAYES, CARRIED_FORWARD, MIXED, Estimate, PersonResult
from MRExtrapLib.evaluation.tables import score_rows


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


def test_the_figure_draws_a_line_for_each_number_of_scans(make_people, evaluate) -> None:
    evaluation = evaluate([overconfident(person) for person in make_people()])
    figure = calibration_figure(evaluation)
    assert figure is not None
    first = figure.axes[2 * len(evaluation.main_regions)]
    held = {line.get_label(): np.asarray(line.get_ydata()) for line in first.lines}
    assert not held["1 scan"].any()
    assert held["2 scans"][-1] == 1.0
