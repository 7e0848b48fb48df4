"""Dose and response: the error of the same subjects and targets against the scans that a prediction knew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from MRExtrapLib.evaluation.answers import Answer, Answers, grouped
from MRExtrapLib.evaluation.evaluation import Evaluation, nested_answers
from MRExtrapLib.evaluation.scoring import difference, mean_of
from MRExtrapLib.evaluation.tables import Cell, Row, figure_cells, known_or_none, sorted_groups
from MRExtrapLib.evaluation.trials import STRETCHES, stretch_of
from MRExtrapLib.progression.line import FEWEST_SCANS

POOLED = "all"
"""In the place of a stretch: answers of every horizon together."""

LAST_TWO, FIRST_AND_LAST, BETWEEN_TOO = "last two", "first and last", "all from first to last"
"""What is known: two scans over the shortest span, two over the longest, and all that lie in the longest."""


def by_horizon(answers: Sequence[Answer]) -> dict[str, Sequence[Answer]]:
    """All answers, then those of each stretch of the horizon that has any."""
    apart = {one: [a for a in answers if stretch_of(a.horizon_years) == one] for one in STRETCHES}
    return {POOLED: answers} | {stretch: found for stretch, found in apart.items() if found}


def dose_rows(evaluation: Evaluation) -> list[Row]:
    """Error against the number of inputs: each `nested` holds the same subjects and targets for all.

    Horizons are first pooled, then told apart: more scans lie before targets that are nearer.
    """
    rows: list[Row] = []
    most = max(answer.most_inputs for answer in evaluation.answers)
    for nested in range(1, most + 1):
        answers = [a for a in nested_answers(evaluation, nested) if a.region in evaluation.main_regions]
        for horizon, chosen in by_horizon(answers).items():
            for (region, inputs, method), found in sorted_groups(
                grouped(chosen, "region", "inputs", "method")
            ):
                head: dict[str, Cell] = {"nested": nested, "horizon": horizon, "region": region}
                rows.append(head | {"inputs": inputs, "method": method} | dose_cells(found))
    return rows


def by_known(evaluation: Evaluation) -> dict[str, Sequence[Answer]]:
    """Answers about the same last scans and targets, by what was known: the span differs, then the number.

    Where all from first to last are more scans than a prediction may rest on, that pair has no such answer.
    """
    wide = evaluation.wide_answers
    span_years = {(one.participant, one.pair): one.span_years for one in wide}
    asked = [one for one in evaluation.answers if (one.participant, one.pair) in span_years]
    return {
        LAST_TWO: [one for one in asked if one.inputs == FEWEST_SCANS],
        FIRST_AND_LAST: wide,
        BETWEEN_TOO: [
            one
            for one in asked
            if one.inputs > FEWEST_SCANS and one.span_years == span_years[one.participant, one.pair]
        ],
    }


def span_rows(evaluation: Evaluation) -> list[Row]:
    """Error against the span of two scans, and against the number of scans over one span.

    Each row is compared with the last two scans on the same subjects and targets. Methods that look at the
    last scan alone say the same from either two.
    """
    known = {name: by_horizon(answers) for name, answers in by_known(evaluation).items()}
    rows: list[Row] = []
    for horizon in known[FIRST_AND_LAST]:
        found = {name: _by_method(stretches.get(horizon, ())) for name, stretches in known.items()}
        for (region, method), of_two in sorted_groups(found[LAST_TWO]):
            for name, of_known in found.items():
                if region not in evaluation.main_regions or (region, method) not in of_known:
                    continue
                answers = of_known[region, method]
                head: dict[str, Cell] = {"horizon": horizon, "region": region, "known": name}
                head |= {"method": method, "mean_inputs": float(answers.column("inputs").mean())}
                gap, p = difference(answers, of_two, same=("participant", "pair"))
                less = figure_cells("error_less_last_two_ml", gap) | {"p_last_two": known_or_none(p)}
                rows.append(head | dose_cells(answers) | less)
    return rows


def _by_method(answers: Sequence[Answer]) -> dict[tuple[str | int, ...], Answers]:
    return grouped(answers, "region", "method")


def dose_cells(found: Answers) -> dict[str, Cell]:
    """How many people, over what span they were scanned, and by how much they are missed."""
    error = np.abs(found.column("error_ml"))
    percent = 100 * error / np.maximum(found.column("last_ml"), 1e-9)
    head: dict[str, Cell] = {
        "people": len(found.people),
        "mean_span_years": float(found.column("span_years").mean()),
    }
    return (
        head
        | figure_cells("error_ml", mean_of(found, error))
        | figure_cells("error_percent", mean_of(found, percent))
    )
