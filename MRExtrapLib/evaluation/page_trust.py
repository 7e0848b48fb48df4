"""The tables of the HTML report that say how far stated intervals can be trusted."""

from __future__ import annotations

from collections.abc import Mapping

from MRExtrapLib.evaluation.answers import Answers, grouped
from MRExtrapLib.evaluation.evaluation import Evaluation
from MRExtrapLib.evaluation.intervals import spread_rows
from MRExtrapLib.evaluation.page_tables import Cell, Row, Table, figure_cell, number_words
from MRExtrapLib.evaluation.scoring import Figure, score
from MRExtrapLib.progression.student import LEVELS


def coverage_table(evaluation: Evaluation) -> Table:
    """What the model's own intervals hold, by region and number of scans known, and by any number."""
    shown = evaluation.shown_method
    rows = []
    for region in evaluation.main_regions:
        found = [one for one in evaluation.answers if (one.method, one.region) == (shown, region)]
        by_count = {f"{inputs}": of_count for (inputs,), of_count in sorted(grouped(found, "inputs").items())}
        for words, of_count in (by_count | {"any": Answers(tuple(found))}).items():
            rows.append(_coverage_row(region, words, of_count))
    columns = (
        *("region", "scans known"),
        *(f"in {level:.0%}" for level in LEVELS),
        *("95 % width ml", "CRPS ml", "n", "answers", "with interval"),
    )
    return Table(f"{shown}, what intervals hold", columns, tuple(rows))


def _coverage_row(region: str, scans_known: str, answers: Answers) -> Row:
    found = score(answers)
    coverage = (found.coverage.get(level, Figure(float("nan"))) for level in LEVELS)
    cells = (
        *(Cell(region.replace("_", " ")), Cell(scans_known)),
        *(figure_cell(one, is_share=True) for one in coverage),
        *(figure_cell(one, has_interval=False) for one in (found.width_ml, found.crps_ml)),
        *(Cell(f"{count}") for count in (found.people, found.answers, found.intervals)),
    )
    return Row(cells)


def spread_table(evaluation: Evaluation) -> Table:
    """By how much the model misses in each quarter of the spread that it states, by region."""
    rows = tuple(
        _spread_row(row)
        for row in spread_rows(evaluation)
        if row["method"] == evaluation.shown_method and row["region"] in evaluation.main_regions
    )
    columns = ("region", "quarter", "spread ml", "deviation ml", "RMS error ml", "n", "answers")
    return Table(f"{evaluation.shown_method}, error against stated spread", columns, rows)


def _spread_row(row: Mapping[str, object]) -> Row:
    low, high = (row[f"rms_error_ml_{end}"] for end in ("low", "high"))
    interval = "" if low is None else f"[{number_words(low)}, {number_words(high)}]"
    return Row(
        (
            Cell(str(row["region"]).replace("_", " ")),
            Cell(f"{row['quarter']}"),
            *(Cell(number_words(row[name])) for name in ("mean_spread_ml", "stated_deviation_ml")),
            Cell(number_words(row["rms_error_ml"]), interval),
            *(Cell(f"{row[name]}") for name in ("people", "answers")),
        )
    )
