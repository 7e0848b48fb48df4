"""The tables of the HTML report: cells as they read, the best of a column bold, the model's rows marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from MRExtrapLib.evaluation.evaluation import Evaluation
from MRExtrapLib.evaluation.results import BAYES, LINEAR
from MRExtrapLib.evaluation.scoring import Figure, Score, score
from MRExtrapLib.evaluation.tables import (
    identity_rows,
    linearity_rows,
    sameness_rows,
    similarity_rows,
    split_rows,
    sulcal_rows,
)
from MRExtrapLib.progression.student import LEVELS

MODEL_METHODS = (BAYES, LINEAR)


@dataclass(frozen=True)
class Cell:
    """What stands in a cell; the best of its kind is set bold."""

    words: str
    interval: str = ""
    is_best: bool = False


@dataclass(frozen=True)
class Row:
    """A row of cells, marked where it is the model's."""

    cells: tuple[Cell, ...]
    is_model: bool = False


@dataclass(frozen=True)
class Table:
    """A table of the page."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def score_table(evaluation: Evaluation, region: str) -> Table:
    """Everything about one region's predicted changes, a row for each method."""
    fullest = evaluation.fullest
    scores = {m: score(fullest[m, region]) for m in evaluation.methods if (m, region) in fullest}
    columns = (
        region.replace("_", " "),
        "|error| ml",
        "% of region",
        "bias ml",
        "direction right",
        "slope",
        *(f"in {level:.0%}" for level in LEVELS),
        "95 % width ml",
        "CRPS ml",
        "n",
        "answers",
        "with interval",
    )
    best = min(found.error_ml.value for found in scores.values())
    rows = tuple(_score_row(method, found, best) for method, found in scores.items())
    return Table(f"{region.replace('_', ' ').capitalize()}", columns, rows)


def _score_row(method: str, found: Score, best: float) -> Row:
    coverage = (found.coverage.get(level, Figure(np.nan)) for level in LEVELS)
    cells = (
        Cell(method),
        figure_cell(found.error_ml, is_best=found.error_ml.value == best),
        figure_cell(found.error_percent, has_interval=False),
        figure_cell(found.bias_ml, has_interval=False),
        figure_cell(found.sign_share, is_share=True, has_interval=False),
        figure_cell(found.calibration_slope),
        *(figure_cell(one, is_share=True, has_interval=False) for one in coverage),
        figure_cell(found.width_ml, has_interval=False),
        figure_cell(found.crps_ml, has_interval=False),
        *(Cell(f"{count}") for count in (found.people, found.answers, found.intervals)),
    )
    return Row(cells, method in MODEL_METHODS)


def error_table(
    evaluation: Evaluation, columns: tuple[str, ...], found: Mapping, keys: Sequence | range
) -> Table:
    """Methods down, what parts the answers across; the best of each column is bold."""
    errors = {key: score(rows).error_ml for key, rows in found.items()}
    best = {
        column: min((one.value for (_, other), one in errors.items() if other == column), default=np.nan)
        for column in keys
    }
    rows = tuple(
        Row(
            (
                Cell(method),
                *(
                    figure_cell(errors[method, key], is_best=errors[method, key].value == best[key])
                    if (method, key) in errors
                    else Cell("–")
                    for key in keys
                ),
            ),
            method in MODEL_METHODS,
        )
        for method in evaluation.methods
    )
    return Table(columns[0], columns, rows)


def split_table(evaluation: Evaluation) -> Table:
    """Where the error of the model's predictions comes from, a row for each region."""
    shown, parts = evaluation.shown_method, ("prediction", "reconstruction", "segmentation", "all")
    rows = split_rows(evaluation)
    lines = []
    for region in evaluation.main_regions:
        of_region = {row["part"]: row for row in rows if row["region"] == region and row["method"] == shown}
        cells = [Cell(region.replace("_", " "))]
        for part in parts:
            error, bias = (of_region.get(part, {}).get(name) for name in ("error_ml", "bias_ml"))
            is_known = isinstance(error, float) and isinstance(bias, float)
            cells.append(Cell(f"{error:.3g}", f"({bias:+.2g})") if is_known else Cell("not known"))
        lines.append(Row(tuple(cells)))
    return Table(f"{shown}, ml", ("region", *parts), tuple(lines))


def linearity_table(evaluation: Evaluation) -> Table:
    """How straight volumes run between two scans, a row for each region and kind of interpolation."""
    columns = ("region", "way", "pairs", "beyond noise", "median R²", "R² below 0.9", "largest deviation ml")
    rows = []
    for row in linearity_rows(evaluation):
        if row["region"] in evaluation.main_regions:
            region, kind, pairs, beyond, _, median, share, deviation = row.values()
            words = (
                f"{kind}",
                f"{pairs}",
                f"{beyond}",
                number_words(median),
                number_words(share, is_share=True),
                number_words(deviation),
            )
            rows.append(Row((Cell(str(region).replace("_", " ")), *map(Cell, words))))
    return Table("Straightness", columns, tuple(rows))


def identity_table(evaluation: Evaluation) -> Table:
    """How often predicted brains find their own person."""
    rows = tuple(
        Row(
            (
                Cell(str(row["method"])),
                Cell(f"{row['people']}"),
                Cell(number_words(row["first_share"], is_share=True)),
                Cell(number_words(row["by_chance"], is_share=True)),
                Cell(number_words(row["mean_reciprocal_rank"])),
            ),
            row["method"] in MODEL_METHODS,
        )
        for row in identity_rows(evaluation)
    )
    return Table("Retrieval", ("brain", "people", "own scan first", "by chance", "mean 1/rank"), rows)


def sulcal_table(evaluation: Evaluation) -> Table:
    """Overlap of sulci with the scan's."""
    rows = tuple(
        Row(
            (Cell(str(row["brain"])), Cell(f"{row['people']}"), Cell(number_words(row["mean_sulcal_dice"]))),
            row["brain"] in MODEL_METHODS,
        )
        for row in sulcal_rows(evaluation)
    )
    return Table("Sulci", ("brain", "people", "Dice of sulci"), rows)


def sameness_table(evaluation: Evaluation) -> Table:
    """How far a prediction goes, and by how much the way back misses the scan that it came from."""
    rows = tuple(
        Row(
            (
                Cell(str(row["region"]).replace("_", " ")),
                Cell(number_words(row["mean_predicted_change_ml"])),
                Cell(number_words(row["mean_missed_back_ml"])),
            )
        )
        for row in sameness_rows(evaluation)
        if row["region"] in evaluation.main_regions
    )
    return Table("Forward, then backward", ("region", "decoded change ml", "missed on return ml"), rows)


def similarity_table(evaluation: Evaluation) -> Table:
    """Likeness of images and overlap of segmentations, a row for each method."""
    by_method: dict[str, dict[str, Mapping]] = {}
    for row in similarity_rows(evaluation):
        by_method.setdefault(str(row["method"]), {})[str(row["region"])] = row
    rows = []
    for method in evaluation.methods:
        of_region = by_method.get(method, {})
        first = next(iter(of_region.values()), {})
        if first.get("ssim") is None:
            continue
        dice = [number_words(of_region.get(region, {}).get("dice")) for region in evaluation.main_regions]
        words = (number_words(first["ssim"]), number_words(first.get("psnr_db")), *dice)
        rows.append(Row((Cell(method), *map(Cell, words)), method in MODEL_METHODS))
    names = (f"Dice {region.replace('_', ' ')}" for region in evaluation.main_regions)
    return Table("Images and segmentations", ("method", "SSIM", "PSNR dB", *names), tuple(rows))


def figure_cell(
    figure: Figure, is_share: bool = False, is_best: bool = False, has_interval: bool = True
) -> Cell:
    """A figure as it reads, with its interval in square brackets; a dash for what is not known."""
    if not figure.is_known:
        return Cell("–")
    interval = ""
    if has_interval and np.isfinite(figure.low):
        interval = f"[{number_words(figure.low, is_share)}, {number_words(figure.high, is_share)}]"
    return Cell(number_words(figure.value, is_share), interval, is_best)


def number_words(value: object, is_share: bool = False) -> str:
    """Three digits that count, without an exponent; a dash for what is not known."""
    if not isinstance(value, float | int) or not np.isfinite(value):
        return "–"
    if is_share:
        return f"{value:.0%}"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 3
    return f"{value:.{digits}f}".replace("-", "−")
