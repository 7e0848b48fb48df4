"""Scans made worse on purpose: each way spoils what it says, and a scan counts as what was said of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from quality.records import Records
from quality.spoiled import ALONE, SPOILED, blurred, cut, inverted, noisy, row, shaded, thick

from MRExtrapLib.anatomy.regions import MAIN_REGIONS
from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.volume import Volume

HEAD_FIRST = np.array([[0, 0, 2, 0], [1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]], dtype=float)
"""The stored second axis runs from head to feet."""


@pytest.fixture
def scan() -> Volume:
    voxels = np.random.default_rng(2).uniform(0.5, 1.0, (12, 24, 6)).astype(np.float32)
    voxels[:2] = 0.0
    return Volume(voxels, HEAD_FIRST)


def test_what_is_cut_off_is_what_lies_above(scan: Volume) -> None:
    left = cut(scan).voxels
    assert not left[:, :12].any()
    assert np.array_equal(left[:, 12:], scan.voxels[:, 12:])


def test_thick_slices_are_alike_within_and_keep_the_mean(scan: Volume) -> None:
    sliced = thick(scan, 4.0).voxels
    assert np.array_equal(sliced[:, 0], sliced[:, 3])
    assert not np.array_equal(sliced[:, 3], sliced[:, 4])
    assert sliced.mean() == pytest.approx(scan.voxels.mean(), rel=0.02)


def test_bright_becomes_dark_and_air_stays_dark(scan: Volume) -> None:
    turned = inverted(scan).voxels
    head = scan.voxels > 0
    assert np.corrcoef(turned[head], scan.voxels[head])[0, 1] == pytest.approx(-1.0, abs=1e-3)
    assert not turned[~head].any()


def test_shade_noise_and_blur_are_what_they_say(scan: Volume) -> None:
    whole = scan.with_voxels(np.ones_like(scan.voxels))
    assert shaded(whole, 0.3).voxels[-1, -1, -1] == pytest.approx(1.3)
    assert shaded(whole, 0.3).voxels[0, 0, 0] == pytest.approx(0.7)
    first, again = noisy(whole, 0.1).voxels, noisy(whole, 0.1).voxels
    assert np.array_equal(first, again)
    assert np.std(first) == pytest.approx(0.1, rel=0.1)
    assert blurred(scan, 2.0).voxels[6:].std() < 0.5 * scan.voxels[6:].std()


def test_a_scan_counts_once_as_what_was_said_of_it(tmp_path: Path) -> None:
    def found(score: float, warnings: float, ml: float) -> dict[str, float]:
        return {"score": score, "warnings": warnings} | {f"ml/{region}": ml for region in MAIN_REGIONS}

    def refuse() -> dict[str, float]:
        msg = "No brain was found."
        raise InputError(msg)

    records, way = Records(tmp_path / "OUT.json", {"name": "some"}), list(SPOILED)[1]
    for who in "abcde":
        records.measure(ALONE, who, lambda: found(1.0, 0.0, 10.0))
    records.measure(way, "a", refuse)
    records.measure(way, "b", lambda: found(4.5, 1.0, 99.0))
    records.measure(way, "c", lambda: found(1.0, 2.0, 99.0))
    records.measure(way, "d", lambda: found(3.9, 0.0, 10.5))
    records.measure(way, "e", lambda: found(0.5, 0.0, 9.9))
    assert row(records, way) == [way, "5", "1", "1", "1", "2", *["3.0"] * len(MAIN_REGIONS)]
    assert row(records, ALONE) == [ALONE, "5", "0", "0", "0", "5", *["–"] * len(MAIN_REGIONS)]
