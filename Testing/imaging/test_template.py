"""The bundled template: symmetric, upright, roomy."""

from __future__ import annotations

import numpy as np
import pytest

from MRExtrapLib.errors import ModelError
from MRExtrapLib.imaging.template import bundled_template, read_template

MARGIN_VOXELS = 4


def test_left_and_right_of_the_template_are_mirror_images():
    template = bundled_template()
    np.testing.assert_array_equal(template.volume.voxels, template.volume.voxels[::-1])
    middle = (np.array(template.grid.shape) - 1) / 2
    assert (template.grid.affine @ [*middle, 1])[0] == 0


def test_the_template_is_the_models_grid():
    template = bundled_template()
    assert template.grid.shape == (160, 192, 160)
    assert template.grid.spacing_mm == (1.0, 1.0, 1.0)
    np.testing.assert_array_equal(template.grid.affine[:3, :3], np.eye(3))


def test_the_template_fits_its_box_and_its_scale():
    voxels = bundled_template().volume.voxels
    assert voxels.min() == 0
    assert voxels.max() == 1
    inside = np.argwhere(voxels > 0)
    assert (inside.min(axis=0) >= MARGIN_VOXELS).all()
    assert (np.array(voxels.shape) - 1 - inside.max(axis=0) >= MARGIN_VOXELS).all()


def test_a_missing_template_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"gone\.nii\.gz"):
        read_template(tmp_path / "gone.nii.gz")
