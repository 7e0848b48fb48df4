"""Laws of the dense registration: known motions are found again, nothing folds, and rest stays rest."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, map_coordinates
from scipy.spatial.transform import Rotation

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.dense import find_bending, find_motion
from MRExtrapLib.imaging.resampling import resample
from MRExtrapLib.imaging.template import bundled_template
from MRExtrapLib.imaging.volume import Grid, Volume

MISSED_MM = 0.35
"""Mean distance from a known motion of 1 to 3 mm that is allowed inside a brain of 2 mm voxels: demons see
motion only along slopes of brightness."""

SINGLE_PRECISION = 1e-3
"""Sums over a whole image in another order, in float32, step after step."""

UNFOLDED = 0.0
"""Smallest Jacobian determinant of a motion that folds nothing."""


def moved(volume: Volume, motion_mm: NDArray) -> Volume:
    """The volume under a known motion (3, X, Y, Z) along its own axes: where each new point comes from."""
    spacing = np.array(volume.spacing_mm)[:, None, None, None]
    at = np.indices(volume.shape) + motion_mm / spacing
    return volume.with_voxels(map_coordinates(volume.voxels, at, order=3, mode="nearest"))


@pytest.fixture(scope="module")
def a_brain() -> Volume:
    """The bundled template with voxels of 2 mm: a real brain, as smooth as a decode, full of slopes."""
    template = bundled_template().volume
    shape = tuple(n // 2 for n in template.shape)
    halved = np.diag([2.0, 2.0, 2.0, 1.0])
    halved[:3, 3] = 0.5
    return resample(template, Grid(shape, template.affine @ halved))


def inside(volume: Volume) -> NDArray[np.bool_]:
    """Well inside the brain, where brightness has slopes."""
    return binary_erosion(volume.voxels > 0.2, iterations=3)


def dilation_mm(volume: Volume, share: float) -> NDArray:
    """A swelling about the middle that fades outwards."""
    points = np.indices(volume.shape) - (np.array(volume.shape)[:, None, None, None] - 1) / 2
    points = points * np.array(volume.spacing_mm)[:, None, None, None]
    return -share * points * np.exp(-(points**2).sum(axis=0) / 45.0**2)


def translation_mm(volume: Volume, axis: int, distance_mm: float) -> NDArray:
    motion = np.zeros((3, *volume.shape))
    motion[axis] = distance_mm
    return motion


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_known_translation_is_found_again(a_brain: Volume, axis: int) -> None:
    motion = translation_mm(a_brain, axis, 2.0)
    new = moved(a_brain, motion)
    bending = find_bending(a_brain, new)
    missed = np.linalg.norm(bending.displacement_mm() - motion, axis=0)[inside(a_brain)]
    assert missed.mean() < MISSED_MM
    before, after = (np.abs(one.voxels - new.voxels).mean() for one in (a_brain, bending.bend(a_brain)))
    assert after < before / 4


def test_a_known_dilation_is_found_again(a_brain: Volume) -> None:
    motion = dilation_mm(a_brain, 0.12)
    bending = find_bending(a_brain, moved(a_brain, motion))
    missed = np.linalg.norm(bending.displacement_mm() - motion, axis=0)[inside(a_brain)]
    assert missed.mean() < MISSED_MM
    assert np.linalg.norm(motion, axis=0)[inside(a_brain)].mean() > 3 * MISSED_MM


def test_a_motion_is_the_same_from_either_side(a_brain: Volume) -> None:
    motion = dilation_mm(a_brain, 0.1)
    new = moved(a_brain, motion)
    there, back = find_motion(a_brain, new), find_motion(new, a_brain)
    np.testing.assert_array_equal(there.displacement_mm(), -back.displacement_mm())
    missed = np.linalg.norm(there.displacement_mm() - motion, axis=0)[inside(a_brain)]
    assert missed.mean() < MISSED_MM
    # from one side alone, the way back is another
    alone = find_bending(a_brain, new).displacement_mm() + find_bending(new, a_brain).displacement_mm()
    assert np.abs(alone).max() > SINGLE_PRECISION


def test_storage_changes_nothing(a_brain: Volume) -> None:
    """Flipped and turned in the world, the same voxels are bent the same way."""
    new = moved(a_brain, dilation_mm(a_brain, 0.12))
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("xyz", (12, -9, 17), degrees=True).as_matrix()
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = a_brain.shape[0] - 1
    bent = find_bending(a_brain, new).bend(a_brain).voxels
    old_stored, new_stored = (Volume(one.voxels[::-1], turn @ one.affine @ flip) for one in (a_brain, new))
    bent_stored = find_bending(old_stored, new_stored).bend(old_stored).voxels[::-1]
    np.testing.assert_allclose(bent_stored, bent, atol=SINGLE_PRECISION)


def test_nothing_folds(a_brain: Volume) -> None:
    field = find_bending(a_brain, moved(a_brain, dilation_mm(a_brain, 0.3))).displacement_mm()
    slopes = np.stack([np.stack(np.gradient(one, *a_brain.spacing_mm)) for one in field])
    jacobian = np.linalg.det(np.moveaxis(slopes, (0, 1), (-2, -1)) + np.eye(3))
    assert jacobian.min() > UNFOLDED
    assert jacobian.std() > 0.01, "nothing moved"


def test_equal_images_stay_at_rest_to_the_last_bit(a_brain: Volume) -> None:
    bending = find_bending(a_brain, a_brain)
    assert bending.is_at_rest
    np.testing.assert_array_equal(bending.bend(a_brain).voxels, a_brain.voxels)
    assert not bending.displacement_mm().any()


def test_what_is_bent_never_leaves_its_brightness(a_brain: Volume) -> None:
    bent = find_bending(a_brain, moved(a_brain, dilation_mm(a_brain, 0.2))).bend(a_brain)
    assert bent.voxels.min() >= a_brain.voxels.min()
    assert bent.voxels.max() <= a_brain.voxels.max()


def test_images_of_different_grids_are_refused(a_brain: Volume, a_head: Volume) -> None:
    with pytest.raises(InputError, match="different grids"):
        find_bending(a_brain, a_head)
    with pytest.raises(InputError, match="does not lie on the bending"):
        find_bending(a_brain, a_brain).bend(a_head)


def a_turned_box() -> Volume:
    """Voxels of three widths, one axis flipped, all turned: half of it labelled 1, half 2."""
    affine = np.eye(4)
    turn = Rotation.from_euler("xyz", (20, -10, 30), degrees=True).as_matrix()
    affine[:3, :3] = turn @ np.diag([-1.0, 1.2, 1.5])
    labels = np.ones((24, 20, 18), np.float32)
    labels[12:] = 2
    return Volume(labels, affine)


def test_a_bending_made_of_known_sources_moves_labels_by_as_much() -> None:
    labels = a_turned_box()
    rest = find_bending(labels, labels)
    source = rest.source_voxels()
    source[0] += 3.0
    bent = rest.from_source_voxels(source)
    np.testing.assert_allclose(bent.source_voxels(), source, atol=SINGLE_PRECISION)
    assert bent.farthest_mm == pytest.approx(3.0 * labels.spacing_mm[0], abs=SINGLE_PRECISION)
    now = bent.bend_labels(labels).voxels
    np.testing.assert_array_equal(now[2:20, 2:-2, 2:-2], labels.voxels[5:23, 2:-2, 2:-2])
