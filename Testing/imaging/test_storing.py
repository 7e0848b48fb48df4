"""NIfTI and NRRD hold one and the same image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.formats import itk_affine
from MRExtrapLib.imaging.reading import read_scan
from MRExtrapLib.imaging.storing import ENDINGS, write_image, write_label_image
from MRExtrapLib.imaging.volume import Volume

SFORM_MM = 1e-4
"""NIfTI's sform is float32, whose step at 200 mm is 1.5e-5 mm."""

DOUBLE_MM = 1e-10
"""NRRD writes doubles in full."""


@pytest.mark.parametrize("orientation", ["RAS", "LAS", "LPS", "oblique"])
def test_both_formats_hold_the_same_voxels_in_the_same_place(
    a_head_in: Callable[[str], Volume], orientation: str, tmp_path: Path
) -> None:
    head = a_head_in(orientation)
    nifti, nrrd = (
        read_scan(write_image(head, tmp_path / "head", image_format)) for image_format in ("nifti", "nrrd")
    )
    np.testing.assert_array_equal(nrrd.volume.voxels, nifti.volume.voxels)
    np.testing.assert_array_equal(nrrd.volume.voxels, head.voxels)
    np.testing.assert_allclose(nrrd.volume.affine, nifti.volume.affine, rtol=0, atol=SFORM_MM)
    np.testing.assert_allclose(nrrd.volume.affine, head.affine, rtol=0, atol=DOUBLE_MM)
    assert nrrd.warnings == ()


def test_a_sheared_grid_keeps_its_shear(an_oblique_head: Volume, tmp_path: Path) -> None:
    sheared = an_oblique_head.affine.copy()
    sheared[1, 2] += 0.4
    path = write_image(Volume(an_oblique_head.voxels, sheared), tmp_path / "head", "nrrd")
    np.testing.assert_allclose(read_scan(path).volume.affine, sheared, rtol=0, atol=DOUBLE_MM)


@pytest.mark.parametrize(("highest", "stored_as"), [(255, np.uint8), (2035, np.int16), (70000, np.int32)])
def test_labels_are_the_same_numbers_in_both(
    highest: int, stored_as: type, an_oblique_head: Volume, tmp_path: Path
) -> None:
    labels = np.zeros(an_oblique_head.shape, np.int64)
    labels[2:5], labels[7:9] = 17, highest
    read = {}
    for image_format in ("nifti", "nrrd"):
        image = sitk.ReadImage(
            str(write_label_image(labels, an_oblique_head.affine, tmp_path / "d", image_format))
        )
        read[image_format] = sitk.GetArrayFromImage(image).T
        np.testing.assert_allclose(itk_affine(image), an_oblique_head.affine, rtol=0, atol=SFORM_MM)
        assert read[image_format].dtype == stored_as
    np.testing.assert_array_equal(read["nrrd"], labels)
    np.testing.assert_array_equal(read["nifti"], labels)


def test_labels_that_are_no_whole_numbers_are_a_mistake_of_ours(a_head: Volume, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="whole numbers"):
        write_label_image(a_head.voxels, a_head.affine, tmp_path / "head", "nrrd")


def test_an_nrrd_says_what_it_is(a_head: Volume, tmp_path: Path) -> None:
    path = write_image(a_head, tmp_path / "head", "nrrd", description="MRExtrap: PREDICTED, not acquired")
    assert b"content: MRExtrap: PREDICTED, not acquired\n" in path.read_bytes()[:500]


@pytest.mark.parametrize("image_format", list(ENDINGS))
def test_a_stem_with_points_keeps_them(image_format: str, a_head: Volume, tmp_path: Path) -> None:
    path = write_image(a_head, tmp_path / "predicted_age-76.50_T1w", image_format)
    assert path.name == f"predicted_age-76.50_T1w{ENDINGS[image_format]}"
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("image_format", list(ENDINGS))
def test_what_cannot_be_written_is_refused_and_leaves_nothing(
    image_format: str, a_head: Volume, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_image(a_head, tmp_path / "missing" / "head", image_format)
    assert not list(tmp_path.iterdir())
