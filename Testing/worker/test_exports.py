"""The folder that the worker writes: what `mrextrap forecast` would have written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from MRExtrapLib.forecast.anchoring import DEFAULT_IMAGE, SLIDER_IMAGE
from MRExtrapLib.imaging.reading import read_scan
from MRExtrapLib.worker.local import LocalWorker
from MRExtrapLib.worker.protocol import INPUT
from MRExtrapLib.worker.requests import Export, Load, Predict, ScanInput

Scans = tuple[ScanInput, ...]
FailureOf = Callable[[LocalWorker, object], tuple[str, str]]

AFFINE_MM = 1e-4
"""The contract: predictions lie on the last scan's grid to a ten-thousandth of a millimetre."""


def test_an_export_takes_the_image_that_was_loaded_with(
    worker: LocalWorker, scans: Scans, tmp_path: Path
) -> None:
    loaded = worker.answer(Load(scans, image_kind="added"))
    worker.answer(Predict(loaded.subject, 80, is_measured=True, has_uncertainty=True, image_kind="plain"))
    worker.answer(Export(loaded.subject, (80,), str(tmp_path / "out")))
    record = json.loads((tmp_path / "out" / "forecast.json").read_text(encoding="utf-8"))
    assert record["predictions"][0]["image_kind"] == "added"


def test_an_export_takes_the_image_that_it_names(
    worker: LocalWorker, subject: str, tmp_path: Path, failure_of: FailureOf
) -> None:
    worker.answer(Export(subject, (80,), str(tmp_path / "out"), "plain"))
    record = json.loads((tmp_path / "out" / "forecast.json").read_text(encoding="utf-8"))
    assert record["predictions"][0]["image_kind"] == "plain"
    kind, sentence = failure_of(worker, Export(subject, (80,), str(tmp_path / "other"), "painted"))
    assert (kind, "There is no image 'painted'" in sentence) == (INPUT, True)
    assert not (tmp_path / "other").exists()


def test_an_export_is_the_folder_that_forecast_writes(
    worker: LocalWorker, subject: str, tmp_path: Path
) -> None:
    exported = worker.answer(Export(subject, (76, 80), str(tmp_path / "out")))
    assert {"forecast.json", "volumes.csv", "volumes.png", "predicted_age-76.00_T1w.nii.gz"} <= set(
        exported.files
    )
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_export_leaves_a_foreign_folder_alone(
    worker: LocalWorker, subject: str, tmp_path: Path, failure_of: FailureOf
) -> None:
    (tmp_path / "letter.txt").write_text("mine", encoding="utf-8")
    kind, sentence = failure_of(worker, Export(subject, (80,), str(tmp_path)))
    assert kind == INPUT
    assert "did not make" in sentence
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_sliders_step_is_a_decode_and_an_export_is_what_forecast_writes(
    worker: LocalWorker, scans: Scans, tmp_path: Path
) -> None:
    loaded = worker.answer(Load(scans))
    assert loaded.image_kind == worker.answer(Predict(loaded.subject, 80)).image_kind == SLIDER_IMAGE
    worker.answer(Export(loaded.subject, (80,), str(tmp_path / "out")))
    record = json.loads((tmp_path / "out" / "forecast.json").read_text(encoding="utf-8"))
    assert record["predictions"][0]["image_kind"] == DEFAULT_IMAGE


def test_an_export_as_nrrd_is_the_same_image_in_the_same_place(
    worker: LocalWorker, subject: str, tmp_path: Path
) -> None:
    exported = worker.answer(Export(subject, (80,), str(tmp_path / "nrrd"), "plain", "nrrd"))
    worker.answer(Export(subject, (80,), str(tmp_path / "nifti"), "plain"))
    assert "predicted_age-80.00_dseg.nrrd" in exported.files
    assert not [name for name in exported.files if ".nii" in name]
    made, twin = (
        read_scan(tmp_path / folder / f"predicted_age-80.00_T1w{ending}").volume
        for folder, ending in (("nrrd", ".nrrd"), ("nifti", ".nii.gz"))
    )
    np.testing.assert_array_equal(made.voxels, twin.voxels)
    np.testing.assert_allclose(made.affine, twin.affine, rtol=0, atol=AFFINE_MM)


def test_an_unknown_format_is_refused_before_anything_is_written(
    worker: LocalWorker, subject: str, tmp_path: Path, failure_of: FailureOf
) -> None:
    kind, sentence = failure_of(worker, Export(subject, (80,), str(tmp_path / "out"), None, "jpeg"))
    assert kind == INPUT
    assert "The image format 'jpeg' is not known; choose nifti or nrrd" in sentence
    assert not (tmp_path / "out").exists()
