"""What the real worker answers, asked from another process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import (
    AFFINE,
    OWN_UNITS,
    SHAPE,
    FakeConformer,
    fake_engine,
    fake_scan,
    fake_visits,
    fake_voxels,
)

from MRExtrapLib.forecast.pipeline import forecast, prepare
from MRExtrapLib.forecast.subject import Request, Subject, Visit
from MRExtrapLib.progress import silent
from MRExtrapLib.worker.local import LocalWorker
from MRExtrapLib.worker.person import Person
from MRExtrapLib.worker.protocol import INPUT
from MRExtrapLib.worker.requests import (
    Export,
    Interpolate,
    LeaveOut,
    Load,
    Models,
    Predict,
    Read,
    Release,
    ScanInput,
    ShowVisit,
    Sweep,
)
from MRExtrapLib.worker.session import PREFIX, Session

SINGLE_PRECISION = 1e-3
"""Own units go up to 220 in float32, and a line ten years on multiplies their rounding."""

Scans = tuple[ScanInput, ...]
FailureOf = Callable[[LocalWorker, object], tuple[str, str]]


@pytest.fixture(scope="module")
def the_same_forecast():
    """What the pipeline itself predicts for age 80 from the same three scans."""
    visits = tuple(
        Visit(fake_scan(fake_voxels(seed), f"visit{seed}"), age) for seed, age in enumerate((70, 72, 74))
    )
    return forecast(Subject(visits), Request((80,), image="plain"), fake_engine(kept=0.9))


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
    assert any("moved by only 0 %" in words for words in made["warped"].warnings)
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
    moved = worker.answer(Interpolate(subject, 0, 2, 1.0, image_kind="moved"))
    assert (mixed.image_kind, moved.image_kind) == ("plain", "moved")
    np.testing.assert_allclose(worker.client.voxels(moved.image), ends[0], atol=SINGLE_PRECISION)


def test_nothing_changes_from_a_visit_to_the_line_through_it_though_brains_differ(tmp_path: Path) -> None:
    engine = replace(fake_engine(), conformer=FakeConformer(slices_lost=1))
    prepared = prepare(Subject(fake_visits(70, 72)), Request((72,)), engine)
    with Session(tmp_path / f"{PREFIX}0").open() as session:
        person = Person("subject-1", prepared, session)
        predicted = person.predict(Predict("subject-1", 72, image_kind="plain"), silent)
        shown = person.show_visit(ShowVisit("subject-1", 1, "reconstructed"), silent)
        images = [np.load(one.image.path) for one in (predicted, shown)]
    assert images[0].all()
    np.testing.assert_allclose(images[0], images[1], atol=SINGLE_PRECISION)


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


def test_released_arrays_are_gone_and_the_person_stays(worker: LocalWorker, subject: str) -> None:
    made = worker.answer(Predict(subject, 80))
    worker.answer(Release("", (made.image.path,)))
    assert not Path(made.image.path).exists()
    again = worker.answer(Predict(subject, 80))
    assert Path(again.image.path).exists()


def test_a_released_person_takes_their_arrays_along(
    worker: LocalWorker, scans: Scans, failure_of: FailureOf
) -> None:
    name = worker.answer(Load(scans)).subject
    made = worker.answer(Predict(name, 80))
    worker.answer(Release(name))
    assert not Path(made.image.path).exists()
    assert failure_of(worker, Predict(name, 80))[0] == INPUT


@pytest.mark.parametrize("visit", [0, 1, 2])
def test_any_visit_can_be_left_out_and_is_what_the_others_say(
    worker: LocalWorker, subject: str, visit: int
) -> None:
    ages, voxels = np.array([70.0, 72.0, 74.0]), [fake_voxels(seed) for seed in range(3)]
    (early, late), others = np.delete(ages, visit), [one for i, one in enumerate(voxels) if i != visit]
    share = (ages[visit] - early) / (late - early)
    expected = (1 - share) * others[0] + share * others[1]
    found = {row.region: row for row in worker.answer(LeaveOut(subject, visit)).volumes}
    conformed = OWN_UNITS.to_normalised(expected)
    lost = 0.1 * conformed - 0.1 * np.mean([OWN_UNITS.to_normalised(one) for one in others], axis=0)
    assert found["hippocampus"].volume_ml == pytest.approx(float((conformed - lost)[:3].sum()), rel=1e-4)
    assert {(row.kind, row.age_years) for row in found.values()} == {("left_out", ages[visit])}


def test_leaving_a_visit_out_changes_nothing_of_the_person(worker: LocalWorker, subject: str) -> None:
    before = worker.client.voxels(worker.answer(Predict(subject, 80)).image)
    first, again = (worker.answer(LeaveOut(subject, 1)) for _ in range(2))
    np.testing.assert_array_equal(worker.client.voxels(worker.answer(Predict(subject, 80)).image), before)
    assert first == again
