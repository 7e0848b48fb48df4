"""The tables of the HTML report that say how far stated intervals can be trusted."""

from __future__ import annotations

from MRExtrapLib.evaluation.answers import Answers, grouped
from MRExtrapLib.evaluation.evaluation import Evaluation
from MRExtrapLib.evaluation.page_tables import Cell, Row, Table, figure_cell
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
