"""Whether a brain finds its own person."""

from __future__ import annotations

import numpy as np
import pytest

from MRExtrapLib.errors import InputError
from MRExtrapLib.evaluation.identity import portrait_of, retrieve
from MRExtrapLib.evaluation.linearity import bows
from MRExtrapLib.imaging.volume import Volume


def test_scans_find_themselves() -> None:
    scans = list(np.random.default_rng(0).normal(size=(6, 50)))
    found = retrieve(scans, scans)
    assert found.ranks == (1,) * 6
    assert found.first_share == found.mean_reciprocal_rank == 1.0


def test_brightness_and_contrast_do_not_matter_beside_a_common_brain() -> None:
    scans = list(np.random.default_rng(0).normal(size=(6, 50)))
    common = 40 * np.random.default_rng(1).normal(size=50)
    assert retrieve(scans, [one + common for one in scans]).people == 6
    assert retrieve([one + common for one in scans], [one + common for one in scans]).first_share == 1.0


def test_whoever_looks_like_another_is_found_second() -> None:
    scans = np.random.default_rng(0).normal(size=(3, 50))
    assert retrieve([scans[1], scans[0], scans[2]], list(scans)).ranks[2] == 1
    assert min(retrieve([scans[1], scans[0], scans[2]], list(scans)).ranks[:2]) > 1


def test_twins_are_not_called_found() -> None:
    one, other = np.random.default_rng(0).normal(size=(2, 50))
    assert retrieve([one, one, other], [one, one, other]).ranks == (2, 2, 1)


def test_one_person_alone_is_not_looked_for() -> None:
    with pytest.raises(InputError, match="1 predictions"):
        retrieve([np.ones(3)], [np.ones(3)])


def test_a_portrait_is_means_over_cubes() -> None:
    voxels = np.arange(8 * 8 * 8, dtype=np.float32).reshape(8, 8, 8)
    portrait = portrait_of(Volume(voxels, np.eye(4)))
    assert portrait.shape == (8,)
    assert portrait[0] == pytest.approx(voxels[:4, :4, :4].mean())


def test_volumes_halfway_at_half_the_way_are_straight(make_people) -> None:
    found = bows(make_people(noise=0.0))
    assert found
    for bow in found:
        assert bow.r_squared == pytest.approx(1.0)
        assert bow.deviation_ml < 1e-9
        assert bow.shares == pytest.approx((0.0, 0.5, 1.0))


def test_a_change_within_noise_is_not_counted(make_people) -> None:
    still = bows(make_people(count=30, noise=0.05))
    tissue = [bow for bow in still if (bow.region, bow.kind) == ("white_matter", "moved")]
    assert len(tissue) == 30
    assert sum(bow.is_counted for bow in tissue) < 10
    assert all(bow.exceeds_noise is None for bow in bows(make_people(offsets=(0, 2))))
