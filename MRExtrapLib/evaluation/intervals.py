"""Whether stated intervals can be trusted: what they hold, by the number of scans known."""

from __future__ import annotations

from collections.abc import Iterable

from MRExtrapLib.evaluation.tables import Row
from MRExtrapLib.progression.student import LEVELS

COVERED_BY = ("everyone", "horizon")
"""Groups whose coverage is told apart from all other scores."""

COVERAGE = (
    *("by", "group", "region", "method", "inputs", "people", "answers", "intervals"),
    *(f"coverage_{100 * level:.0f}{end}" for level in LEVELS for end in ("", "_low", "_high")),
    *(f"width_95_ml{end}" for end in ("", "_low", "_high")),
)
"""Columns of scores that say what intervals hold and how wide they are."""


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
