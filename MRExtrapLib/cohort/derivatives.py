"""Forecasts as BIDS derivatives: images with sidecars in each person's folder, and the tables of a group.

A predicted image is called `desc-predictedAApBB` with the age AA.BB, for BIDS allows no point in a name.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

from MRExtrapLib import __version__
from MRExtrapLib.evaluation.truth import visit_of
from MRExtrapLib.forecast.anchoring import IMAGE_WORDS, SEGMENTATION_WORDS
from MRExtrapLib.forecast.output import forecast_record, write_segmentation
from MRExtrapLib.forecast.provenance import RESEARCH_USE, Json, write_record
from MRExtrapLib.forecast.result import Forecast, Prediction, VolumeRow
from MRExtrapLib.forecast.subject import age_words
from MRExtrapLib.imaging.writing import whole_file, write_nifti
from MRExtrapLib.report.figures import draw_forecast
from MRExtrapLib.simulation.bids import UNKNOWN, write_table

RAW = "bids:raw:"
"""How sidecars name files of the tree that the scans lie in (`DatasetLinks`)."""

LEFT_OUT = "left_out.tsv"

README = f"""# Forecasts by MRExtrap

**{RESEARCH_USE}**

- `sub-*/[ses-*/]anat/*_desc-predictedAApBB_T1w.nii.gz`: the brain predicted for age AA.BB, on the grid of the
  last scan (its `.json` says which kind of image: plain, added or warped); its segmentation
  (`_dseg.nii.gz`, FreeSurfer numbers), and one standard deviation (`_desc-uncertaintyAApBB_T1w.nii.gz`).
- `sub-*/sub-*_volumes.tsv`: observed, reconstructed and predicted volumes in ml with 95 % bounds; `.json`
  beside it and `group_rates.json` say how they are told.
- `sub-*/sub-*_forecast.json`: inputs with hashes, model, method, warnings.
- `sub-*/figures`: volumes against age, and slices.
- `group_rates.tsv`, `group_summary.tsv`: made by the group level; predicted rates, the current ones beside
  those expected of such people, and means of the predicted ones, of people forecast by one model and method.
- `left_out.tsv`: who could not be forecast, which scans were not used, and why.
"""


def record_file(out: Path, participant: str) -> Path:
    """Where a person's record lies."""
    return out / participant / f"{participant}_forecast.json"


def has_files(record: Mapping, folder: Path) -> bool:
    """Whether all files still lie in a person's folder that its record names.

    Raises:
        KeyError, TypeError: it is no such record.
    """
    return all((folder / name).is_file() for name in record["files"])


def write_dataset(out: Path, bids: Path) -> None:
    """`dataset_description.json` and README at the top of the derivatives."""
    description = {
        "Name": "MRExtrap forecasts (computed, not acquired)",
        "BIDSVersion": "1.9.0",
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "mrextrap cohort", "Version": __version__}],
        "SourceDatasets": [{"URL": bids.resolve().as_uri()}],
        "DatasetLinks": {"raw": bids.resolve().as_uri()},
        "Acknowledgements": RESEARCH_USE,
    }
    for name, text in {
        "dataset_description.json": json.dumps(description, indent=2) + "\n",
        "README.md": README,
        ".bidsignore": "**/figures/\n*_forecast.json\n*_volumes.tsv\n*_volumes.json\ngroup_*\nleft_out.tsv\n",
    }.items():
        with whole_file(out / name) as unfinished:
            unfinished.write_text(text, encoding="utf-8")


def left_out_of(out: Path) -> dict[str, str]:
    """Participant or scan → why no forecast is made of it, as the runs so far have found."""
    file = out / LEFT_OUT
    if not file.is_file():
        return {}
    with file.open(newline="", encoding="utf-8") as table:
        return {row["name"]: row["reason"] for row in csv.DictReader(table, delimiter="\t")}


def write_left_out(out: Path, reasons: Mapping[str, str], forgotten: Collection[str]) -> None:
    """Adds who is left out now to whom earlier runs left out; without anyone there is no file.

    Args:
        out: of the derivatives.
        reasons: participant or scan → why.
        forgotten: of whom earlier runs' words no longer count.
    """
    kept = {name: why for name, why in left_out_of(out).items() if name not in forgotten}
    rows = [{"name": name, "reason": why} for name, why in (kept | dict(reasons)).items()]
    if rows:
        write_table(out / LEFT_OUT, rows)
    else:
        (out / LEFT_OUT).unlink(missing_ok=True)


def write_derivatives(
    forecast: Forecast, now: Prediction, participant: str, bids: Path, key: str, folder: Path
) -> None:
    """A person's derivatives into an existing folder.

    Args:
        forecast: of the person.
        now: the model's brain at the age of the last scan, which rates start from.
        participant: as in `sub-01`.
        bids: the tree that the scans lie in.
        key: of what the forecast depends on.
        folder: to be `<out>/<participant>`.
    """
    _, session = visit_of(forecast.observations[-1].visit.scan.source)
    anat = folder / session / "anat" if session else folder / "anat"
    anat.mkdir(parents=True)
    prefix = f"{participant}_{session}" if session else participant
    sources = [_uri(seen.visit.scan.source, bids) for seen in forecast.observations]
    for prediction in forecast.predictions:
        _write_prediction(forecast, prediction, anat / prefix, sources)
    write_table(folder / f"{participant}_volumes.tsv", [_volume_row(row) for row in forecast.rows])
    write_record(_volume_words(forecast), folder / f"{participant}_volumes.json")
    (folder / "figures").mkdir()
    figures = draw_forecast(forecast, folder / "figures")
    files_of = partial(_files, (anat / prefix).relative_to(folder).as_posix())
    record = forecast_record(forecast, files_of, [path.relative_to(folder) for path in figures])
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    record |= {"key": key, "files": files, "predicted_rates": _rates(forecast, now)}
    write_record(record, folder / f"{participant}_forecast.json")


def _files(prefix: str, prediction: Prediction) -> dict[str, Json]:
    """As `_write_prediction` calls them."""
    label = _label(prediction.age_years)
    uncertainty = f"{prefix}_desc-uncertainty{label}_T1w.nii.gz"
    return {
        "image": f"{prefix}_desc-predicted{label}_T1w.nii.gz",
        "segmentation": f"{prefix}_desc-predicted{label}_dseg.nii.gz",
        "uncertainty": uncertainty if prediction.uncertainty else None,
    }


def _label(age_years: float) -> str:
    """An age as a name may hold it."""
    return age_words(age_years).replace(".", "p")


def _write_prediction(
    forecast: Forecast, prediction: Prediction, prefix: Path, sources: Sequence[str]
) -> None:
    age = prediction.age_years
    label = _label(age)
    stem = prefix.with_name(f"{prefix.name}_desc-predicted{label}")
    image = forecast.restored(prediction)
    kind = prediction.image_kind
    words = f"MRExtrap: PREDICTED ({kind}), age {age:.2f}, not acquired"
    write_nifti(image, stem.with_name(f"{stem.name}_T1w.nii.gz"), description=words)
    write_segmentation(forecast.restored_labels(prediction), image.affine, stem)
    facts: dict[str, Json] = {
        "AgeYears": age,
        "Method": forecast.method,
        "Model": f"{forecast.engine.model} {forecast.engine.model_sha256}",
        "Sources": sources,
        "SpatialReference": sources[-1],
        "SkullStripped": True,
        "Notice": RESEARCH_USE,
        "Warnings": [*forecast.warnings, *prediction.warnings],
    }
    brain = f"Brain PREDICTED for age {age:.2f}; computed, not acquired"
    kinds = {"ImageKind": kind, "ImageKindDescription": IMAGE_WORDS[kind]}
    write_record({"Description": brain} | kinds | facts, stem.with_name(f"{stem.name}_T1w.json"))
    labels = f"Segmentation of the brain predicted for age {age:.2f}"
    kinds = {"ImageKind": kind, "SegmentationOf": SEGMENTATION_WORDS[kind]}
    write_record({"Description": labels} | kinds | facts, stem.with_name(f"{stem.name}_dseg.json"))
    spread = forecast.restored_uncertainty(prediction)
    if spread is not None:
        stem = prefix.with_name(f"{prefix.name}_desc-uncertainty{label}")
        words = f"MRExtrap: 1 SD of the prediction for age {age:.2f}"
        write_nifti(spread, stem.with_name(f"{stem.name}_T1w.nii.gz"), description=words)
        words = f"One standard deviation of the predicted brain. {forecast.uncertainty_words}"
        write_record({"Description": words} | facts, stem.with_name(f"{stem.name}_T1w.json"))


def _rates(forecast: Forecast, now: Prediction) -> list[Json]:
    """Change per year of each region from the last scan to each predicted age."""
    last = forecast.observations[-1].visit.age_years
    start_ml = {row.region: row.volume_ml for row in now.rows}
    rates: list[Json] = []
    for prediction in forecast.predictions:
        years = prediction.age_years - last
        for row in prediction.rows:
            start = start_ml[row.region]
            low, high = (None if b is None else (b - start) / years for b in (row.low_ml, row.high_ml))
            rates.append(
                {
                    "years_ahead": round(years, 3),
                    "region": row.region,
                    "start_ml": start,
                    "ml_per_year": (row.volume_ml - start) / years,
                    "low_ml_per_year": low,
                    "high_ml_per_year": high,
                }
            )
    return rates


def _volume_row(row: VolumeRow) -> Mapping[str, str]:
    bounds = {"low_ml": row.low_ml, "high_ml": row.high_ml}
    return {
        "kind": row.kind,
        "age": f"{row.age_years:.3f}",
        "region": row.region,
        "volume_ml": f"{row.volume_ml:.3f}",
    } | {name: UNKNOWN if bound is None else f"{bound:.3f}" for name, bound in bounds.items()}


def _volume_words(forecast: Forecast) -> Mapping[str, Json]:
    """What the columns of the volumes hold, as BIDS describes those of a table."""
    told = " ".join(filter(None, ["The region's volume.", forecast.volumes_words]))
    return {
        "kind": {"Description": "observed in a scan, reconstructed from its latent, or predicted"},
        "age": {"Description": "of the person", "Units": "year"},
        "region": {"Description": "whose volume it is"},
        "volume_ml": {"Description": told, "Units": "mL"},
        "low_ml": {"Description": "where the 95 % of what a scan would show begin", "Units": "mL"},
        "high_ml": {"Description": "where they end", "Units": "mL"},
    }


def _uri(scan: Path, bids: Path) -> str:
    """The scan as BIDS names it from a derivative."""
    try:
        return f"{RAW}{scan.resolve().relative_to(bids.resolve()).as_posix()}"
    except ValueError:  # a link into a store elsewhere, as git-annex keeps scans
        return f"{RAW}{scan.absolute().relative_to(bids.absolute()).as_posix()}"
