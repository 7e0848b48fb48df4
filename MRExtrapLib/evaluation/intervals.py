"""Whether stated intervals can be trusted: what they hold, and whether wider ones miss by more."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from MRExtrapLib.evaluation.answers import Answers, Array, grouped
from MRExtrapLib.evaluation.evaluation import Evaluation
from MRExtrapLib.evaluation.scoring import root_mean_square_of
from MRExtrapLib.evaluation.tables import Cell, Row, figure_cells, known_or_none, sorted_groups
from MRExtrapLib.progression.student import LEVELS

COVERED_BY = ("everyone", "horizon")
"""Groups whose coverage is told apart from all other scores."""

COVERAGE = (
    *("by", "group", "region", "method", "inputs", "people", "answers", "intervals"),
    *(f"coverage_{100 * level:.0f}{end}" for level in LEVELS for end in ("", "_low", "_high")),
    *(f"width_95_ml{end}" for end in ("", "_low", "_high")),
)
"""Columns of scores that say what intervals hold and how wide they are."""

BINS = 4
"""Of stated spread: quarters of a region's answers still hold a hundred where there are fifty people."""


def coverage_rows(scores: Iterable[Row]) -> list[Row]:
    """What the intervals of each method hold in each region, from one scan known to the most.

    Args:
        scores: of `score_rows`; groups without any interval are left out.
    """
    return [
        {column: row[column] for column in COVERAGE}
        for row in scores
        if row["by"] in COVERED_BY and row["intervals"]
    ]


def spread_rows(evaluation: Evaluation) -> list[Row]:
    """Error against stated spread: each method's answers about a region, in quarters by what they state.

    An honest spread has root mean square errors like the standard deviations stated, in every quarter. Errors
    are of the volume that was told of the scan, which is what a spread speaks of.
    """
    rows: list[Row] = []
    for (region, method), found in sorted_groups(grouped(evaluation.answers, "region", "method")):
        for number, answers in by_spread(found).items():
            head: dict[str, Cell] = {"region": region, "method": method, "quarter": number}
            rows.append(head | _spread_cells(answers))
    return rows


def by_spread(answers: Answers) -> dict[int, Answers]:
    """Answers by quarters of their stated spread, 1 the narrowest; those that state none are left out.

    Equal spreads are in one quarter, so quarters need not be of one size, and an empty one is left out.
    """
    spread = answers.column("spread_ml")
    known = spread > 0
    if not known.any():
        return {}
    edges = np.quantile(spread[known], np.arange(1, BINS) / BINS)
    numbers = np.where(known, 1 + np.searchsorted(edges, spread), 0)
    chosen = {
        number: tuple(row for row, of in zip(answers.rows, numbers, strict=True) if of == number)
        for number in range(1, BINS + 1)
    }
    return {number: Answers(rows) for number, rows in chosen.items() if rows}


def deviation_ml(answers: Answers) -> Array:
    """(n,) the stated standard deviation of each answer; NaN where its law has none.

    Student's t is wider than its scale, by √(ν / (ν − 2)) for ν > 2 degrees of freedom.
    """
    freedom = answers.column("freedom")
    excess = np.divide(2.0, freedom - 2.0, where=freedom > 2, out=np.full(len(freedom), np.nan))
    return answers.column("spread_ml") * np.sqrt(1.0 + excess)


def _spread_cells(answers: Answers) -> dict[str, Cell]:
    spread = answers.column("spread_ml")
    stated = root_mean_square_of(answers, deviation_ml(answers)).value
    return {
        "people": len(answers.people),
        "answers": len(answers.rows),
        "least_spread_ml": float(spread.min()),
        "mean_spread_ml": float(spread.mean()),
        "most_spread_ml": float(spread.max()),
        "stated_deviation_ml": known_or_none(stated),
    } | figure_cells("rms_error_ml", root_mean_square_of(answers, answers.column("off_ml")))
