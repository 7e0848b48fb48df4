"""Dose and response: the error of the same subjects and targets against the scans that a prediction knew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from MRExtrapLib.evaluation.answers import Answer, Answers, grouped
from MRExtrapLib.evaluation.evaluation import Evaluation, nested_answers
from MRExtrapLib.evaluation.scoring import mean_of
from MRExtrapLib.evaluation.tables import Cell, Row, figure_cells, sorted_groups
from MRExtrapLib.evaluation.trials import STRETCHES, stretch_of

POOLED = "all"
"""In the place of a stretch: answers of every horizon together."""


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
