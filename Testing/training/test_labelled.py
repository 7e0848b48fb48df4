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


def test_those_of_one_brain_are_in_one_part():
    names = [f"{tree}/sub-{brain}sim{i}" for brain in range(12) for tree in ("cn", "ad") for i in (1, 2)]
    names += [f"brains/sub-{brain}" for brain in range(20)]
    split = draw_split(names, np.random.default_rng(2))
    for brain in range(12):
        kin = [f"cn/sub-{brain}sim1", f"cn/sub-{brain}sim2", f"ad/sub-{brain}sim1", f"brains/sub-{brain}"]
        assert len({split.part_of(name) for name in kin}) == 1
    assert split.validation
    assert sorted([*split.train, *split.validation, *split.test]) == sorted(names)
    with pytest.raises(InputError, match="show one brain"):
        Split(("cn/sub-1sim1",), (), ("cn/sub-1sim2",))


def test_a_simulated_subject_that_tests_never_trains():
    split = Split(("cohort/sub-1sim1",), ("cohort/sub-2sim1",), ("cohort/sub-3sim1",))
    names = ["cohort/sub-1sim1", "cohort/sub-2sim1", "cohort/sub-3sim1", "other/sub-3sim4", "other/sub-4sim1"]
    assert [split.part_of(name) for name in names] == ["train", "validation", "test", "test", "train"]


def test_a_copy_is_known_without_its_hyphens():
    split = Split((), ("heads/IXI012-HH-1211",), ("heads/IXI015-HH-1258",))
    copies = ["made/sub-IXI012HH1211sim1", "made/sub-IXI015HH1258sim2"]
    assert [split.part_of(name) for name in copies] == ["validation", "test"]


def test_a_written_split_reads_back(tmp_path):
    split = draw_split(["a", "b", "c", "d"], np.random.default_rng(1))
    write_split(split, tmp_path / "split.json")
    assert read_split(tmp_path / "split.json") == split


def test_what_is_no_split_is_refused(tmp_path):
    (tmp_path / "split.json").write_text("[1, 2]", encoding="utf-8")
    with pytest.raises(InputError, match="not a split"):
        read_split(tmp_path / "split.json")
