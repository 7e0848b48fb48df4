"""Conform and restore: one way in, and the way back."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.conform import CONTRAST_WARNING, ConformedVisit, Tissues, conform
from MRExtrapLib.imaging.rigid import displacement_mm, inverse, rotation_about, translation
from MRExtrapLib.imaging.template import Template, bundled_template
from MRExtrapLib.imaging.volume import Affine, Volume

RESTORED_ERROR = 0.03
"""Share of white's brightness: two interpolations of 2.5 mm voxels with soft edges lose about 1 %."""

RESTORED_VOLUME = 0.005
"""A brain's ml may change by half a percent through resampling, no more."""

SAME_PLACE_MM = 0.05
"""Stored in another order, the same samples are registered; only sums are rounded differently."""

SAME_BRIGHTNESS = 0.01
"""Of 0…1, where the place is the same to SAME_PLACE_MM."""

WHOLE_CIRCLE_MM = 0.3
"""Two visits of one brain must meet this exactly (mean over the brain), at 2 mm working voxels."""

STORAGE = ["RAS", "LAS", "LPS", "oblique"]

TILT = rotation_about(np.array([0.0, 10.0, 5.0]), (6, -4, 5))


def shifted(affine: Affine) -> Affine:
    """The affine of an array whose first 16 slices along the third axis were cut off."""
    return affine @ translation(np.array([0.0, 0.0, 16.0]))


def find_template_tissues(volume: Volume) -> Tissues:
    """Tissues of the bundled template by brightness."""
    bright = volume.voxels
    return Tissues(bright > 0, (bright > 0.4) & (bright < 0.6), bright > 0.75, volume.grid)


@pytest.fixture(scope="module")
def conformed(a_brain_on, a_grid_stored, a_template, a_tissue_finder):
    """A scan stored this way or that, and its conformed visit: `conformed("LAS")`."""

    @functools.cache
    def stored(orientation: str) -> tuple[Volume, ConformedVisit]:
        scan = a_brain_on(a_grid_stored(orientation), TILT)
        return scan, conform([scan], a_tissue_finder, a_template)[0]

    return stored


@pytest.mark.parametrize("orientation", STORAGE)
def test_restore_undoes_conform_however_the_scan_is_stored(conformed, a_tissue_finder, orientation):
    scan, visit = conformed(orientation)
    restored = visit.restore(visit.volume)
    assert restored.grid.is_same_as(scan.grid)
    error = np.abs(restored.voxels - scan.voxels)[a_tissue_finder(scan).brain].mean()
    assert error < RESTORED_ERROR * np.percentile(scan.voxels, 99)


@pytest.mark.parametrize("orientation", STORAGE)
def test_the_brain_keeps_its_millilitres_there_and_back(conformed, a_tissue_finder, orientation):
    scan, visit = conformed(orientation)
    own_ml = a_tissue_finder(scan).brain.sum() * scan.grid.voxel_ml
    conformed_ml = visit.brain.sum() * visit.volume.grid.voxel_ml
    restored_ml = (visit.restore_labels(visit.brain.astype(np.int16)) == 1).sum() * scan.grid.voxel_ml
    assert conformed_ml == pytest.approx(own_ml, rel=RESTORED_VOLUME)
    assert restored_ml == pytest.approx(own_ml, rel=RESTORED_VOLUME)


@pytest.mark.parametrize("orientation", ["LAS", "LPS"])
def test_the_order_of_storage_is_forgotten(conformed, orientation):
    (_, one), (_, other) = conformed("RAS"), conformed(orientation)
    assert displacement_mm(one.scan_to_template @ inverse(other.scan_to_template)) < SAME_PLACE_MM
    assert np.abs(one.volume.voxels - other.volume.voxels).mean() < SAME_BRIGHTNESS


def test_a_drift_of_gain_and_offset_between_visits_vanishes(
    a_brain_on, a_grid_stored, a_template, a_tissue_finder
):
    first = a_brain_on(a_grid_stored("RAS"), TILT)
    second = first.with_voxels(first.voxels * 3.7 + 200)
    one, other = conform([first, second], a_tissue_finder, a_template)
    assert np.abs(one.volume.voxels - other.volume.voxels).max() < SAME_BRIGHTNESS
    restored = other.restore(other.volume)
    brain = a_tissue_finder(first).white
    assert np.median(restored.voxels[brain]) == pytest.approx(
        np.median(second.voxels[brain]), rel=RESTORED_ERROR
    )


def test_a_visit_in_another_contrast_is_warned_about(a_brain_on, a_grid_stored, a_template, a_tissue_finder):
    scan = a_brain_on(a_grid_stored("RAS"))
    brightest = scan.voxels.max()
    other = scan.with_voxels(brightest * np.clip(scan.voxels / brightest, 0, None) ** 1.5)
    alike = conform([scan, scan], a_tissue_finder, a_template)
    unlike = conform([scan, other], a_tissue_finder, a_template)
    assert not any(CONTRAST_WARNING in visit.warnings for visit in alike)
    assert all(CONTRAST_WARNING in visit.warnings for visit in unlike)


def test_visits_meet_and_their_order_does_not_matter(a_brain_on, a_grid_stored, a_template, a_tissue_finder):
    turned = rotation_about(np.zeros(3), (-7, 5, -4))
    first, second = a_brain_on(a_grid_stored("RAS"), TILT), a_brain_on(a_grid_stored("oblique"), turned)
    forth = conform([first, second], a_tissue_finder, a_template)
    back = conform([second, first], a_tissue_finder, a_template)[::-1]
    for one, other in zip(forth, back, strict=True):
        assert displacement_mm(one.scan_to_template @ inverse(other.scan_to_template)) < SAME_PLACE_MM
    same_place = forth[0].scan_to_template @ TILT @ inverse(forth[1].scan_to_template @ turned)
    assert displacement_mm(same_place) < WHOLE_CIRCLE_MM
    assert all(visit.registration.is_good for visit in forth)


def test_a_brain_upside_down_is_refused():
    template = bundled_template()
    upside_down = Volume(
        template.volume.voxels, rotation_about(np.zeros(3), (180, 0, 0)) @ template.grid.affine
    )
    with pytest.raises(InputError, match="The scan does not register"):
        conform([upside_down], find_template_tissues, template)


def test_a_scan_without_a_brain_is_refused(a_brain_on, a_grid_stored, a_template):
    scan = a_brain_on(a_grid_stored("RAS"))

    def finds_nothing(volume: Volume) -> Tissues:
        nothing = np.zeros(volume.shape, dtype=bool)
        return Tissues(nothing, nothing, nothing, volume.grid)

    with pytest.raises(InputError, match="The scan shows 0 ml of brain"):
        conform([scan], finds_nothing, a_template)


def test_a_brain_that_runs_out_of_the_grid_is_warned_about(
    a_brain_on, a_grid_stored, a_template, a_tissue_finder
):
    too_small = Template(Volume(a_template.volume.voxels[..., 16:], shifted(a_template.grid.affine)), "small")
    (visit,) = conform([a_brain_on(a_grid_stored("RAS"))], a_tissue_finder, too_small)
    assert "outside the model's grid" in visit.warnings[-1]


def test_tissues_may_come_on_a_grid_of_their_own(a_brain_on, a_grid_stored, a_template, a_tissue_finder):
    scan = a_brain_on(a_grid_stored("oblique"), TILT)
    own_grid = a_grid_stored("RAS", 2.0)
    on_another_grid = a_tissue_finder(a_brain_on(own_grid, TILT))
    (visit,) = conform([scan], lambda volume: on_another_grid, a_template)
    own_ml = on_another_grid.brain.sum() * own_grid.voxel_ml
    assert visit.brain.sum() * visit.volume.grid.voxel_ml == pytest.approx(own_ml, rel=2 * RESTORED_VOLUME)
