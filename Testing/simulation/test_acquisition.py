"""What a visit to the scanner adds, and what it must not."""

from __future__ import annotations

import numpy as np
import pytest

from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.simulation.acquisition import Protocol, acquire, acquire_labels, draw_acquisition
from MRExtrapLib.simulation.ageing import AgeingBrain

QUIET = Protocol(rotation_deg=0, translation_mm=0, gain=0, bias=0, noise=0)
SPLINE = 1e-2
"""Cubic splines give back their own nodes but for rounding; intensities reach 180."""


def test_a_quiet_visit_without_ageing_is_the_baseline(ageing_brain: AgeingBrain, t1_head: Volume) -> None:
    rng = np.random.default_rng(0)
    visit = acquire(t1_head, ageing_brain.deformation({}), draw_acquisition(t1_head.grid, QUIET, rng), rng)
    assert np.allclose(visit.voxels, t1_head.voxels, atol=SPLINE)


def test_the_same_seed_gives_the_same_visit(ageing_brain: AgeingBrain, t1_head: Volume) -> None:
    def visit(seed: int) -> Volume:
        rng = np.random.default_rng(seed)
        acquisition = draw_acquisition(t1_head.grid, Protocol(), rng)
        return acquire(t1_head, ageing_brain.deformation({}), acquisition, rng)

    assert np.array_equal(visit(3).voxels, visit(3).voxels)
    assert not np.array_equal(visit(3).voxels, visit(4).voxels)


def test_position_changes_no_volume(ageing_brain: AgeingBrain, labelled_head: Volume) -> None:
    protocol = Protocol(rotation_deg=4, translation_mm=3)
    acquisition = draw_acquisition(labelled_head.grid, protocol, np.random.default_rng(1))
    motion = acquisition.to_subject[:3, :3]
    assert np.allclose(motion @ motion.T, np.eye(3))
    moved = acquire_labels(labelled_head, ageing_brain.deformation({}), acquisition)
    white = [(labels.voxels == 2).sum() for labels in (labelled_head, moved)]
    assert white[1] == pytest.approx(white[0], rel=0.01)  # borders re-drawn on wide voxels


def test_a_visit_may_have_its_own_voxels(ageing_brain: AgeingBrain, t1_head: Volume) -> None:
    rng = np.random.default_rng(0)
    acquisition = draw_acquisition(t1_head.grid, Protocol(spacing_mm=(3, 3, 4)), rng)
    visit = acquire(t1_head, ageing_brain.deformation({}), acquisition, rng)
    assert np.allclose(visit.spacing_mm, (3, 3, 4))
    field_mm = np.array(t1_head.shape) * t1_head.spacing_mm
    assert (np.array(visit.shape) * visit.spacing_mm >= field_mm - 1e-6).all()


def test_what_was_stripped_stays_empty_and_noise_never_goes_below_zero(
    ageing_brain: AgeingBrain, t1_head: Volume
) -> None:
    rng = np.random.default_rng(0)
    protocol = Protocol(rotation_deg=0, translation_mm=0, noise=0.1)
    acquisition = draw_acquisition(t1_head.grid, protocol, rng)
    visit = acquire(t1_head, ageing_brain.deformation({}), acquisition, rng)
    assert (visit.voxels[t1_head.voxels == 0] == 0).all()
    assert (visit.voxels >= 0).all()
    assert visit.voxels[t1_head.voxels == 30].std() > 1
