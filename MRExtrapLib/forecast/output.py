"""A forecast's files: images and labels on the last scan's grid, volumes, provenance, and the figures."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Protocol

from MRExtrapLib.anatomy.freesurfer import LABEL_NAMES
from MRExtrapLib.anatomy.structures import Labels
from MRExtrapLib.forecast.anchoring import IMAGE_WORDS, SEGMENTATION_WORDS
from MRExtrapLib.forecast.personal import RATES_STATED
from MRExtrapLib.forecast.provenance import (
    Json,
    registration_record,
    result_record,
    scan_record,
    write_record,
)
from MRExtrapLib.forecast.result import Forecast, HeldOut, Observation, Prediction, VolumeRow
from MRExtrapLib.forecast.subject import age_words
from MRExtrapLib.imaging.storing import DEFAULT_FORMAT, ENDINGS, ImageFormat, write_image, write_label_image
from MRExtrapLib.imaging.volume import Affine
from MRExtrapLib.imaging.writing import write_label_names
from MRExtrapLib.progress import Progress, silent
from MRExtrapLib.progression.likeness import UNLIKE_SCORE
from MRExtrapLib.progression.student import LEVELS

METHOD_WORDS = {
    "linear": "least squares of each latent element on age",
    "bayes": "Bayesian line: a cohort's prior of the rate, weighed against the scans",
}
DECODED_VOLUME = "volume of the decoded latent + mean over inputs of (observed − reconstructed)"
LINE_VOLUME = (
    "Bayesian line through the observed volumes, bent where such people's change speeds up, weighed, as the "
    "model's calibration found best, against: "
    f"{DECODED_VOLUME}"
)

VOLUME_COLUMNS = ("kind", "age_years", "region", "volume_ml", "low_ml", "high_ml")


class Draughtsman(Protocol):
    """Draws a forecast's figures into a folder and names the files; the report is one."""

    def __call__(self, forecast: Forecast, folder: Path) -> tuple[Path, ...]:
        """The files drawn."""
        ...


def write_forecast(
    forecast: Forecast,
    folder: Path,
    draw: Draughtsman | None = None,
    progress: Progress = silent,
    image_format: ImageFormat = DEFAULT_FORMAT,
) -> None:
    """All files of a forecast into an existing folder.

    Written are `forecast.json`, `volumes.csv`, `changes.csv` where the model knows of volumes, and for each
    age `predicted_age-AA.AA_T1w.nii.gz`, its `_dseg.nii.gz` with a labels TSV, and
    `uncertainty_age-AA.AA.nii.gz` where there is one, or the same as `.nrrd`; and what `draw` draws.

    Args:
        forecast: what to write.
        folder: exists; open it with `whole_folder`, so that the files appear together or not at all.
        draw: makes the figures.
        progress: hears of each age.
        image_format: the format of images and segmentations.
    """
    for index, prediction in enumerate(forecast.predictions):
        progress(index / len(forecast.predictions), f"writing age {prediction.age_years:.2f}")
        _write_prediction(forecast, prediction, folder, image_format)
    write_volume_rows((*forecast.rows, *forecast.left_out_rows), folder / "volumes.csv")
    if forecast.changes_words:  # rates of least squares alone are in forecast.json
        write_changes(forecast, folder / "changes.csv")
    figures = [path.relative_to(folder) for path in draw(forecast, folder)] if draw else ()
    record = forecast_record(forecast, partial(_files, ENDINGS[image_format]), figures)
    write_record(record, folder / "forecast.json")
    progress(1.0, "written")


def _write_prediction(
    forecast: Forecast, prediction: Prediction, folder: Path, image_format: ImageFormat
) -> None:
    image = forecast.restored(prediction)
    stem = f"age-{age_words(prediction.age_years)}"
    kind = prediction.image_kind
    words = f"MRExtrap: PREDICTED ({kind}), age {prediction.age_years:.2f}, not acquired"
    write_image(image, folder / f"predicted_{stem}_T1w", image_format, description=words)
    labels = forecast.restored_labels(prediction)
    write_segmentation(labels, image.affine, folder / f"predicted_{stem}", image_format)
    uncertainty = forecast.restored_uncertainty(prediction)
    if uncertainty is not None:
        words = f"MRExtrap: 1 SD of the prediction for age {prediction.age_years:.2f}"
        write_image(uncertainty, folder / f"uncertainty_{stem}", image_format, description=words)


def write_segmentation(
    labels: Labels, affine: Affine, stem: Path, image_format: ImageFormat = DEFAULT_FORMAT
) -> None:
    """`<stem>_dseg.nii.gz`, or `.nrrd`, with FreeSurfer numbers, and all their names in `<stem>_dseg.tsv`."""
    write_label_image(labels, affine, stem.with_name(f"{stem.name}_dseg"), image_format)
    write_label_names(LABEL_NAMES, stem.with_name(f"{stem.name}_dseg.tsv"))


def write_volume_rows(rows: Iterable[VolumeRow], path: Path) -> None:
    """The volumes as CSV, one row per kind, age and region; an unknown bound is an empty cell."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, VOLUME_COLUMNS)
        table.writeheader()
        table.writerows({name: _cell(value) for name, value in asdict(row).items()} for row in rows)


def write_changes(forecast: Forecast, path: Path) -> None:
    """The person's rates and observed changes as CSV, each kind with the columns that it has."""
    rows = [{"kind": "rate"} | asdict(rate) for rate in forecast.rates]
    rows += [{"kind": "change"} | asdict(change) for change in forecast.changes]
    columns = dict.fromkeys(name for row in rows for name in row)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(columns), restval="")
        table.writeheader()
        table.writerows({name: _cell(value) for name, value in row.items()} for row in rows)


def _cell(value: str | float | None) -> str:
    """A number to a thousandth: a microlitre, or a third of a day."""
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:.3f}"


FilesOf = Callable[[Prediction], Mapping[str, Json]]
"""A prediction → what its `image`, `segmentation` and `uncertainty` are called, seen from the record."""


def forecast_record(forecast: Forecast, files_of: FilesOf, figures: Iterable[Path] = ()) -> dict[str, Json]:
    """The content of forecast.json: inputs, model, method, versions, predictions and warnings."""
    return result_record("forecast", forecast.engine) | {
        "method": METHOD_WORDS[forecast.method],
        "method_name": forecast.method,
        "sex": forecast.subject.known_sex,
        "diagnosis": forecast.subject.known_diagnosis,
        "inputs": _input_records(forecast),
        "reference_scan": forecast.observations[-1].visit.scan.name,
        "predictions": [
            _prediction_record(prediction, files_of(prediction)) for prediction in forecast.predictions
        ],
        "volumes_are": forecast.volumes_words,
        "predicted_volume": LINE_VOLUME if forecast.rates and forecast.method == "bayes" else DECODED_VOLUME,
        "data_weight": forecast.data_weight,
        "uncertainty": forecast.uncertainty_words,
        "rates": [asdict(rate) for rate in forecast.rates],
        "rates_are": RATES_STATED[forecast.method] if forecast.rates else "",
        "changes": [asdict(change) for change in forecast.changes],
        "changes_are": forecast.changes_words,
        "left_out": [asdict(row) | {"error_ml": row.error_ml} for row in forecast.left_out],
        "held_out": _held_out_record(forecast.held_out) if forecast.held_out else None,
        "figures": [path.as_posix() for path in figures],
        "warnings": list(forecast.warnings),
    }


def _input_records(forecast: Forecast) -> list[Json]:
    """Each scan, and how unlike those it is that the model was calibrated on, where the model knows."""
    records = [_observation_record(seen) for seen in forecast.observations]
    for record, unlike in zip(records, forecast.unlikeness, strict=False):
        record["unlikeness"] = asdict(unlike) | {"tolerated": UNLIKE_SCORE}
    return list(records)


def _observation_record(seen: Observation) -> dict[str, Json]:
    return scan_record(seen.visit.scan, seen.visit.age_years) | {
        "registration": registration_record(seen.conformed)
    }


def _files(ending: str, prediction: Prediction) -> dict[str, Json]:
    """As `write_forecast` calls them."""
    stem = f"age-{age_words(prediction.age_years)}"
    return {
        "image": f"predicted_{stem}_T1w{ending}",
        "segmentation": f"predicted_{stem}_dseg{ending}",
        "uncertainty": f"uncertainty_{stem}{ending}" if prediction.uncertainty else None,
    }


def _prediction_record(prediction: Prediction, files: Mapping[str, Json]) -> dict[str, Json]:
    stated = prediction.statement
    return {
        "age_years": prediction.age_years,
        **files,
        "image_kind": prediction.image_kind,
        "image_is": IMAGE_WORDS[prediction.image_kind],
        "segmentation_of": SEGMENTATION_WORDS[prediction.image_kind],
        "moved_share": prediction.moved_share,
        "intervals_ml": {
            region: {f"{level:g}": list(stated.interval_ml(region, level)) for level in LEVELS}
            for region in stated.spread_ml
        },
        "scan_weights": list(prediction.scan_weights),  # in the order of inputs
        "warnings": list(prediction.warnings),
    }


def _held_out_record(held_out: HeldOut) -> dict[str, Json]:
    return _observation_record(held_out.observation) | {
        "volume_errors": [
            asdict(error)
            | {
                "error_ml": error.error_ml,
                "error_percent": error.error_percent,
                "carried_forward_error_ml": error.carried_forward_error_ml,
            }
            for error in held_out.errors
        ]
    }
