"""Laws of overlap."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from MRExtrapLib.anatomy.regions import REGIONS
from MRExtrapLib.anatomy.structures import CHANNEL, STRUCTURES
from MRExtrapLib.errors import InputError
from MRExtrapLib.evaluation.overlap import Overlap, counted_ml

ROUNDING = 1e-12


@pytest.fixture
def two_segmentations() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    rng = np.random.default_rng(3)
    first = rng.integers(0, len(STRUCTURES), (9, 8, 7)).astype(np.uint8)
    second = np.where(rng.random(first.shape) < 0.4, first, rng.permutation(first)).astype(np.uint8)
    return first, second


def test_a_segmentation_overlaps_itself_wholly(two_segmentations) -> None:
    first, _ = two_segmentations
    overlap = Overlap.of(first, first)
    assert set(overlap.structure_dice().values()) == {1.0}
    assert set(overlap.region_dice().values()) == {1.0}


def test_disjoint_structures_do_not_overlap() -> None:
    first = np.array([CHANNEL["hippocampus"], 0], dtype=np.uint8)
    assert Overlap.of(first, first[::-1].copy()).dice(["hippocampus"]) == 0.0


def test_overlap_is_symmetric(two_segmentations) -> None:
    first, second = two_segmentations
    forth, back = Overlap.of(first, second).region_dice(), Overlap.of(second, first).region_dice()
    assert forth == pytest.approx(back, abs=ROUNDING)


def test_dice_is_that_of_the_masks_by_brute_force(two_segmentations) -> None:
    first, second = two_segmentations
    for region, dice in Overlap.of(first, second).region_dice().items():
        channels = [CHANNEL[name] for name in REGIONS[region]]
        a, b = np.isin(first, channels), np.isin(second, channels)
        assert dice == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()), abs=ROUNDING)


def test_a_structure_that_neither_has_is_not_counted() -> None:
    nothing = np.zeros((2, 2, 2), dtype=np.uint8)
    assert np.isnan(Overlap.of(nothing, nothing).dice(["caudate"]))


def test_different_grids_are_refused() -> None:
    with pytest.raises(InputError, match="different grids"):
        Overlap.of(np.zeros((2, 2, 2), np.uint8), np.zeros((2, 2, 3), np.uint8))


def test_counted_volumes_are_voxels_times_their_volume(two_segmentations) -> None:
    first, _ = two_segmentations
    counted = counted_ml(first, 0.008)
    assert counted.keys() == REGIONS.keys()
    assert counted["hippocampus"] == pytest.approx(0.008 * (first == CHANNEL["hippocampus"]).sum())
