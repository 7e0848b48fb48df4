"""Finding and reading what the segmenter learns from."""

import nibabel as nib
import numpy as np
import pytest

from MRExtrapLib.errors import InputError
from MRExtrapLib.training.labelled import find_labelled, read_labelled
from MRExtrapLib.training.split import Split, draw_split, read_split, write_split


def test_scans_find_their_labels_and_a_map_stays_alone(a_labelled_folder):
    found = {subject: scan is not None for subject, _, scan in find_labelled(a_labelled_folder)}
    expected = {"heads/sub-1": True, "heads/sub-2": True, "heads/sub-3": True, "heads/training_seg_04": False}
    assert found == expected


def test_labels_on_another_grid_than_their_scan_are_refused(a_labelled_folder):
    wrong = nib.Nifti1Image(np.ones((4, 4, 4), dtype=np.int16), np.eye(4))
    nib.save(wrong, a_labelled_folder / "sub-1_dseg.nii.gz")
    with pytest.raises(InputError, match="shape"):
        read_labelled(*next(iter(find_labelled(a_labelled_folder))))


def test_storage_order_does_not_matter(tmp_path, a_labelled_folder):
    straight = read_labelled(*next(iter(find_labelled(a_labelled_folder))))
    flipped = tmp_path / "flipped"
    flipped.mkdir()
    for ending in ("T1w", "dseg"):
        image = nib.load(a_labelled_folder / f"sub-1_{ending}.nii.gz")
        turned = image.as_reoriented(nib.io_orientation(np.diag([-1.0, -1.0, 1.0, 1.0])))
        nib.save(turned, flipped / f"sub-1_{ending}.nii.gz")
    again = read_labelled(*next(iter(find_labelled(flipped))))
    assert np.array_equal(straight.labels, again.labels)
    assert np.array_equal(straight.image, again.image)


def test_no_subject_is_in_two_parts():
    split = draw_split([f"s{i}" for i in range(40)], np.random.default_rng(1))
    everyone = [*split.train, *split.validation, *split.test]
    assert len(set(everyone)) == len(everyone) == 40
    with pytest.raises(InputError, match="each subject once"):
        Split(("a",), ("a",), ())


def test_a_written_split_reads_back(tmp_path):
    split = draw_split(["a", "b", "c", "d"], np.random.default_rng(1))
    write_split(split, tmp_path / "split.json")
    assert read_split(tmp_path / "split.json") == split


def test_what_is_no_split_is_refused(tmp_path):
    (tmp_path / "split.json").write_text("[1, 2]", encoding="utf-8")
    with pytest.raises(InputError, match="not a split"):
        read_split(tmp_path / "split.json")
