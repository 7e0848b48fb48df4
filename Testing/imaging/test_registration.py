"""Rigid registration: a known motion is found again."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from MRExtrapLib.imaging.brain import BareBrain
from MRExtrapLib.imaging.registration import register
from MRExtrapLib.imaging.rigid import (
    displacement_mm,
    inverse,
    mean_motion,
    part_of,
    rotation_about,
    translation,
)
from MRExtrapLib.imaging.volume import Volume

RECOVERED_MM = 0.3
"""Root mean square over a brain, at 2 mm working voxels; the same brain with noise is found to 0.05 mm."""

EXACT_MM = 1e-6

MOTIONS = {
    "a nudge": rotation_about(np.zeros(3), (2, -1, 3)) @ translation(np.array([3.0, -4.0, 2.0])),
    "a nod of 30°": rotation_about(np.array([0, -40, -60]), (30, 0, 0)),
    "a skewed head": rotation_about(np.zeros(3), (-12, 20, -25)) @ translation(np.array([20.0, 30.0, -40.0])),
}


@pytest.mark.parametrize("motion", MOTIONS.values(), ids=MOTIONS.keys())
def test_a_known_motion_of_the_phantom_is_recovered(a_brain_on, a_grid_stored, motion):
    still = a_brain_on(a_grid_stored("RAS"))
    scanned = a_brain_on(a_grid_stored("oblique", 3.0))
    moved = Volume(scanned.voxels, motion @ scanned.affine)
    found = register(*(BareBrain.of(v, v.voxels > 12).snug() for v in (moved, still)))
    assert displacement_mm(found @ motion) < RECOVERED_MM


def test_a_known_motion_of_a_real_noisy_brain_is_recovered(shared_data):
    image = nib.load(shared_data / "brains_0p9mm" / "sub-03_T1w.nii.gz")
    voxels = np.asarray(image.dataobj)[::2, ::2, ::2].astype(np.float32)
    still = Volume(voxels, image.affine @ np.diag([2.0, 2.0, 2.0, 1.0]))
    noise = np.random.default_rng(7).normal(0, 8, voxels.shape) * (voxels > 0)
    motion = MOTIONS["a skewed head"]
    moved = Volume(voxels * 1.3 + noise, motion @ still.affine)
    mask = voxels > 0
    found = register(BareBrain.of(moved, mask).snug(), BareBrain.of(still, mask).snug())
    assert displacement_mm(found @ motion) < RECOVERED_MM


def test_registration_repeats_to_the_last_bit(a_brain_on, a_grid_stored):
    brain = a_brain_on(a_grid_stored("RAS"), MOTIONS["a nudge"])
    still = a_brain_on(a_grid_stored("RAS"))
    fixed, moving = (BareBrain.of(v, v.voxels > 12).snug() for v in (still, brain))
    np.testing.assert_array_equal(register(moving, fixed), register(moving, fixed))


def test_a_motion_and_its_inverse_average_to_rest():
    motion = MOTIONS["a skewed head"]
    assert displacement_mm(mean_motion([motion, inverse(motion)])) < EXACT_MM


def test_the_mean_of_motions_does_not_know_their_order():
    motions = list(MOTIONS.values())
    difference = mean_motion(motions) @ inverse(mean_motion(motions[::-1]))
    assert displacement_mm(difference) < EXACT_MM


def test_two_halves_of_a_motion_make_it_whole():
    motion = MOTIONS["a nudge"]
    half = part_of(motion, 0.5)
    assert displacement_mm(half @ half @ inverse(motion)) < EXACT_MM
