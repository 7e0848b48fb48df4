"""Brains prepared for the autoencoder, and kept for the next sitting."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from phantoms import labelled_ellipsoids, t1_like

from MRExtrapLib.imaging.conform import Tissues
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.imaging.writing import write_nifti
from MRExtrapLib.training.brains import prepared_brains

LABELS = labelled_ellipsoids(3.0)
SCALP, OUTER_FLUID, GRAY, WHITE, THALAMUS = 507, 24, 3, 2, 10


class Finder:
    """Knows the phantom by heart, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, volume: Volume) -> Tissues:
        self.asked += 1
        brain = ~np.isin(LABELS.voxels, (0, SCALP, OUTER_FLUID))
        return Tissues(brain, LABELS.voxels == GRAY, LABELS.voxels == WHITE, LABELS.grid)


@pytest.fixture
def a_scan(tmp_path: Path) -> tuple[str, Path]:
    write_nifti(t1_like(LABELS), tmp_path / "sub-1_T1w.nii.gz")
    return "made/sub-1", tmp_path / "sub-1_T1w.nii.gz"


def test_a_brain_is_prepared_once(a_scan: tuple[str, Path], tmp_path: Path) -> None:
    finder = Finder()
    (first,), refused = prepared_brains([a_scan], finder, tmp_path / "prepared")
    (second,), _ = prepared_brains([a_scan], finder, tmp_path / "prepared")
    assert (finder.asked, refused) == (1, [])
    np.testing.assert_array_equal(first.voxels, second.voxels)


def test_a_scan_replaced_under_its_name_is_prepared_anew(a_scan: tuple[str, Path], tmp_path: Path) -> None:
    finder, head = Finder(), t1_like(LABELS)
    (first,), _ = prepared_brains([a_scan], finder, tmp_path / "prepared")
    write_nifti(head.with_voxels(np.where(LABELS.voxels == THALAMUS, 60, head.voxels)), a_scan[1])
    (second,), _ = prepared_brains([a_scan], finder, tmp_path / "prepared")
    assert finder.asked == 2
    assert not np.array_equal(first.voxels, second.voxels)


def test_what_is_no_scan_is_named_and_stops_nobody(a_scan: tuple[str, Path], tmp_path: Path) -> None:
    broken = tmp_path / "sub-2_T1w.nii.gz"
    broken.write_bytes(b"no scan")
    brains, refused = prepared_brains([("made/sub-2", broken), a_scan], Finder(), tmp_path / "prepared")
    assert [one.subject for one in brains] == ["made/sub-1"]
    assert len(refused) == 1
    assert refused[0].startswith("sub-2_T1w.nii.gz: ")
