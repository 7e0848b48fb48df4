"""What the real worker answers, asked from another process."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fakes import AFFINE, SHAPE, fake_engine, fake_scan, fake_voxels

from MRExtrapLib.forecast.anchoring import DEFAULT_IMAGE, SLIDER_IMAGE
from MRExtrapLib.forecast.pipeline import forecast
from MRExtrapLib.forecast.subject import Request, Subject, Visit
from MRExtrapLib.worker.local import LocalWorker, WorkerFailure
from MRExtrapLib.worker.protocol import INPUT, MODEL, NOT_UNDERSTOOD, PROTOCOL_VERSION
from MRExtrapLib.worker.requests import (
    Export,
    Hello,
    Interpolate,
    Load,
    Models,
    Predict,
    Read,
    Release,
    ScanInput,
    ShowVisit,
    Sweep,
)

SINGLE_PRECISION = 1e-3
"""Own units go up to 220 in float32, and a line ten years on multiplies their rounding."""

Scans = tuple[ScanInput, ...]


@pytest.fixture(scope="module")
def the_same_forecast():
    """What the pipeline itself predicts for age 80 from the same three scans."""
    visits = tuple(
        Visit(fake_scan(fake_voxels(seed), f"visit{seed}"), age) for seed, age in enumerate((70, 72, 74))
    )
    return forecast(Subject(visits), Request((80,), image="plain"), fake_engine(kept=0.9))


def failure_of(worker: LocalWorker, asked: object) -> tuple[str, str]:
    with pytest.raises(WorkerFailure) as told:
        worker.answer(asked)
    return told.value.failed.kind, told.value.failed.sentence


def test_another_version_is_refused_and_both_are_named(worker: LocalWorker) -> None:
    kind, sentence = failure_of(worker, Hello(99))
    assert kind == NOT_UNDERSTOOD
    assert "version 99" in sentence
    assert f"speaks {PROTOCOL_VERSION}" in sentence


def test_a_person_is_described_before_any_age_is_asked(worker: LocalWorker, scans: Scans) -> None:
    loaded = worker.answer(Load(scans[::-1], sex="F"))
    assert [visit.age_years for visit in loaded.visits] == [70, 72, 74]
    assert loaded.visits[loaded.reference].name == "visit2"
    assert loaded.method == "linear"
    assert loaded.trusted_years == (64, 80)
    assert {row.kind for row in loaded.volumes} == {"observed", "reconstructed"}
    assert len(loaded.visits[0].sha256) == 64


def test_an_age_gives_what_the_pipeline_gives(worker: LocalWorker, subject: str, the_same_forecast) -> None:
    made = worker.answer(Predict(subject, 80, is_measured=True, has_uncertainty=True))
    (expected,) = the_same_forecast.predictions
    image = worker.client.voxels(made.image)
    np.testing.assert_allclose(image, the_same_forecast.restored(expected).voxels, atol=SINGLE_PRECISION)
    spread = the_same_forecast.restored_uncertainty(expected)
    np.testing.assert_allclose(
        worker.client.voxels(made.uncertainty), spread.voxels, atol=10 * SINGLE_PRECISION
    )
    np.testing.assert_array_equal(
        worker.client.voxels(made.segmentation), the_same_forecast.restored_labels(expected)
    )
    for row, truth in zip(made.volumes, expected.rows, strict=True):
        assert (row.region, row.volume_ml) == (truth.region, pytest.approx(truth.volume_ml, rel=1e-4))
        assert row.low_ml < row.volume_ml < row.high_ml


def test_an_image_alone_comes_without_measures_on_the_references_grid(
    worker: LocalWorker, subject: str
) -> None:
    made = worker.answer(Predict(subject, 95))
    assert made.segmentation is None
    assert made.volumes == ()
    assert "beyond" in made.warnings[0]
    np.testing.assert_array_equal(np.array(made.image.affine), AFFINE)
    image = worker.client.voxels(made.image)
    assert image.shape == SHAPE
    assert image.dtype == np.float32
    assert isinstance(image, np.memmap)
    assert image.T.flags.c_contiguous


@pytest.mark.parametrize("is_measured", [False, True])
def test_an_image_can_hold_on_to_the_reference_scan(
    worker: LocalWorker, scans: Scans, is_measured: bool
) -> None:
    loaded = worker.answer(Load(scans, image_kind="added"))
    assert loaded.image_kind == "added"
    made = {
        kind: worker.answer(Predict(loaded.subject, 80, is_measured, image_kind=kind))
        for kind in (None, "plain", "added", "warped")
    }
    images = {kind: worker.client.voxels(one.image) for kind, one in made.items()}
    assert [one.image_kind for one in made.values()] == ["added", "plain", "added", "warped"]
    np.testing.assert_array_equal(images[None], images["added"])
    np.testing.assert_allclose(
        worker.client.voxels(worker.answer(Predict(loaded.subject, 74)).image),
        fake_voxels(2),
        atol=SINGLE_PRECISION,
    )
    plain_now = worker.client.voxels(worker.answer(Predict(loaded.subject, 74, image_kind="plain")).image)
    change = images["plain"] - plain_now
    inside = (images["added"] > 21) & (images["added"] < 219)
    np.testing.assert_allclose(
        images["added"][inside], (fake_voxels(2) + change)[inside], atol=SINGLE_PRECISION
    )
    assert inside.mean() > 0.5


def test_an_export_takes_the_image_that_was_loaded_with(
    worker: LocalWorker, scans: Scans, tmp_path: Path
) -> None:
    loaded = worker.answer(Load(scans, image_kind="added"))
    worker.answer(Predict(loaded.subject, 80, is_measured=True, has_uncertainty=True, image_kind="plain"))
    worker.answer(Export(loaded.subject, (80,), str(tmp_path / "out")))
    record = json.loads((tmp_path / "out" / "forecast.json").read_text(encoding="utf-8"))
    assert record["predictions"][0]["image_kind"] == "added"


def test_an_export_takes_the_image_that_it_names(worker: LocalWorker, subject: str, tmp_path: Path) -> None:
    worker.answer(Export(subject, (80,), str(tmp_path / "out"), "plain"))
    record = json.loads((tmp_path / "out" / "forecast.json").read_text(encoding="utf-8"))
    assert record["predictions"][0]["image_kind"] == "plain"
    kind, sentence = failure_of(worker, Export(subject, (80,), str(tmp_path / "other"), "painted"))
    assert (kind, "There is no image 'painted'" in sentence) == (INPUT, True)
    assert not (tmp_path / "other").exists()


def test_a_sweep_arrives_in_parts_before_its_end(worker: LocalWorker, subject: str) -> None:
    parts, told = [], []
    swept = worker.answer(Sweep(subject, (76, 75, 77)), lambda fraction, words: told.append(fraction), parts)
    assert [part.age_years for part in parts] == list(swept.ages_years) == [75, 76, 77]
    assert told == sorted(told)
    images = [worker.client.voxels(part.image) for part in parts]
    np.testing.assert_allclose((images[0] + images[2]) / 2, images[1], atol=SINGLE_PRECISION)


def test_progress_only_rises_and_has_words(worker: LocalWorker, scans: Scans) -> None:
    told: list[tuple[float, str]] = []
    worker.answer(Load(scans), lambda fraction, words: told.append((fraction, words)))
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] < fractions[-1] <= 1
    words = [words for _, words in told]
    assert "reading visit0.nii.gz" in words
    assert words.index("conforming") < words.index("encoding visit2")


def test_between_two_visits_lie_mixtures(worker: LocalWorker, subject: str) -> None:
    ends = [
        worker.client.voxels(worker.answer(ShowVisit(subject, visit, "reconstructed")).image)
        for visit in (0, 2)
    ]
    mixed = worker.answer(Interpolate(subject, 0, 2, 0.25, is_measured=True))
    image = worker.client.voxels(mixed.image)
    np.testing.assert_allclose(image, 0.25 * ends[0] + 0.75 * ends[1], atol=SINGLE_PRECISION)
    assert dict(mixed.volumes_ml)["hippocampus"] > 0


def test_an_observed_visit_is_the_scan(worker: LocalWorker, subject: str) -> None:
    shown = worker.answer(ShowVisit(subject, 1, "observed", is_measured=True))
    np.testing.assert_allclose(worker.client.voxels(shown.image), fake_voxels(1), atol=SINGLE_PRECISION)
    assert shown.segmentation is not None


def test_the_last_scan_can_be_held_out(worker: LocalWorker, scans: Scans, tmp_path: Path) -> None:
    loaded = worker.answer(Load(scans, has_last_held_out=True))
    assert (loaded.reference, loaded.held_out) == (1, 2)
    exported = worker.answer(Export(loaded.subject, (), str(tmp_path / "check")))
    record = json.loads((tmp_path / "check" / "forecast.json").read_text(encoding="utf-8"))
    assert record["held_out"]["age_years"] == 74
    assert "predicted_age-74.00_T1w.nii.gz" in exported.files


def test_an_export_is_the_folder_that_forecast_writes(
    worker: LocalWorker, subject: str, tmp_path: Path
) -> None:
    exported = worker.answer(Export(subject, (76, 80), str(tmp_path / "out")))
    assert {"forecast.json", "volumes.csv", "volumes.png", "predicted_age-76.00_T1w.nii.gz"} <= set(
        exported.files
    )
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_arrays_of_the_host_are_scans_too(worker: LocalWorker, scans: Scans, tmp_path: Path) -> None:
    affine = tuple(tuple(row) for row in AFFINE.tolist())
    given = []
    for seed, age in enumerate((70.0, 72.0, 74.0)):
        path = tmp_path / f"node{seed}.npy"
        np.save(path, np.asfortranarray(fake_voxels(seed)))
        given.append(ScanInput(str(path), age, affine, f"visit{seed}"))
    of_arrays = worker.answer(Load(tuple(given)))
    of_files = worker.answer(Load(scans))
    for array, file in zip(of_arrays.volumes, of_files.volumes, strict=True):
        assert array.volume_ml == pytest.approx(file.volume_ml, rel=1e-5)
    assert [visit.name for visit in of_arrays.visits] == ["visit0", "visit1", "visit2"]


def test_a_visit_table_tells_what_is_wrong_with_each_scan(worker: LocalWorker, scans: Scans) -> None:
    twin = ScanInput(scans[0].path, 71.0)
    gone = ScanInput("nowhere.nii.gz", 75.0)
    table = worker.answer(Read((scans[0], twin, gone)))
    assert [visit.age_years for visit in table.visits] == [70, 71, 75]
    assert "There is no file" in table.visits[2].problem
    assert any("one and the same file" in words for words in table.warnings)


def test_two_scans_at_one_age_are_warned_about_in_the_table(worker: LocalWorker, scans: Scans) -> None:
    table = worker.answer(Read((scans[0], ScanInput(scans[1].path, 70.0))))
    assert "both at age 70" in table.warnings[0]


def test_the_models_of_this_computer_are_listed(worker: LocalWorker) -> None:
    for model in worker.answer(Models()).models:
        assert Path(model.folder).is_dir()
        assert model.problem or model.networks


@pytest.mark.parametrize(
    ("asked", "kind", "words"),
    [
        (Load((ScanInput("nowhere.nii.gz", 70.0),)), INPUT, "There is no file or folder nowhere.nii.gz"),
        (Load(()), INPUT, "at least one scan"),
        (Load((ScanInput("a.npy", 70.0),)), INPUT, "without an affine"),
        (Predict("nobody", 80), INPUT, "No person is loaded"),
        (Release("nobody"), INPUT, "No person is loaded"),
        (Release("", ("/etc/hosts.npy",)), INPUT, "no array of this session"),
    ],
)
def test_bad_input_is_said_in_one_sentence(worker: LocalWorker, asked: object, kind: str, words: str) -> None:
    found, sentence = failure_of(worker, asked)
    assert found == kind
    assert words in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"sex": "X"}, "The sex 'X' is not known"),
        ({"method": "magic"}, "The method 'magic' is not known"),
        ({"diagnosis": "flu"}, "The diagnosis 'flu' is not known"),
        ({"image_kind": "painted"}, "There is no image 'painted'"),
    ],
)
def test_unknown_choices_are_refused(
    worker: LocalWorker, scans: Scans, changed: dict[str, str], words: str
) -> None:
    kind, sentence = failure_of(worker, Load(scans, **changed))
    assert kind == INPUT
    assert words in sentence


def test_what_the_model_cannot_do_is_a_model_problem(worker: LocalWorker, scans: Scans) -> None:
    assert failure_of(worker, Load(scans, method="bayes"))[0] == MODEL


@pytest.mark.parametrize("age", [-1.0, 121.0])
def test_ages_nobody_has_are_refused(worker: LocalWorker, subject: str, age: float) -> None:
    assert failure_of(worker, Predict(subject, age))[0] == INPUT


def test_released_arrays_are_gone_and_the_person_stays(worker: LocalWorker, subject: str) -> None:
    made = worker.answer(Predict(subject, 80))
    worker.answer(Release("", (made.image.path,)))
    assert not Path(made.image.path).exists()
    again = worker.answer(Predict(subject, 80))
    assert Path(again.image.path).exists()


def test_a_released_person_takes_their_arrays_along(worker: LocalWorker, scans: Scans) -> None:
    name = worker.answer(Load(scans)).subject
    made = worker.answer(Predict(name, 80))
    worker.answer(Release(name))
    assert not Path(made.image.path).exists()
    assert failure_of(worker, Predict(name, 80))[0] == INPUT


def test_an_export_leaves_a_foreign_folder_alone(worker: LocalWorker, subject: str, tmp_path: Path) -> None:
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
