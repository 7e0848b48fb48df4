"""The tables of an evaluation: one row a figure's group, numbers as they are, unknown ones as empty cells."""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np

from MRExtrapLib.anatomy.regions import MAIN_REGIONS
from MRExtrapLib.evaluation.answers import Answer, Answers, grouped
from MRExtrapLib.evaluation.evaluation import Evaluation
from MRExtrapLib.evaluation.linearity import STRAIGHT, Bow
from MRExtrapLib.evaluation.results import CARRIED_FORWARD, METHODS, MIXED, VOLUME_LINE
from MRExtrapLib.evaluation.scoring import Figure, Score, difference, mean_of, score
from MRExtrapLib.progression.student import LEVELS

Cell = str | int | float | bool | None
Row = Mapping[str, Cell]

RIVALS = {CARRIED_FORWARD: "carried_forward", VOLUME_LINE: "least_squares", MIXED: "mixed_model"}
"""Against whom every method is compared on the same subjects, and as columns call them."""

EVERYONE = ("everyone", "everyone")


def score_rows(evaluation: Evaluation) -> list[Row]:
    """Method × region × number of inputs, for everyone and for each group; by group the main regions only."""
    rows: list[Row] = []
    for (region, inputs), chosen in sorted_groups(grouped(evaluation.answers, "region", "inputs")):
        for (kind, group), of_group in _by_group(chosen.rows).items():
            if region not in MAIN_REGIONS and kind != "everyone":
                continue
            by_method = grouped(of_group, "method")
            for method in METHODS:
                if (method,) in by_method:
                    head = {"by": kind, "group": group, "inputs": inputs, "region": region, "method": method}
                    rows.append(head | _scored(method, by_method))
    return rows


def _by_group(answers: Iterable[Answer]) -> dict[tuple[str, str], list[Answer]]:
    found: dict[tuple[str, str], list[Answer]] = {EVERYONE: []}
    for answer in answers:
        for kind, group in answer.groups.items():
            found.setdefault((kind, group), []).append(answer)
    return found


def _scored(method: str, by_method: Mapping[tuple[str | int, ...], Answers]) -> dict[str, Cell]:
    cells = score_cells(score(by_method[(method,)]))
    for rival, name in RIVALS.items():
        if rival == method or (rival,) not in by_method:
            continue
        gap, p = difference(by_method[(method,)], by_method[(rival,)])
        cells |= figure_cells(f"error_less_{name}_ml", gap) | {f"p_{name}": known_or_none(p)}
    return cells


def score_cells(found: Score) -> dict[str, Cell]:
    """A score as columns."""
    cells: dict[str, Cell] = {name: getattr(found, name) for name in ("people", "answers", "intervals")}
    for name in (
        "error_ml",
        "error_percent",
        "error_percent_of_brain",
        "bias_ml",
        "sign_share",
        "calibration_slope",
    ):
        cells |= figure_cells(name, getattr(found, name))
    for level in LEVELS:
        cells |= figure_cells(f"coverage_{100 * level:.0f}", found.coverage.get(level, Figure(np.nan)))
    return cells | figure_cells("width_95_ml", found.width_ml) | figure_cells("crps_ml", found.crps_ml)


def figure_cells(name: str, figure: Figure) -> dict[str, Cell]:
    """A figure and the ends of its interval."""
    return {
        name: known_or_none(figure.value),
        f"{name}_low": known_or_none(figure.low),
        f"{name}_high": known_or_none(figure.high),
    }


def split_rows(evaluation: Evaluation) -> list[Row]:
    """Where the error of the change comes from: segmenting, reconstructing, predicting; they add up.

    predicted − true = (predicted − reconstructed) + (reconstructed − observed) + (observed − true), each of
    the change from last input to target. Without truth the last part is not known, and the observed change
    counts as true.
    """
    rows: list[Row] = []
    for (method, region), found in evaluation.fullest.items():
        predicted, again, observed, change = (
            found.column(f"{name}change_ml") for name in ("predicted_", "reconstructed_", "observed_", "")
        )
        has_truth = np.isfinite(found.column("true_change_ml"))
        parts = {
            "prediction": predicted - again,
            "reconstruction": again - observed,
            "segmentation": np.where(has_truth, observed - change, np.nan),
            "all": predicted - change,
        }
        for part, error in parts.items():
            head = {"method": method, "region": region, "part": part, "people": len(found.people)}
            rows.append(
                head
                | figure_cells("bias_ml", mean_of(found, error))
                | figure_cells("error_ml", mean_of(found, np.abs(error)))
            )
    return rows


def similarity_rows(evaluation: Evaluation) -> list[Row]:
    """PSNR and SSIM of images, and Dice of regions, by method; never the headline."""
    rows: list[Row] = []
    for (method, region), found in evaluation.fullest.items():
        rows.append(
            {"method": method, "region": region, "people": len(found.people)}
            | figure_cells("dice", mean_of(found, found.column("dice")))
            | figure_cells("ssim", mean_of(found, found.column("ssim")))
            | figure_cells("psnr_db", mean_of(found, found.column("psnr_db")))
        )
    return rows


def linearity_rows(evaluation: Evaluation) -> list[Row]:
    """Straightness by region and kind of interpolation, over pairs whose change exceeds noise."""
    rows: list[Row] = []
    kinds = dict.fromkeys(bow.kind for bow in evaluation.bows)
    for region, kind in itertools.product(evaluation.regions, kinds):
        every = [bow for bow in evaluation.bows if (bow.region, bow.kind) == (region, kind)]
        counted = [bow for bow in every if bow.is_counted]
        r_squared = np.array([bow.r_squared for bow in counted])
        rows.append(
            {
                "region": region,
                "kind": kind,
                "pairs": len(every),
                "pairs_beyond_noise": len(counted),
                "is_noise_known": any(bow.exceeds_noise is not None for bow in every),
                "median_r_squared": known_or_none(float(np.median(r_squared))) if counted else None,
                f"share_below_{STRAIGHT}": float(np.mean(r_squared < STRAIGHT)) if counted else None,
                "largest_deviation_ml": max((bow.deviation_ml for bow in counted), default=None),
            }
        )
    return rows


def bow_rows(found: Iterable[Bow]) -> Iterator[Row]:
    """Straightness of every person and region."""
    for bow in found:
        yield {
            "participant": bow.participant,
            "region": bow.region,
            "kind": bow.kind,
            "r_squared": known_or_none(bow.r_squared),
            "change_ml": bow.change_ml,
            "largest_deviation_ml": bow.deviation_ml,
            "exceeds_noise": bow.exceeds_noise,
        }


def identity_rows(evaluation: Evaluation) -> list[Row]:
    """How well predicted brains find their own person, by method."""
    return [
        {
            "method": method,
            "people": found.people,
            "first_share": found.first_share,
            "by_chance": 1.0 / found.people,
            "mean_reciprocal_rank": found.mean_reciprocal_rank,
        }
        for method, found in evaluation.retrievals().items()
    ]


def sulcal_rows(evaluation: Evaluation) -> list[Row]:
    """Overlap of sulci with the scan's, of the last scan carried forward and of what is predicted."""
    known = [one.sulcal_dice for one in evaluation.sameness.values() if one.method in one.sulcal_dice]
    found: dict[str, list[float]] = {}
    for brain, dice in (item for one in known for item in one.items()):
        found.setdefault(brain, []).append(dice)
    return [
        {"brain": brain, "people": len(dices), "mean_sulcal_dice": float(np.mean(dices))}
        for brain, dices in found.items()
    ]


def sameness_rows(evaluation: Evaluation) -> list[Row]:
    """By region: how far from the last scan it is back there after the prediction, and how far that went."""
    people = [one for one in evaluation.sameness.values() if one.method]
    return [
        {
            "method": ", ".join(sorted({one.method for one in people})),
            "region": region,
            "people": len(people),
            "mean_predicted_change_ml": float(
                np.mean([abs(one.predicted_change_ml[region]) for one in people])
            ),
            "mean_missed_back_ml": float(np.mean([abs(one.returned_ml[region]) for one in people])),
        }
        for region in (evaluation.regions if people else ())
    ]


def answer_rows(answers: Iterable[Answer]) -> Iterator[Row]:
    """Every answer, with its error."""
    names = [field.name for field in fields(Answer)]
    for answer in answers:
        row: dict[str, Cell] = {name: getattr(answer, name) for name in names}
        yield row | {"error_ml": answer.error_ml, "freedom": known_or_none(answer.freedom)}


def write_csv(path: Path, rows: Iterable[Row]) -> None:
    """Rows as CSV with all columns that any row has; an unknown cell is empty."""
    kept = list(rows)
    columns = list(dict.fromkeys(column for row in kept for column in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns, restval="")
        table.writeheader()
        table.writerows({name: _written(cell) for name, cell in row.items()} for row in kept)


def _written(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return f"{cell:.6g}" if isinstance(cell, float) and not cell.is_integer() else f"{cell}"


def known_or_none(value: float) -> float | None:
    """The value; None where it is not finite."""
    return value if math.isfinite(value) else None


def sorted_groups(
    groups: Mapping[tuple[str | int, ...], Answers],
) -> list[tuple[Sequence[str | int], Answers]]:
    """Groups in the order of main regions, inputs and methods, as far as their keys name them."""
    places: dict[str, int] = {name: index for index, name in enumerate((*MAIN_REGIONS, *METHODS))}

    def place(key: Sequence[str | int]) -> tuple[int, ...]:
        return tuple(part if isinstance(part, int) else places.get(part, len(places)) for part in key)

    return sorted(groups.items(), key=lambda item: place(item[0]))
