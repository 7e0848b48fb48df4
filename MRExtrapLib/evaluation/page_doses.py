"""The tables of the HTML report that tell errors by what a prediction knew and how far ahead it looked."""

from __future__ import annotations

import numpy as np

from MRExtrapLib.evaluation.answers import Answers, grouped
from MRExtrapLib.evaluation.doses import POOLED, by_horizon, by_known
from MRExtrapLib.evaluation.evaluation import Evaluation, nested_answers, widest_nesting, with_two_scans
from MRExtrapLib.evaluation.page_tables import Cell, Row, Table, error_table, figure_cell
from MRExtrapLib.evaluation.scoring import mean_of
from MRExtrapLib.evaluation.trials import STRETCHES


def dose_table(evaluation: Evaluation, region: str, nested: int) -> Table:
    """Error in one region by the number of scans, nested in the same subjects and targets."""
    found = grouped((a for a in nested_answers(evaluation, nested) if a.region == region), "method", "inputs")
    numbers = range(1, nested + 1)
    columns = (f"|error| ml, {region.replace('_', ' ')}", *(f"{n} scan{'s' * (n > 1)}" for n in numbers))
    return error_table(evaluation, columns, {(m, n): found[m, n] for m, n in found}, numbers)


def horizon_table(evaluation: Evaluation, region: str) -> Table:
    """Error in one region by how far ahead the target lies."""
    chosen = [a for a in evaluation.answers if a.region == region and a.inputs == a.most_inputs]
    by_stretch = {
        stretch: with_two_scans(answers)
        for stretch, answers in by_horizon(chosen).items()
        if stretch != POOLED
    }
    found = {
        (method, stretch): rows
        for stretch, answers in by_stretch.items()
        for (method,), rows in grouped(answers, "method").items()
    }
    stretches = list(by_stretch)
    return error_table(evaluation, (f"|error| ml, {region.replace('_', ' ')}", *stretches), found, stretches)


def stretch_table(evaluation: Evaluation) -> Table:
    """The model's error by the number of scans at each horizon alone, the same targets along each row."""
    shown = evaluation.shown_method
    most = max(widest_nesting(evaluation, stretch) for stretch in STRETCHES)
    columns = (
        *("region", "horizon"),
        *(f"{n} scan{'s' * (n > 1)}" for n in range(1, most + 1)),
        "n",
    )
    rows = []
    for region in evaluation.main_regions:
        for stretch in STRETCHES:
            nested = nested_answers(evaluation, widest_nesting(evaluation, stretch))
            chosen = [one for one in nested if (one.method, one.region) == (shown, region)]
            found = grouped(by_horizon(chosen).get(stretch, ()), "inputs")
            if found:
                errors = {n: mean_of(one, np.abs(one.column("error_ml"))) for (n,), one in found.items()}
                cells = [figure_cell(errors[n]) if n in errors else Cell("–") for n in range(1, most + 1)]
                people = f"{max(len(one.people) for one in found.values())}"
                rows.append(Row((Cell(region.replace("_", " ")), Cell(stretch), *cells, Cell(people))))
    return Table(f"|error| ml at one horizon, {shown}", columns, tuple(rows))


def span_table(evaluation: Evaluation, region: str) -> Table:
    """Error in one region from the last two scans, from first and last, and from all between them too."""
    found: dict[tuple[str | int, str], Answers] = {}
    columns = [f"|error| ml, {region.replace('_', ' ')}"]
    known = by_known(evaluation)
    for name, answers in known.items():
        chosen = [one for one in answers if one.region == region]
        span_years = np.mean([one.span_years for one in chosen] or [np.nan])
        columns.append(f"{name} ({span_years:.1f} y)")
        found |= {(method, name): rows for (method,), rows in grouped(chosen, "method").items()}
    return error_table(evaluation, tuple(columns), found, list(known))
