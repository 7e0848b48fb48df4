"""Which scans are aged, and which labels are believed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from phantoms import labelled_ellipsoids, t1_like

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.imaging.writing import write_nifti
from MRExtrapLib.simulation.sources import find_scans, open_source

LABELS = labelled_ellipsoids(8.0)
SCAN = t1_like(LABELS)


def saved(folder: Path, name: str, labels: Volume | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}_T1w.nii.gz"
    write_nifti(SCAN, path)
    if labels is not None:
        write_nifti(labels, folder / f"{name}_dseg.nii.gz")
    return path


def test_labels_beside_a_scan_are_found_with_its_age_and_sex(tmp_path: Path) -> None:
    path = saved(tmp_path, "sub-1", LABELS)
    (tmp_path / "participants.tsv").write_text("participant_id\tage\tsex\nsub-1\t61.5\tF\n", encoding="utf-8")
    source = open_source(path)
    labels = source.read_labels()
    assert (source.age_years, source.sex) == (61.5, "F")
    assert labels is not None
    assert np.array_equal(labels.voxels, LABELS.voxels)


def test_a_scan_without_labels_has_none(tmp_path: Path) -> None:
    assert open_source(saved(tmp_path, "a"), 70).read_labels() is None


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (LABELS.with_voxels(LABELS.voxels + 0.4), "no label map"),
        (LABELS.with_voxels(LABELS.voxels * 10), "no label map"),
        (LABELS.with_voxels(np.where(LABELS.voxels > 0, 507.0, 0)), "no FreeSurfer brain label"),
        (Volume(LABELS.voxels, np.diag([8.0, 8, 8, 1])), "do not lie on the scan"),
    ],
)
def test_labels_that_cannot_be_this_scans_are_refused(tmp_path: Path, labels: Volume, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        open_source(saved(tmp_path, "a", labels), 70)


def test_a_scan_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    source = open_source(saved(tmp_path, "a"), 70)
    write_nifti(SCAN.with_voxels(SCAN.voxels + 1), source.path)
    with pytest.raises(InputError, match="changed while"):
        source.read()


def test_the_first_real_scan_of_each_subject_is_found(tmp_path: Path) -> None:
    data = tmp_path / "data"
    kept = [
        saved(data / "sub-1" / "ses-1" / "anat", "sub-1_ses-1"),
        saved(data / "sub-2" / "anat", "sub-2"),
        saved(data, "visitor"),
    ]
    saved(data / "sub-1" / "ses-2" / "anat", "sub-1_ses-2")
    saved(data / "sub-3" / "anat", "sub-3_acq-simulated")
    saved(data / "derivatives", "sub-4")
    saved(data / ".trash", "sub-5")
    saved(data / "cohort", "sub-6")
    assert sorted(find_scans(data, (data / "cohort").resolve())) == sorted(kept)
