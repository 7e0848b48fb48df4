"""The sample subject as Slicer's Sample Data module would hand it out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from MRExtrapPanel.sample import SCANS, checked_files
from panel_desk import REPOSITORY

SAMPLE = REPOSITORY / "MRExtrapLib" / "sample"


def test_the_files_are_those_whose_hashes_are_registered() -> None:
    assert [path.name for path in checked_files(SAMPLE)] == [Path(scan.file).name for scan in SCANS]


def test_every_scan_of_the_sample_is_registered() -> None:
    assert {SAMPLE / scan.file for scan in SCANS} == set(SAMPLE.rglob("*.nii.gz"))


def test_a_simulated_scan_says_so_in_its_name() -> None:
    assert all(("simulated" in scan.file) == ("simulated" in scan.name) for scan in SCANS)


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE, tmp_path / "sample")
    (tmp_path / "sample" / SCANS[1].file).write_bytes(b"changed")
    with pytest.raises(RuntimeError, match="missing or changed"):
        checked_files(tmp_path / "sample")
