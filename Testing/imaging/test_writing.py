"""What is written comes back as it was, and appears whole or not at all."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.reading import read_scan
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.imaging.writing import whole_file, whole_folder, write_label_names, write_labels, write_nifti

AFFINE_MM = 1e-4
"""The contract's exactness; the sform is float32, whose step at 200 mm is 1.5e-5 mm."""

QFORM_MM = 1e-3
"""The qform goes through a float32 quaternion."""

TINY_DISK_BYTES = 64 * 1024


def everything_in(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.fixture
def a_tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KB, where the system lets us mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={TINY_DISK_BYTES}", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount a small file system")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("orientation", ["RAS", "LAS", "LPS", "oblique"])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_reading_gives_back_what_was_written(
    a_head_in: Callable[[str], Volume], orientation: str, ending: str, tmp_path: Path
) -> None:
    head, file = a_head_in(orientation), tmp_path / f"head{ending}"
    write_nifti(head, file, description="predicted, not acquired")
    scan = read_scan(file)
    np.testing.assert_array_equal(scan.volume.voxels, head.voxels)
    np.testing.assert_allclose(scan.volume.affine, head.affine, rtol=0, atol=AFFINE_MM)
    assert scan.warnings == ()


def test_sform_and_qform_say_the_same_in_millimetres(an_oblique_head: Volume, tmp_path: Path) -> None:
    write_nifti(an_oblique_head, tmp_path / "head.nii.gz", description="predicted")
    image = nib.load(tmp_path / "head.nii.gz")
    (sform, sform_code), (qform, qform_code) = image.get_sform(coded=True), image.get_qform(coded=True)
    assert sform_code == qform_code == 1
    np.testing.assert_allclose(sform, qform, rtol=0, atol=QFORM_MM)
    assert image.header.get_xyzt_units()[0] == "mm"
    assert image.header["descrip"].item() == b"predicted"


def test_a_sheared_grid_keeps_its_affine(a_head: Volume, tmp_path: Path) -> None:
    sheared = a_head.affine.copy()
    sheared[1, 2] = 0.4
    write_nifti(Volume(a_head.voxels, sheared), tmp_path / "head.nii")
    scan = read_scan(tmp_path / "head.nii")
    np.testing.assert_allclose(scan.volume.affine, sheared, rtol=0, atol=AFFINE_MM)
    assert scan.warnings == ()


def test_writing_twice_gives_the_same_bytes(a_head: Volume, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        write_nifti(a_head, tmp_path / name / "head.nii.gz")
    assert everything_in(tmp_path / "first") == everything_in(tmp_path / "second")


def test_a_long_description_is_cut_not_refused(a_head: Volume, tmp_path: Path) -> None:
    write_nifti(a_head, tmp_path / "head.nii", description="é" * 200)
    assert len(nib.load(tmp_path / "head.nii").header["descrip"].item()) == 79


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        ((0, 255), np.uint8),
        ((0, 256), np.int16),
        ((-1, 5), np.int16),
        ((0, 2035), np.int16),
        ((0, 70000), np.int32),
    ],
)
def test_labels_take_the_smallest_type_that_holds_them(
    values: tuple[int, int], stored: type, a_head: Volume, tmp_path: Path
) -> None:
    labels = np.zeros(a_head.shape, np.int64)
    labels[2:5], labels[7:9] = values[0], values[1]
    file = tmp_path / "head_dseg.nii.gz"
    write_labels(labels, a_head.affine, file)
    image = nib.load(file)
    assert image.get_data_dtype() == stored
    np.testing.assert_array_equal(np.asarray(image.dataobj), labels)
    np.testing.assert_allclose(image.affine, a_head.affine, rtol=0, atol=AFFINE_MM)


def test_labels_that_are_no_whole_numbers_are_a_mistake_of_ours(a_head: Volume, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="whole numbers"):
        write_labels(a_head.voxels, a_head.affine, tmp_path / "head_dseg.nii.gz")


def test_label_names_are_a_table_in_order(tmp_path: Path) -> None:
    write_label_names({53: "Right-Hippocampus", 17: "Left-Hippocampus"}, tmp_path / "dseg.tsv")
    told = (tmp_path / "dseg.tsv").read_text(encoding="utf-8")
    assert told == "index\tname\n17\tLeft-Hippocampus\n53\tRight-Hippocampus\n"


def test_a_nifti_needs_a_nifti_name(a_head: Volume, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.nii\.gz"):
        write_nifti(a_head, tmp_path / "head.nrrd")


def test_a_file_into_nowhere_is_refused(a_head: Volume, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_nifti(a_head, tmp_path / "missing" / "head.nii")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mishap", [KeyboardInterrupt(), OSError(errno.EIO, "broken"), RuntimeError()])
def test_an_interrupted_file_leaves_the_earlier_one(mishap: BaseException, tmp_path: Path) -> None:
    (tmp_path / "volumes.csv").write_text("earlier")
    with pytest.raises(type(mishap)), whole_file(tmp_path / "volumes.csv") as unfinished:
        unfinished.write_text("half")
        raise mishap
    assert everything_in(tmp_path) == {"volumes.csv": b"earlier"}


def test_a_folder_appears_with_all_its_files(tmp_path: Path) -> None:
    out = tmp_path / "new" / "parents" / "forecast"
    with whole_folder(out) as folder:
        (folder / "volumes.csv").write_text("kind")
        assert not out.exists()
    assert (out / "volumes.csv").read_text() == "kind"
    assert [entry.name for entry in out.parent.iterdir()] == ["forecast"]


def test_a_new_folder_is_as_open_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    with whole_folder(tmp_path / "forecast"):
        pass
    assert (tmp_path / "forecast").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize(
    "mishap", [KeyboardInterrupt(), SystemExit(), RuntimeError(), OSError(errno.EIO, "broken")]
)
def test_nothing_is_left_of_an_interrupted_folder(mishap: BaseException, tmp_path: Path) -> None:
    with pytest.raises(type(mishap)), whole_folder(tmp_path / "new" / "forecast") as folder:
        (folder / "half").mkdir()
        (folder / "half" / "done.nii").write_bytes(b"x")
        raise mishap
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mishap", [KeyboardInterrupt(), OSError(errno.ENOSPC, "full")])
def test_an_earlier_forecast_stays_untouched_when_the_next_fails(
    mishap: BaseException, tmp_path: Path
) -> None:
    with whole_folder(tmp_path / "forecast") as folder:
        (folder / "volumes.csv").write_text("earlier")
    before = everything_in(tmp_path)
    with pytest.raises((KeyboardInterrupt, InputError)), whole_folder(tmp_path / "forecast") as folder:
        (folder / "volumes.csv").write_text("later")
        raise mishap
    assert everything_in(tmp_path) == before


def test_an_earlier_forecast_is_replaced_as_a_whole(tmp_path: Path) -> None:
    for name in ("earlier.csv", "later.csv"):
        with whole_folder(tmp_path / "forecast") as folder:
            (folder / name).write_text("kind")
    assert sorted(f.name for f in (tmp_path / "forecast").iterdir()) == [".mrextrap", "later.csv"]
    assert len(list(tmp_path.iterdir())) == 1


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "forecast").mkdir()
    with whole_folder(tmp_path / "forecast") as folder:
        (folder / "volumes.csv").write_text("kind")
    assert (tmp_path / "forecast" / "volumes.csv").exists()


@pytest.mark.parametrize("place", ["notes.docx", "figures/notes.docx"])
def test_a_file_that_someone_added_to_a_forecast_is_named_and_kept(place: str, tmp_path: Path) -> None:
    out = tmp_path / "forecast"
    with whole_folder(out) as folder:
        (folder / "figures").mkdir()
        (folder / "figures" / "volumes.png").write_text("earlier")
    (out / place).write_text("a day of work")
    before = everything_in(tmp_path)
    with pytest.raises(InputError, match=rf"holds {place}.*move it elsewhere"), whole_folder(out):
        pytest.fail("work began")
    assert everything_in(tmp_path) == before


def test_a_file_that_someone_adds_during_the_work_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "forecast"
    with whole_folder(out) as folder:
        (folder / "volumes.csv").write_text("earlier")
    with pytest.raises(InputError, match=r"notes\.docx"), whole_folder(out) as folder:
        (folder / "volumes.csv").write_text("later")
        (out / "notes.docx").write_text("a day of work")
        before = everything_in(out)
    assert everything_in(out) == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", [".DS_Store", "._volumes.csv", "Thumbs.db"])
def test_what_a_file_browser_leaves_behind_may_go(name: str, tmp_path: Path) -> None:
    for words in ("earlier", "later"):
        with whole_folder(tmp_path / "forecast") as folder:
            (folder / "volumes.csv").write_text(words)
        (tmp_path / "forecast" / name).write_bytes(b"\0")
    assert (tmp_path / "forecast" / "volumes.csv").read_text() == "later"


def test_a_folder_whose_marker_lists_nothing_yet_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "forecast"
    out.mkdir()
    (out / ".mrextrap").write_text("Made by MRExtrap, which may replace this folder.\n")
    (out / "earlier.csv").write_text("kind")
    with whole_folder(out) as folder:
        (folder / "later.csv").write_text("kind")
    assert everything_in(out).keys() == {".mrextrap", "later.csv"}


def test_a_folder_of_someone_else_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="did not make"), whole_folder(tmp_path):
        pytest.fail("work began")
    assert everything_in(tmp_path) == {"thesis.txt": b"years of work"}


@pytest.mark.parametrize("place", ["file", "file/forecast", "file/deeper/forecast"])
def test_a_place_that_is_no_folder_is_refused_before_any_work(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(InputError, match=r"choose a folder|choose one"), whole_folder(tmp_path / place):
        pytest.fail("work began")
    assert everything_in(tmp_path) == {"file": b"a file"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_parent_without_write_permission_is_refused_before_any_work(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="choose one"), whole_folder(tmp_path / "forecast"):
            pytest.fail("work began")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(
    not Path("/proc/self").is_dir(), reason="needs a file system where not even root may write"
)
def test_a_parent_where_nobody_may_write_is_refused_before_any_work() -> None:
    with pytest.raises(InputError, match="choose"), whole_folder(Path("/proc/self/forecast")):
        pytest.fail("work began")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told_in_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="disk is full"), whole_folder(tmp_path / "forecast"):
        Path("/dev/full").write_bytes(b"x" * 10_000)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_really_full_disk_keeps_what_was_there(a_tiny_disk: Path, a_head: Volume, ending: str) -> None:
    (a_tiny_disk / "note").write_text("kept")
    noise = np.random.default_rng(0).normal(size=a_head.shape).astype(np.float32)
    with pytest.raises(InputError, match="disk is full"):
        write_nifti(a_head.with_voxels(noise), a_tiny_disk / f"head{ending}")
    with pytest.raises(InputError, match="disk is full"), whole_folder(a_tiny_disk / "out") as folder:
        write_nifti(a_head.with_voxels(noise), folder / f"head{ending}")
    assert everything_in(a_tiny_disk) == {"note": b"kept"}
    assert [entry.name for entry in a_tiny_disk.iterdir()] == ["note"]
