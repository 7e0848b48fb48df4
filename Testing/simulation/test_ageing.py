"""The laws of simulated ageing."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.simulation.ageing import AgeingBrain
from MRExtrapLib.simulation.deformation import (
    Deformation,
    compose,
    label_volumes_ml,
    source_coordinates,
    warp,
    warp_labels,
)
from MRExtrapLib.simulation.profiles import PROFILES, typical_subject

REALISED = 0.05
"""Relative: what the simulator promises of prescribed volume changes."""

SKULL_SHIFT_MM = 0.05
"""Far below a voxel, so registration sees a skull at rest."""

INVERSE_VOXELS = 0.1
"""Linear interpolation of two inverse fields on working voxels; a quarter of a millimetre at worst."""

COMPOSITION = 0.05
"""Relative: the short and the long motion are each corrected to their own volumes."""

COUNTING = 0.15
"""Relative: a small region's change counted in voxels jitters by its borders."""

FOUR_YEARS = 4.0


def log_changes(brain: AgeingBrain, years: float, diagnosis: str = "MCI") -> dict[str, float]:
    """A typical subject's change, of what this brain has."""
    changes = typical_subject(PROFILES[diagnosis]).log_changes(years, brain.baseline_ml["ventricles"])
    return {name: change for name, change in changes.items() if name in brain.baseline_ml}


@pytest.fixture(scope="module")
def four_years_on(ageing_brain: AgeingBrain) -> Deformation:
    return ageing_brain.deformation(log_changes(ageing_brain, FOUR_YEARS))


def test_no_change_is_the_identity(ageing_brain: AgeingBrain, t1_head: Volume, labelled_head: Volume) -> None:
    deformation = ageing_brain.deformation({})
    assert deformation.is_at_rest()
    assert np.array_equal(warp(t1_head, deformation).voxels, t1_head.voxels)
    assert np.array_equal(warp_labels(labelled_head, deformation).voxels, labelled_head.voxels)


@pytest.mark.parametrize(("diagnosis", "years"), [("CN", -8.0), ("MCI", 6.5), ("AD", FOUR_YEARS)])
def test_the_prescribed_change_is_realised(ageing_brain: AgeingBrain, diagnosis: str, years: float) -> None:
    prescribed = log_changes(ageing_brain, years, diagnosis)
    realised = ageing_brain.realised(ageing_brain.deformation(prescribed))
    for name, change in prescribed.items():
        assert realised[name] == pytest.approx(change, rel=REALISED, abs=2e-4)


def test_no_tissue_folds(four_years_on: Deformation) -> None:
    assert four_years_on.jacobian().min() > 0


def test_the_skull_side_stands_still(four_years_on: Deformation, labelled_head: Volume) -> None:
    outside = (labelled_head.voxels == 0) | (labelled_head.voxels >= 500)
    shift_mm = np.linalg.norm(four_years_on.displacement_mm(), axis=0)
    assert shift_mm[outside].max() <= SKULL_SHIFT_MM
    assert shift_mm.max() > 10 * SKULL_SHIFT_MM


def test_the_space_inside_the_skull_stays_the_same(
    ageing_brain: AgeingBrain, labelled_head: Volume, four_years_on: Deformation
) -> None:
    now = label_volumes_ml(labelled_head, four_years_on)
    before = label_volumes_ml(labelled_head, ageing_brain.deformation({}))
    inside = [number for number in before if 0 < number < 500]
    assert sum(now[n] for n in inside) == pytest.approx(sum(before[n] for n in inside), rel=1e-3)
    assert now[24] > before[24]


def test_the_motion_back_undoes_the_motion(four_years_on: Deformation) -> None:
    there_and_back = compose(four_years_on.backward, four_years_on.forward)
    assert np.abs(there_and_back).max() < INVERSE_VOXELS


def test_two_years_and_two_years_make_four(ageing_brain: AgeingBrain, labelled_head: Volume) -> None:
    rates = {"hippocampus": -0.03, "cortex": -0.01, "white_matter": -0.008, "ventricles": 0.05}
    half = ageing_brain.deformation({name: 2 * rate for name, rate in rates.items()})
    whole = ageing_brain.deformation({name: 4 * rate for name, rate in rates.items()})
    twice = compose(half.forward, half.forward)
    moved = np.linalg.norm(whole.forward, axis=0)
    missed = np.linalg.norm(twice - whole.forward, axis=0)
    assert missed.mean() < COMPOSITION * moved.mean()
    assert missed.max() < 2 * COMPOSITION * moved.max()


def test_the_jacobian_agrees_with_counting_deformed_voxels(finely_labelled_head: Volume) -> None:
    brain = AgeingBrain(finely_labelled_head)
    deformation = brain.deformation({"hippocampus": -0.3, "ventricles": 0.5})
    later = warp_labels(finely_labelled_head, deformation)
    truth = label_volumes_ml(finely_labelled_head, deformation)
    voxel_ml = finely_labelled_head.grid.voxel_ml
    for number in (4, 17, 43, 53):
        before_ml = (finely_labelled_head.voxels == number).sum() * voxel_ml
        counted = (later.voxels == number).sum() * voxel_ml - before_ml
        assert counted == pytest.approx(truth[number] - before_ml, rel=COUNTING)


def test_baseline_truth_is_the_labels_own_volume(ageing_brain: AgeingBrain) -> None:
    truth = ageing_brain.truth_ml(ageing_brain.deformation({}))
    labels = ageing_brain.labels
    counted = np.isin(labels.voxels, (17, 53)).sum() * labels.grid.voxel_ml
    assert truth["hippocampus"] == pytest.approx(counted, rel=1e-4)
    assert truth["hippocampus_left"] + truth["hippocampus_right"] == pytest.approx(counted, rel=1e-4)


def test_a_visit_finds_its_place_through_a_rigid_motion(ageing_brain: AgeingBrain, t1_head: Volume) -> None:
    shift = np.eye(4)
    shift[0, 3] = t1_head.spacing_mm[0]
    at_rest = ageing_brain.deformation({})
    coordinates = source_coordinates(at_rest, t1_head.grid, t1_head.affine, shift)
    assert np.allclose(coordinates[0] - np.indices(t1_head.shape)[0], 1.0, atol=1e-4)


def test_a_head_without_brain_labels_is_refused(t1_head: Volume) -> None:
    with pytest.raises(InputError, match="no FreeSurfer brain label"):
        AgeingBrain(t1_head.with_voxels(np.full(t1_head.shape, 507.0)))


@pytest.mark.parametrize("change", [5.0, 500.0])
def test_an_impossible_change_is_refused(ageing_brain: AgeingBrain, change: float) -> None:
    with pytest.raises(InputError, match="fewer years"):
        ageing_brain.deformation({"ventricles": change})


def test_an_unknown_compartment_is_refused(ageing_brain: AgeingBrain) -> None:
    with pytest.raises(InputError, match="no compartment spleen"):
        ageing_brain.deformation({"spleen": -0.1})


def test_a_real_label_map_ages_as_prescribed(shared_data) -> None:
    image = nib.load(shared_data / "label_maps_1mm" / "training_seg_04.nii.gz")
    voxels, affine = np.asarray(image.dataobj)[::2, ::2, ::2], image.affine @ np.diag([2.0, 2.0, 2.0, 1.0])
    brain = AgeingBrain(Volume(voxels.astype(np.float32), affine))
    prescribed = log_changes(brain, FOUR_YEARS)
    deformation = brain.deformation(prescribed)
    assert deformation.jacobian().min() > 0
    for name, realised in brain.realised(deformation).items():
        assert realised == pytest.approx(prescribed[name], rel=REALISED, abs=2e-4)
