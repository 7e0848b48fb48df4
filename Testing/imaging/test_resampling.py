"""Resampling: places stay, amounts stay."""

from __future__ import annotations

import numpy as np
import pytest

from MRExtrapLib.imaging.resampling import (
    Interpolation,
    box_around,
    resample,
    resample_labels,
    resample_mask,
    resample_shares,
)
from MRExtrapLib.imaging.rigid import translation
from MRExtrapLib.imaging.volume import Grid, Volume

ROUNDING = 1e-5
"""Single precision, relative to the brightest voxel."""

KEPT_VOLUME = 0.005


@pytest.mark.parametrize("interpolation", [Interpolation.LINEAR, Interpolation.SPLINE])
def test_the_own_grid_changes_nothing(a_brain_on, a_grid_stored, interpolation):
    scan = a_brain_on(a_grid_stored("PSR"))
    same = resample(scan, scan.grid, interpolation=interpolation)
    np.testing.assert_allclose(same.voxels, scan.voxels, atol=ROUNDING * scan.voxels.max())


def test_a_shift_by_whole_voxels_is_a_roll(a_brain_on, a_grid_stored):
    scan = a_brain_on(a_grid_stored("RAS"))
    shifted = resample(scan, scan.grid, translation(np.array([2 * scan.spacing_mm[0], 0, 0])))
    np.testing.assert_allclose(shifted.voxels[2:], scan.voxels[:-2], atol=ROUNDING * scan.voxels.max())


def test_what_lies_outside_is_empty(a_brain_on, a_grid_stored):
    scan = a_brain_on(a_grid_stored("RAS")).with_voxels(np.ones(a_grid_stored("RAS").shape))
    far_away = Grid((4, 4, 4), np.diag([1.0, 1.0, 1.0, 1.0]) + np.pad([[500.0]], ((0, 3), (3, 0))))
    assert not resample(scan, far_away).voxels.any()


@pytest.mark.parametrize("spacing_mm", [1.5, 4.0])
def test_a_mask_keeps_its_millilitres_on_finer_and_coarser_grids(a_brain_on, a_grid_stored, spacing_mm):
    scan = a_brain_on(a_grid_stored("oblique"))
    mask, grid = scan.voxels > 12, a_grid_stored("LPS", spacing_mm)
    resampled = resample_mask(mask, scan.grid, grid)
    own_ml = mask.sum() * scan.grid.voxel_ml
    assert resampled.sum() * grid.voxel_ml == pytest.approx(own_ml, rel=KEPT_VOLUME)


@pytest.mark.parametrize("spacing_mm", [1.0, 2.0, 8.0])
def test_a_box_around_a_mask_holds_all_that_resampling_sees_of_it(spacing_mm):
    mask = np.zeros((60, 70, 80), dtype=bool)
    mask[28:31, 30:40, 40:44] = True
    source, grid = Grid(mask.shape, np.eye(4)), Grid((12, 12, 12), np.diag([*[spacing_mm] * 3, 1.0]))
    shift = translation(np.array([-25.3, -27.1, -36.4]))
    whole = Volume(mask.astype(np.float32), source.affine)
    part = whole.cropped(box_around(mask))
    assert part.voxels.size < whole.voxels.size
    for interpolation in (Interpolation.LINEAR, Interpolation.SPLINE):
        seen = [resample(one, grid, shift, interpolation).voxels for one in (whole, part)]
        np.testing.assert_allclose(*seen, atol=ROUNDING)
    np.testing.assert_array_equal(
        resample_mask(mask, source, grid, shift), resample(whole, grid, shift).voxels >= 0.5
    )


def test_labels_come_back_as_labels(a_brain_on, a_grid_stored):
    scan = a_brain_on(a_grid_stored("RAS"))
    labels = np.digitize(scan.voxels, [12, 50, 90]).astype(np.int16) * 17
    moved = resample_labels(labels, scan.grid, a_grid_stored("oblique"))
    assert set(np.unique(moved)) <= {0, 17, 34, 51}
    assert (moved == 51).any()


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "oblique"])
def test_labels_on_a_coarser_grid_are_those_that_fill_most_of_a_voxel(a_brain_on, a_grid_stored, orientation):
    scan = a_brain_on(a_grid_stored("RAS", 1.0))
    labels = np.digitize(scan.voxels, [12, 50, 90]).astype(np.int16) * 17
    grid = a_grid_stored(orientation, 2.0)
    shares = [resample(scan.with_voxels(labels == n), grid).voxels for n in (17, 34, 51)]
    shares = np.stack([1 - np.sum(shares, axis=0), *shares])
    fullest = np.array([0, 17, 34, 51])[shares.argmax(axis=0)]
    top = np.sort(shares, axis=0)
    is_clear = top[-1] - top[-2] > ROUNDING
    np.testing.assert_array_equal(resample_labels(labels, scan.grid, grid)[is_clear], fullest[is_clear])
    assert is_clear.mean() > 0.99


def test_shares_tell_borders_within_a_voxel():
    """A ball laid on a shifted grid: from shares of voxels it comes out rounder than from their labels."""
    side, radius = 30, 8.3

    def ball(grid: Grid) -> np.ndarray:
        at = np.moveaxis(np.indices(grid.shape), 0, -1) @ grid.affine[:3, :3].T + grid.affine[:3, 3]
        return np.clip(radius + 0.5 - np.linalg.norm(at - (side - 1) / 2, axis=-1), 0, 1).astype(np.float32)

    source = Grid((side,) * 3, np.eye(4))
    grid = Grid((side - 1,) * 3, translation(np.array([0.4, 0.6, 0.3])))
    share = ball(source)
    by_shares = resample_shares(np.stack([1 - share, share]), source, grid)
    by_labels = resample_labels((share > 0.5).astype(np.int16), source, grid)
    wrong = [int((found != (ball(grid) > 0.5)).sum()) for found in (by_shares, by_labels)]
    assert wrong[0] < 0.7 * wrong[1]


def test_certain_shares_on_their_own_grid_are_their_labels():
    labels = np.random.default_rng(0).integers(0, 3, (6, 5, 4)).astype(np.int16)
    grid = Grid(labels.shape, np.diag([1.0, 2.0, 1.0, 1.0]))
    shares = np.stack([labels == number for number in range(3)]).astype(np.float32)
    np.testing.assert_array_equal(resample_shares(shares, grid, grid), labels)


def test_a_label_outside_a_coarser_grid_is_left_out(a_brain_on, a_grid_stored):
    scan = a_brain_on(a_grid_stored("RAS"))
    far_away = Grid((4, 4, 4), np.diag([9.0, 9.0, 9.0, 1.0]) + np.pad([[500.0]], ((0, 3), (3, 0))))
    assert not resample_labels((scan.voxels > 12).astype(np.int16), scan.grid, far_away).any()


@pytest.mark.parametrize("interpolation", [Interpolation.LINEAR, Interpolation.SPLINE])
def test_it_does_not_matter_which_axis_runs_fastest_in_memory(a_brain_on, a_grid_stored, interpolation):
    scan, grid = a_brain_on(a_grid_stored("oblique")), a_grid_stored("LPS", 2.5)
    by_x, by_z = (scan.with_voxels(np.array(scan.voxels, order=order)) for order in ("F", "C"))
    one, other = (resample(volume, grid, interpolation=interpolation).voxels for volume in (by_x, by_z))
    np.testing.assert_allclose(one, other, atol=ROUNDING * scan.voxels.max())
    assert one.any()


def test_labels_do_not_depend_on_the_order_of_memory_either(a_brain_on, a_grid_stored):
    scan, grid = a_brain_on(a_grid_stored("oblique")), a_grid_stored("LPS")
    labels = np.digitize(scan.voxels, (3, 12, 40)).astype(np.int16)
    one, other = (resample_labels(np.array(labels, order=order), scan.grid, grid) for order in ("F", "C"))
    np.testing.assert_array_equal(one, other)
    assert len(np.unique(one)) > 2
