"""The files of a forecast."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from fakes import AFFINE, fake_engine, fake_scan, fake_visits, fake_voxels

from MRExtrapLib.forecast.between import interpolate, write_interpolation
from MRExtrapLib.forecast.measuring import file_names, measure, write_measurements
from MRExtrapLib.forecast.output import write_forecast
from MRExtrapLib.forecast.pipeline import forecast
from MRExtrapLib.forecast.reconstruction import reconstruct, write_reconstructions
from MRExtrapLib.forecast.result import Forecast
from MRExtrapLib.forecast.subject import Request, Subject, Visit
from MRExtrapLib.imaging.reading import read_scan
from MRExtrapLib.imaging.storing import ImageFormat
from MRExtrapLib.imaging.volume import Volume

AFFINE_MM = 1e-4
"""The contract: predictions lie on the last scan's grid to a ten-thousandth of a millimetre."""

HALF_A_UNIT = 0.5
"""Own units, of 200: float32 on disk and back."""


OBLIQUE = AFFINE @ np.array(
    [[0.0, -0.96, 0.28, 0.5], [0.8, -0.168, -0.576, -1.0], [0.6, 0.224, 0.768, 0.25], [0, 0, 0, 1]]
)
"""Turned by angles of two Pythagorean triangles."""


def visits_on(affine: np.ndarray) -> tuple[Visit, ...]:
    """Three visits whose scans lie there."""
    return tuple(
        replace(visit, scan=replace(visit.scan, volume=Volume(visit.scan.volume.voxels, affine)))
        for visit in fake_visits(70, 72, 74)
    )


@pytest.fixture
def a_forecast() -> Forecast:
    return forecast(Subject(fake_visits(70, 72, 74)), Request((8, 76.5)), fake_engine(0.9))


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_forecast_has_the_files_of_the_contract(a_forecast: Forecast, tmp_path: Path) -> None:
    write_forecast(a_forecast, tmp_path)
    per_age = [
        name.format(age)
        for age in ("08.00", "76.50")
        for name in (
            "predicted_age-{}_T1w.nii.gz",
            "predicted_age-{}_dseg.nii.gz",
            "predicted_age-{}_dseg.tsv",
            "uncertainty_age-{}.nii.gz",
        )
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"forecast.json", "volumes.csv", *per_age}


def test_images_and_labels_lie_on_the_last_scans_grid(a_forecast: Forecast, tmp_path: Path) -> None:
    write_forecast(a_forecast, tmp_path)
    for path in tmp_path.glob("*.nii.gz"):
        image = nib.load(path)
        assert image.shape == a_forecast.observations[-1].visit.scan.volume.shape
        np.testing.assert_allclose(image.affine, AFFINE, atol=AFFINE_MM)
    written = nib.load(tmp_path / "predicted_age-76.50_T1w.nii.gz").get_fdata()
    expected = a_forecast.restored(a_forecast.predictions[1]).voxels
    np.testing.assert_allclose(written, expected, atol=HALF_A_UNIT)


@pytest.mark.parametrize("affine", [AFFINE, OBLIQUE])
def test_a_forecast_as_nrrd_is_the_same_forecast(affine: np.ndarray, tmp_path: Path) -> None:
    a_forecast = forecast(Subject(visits_on(affine)), Request((8, 76.5), image="plain"), fake_engine(0.9))
    for image_format in ("nifti", "nrrd"):
        (tmp_path / image_format).mkdir()
        write_forecast(a_forecast, tmp_path / image_format, image_format=image_format)
    names = {path.name for path in (tmp_path / "nrrd").iterdir()}
    assert names == {path.name.replace(".nii.gz", ".nrrd") for path in (tmp_path / "nifti").iterdir()}
    images = [path for path in (tmp_path / "nrrd").glob("*.nrrd") if "dseg" not in path.name]
    assert len(images) == 4
    for path in images:
        made, twin = (
            read_scan(one).volume
            for one in (path, tmp_path / "nifti" / path.name.replace(".nrrd", ".nii.gz"))
        )
        np.testing.assert_array_equal(made.voxels, twin.voxels)
        np.testing.assert_allclose(made.affine, twin.affine, rtol=0, atol=AFFINE_MM)
        np.testing.assert_allclose(made.affine, affine, rtol=0, atol=AFFINE_MM)
    record = json.loads((tmp_path / "nrrd" / "forecast.json").read_text(encoding="utf-8"))
    for one in record["predictions"]:
        assert {one["image"], one["segmentation"], one["uncertainty"]} <= names


def test_predicted_images_say_that_they_are(a_forecast: Forecast, tmp_path: Path) -> None:
    write_forecast(a_forecast, tmp_path)
    description = nib.load(tmp_path / "predicted_age-76.50_T1w.nii.gz").header["descrip"].item().decode()
    assert "PREDICTED" in description


@pytest.mark.parametrize("image_format", ["nifti", "nrrd"])
def test_a_predicted_image_is_not_taken_for_a_scan_without_a_word(
    a_forecast: Forecast, image_format: ImageFormat, tmp_path: Path
) -> None:
    write_forecast(a_forecast, tmp_path, image_format=image_format)
    (predicted,) = tmp_path.glob("predicted_age-76.50_T1w.*")
    (doubt,) = read_scan(predicted).warnings
    assert doubt.startswith(f"{predicted.name} was predicted by MRExtrap, not acquired")


def test_every_label_has_a_name(a_forecast: Forecast, tmp_path: Path) -> None:
    write_forecast(a_forecast, tmp_path)
    names = (tmp_path / "predicted_age-76.50_dseg.tsv").read_text(encoding="utf-8")
    labels = np.unique(np.asarray(nib.load(tmp_path / "predicted_age-76.50_dseg.nii.gz").dataobj))
    listed = {int(line.split("\t")[0]) for line in names.splitlines()[1:]}
    assert set(labels.tolist()) <= listed


def test_the_table_of_volumes_has_the_contracts_columns(a_forecast: Forecast, tmp_path: Path) -> None:
    write_forecast(a_forecast, tmp_path)
    rows = table(tmp_path / "volumes.csv")
    assert list(rows[0]) == ["kind", "age_years", "region", "volume_ml", "low_ml", "high_ml"]
    assert {row["kind"] for row in rows} == {"observed", "reconstructed", "predicted"}
    for row in rows:
        is_bounded = row["low_ml"] != "" and row["high_ml"] != ""
        assert is_bounded == (row["kind"] == "predicted")
        assert not is_bounded or float(row["low_ml"]) <= float(row["volume_ml"]) <= float(row["high_ml"])


def test_the_record_tells_where_the_forecast_comes_from(a_forecast: Forecast, tmp_path: Path) -> None:
    write_forecast(a_forecast, tmp_path, draw=lambda made, folder: (folder / "volumes.png",))
    record = json.loads((tmp_path / "forecast.json").read_text(encoding="utf-8"))
    assert [one["sha256"] for one in record["inputs"]] == [
        visit.scan.sha256 for visit in a_forecast.subject.visits
    ]
    assert record["model"] == {"name": "fake", "sha256": "0" * 64}
    assert record["method_name"] == "linear"
    assert record["versions"]["mrextrap"]
    assert record["figures"] == ["volumes.png"]
    assert record["inputs"][0]["registration"]["is_good"] is True
    weights = record["predictions"][0]["scan_weights"]
    assert len(weights) == len(record["inputs"])
    assert sum(weights) == pytest.approx(1.0)
    assert all((tmp_path / one["image"]).is_file() for one in record["predictions"])
    assert "beyond" in record["predictions"][0]["warnings"][0]


def test_a_file_given_twice_has_a_weight_at_each_visit(tmp_path: Path) -> None:
    first, second, third = fake_visits(70, 72, 74)
    made = forecast(
        Subject((first, second, replace(third, scan=first.scan))), Request((76.5,)), fake_engine()
    )
    write_forecast(made, tmp_path)
    (told,) = json.loads((tmp_path / "forecast.json").read_text(encoding="utf-8"))["predictions"]
    assert told["scan_weights"] == pytest.approx(made.predictions[0].scan_weights)
    assert len(told["scan_weights"]) == 3


def test_a_missing_uncertainty_is_explained(tmp_path: Path) -> None:
    write_forecast(forecast(Subject(fake_visits(70, 72)), Request((75,)), fake_engine()), tmp_path)
    record = json.loads((tmp_path / "forecast.json").read_text(encoding="utf-8"))
    assert record["predictions"][0]["uncertainty"] is None
    assert "two scans" in record["uncertainty"]
    assert not list(tmp_path.glob("uncertainty*"))


def test_a_held_out_scans_errors_are_recorded(tmp_path: Path) -> None:
    subject = Subject(fake_visits(70, 72, 74))
    write_forecast(forecast(subject, Request((), has_last_held_out=True), fake_engine()), tmp_path)
    record = json.loads((tmp_path / "forecast.json").read_text(encoding="utf-8"))
    assert record["held_out"]["sha256"] == subject.visits[-1].scan.sha256
    errors = {error["region"]: error for error in record["held_out"]["volume_errors"]}
    expected = errors["hippocampus"]["predicted_ml"] - errors["hippocampus"]["observed_ml"]
    assert errors["hippocampus"]["error_ml"] == pytest.approx(expected)
    assert len(record["inputs"]) == 2


def test_measured_scans_are_named_after_themselves(tmp_path: Path) -> None:
    scans = [fake_scan(fake_voxels(0), "anna"), fake_scan(fake_voxels(1), "bert", age_years=50.0)]
    engine = fake_engine()
    write_measurements(measure(scans, engine), engine.identity, tmp_path)
    assert {path.name for path in tmp_path.glob("*_dseg.nii.gz")} == {"anna_dseg.nii.gz", "bert_dseg.nii.gz"}
    rows = table(tmp_path / "volumes.csv")
    assert {(row["scan"], row["age_years"]) for row in rows} == {("anna", ""), ("bert", "50.000")}


@pytest.mark.parametrize("names", [("T1w", "T1w"), ("T1w", "t1w")])
def test_scans_of_one_name_keep_apart_also_where_case_does_not_count(names: tuple[str, str]) -> None:
    scans = [fake_scan(fake_voxels(seed), name) for seed, name in enumerate(names)]
    first, second = file_names(scans)
    assert first.casefold() != second.casefold()


def test_a_perfect_codec_reconstructs_the_scan(tmp_path: Path) -> None:
    scan, engine = fake_scan(fake_voxels(0), "anna"), fake_engine()
    write_reconstructions(reconstruct(measure([scan], engine), engine), engine.identity, tmp_path)
    image = nib.load(tmp_path / "anna_desc-reconstructed_T1w.nii.gz")
    np.testing.assert_allclose(image.get_fdata(), scan.volume.voxels, atol=HALF_A_UNIT)


def test_a_lossy_codecs_error_is_told(tmp_path: Path) -> None:
    scan, engine = fake_scan(fake_voxels(0), "anna"), fake_engine(kept=0.9)
    (made,) = reconstruct(measure([scan], engine), engine)
    conformed = made.scan.conformed.volume.voxels
    assert made.psnr_db == pytest.approx(-10 * np.log10(np.mean((0.1 * conformed) ** 2)), rel=1e-3)
    write_reconstructions([made], engine.identity, tmp_path)
    assert {row["kind"] for row in table(tmp_path / "volumes.csv")} == {"observed", "reconstructed"}


def test_an_interpolation_runs_from_the_first_scan_to_the_second(tmp_path: Path) -> None:
    scans = [fake_scan(fake_voxels(seed), f"scan{seed}") for seed in range(2)]
    made = interpolate(scans, 3, fake_engine(), kind="plain")
    write_interpolation(made, tmp_path)
    assert json.loads((tmp_path / "interpolate.json").read_text(encoding="utf-8"))["image_kind"] == "plain"
    for alpha, expected in (
        (1.0, scans[0].volume.voxels),
        (0.5, (scans[0].volume.voxels + scans[1].volume.voxels) / 2),
        (0.0, scans[1].volume.voxels),
    ):
        scan = read_scan(tmp_path / f"interpolated_alpha-{alpha:.3f}_T1w.nii.gz")
        np.testing.assert_allclose(scan.volume.voxels, expected, atol=HALF_A_UNIT)
        assert "was interpolated by MRExtrap, not acquired" in scan.warnings[0]
    volumes = [mixture.volumes_ml["hippocampus"] for mixture in made.mixtures]
    assert volumes[1] == pytest.approx((volumes[0] + volumes[2]) / 2, rel=1e-4)
