"""The brightness scale: gain and offset mean nothing, tissues do."""

from __future__ import annotations

import numpy as np
import pytest

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.bias import correct_bias
from MRExtrapLib.imaging.intensity import (
    GRAY_AT_EASE,
    IntensityContract,
    TissueIntensities,
    differ_in_contrast,
    joint_maps,
    tissue_intensities,
)

CONTRACT = IntensityContract()
ROUNDING = 1e-9

LEFT_OF_THE_FIELD = 0.2
"""Share of a coil's drift that may stay: N4 leaves about an eighth of it on real brains."""


def test_a_single_visit_has_its_floor_at_0_and_its_white_where_the_contract_says():
    visit = TissueIntensities(floor=30, gray=400, white=700)
    (scale,) = joint_maps([visit], CONTRACT)
    assert scale.to_normalised(np.float64(30)) == pytest.approx(0, abs=ROUNDING)
    assert scale.to_normalised(np.float64(700)) == pytest.approx(CONTRACT.white, abs=ROUNDING)


def test_visits_agree_in_white_and_nearly_in_gray_whatever_their_scanners_say():
    visits = [TissueIntensities(30, 400, 700), TissueIntensities(5, 60, 90), TissueIntensities(-9, 100, 180)]
    maps = joint_maps(visits, CONTRACT)
    grays = [m.to_normalised(np.float64(v.gray)) for m, v in zip(maps, visits, strict=True)]
    whites = [m.to_normalised(np.float64(v.white)) for m, v in zip(maps, visits, strict=True)]
    assert np.ptp(grays) == pytest.approx(2 * GRAY_AT_EASE * CONTRACT.white, abs=ROUNDING)
    np.testing.assert_allclose(whites, CONTRACT.white, atol=ROUNDING)


def test_a_cortex_that_darkens_as_it_thins_is_left_to_darken():
    """Brightened again, as if a scanner had done it, it would hide what was lost."""
    before, after = TissueIntensities(0, 758, 1000), TissueIntensities(0, 740, 1000)
    first, second = joint_maps([before, after], CONTRACT)
    voxels = np.array([0.0, 300.0, 740.0, 1000.0])
    np.testing.assert_allclose(first.to_normalised(voxels), second.to_normalised(voxels), atol=ROUNDING)


def test_another_contrast_is_told_from_age():
    young, old, other = (TissueIntensities(0, gray, 1000) for gray in (758, 740, 700))
    assert not any(differ_in_contrast([young, old]))
    assert any(differ_in_contrast([young, other]))
    assert not any(differ_in_contrast([other]))


def test_the_way_back_undoes_the_way_in():
    (scale,) = joint_maps([TissueIntensities(30, 400, 700)], CONTRACT)
    own = np.linspace(0, 900, 10)
    np.testing.assert_allclose(scale.to_own(scale.to_normalised(own)), own)


def test_a_contrast_that_is_no_t1_is_refused(a_brain_on, a_grid_stored, a_tissue_finder):
    scan = a_brain_on(a_grid_stored("RAS"))
    tissues = a_tissue_finder(scan)
    with pytest.raises(InputError, match="T1-weighted"):
        tissue_intensities(-scan.voxels, 0.0, tissues.brain, tissues.gray, tissues.white, CONTRACT)


def test_a_coils_drift_is_divided_away(a_brain_on, a_grid_stored, a_tissue_finder):
    scan = a_brain_on(a_grid_stored("RAS"))
    tissues = a_tissue_finder(scan)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in scan.shape), indexing="ij")
    log_field = 0.2 * x - 0.15 * y * z + 0.1 * z
    corrected = correct_bias(scan.with_voxels(scan.voxels * np.exp(log_field)), tissues.white, tissues.grid)
    left = np.log(corrected.voxels[tissues.brain] / scan.voxels[tissues.brain])
    assert left.std() < LEFT_OF_THE_FIELD * log_field[tissues.brain].std()
