"""The product as a newcomer meets it: bundled weights, bundled subject, the command line."""

import csv
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from MRExtrapLib.cli.demo import sample_scans
from MRExtrapLib.cli.main import main
from MRExtrapLib.model.catalogue import BUNDLED

pytestmark = pytest.mark.skipif(not list(BUNDLED.glob("*/model.json")), reason="no weights are bundled")

AFFINE_TOLERANCE_MM = 1e-4
"""What a viewer overlays exactly."""

MAIN = ("hippocampus", "ventricles", "gray_matter", "white_matter")
STORAGE_TOLERANCE, SMALLER_PARTS_TOLERANCE = 0.01, 0.025
"""A scan is the same scan however it is stored: 1 % of a main region, of small parts a little more."""


TURNED_DEG, SHIFTED_MM = (8.0, -6.0, 10.0), (25.0, -15.0, 30.0)


def volumes_of(folder: Path) -> dict[str, float]:
    with (folder / "volumes.csv").open(encoding="utf-8") as file:
        return {row["region"]: float(row["volume_ml"]) for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def the_demo(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("product") / "demo"
    assert main(["demo", "--no-cache", "-o", str(folder)]) == 0
    return folder


@pytest.fixture
def a_copy_stored_otherwise(tmp_path) -> Path:
    """The sample's real scan: voxels the other way along x, the head turned and shifted by the header."""
    image = nib.load(sample_scans()[0])
    voxels = np.asanyarray(image.dataobj)
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = voxels.shape[0] - 1
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("xyz", TURNED_DEG, degrees=True).as_matrix()
    turn[:3, 3] = SHIFTED_MM
    path = tmp_path / "otherwise_T1w.nii.gz"
    nib.save(nib.Nifti1Image(voxels[::-1], turn @ image.affine @ flip), path)
    return path


def test_the_demo_predicts_on_the_grid_of_a_scan(the_demo):
    (predicted,) = the_demo.glob("predicted_age-*_T1w.nii.gz")
    fitted = [nib.load(path) for path in sample_scans()[:-1]]
    image = nib.load(predicted)
    assert image.shape == fitted[-1].shape
    assert np.allclose(image.affine, fitted[-1].affine, atol=AFFINE_TOLERANCE_MM)
    assert np.asanyarray(image.dataobj).max() > 0


def test_the_demo_leaves_figures_and_provenance(the_demo):
    assert list(the_demo.glob("slices_*.png"))
    assert (the_demo / "volumes.png").stat().st_size > 0
    told = json.loads((the_demo / "forecast.json").read_text(encoding="utf-8"))
    assert "sha256" in json.dumps(told)


def test_the_demo_sees_the_ventricles_grow(the_demo):
    rows = list(csv.DictReader((the_demo / "volumes.csv").open(encoding="utf-8")))
    ventricles = [row for row in rows if row["region"] == "ventricles"]
    predicted = [float(row["volume_ml"]) for row in ventricles if row["kind"] == "predicted"]
    observed = [float(row["volume_ml"]) for row in ventricles if row["kind"] == "observed"]
    assert min(predicted) > observed[0]


def test_how_a_scan_is_stored_changes_no_volume_and_no_side(tmp_path, a_copy_stored_otherwise):
    for name, scan in (("straight", sample_scans()[0]), ("otherwise", a_copy_stored_otherwise)):
        assert main(["measure", "--no-cache", str(scan), "-o", str(tmp_path / name)]) == 0
    straight, otherwise = volumes_of(tmp_path / "straight"), volumes_of(tmp_path / "otherwise")
    for region, volume_ml in straight.items():
        tolerance = STORAGE_TOLERANCE if region in MAIN else SMALLER_PARTS_TOLERANCE
        assert otherwise[region] == pytest.approx(volume_ml, rel=tolerance), region
