"""The measurements' own promises: nothing measured twice, and a scan stored another way is the same scan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from quality import autoencoder, robustness, segmenter
from quality.records import Records
from quality.robustness import as_mgz, as_nrrd, flipped, moved, oblique

from MRExtrapLib.anatomy.regions import REGIONS
from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.resampling import Interpolation, resample
from MRExtrapLib.imaging.volume import Volume

MODEL = {"name": "some", "sha256": "0" * 64}
THERE_AND_BACK = 2.0
"""Root mean square, of 180 grey values, that two spline interpolations lose at edges a voxel wide."""

SINGLE_PRECISION_MM = 1e-4
"""MGZ keeps its affine in float32."""


def middle_mm(volume: Volume) -> np.ndarray:
    return volume.affine[:3, :3] @ ((np.array(volume.shape) - 1) / 2) + volume.affine[:3, 3]


def test_a_stopped_measurement_goes_on(tmp_path: Path) -> None:
    first = Records(tmp_path / "figures.json", MODEL)
    first.measure("whole", "a", lambda: {"dice": 0.8, "r": float("nan")})
    again = Records(tmp_path / "figures.json", MODEL)
    again.measure("whole", "a", lambda: pytest.fail("measured twice"))
    again.measure("whole", "b", lambda: {"dice": 0.9})
    assert again.column("whole", "dice") == {"a": 0.8, "b": 0.9}
    assert again.column("whole", "r") == {}


def test_a_refusal_is_kept_as_its_sentence(tmp_path: Path) -> None:
    def refuse() -> dict[str, float]:
        msg = "No brain was found."
        raise InputError(msg)

    records = Records(tmp_path / "figures.json", MODEL)
    records.measure("whole", "a", refuse)
    assert Records(tmp_path / "figures.json", MODEL).refused == {"whole": {"a": "No brain was found."}}


def test_figures_of_two_models_are_never_mixed(tmp_path: Path) -> None:
    Records(tmp_path / "figures.json", MODEL).save()
    with pytest.raises(InputError, match="figures of the model"):
        Records(tmp_path / "figures.json", MODEL | {"sha256": "1" * 64})


def test_only_subjects_with_both_figures_are_paired(tmp_path: Path) -> None:
    records = Records(tmp_path / "figures.json", MODEL)
    records.measure("whole", "a", lambda: {"truth": 1.0, "ours": 2.0})
    records.measure("whole", "b", lambda: {"truth": 3.0})
    assert records.pairs("whole", "truth", "ours") == ([1.0], [2.0])


def test_a_flipped_head_is_the_same_head(a_head: Volume) -> None:
    back = resample(flipped(a_head), a_head.grid)
    np.testing.assert_array_equal(back.voxels, a_head.voxels)


def test_an_oblique_head_is_the_same_head_on_a_grid_that_holds_it(a_head: Volume) -> None:
    turned = oblique(a_head)
    assert turned.spacing_mm == pytest.approx(a_head.spacing_mm)
    np.testing.assert_allclose(middle_mm(turned), middle_mm(a_head))
    back = resample(turned, a_head.grid, interpolation=Interpolation.SPLINE)
    inside = (slice(2, -2),) * 3
    lost = (back.voxels - a_head.voxels)[inside]
    assert np.sqrt(np.mean(lost**2)) < THERE_AND_BACK


@pytest.mark.parametrize("store", [as_nrrd, as_mgz])
def test_other_formats_bring_back_the_same_head(store, an_oblique_head: Volume) -> None:
    back = store(an_oblique_head)
    np.testing.assert_array_equal(back.voxels, an_oblique_head.voxels)
    np.testing.assert_allclose(back.affine, an_oblique_head.affine, atol=SINGLE_PRECISION_MM)


def test_a_moved_head_keeps_its_size(a_head: Volume) -> None:
    elsewhere = moved(a_head)
    assert elsewhere.spacing_mm == pytest.approx(a_head.spacing_mm)
    assert np.linalg.norm(middle_mm(elsewhere) - middle_mm(a_head)) > 1


@pytest.fixture
def some_figures(tmp_path: Path) -> Records:
    """Two subjects, each volume 2 % above its reference, under every name that a report asks for."""
    records = Records(tmp_path / "figures.json", MODEL)
    for subject, size in (("set/a", 1.0), ("set/b", 1.2)):
        truth = {f"ml/truth/{region}": size for region in REGIONS}
        ours = {f"ml/ours/{region}": 1.02 * size for region in REGIONS}
        dice = {f"dice/ours/{region}": 0.8 * size for region in REGIONS}
        records.measure("set, whole head", subject, lambda found=truth | ours | dice: found)
    return records


def test_the_segmenters_report_gives_mean_worst_and_bias(some_figures: Records) -> None:
    assert "| hippocampus | 0.880 | 0.800 | – | – | – | +2.0 | 0.0 | 1.1 | – |" in segmenter.report(
        some_figures
    )


def test_the_autoencoders_report_gives_similarity_bias_and_straightness(tmp_path: Path) -> None:
    records = Records(tmp_path / "figures.json", MODEL)
    observed = {f"ml/observed/{region}": 10.0 for region in REGIONS}
    decoded = {f"ml/reconstructed/{region}": 9.9 for region in REGIONS}
    records.measure(
        "reconstruction, set", "set/a", lambda: {"psnr_db": 31.5, "ssim": 0.95} | observed | decoded
    )
    line = {"r_squared": 0.99, "change_percent/decoded": -4.0, "change_percent/observed": -5.0}
    figures = {f"{name}/{region}": value for name, value in line.items() for region in REGIONS}
    records.measure(autoencoder.INTERPOLATION, "set/a", lambda: figures)
    text = autoencoder.report(records)
    assert "PSNR 31.50 dB" in text
    assert "| hippocampus | -1.00 | – | – |" in text
    assert "| hippocampus | 1 | 0.9900 | 0.9900 | -5.00 | -4.00 | 0.80 |" in text


def test_the_robustness_report_gives_the_largest_difference(tmp_path: Path) -> None:
    records = Records(tmp_path / "figures.json", MODEL)
    names = [*robustness.MAIN, "lateral_ventricles_left", "lateral_ventricles_right"]
    alone = {f"ml/{name}": 10.0 for name in names}
    for way, factor in ((robustness.ALONE, 1.0), ("flipped", 1.005), ("oblique", 0.98)):
        records.measure(way, "set/a", lambda factor=factor: {name: factor * ml for name, ml in alone.items()})
        grown = alone | {"ml/lateral_ventricles_left": 20.0}
        records.measure(f"{robustness.ASYMMETRIC}, {way}", "set/a", lambda grown=grown: grown)
    storage, stored = robustness.storage_table(records)
    assert "| oblique | 2.00 (2.00) |" in storage
    assert (stored["flipped"]["is_within_promise"], stored["oblique"]["is_within_promise"]) == (True, False)
    assert "1 of 1" in robustness.sides_table(records)[0]
