"""The group level: everyone's rates of change in one table, and the means of predicted ones by diagnosis.

Means are taken within one model and method: others draw other borders, or weigh the scans otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from MRExtrapLib.cohort.derivatives import left_out_of, record_file
from MRExtrapLib.errors import InputError
from MRExtrapLib.forecast.provenance import Json, write_record
from MRExtrapLib.simulation.bids import UNKNOWN, write_table
from MRExtrapLib.training.people import participants_in

RATES, SUMMARY = "group_rates.tsv", "group_summary.tsv"

COLUMN_WORDS = {
    "scans": "how many scans the forecast rests on",
    "first_age": "years at the first of them",
    "last_age": "years at the last of them",
    "method": "bayes weighs a prior of other people's rates against the scans; linear knows the scans alone",
    "data_weight": "how much the scans count against the prior, 0 to 1: in volumes; linear, in latents",
    "model": "name and first digits of the sha256 of the model; people are to be compared within one",
    "years_ahead": "of the last scan: over which the change is averaged",
    "start_ml": "the model's volume at the last scan",
    "ml_per_year": "predicted change per year",
    "percent_per_year": "the same, in percent of start_ml",
    "low_ml_per_year": "with high_ml_per_year: 95 % of what a new scan would show, its own noise included",
    "current_ml_per_year": "change per year over the scans: bayes, of the line through the person's volumes, "
    "where the model knows of volumes; linear, of least squares through three scans or more",
    "current_low_ml_per_year": "with current_high_ml_per_year: 95 % bounds of current_ml_per_year, no scan's "
    "noise included",
    "expected_ml_per_year": "change per year that is expected of people of this age, sex and diagnosis; "
    "linear knows none",
    "share_slower": "share of such people, 0 to 1, whose change is slower than current_ml_per_year, in the "
    "direction in which they change on average; linear knows none",
}

CURRENT_RATE = {
    "current_ml_per_year": "ml_per_year",
    "current_low_ml_per_year": "low_ml_per_year",
    "current_high_ml_per_year": "high_ml_per_year",
    "expected_ml_per_year": "expected_ml_per_year",
    "share_slower": "share_slower",
}
"""Column → what a record's `rates` call it; there they stand beside no predicted rate of the same name."""


@dataclass(frozen=True)
class Group:
    """What the tables hold.

    Attributes:
        table: of rates.
        people: how many are in it.
        gone: participants forecast once, of whom the tree no longer holds a scan; they are not in it.
    """

    table: Path
    people: int
    gone: tuple[str, ...]


def summarise(out: Path, bids: Path) -> Group:
    """Writes the group's tables from everyone's records.

    Whom the last run left out, or who was taken out of the tree since, is not in them, though an earlier
    run's forecast may still lie there.

    Args:
        out: of the derivatives.
        bids: the tree that they were made of.

    Raises:
        InputError: there is no such tree, or nobody in it has been forecast in this folder.
    """
    if not bids.is_dir():
        msg = f"There is no folder {bids}; give the BIDS tree that {out} was made of."
        raise InputError(msg)
    left_out, there = left_out_of(out), participants_in(bids)
    names = [folder.name for folder in sorted(out.glob("sub-*")) if folder.is_dir()]
    gone = tuple(name for name in names if name not in there)
    records = {name: _read(out, name) for name in names if name not in {*left_out, *gone}}
    rows = [row for name, record in records.items() for row in _rows(name, record)]
    if not rows:
        msg = f"{out} holds no forecast of anyone in {bids}; run the participant level first."
        raise InputError(msg)
    write_table(out / RATES, [{name: _cell(value) for name, value in row.items()} for row in rows])
    write_table(out / SUMMARY, _summary(rows))
    write_record(_words(records.values()), (out / RATES).with_suffix(".json"))
    return Group(out / RATES, len(records), gone)


def _words(records: Iterable[Mapping]) -> Mapping[str, Json]:
    """What the columns hold; of volumes also how the models that forecast these people tell them."""
    told = {
        f"{_model_label(record)}: {record['volumes_are']}" for record in records if record.get("volumes_are")
    }
    words = COLUMN_WORDS | {
        name: " ".join([f"{COLUMN_WORDS[name]}.", *sorted(told)])
        for name in ("start_ml", "ml_per_year")
        if told
    }
    return {name: {"Description": text} for name, text in words.items()}


def _model_label(record: Mapping) -> str:
    return f"{record['model']['name']} {record['model']['sha256'][:12]}"


def _read(out: Path, participant: str) -> Mapping:
    path = record_file(out, participant)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"{path} cannot be read ({error}); remove the folder {path.parent} and run again."
        raise InputError(msg) from error
    if "predicted_rates" not in record:
        msg = f"{path} was written by an earlier version; run the participant level again."
        raise InputError(msg)
    return record


def _rows(participant: str, record: Mapping) -> list[dict[str, object]]:
    ages = [one["age_years"] for one in record["inputs"]]
    person = {
        "participant_id": participant,
        "sex": record["sex"],
        "diagnosis": record["diagnosis"],
        "scans": len(ages),
        "first_age": min(ages),
        "last_age": max(ages),
        "method": record["method_name"],
        "data_weight": record["data_weight"],
        "model": _model_label(record),
    }
    current = {rate["region"]: rate for rate in record["rates"]}
    return [
        person
        | rate
        | {"percent_per_year": _percent(rate["ml_per_year"], rate["start_ml"])}
        | {column: current.get(rate["region"], {}).get(name) for column, name in CURRENT_RATE.items()}
        for rate in record["predicted_rates"]
    ]


def _summary(rows: list[dict[str, object]]) -> list[dict[str, str]]:
    """Mean, standard deviation and number of people by model, method, years ahead, region and diagnosis."""
    groups: dict[tuple[str, str, float, str, str], list[dict]] = {}
    for row in rows:
        of = row["model"], row["method"], row["years_ahead"], row["region"]
        for diagnosis in ("everyone", row["diagnosis"] or UNKNOWN):
            groups.setdefault((*of, diagnosis), []).append(row)  # type: ignore[arg-type]
    table = []
    for (model, method, years, region, diagnosis), members in sorted(groups.items()):
        head = {"model": model, "method": method, "years_ahead": f"{years:g}"}
        head |= {"region": region, "diagnosis": diagnosis}
        cells = {"people": f"{len({one['participant_id'] for one in members})}"}
        for name in ("ml_per_year", "percent_per_year"):
            values = np.array([one[name] for one in members if one[name] is not None], dtype=np.float64)
            cells[f"mean_{name}"] = f"{values.mean():.4f}" if len(values) else UNKNOWN
            cells[f"sd_{name}"] = f"{values.std(ddof=1):.4f}" if len(values) > 1 else UNKNOWN
        table.append(head | cells)
    return table


def _percent(part: float, whole: float) -> float | None:
    return 100 * part / whole if whole > 0 else None


def _cell(value: object) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:.4f}" if isinstance(value, float) else f"{value}"
