"""The measurements from files to figures, on heads of a few thousand voxels, with stand-ins for networks."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from fakes import SHAPE, SummingSegmenter, fake_engine, fake_scan, fake_voxels
from numpy.typing import NDArray
from quality import anchoring, autoencoder, robustness, segmenter
from quality.records import Records
from scipy.ndimage import gaussian_filter

from MRExtrapLib.anatomy.regions import REGIONS, SIDED
from MRExtrapLib.evaluation.overlap import Channels, counted_ml
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.training.split import Split, write_split

MODEL = {"name": "some", "sha256": "0" * 64}
AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
HIPPOCAMPUS, WHITE, VENTRICLE = 17, 2, 4


def some_labels() -> NDArray[np.uint8]:
    labels = np.zeros((16, 18, 20), np.uint8)
    labels[3:13, 3:15, 3:17] = WHITE
    labels[5:8, 6:10, 6:10] = HIPPOCAMPUS
    labels[9:11, 6:12, 8:12] = VENTRICLE
    return labels


@pytest.fixture
def arguments(tmp_path: Path) -> argparse.Namespace:
    """A folder with a labelled scan, a label map alone and an unlabelled scan, all held out."""
    folder = tmp_path / "set"
    folder.mkdir()
    labels = nib.Nifti1Image(some_labels(), AFFINE)
    scan = nib.Nifti1Image((some_labels() * 10.0 + 5.0).astype(np.float32), AFFINE)
    for name in ("scanned_dseg", "training_seg_01"):
        nib.save(labels, folder / f"{name}.nii.gz")
    for name in ("scanned_T1w", "alone_T1w"):
        nib.save(scan, folder / f"{name}.nii.gz")
    split = tmp_path / "split.json"
    write_split(Split((), (), ("set/scanned", "set/training_seg_01", "set/alone")), split)
    return argparse.Namespace(data=[folder], split=split, limit=None, pairs=0, steps=3)


@dataclass(frozen=True, eq=False)
class Perfect:
    """A measured head whose labels are the true ones."""

    native_channels: Channels

    @property
    def volumes_ml(self) -> dict[str, float]:
        return dict(counted_ml(self.native_channels, 0.008))


@dataclass(frozen=True)
class PerfectProduct:
    """Knows the labels of the one head that there is."""

    truth: Callable[[Volume], Channels]

    def measure(self, volume: Volume) -> Perfect:
        return Perfect(self.truth(volume))


def test_a_perfect_segmenter_has_dice_one_on_whatever_the_folder_holds(
    arguments: argparse.Namespace, tmp_path: Path
) -> None:
    records = Records(tmp_path / "figures.json", MODEL)
    true_of: dict[tuple[int, ...], Channels] = {}
    for one in segmenter.held_out_labelled(arguments.data, segmenter.split_of(arguments), None):
        volume, truth = one.read()
        true_of[volume.shape] = truth
    contest = segmenter.Contest(PerfectProduct(lambda volume: true_of[volume.shape]), peer=None)
    segmenter.measure(arguments, records, contest)
    assert set(records.figures) == {
        "set, whole head",
        "set, stripped",
        "set, painted, whole head",
        "set, painted, stripped",
        "set, against meshnet",
    }
    for condition in list(records.figures)[:4]:
        assert set(records.column(condition, "dice/ours/hippocampus").values()) == {1.0}
    assert records.column("set, against meshnet", "plausible/ours/whole_brain") == {"set/alone": 0.0}
    assert "set, painted, stripped" in segmenter.report(records)


class FullSegmenter(SummingSegmenter):
    """Every region holds the sum of its half of the box."""

    def segment(self, volume: Volume):
        few = super().segment(volume)
        volumes = dict.fromkeys(REGIONS, few.volumes_ml["gray_matter"]) | dict(few.volumes_ml)
        return type(few)(few.labels, volumes)


@pytest.fixture
def an_engine() -> Engine:
    fake = fake_engine(kept=0.9)
    return Engine(fake.codec, FullSegmenter(), fake.template, fake.identity, fake.conformer)


def test_what_the_reconstruction_loses_is_its_bias(an_engine: Engine) -> None:
    figures = autoencoder.reconstruction_figures(fake_scan(fake_voxels(1)), an_engine)
    for region in REGIONS:
        kept = figures[f"ml/reconstructed/{region}"] / figures[f"ml/observed/{region}"]
        assert kept == pytest.approx(0.9, rel=1e-5)
    assert 0 < figures["ssim"] < 1
    assert figures["psnr_db"] > 0


def test_a_linear_model_interpolates_straight(an_engine: Engine) -> None:
    first, second = fake_scan(np.full(SHAPE, 80.0, np.float32)), fake_scan(np.full(SHAPE, 120.0, np.float32))
    figures = autoencoder.straightness_figures(first, second, an_engine, steps=5)
    assert figures["r_squared/hippocampus"] == pytest.approx(1.0)
    observed = figures["change_percent/observed/hippocampus"]
    assert figures["change_percent/decoded/hippocampus"] == pytest.approx(observed, rel=1e-4)
    assert observed > 0


def a_life(now: NDArray, later: NDArray) -> anchoring.Lifetime:
    engine = fake_engine()
    visits = engine.conform([Volume(one, AFFINE) for one in (now, now, later)])
    return anchoring.Lifetime(*visits, true_percent=dict.fromkeys(anchoring.REGIONS, 10.0))


def test_a_perfect_image_of_a_known_change_misses_nothing(an_engine: Engine) -> None:
    now = np.random.default_rng(0).uniform(60, 120, (16, 16, 16)).astype(np.float32)
    life = a_life(now, now + 10)
    base_ml = {region: ml / 1.1 for region, ml in an_engine.volumes_ml(life.later.volume).items()}
    found = anchoring.image_figures(life.later.volume, base_ml, life, an_engine, {})
    assert found["psnr_db"] == np.inf
    assert found["ssim"] == found["sharpness"] == pytest.approx(1)
    assert found["detail"] == pytest.approx(1)
    assert all(found[f"error_points/{region}"] == pytest.approx(0, abs=1e-4) for region in anchoring.REGIONS)


def test_a_blurred_image_has_lost_sharpness_and_detail(an_engine: Engine) -> None:
    now = np.random.default_rng(0).uniform(60, 120, (16, 16, 16)).astype(np.float32)
    life = a_life(now, now)
    blurred = life.now.volume.with_voxels(gaussian_filter(life.now.volume.voxels, 2.0))
    base_ml = dict(an_engine.volumes_ml(blurred))
    found = anchoring.image_figures(blurred, base_ml, life, an_engine, {})
    assert found["sharpness"] < 0.5
    assert found["detail"] < 0.9
    assert all(found[f"error_points/{region}"] == pytest.approx(-10) for region in anchoring.REGIONS)


def test_the_report_on_anchoring_holds_every_image(tmp_path: Path) -> None:
    records = Records(tmp_path / "figures.json", MODEL)
    names = [anchoring.TRUTH]
    names += [f"{case}, {kind}" for case in (anchoring.KNOWN, anchoring.FORECAST) for kind in anchoring.KINDS]
    one = {"psnr_db": 30.0, "ssim": 0.9, "sharpness": 0.8, "detail": 0.7, "seconds": 2.0}
    one |= {f"error_points/{region}": -0.5 for region in anchoring.REGIONS}
    figures = {f"{name}/{what}": value for name in names for what, value in one.items()}
    figures |= {f"true_percent/{region}": -3.0 for region in anchoring.REGIONS}
    records.measure(anchoring.CONDITION, "set/a", lambda: figures)
    text = anchoring.report(records)
    assert "1 subject(s)" in text
    for name in names:
        assert (
            f"| {name} | 30.00 | 0.9000 | 0.50 | 0.50 | 0.50 | 0.50 | 0.50 | 0.00 | 0.80 | 0.700 | 2.00 |"
            in text
        )


@dataclass(frozen=True, eq=False)
class Weighed:
    """A head whose volumes are sums of intensity left and right of its own middle."""

    volumes_ml: dict[str, float]


class WeighingProduct:
    """Sees the world through the affine alone, as the product must."""

    def measure(self, volume: Volume) -> Weighed:
        index = np.moveaxis(np.indices(volume.shape), 0, -1)
        weight = volume.voxels.astype(np.float64) * volume.grid.voxel_ml
        sides = index @ volume.affine[0, :3] + volume.affine[0, 3] < 15.0
        left, right = float(weight[sides].sum()), float(weight[~sides].sum())
        volumes = dict.fromkeys(REGIONS, left + right)
        for region in SIDED:
            volumes |= {f"{region}_left": left, f"{region}_right": right}
        return Weighed(volumes)


def test_storage_changes_nothing_for_a_product_that_reads_affines(
    arguments: argparse.Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_more_on_the_left(volume: Volume, measured: Weighed) -> Volume:
        voxels = volume.voxels.copy()
        voxels[:7] *= 1.5
        return volume.with_voxels(voxels)

    monkeypatch.setattr(robustness, "asymmetric", with_more_on_the_left)
    records = Records(tmp_path / "figures.json", MODEL)
    robustness.measure_all(arguments, records, WeighingProduct())
    _, stored = robustness.storage_table(records)
    for way in ("flipped", "nrrd", "mgz", "moved"):
        assert stored[way]["is_within_promise"], way
    _, sided = robustness.sides_table(records)
    assert all(one["kept"] == one["of"] == 2 for one in sided.values())
