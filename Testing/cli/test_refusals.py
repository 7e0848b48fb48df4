"""What the commands refuse: one sentence, an exit code, and nothing written."""

from __future__ import annotations

import argparse
import errno
import gzip
import os
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from fakes import AFFINE, SHAPE, assert_nothing_written, assert_one_sentence

from MRExtrapLib.cli.main import main
from MRExtrapLib.errors import ModelError
from MRExtrapLib.forecast.engine import Engine

DONE, FAULT, BAD_INPUT, MODEL_PROBLEM, CANCELLED = 0, 1, 2, 3, 130

Run = Callable[..., tuple[int, str]]


def saved(path: Path, voxels: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    nib.save(nib.Nifti1Image(voxels, affine), path)
    return path


def not_an_image(folder: Path) -> Path:
    (folder / "notes.txt").write_text("not a scan", encoding="utf-8")
    return folder / "notes.txt"


def text_named_nifti(folder: Path) -> Path:
    (folder / "bad.nii.gz").write_text("not a scan", encoding="utf-8")
    return folder / "bad.nii.gz"


def truncated(folder: Path) -> Path:
    whole = saved(
        folder / "whole.nii.gz", np.random.default_rng(0).uniform(0, 99, (20, 20, 20)).astype(np.float32)
    )
    path = folder / "cut.nii.gz"
    path.write_bytes(whole.read_bytes()[:4000])
    return path


def four_dimensional(folder: Path) -> Path:
    return saved(folder / "bold.nii.gz", np.ones((*SHAPE, 5), dtype=np.float32))


def two_dimensional(folder: Path) -> Path:
    return saved(folder / "slice.nii.gz", np.ones(SHAPE[:2], dtype=np.float32))


def all_zero(folder: Path) -> Path:
    return saved(folder / "zero.nii.gz", np.zeros(SHAPE, dtype=np.float32))


def with_nan(folder: Path) -> Path:
    return saved(folder / "nan.nii.gz", np.full(SHAPE, np.nan, dtype=np.float32))


def huge_header(folder: Path) -> Path:
    header = nib.Nifti1Header()
    header.set_data_dtype(np.float32)
    header.set_data_shape((30000, 30000, 30000))
    path = folder / "huge.nii.gz"
    with gzip.open(path, "wb") as file:
        file.write(header.binaryblock + b"\0" * 1000)
    return path


BAD_SCANS = (
    lambda folder: folder / "missing.nii.gz",
    not_an_image,
    text_named_nifti,
    truncated,
    four_dimensional,
    two_dimensional,
    all_zero,
    with_nan,
    huge_header,
)


@pytest.mark.parametrize("make_bad", BAD_SCANS)
@pytest.mark.parametrize("command", ["forecast", "measure"])
def test_a_bad_scan_is_refused(
    make_bad: Callable[[Path], Path], command: str, run: Run, scans: list[str], out: Path
) -> None:
    bad = make_bad(out.parent)
    words = [f"{bad}@71", scans[0], "--at", 75] if command == "forecast" else [bad]
    code, said = run(command, *words, "-o", out)
    assert code == BAD_INPUT
    assert_one_sentence(said)
    assert_nothing_written(out)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["{0}", "--at", "75", "--method", "linear"], "at least 2 scans"),
        (["{0}", "--at", "75"], "at least 2 scans"),
        (["{0}", "{0}", "--at", "75"], "Two scans are both at age 70"),
        (["{0}", "{a}@-3", "--at", "75"], "-3"),
        (["{0}", "{a}@1970", "--at", "75"], "1970"),
        (["{0}", "{a}@nan", "--at", "75"], "not an age"),
        (["{0}", "{a}", "--at", "75"], "not known"),
        (["{0}", "{1}", "--at", "-1"], "-1"),
        (["{0}", "{1}", "--at", "121"], "121"),
        (["{0}", "{1}", "--at", "soon"], "soon"),
        (["{0}", "{1}"], "No age to predict"),
        (["{0}", "{1}", "--from", "75"], "--to"),
        (["{0}", "{1}", "--from", "75", "--to", "70"], "before"),
        (["{0}", "{1}", "--from", "75", "--to", "80", "--step", "0"], "step"),
        (["{0}", "{1}", "--from", "75", "--to", "80", "--at", "75"], "not both"),
        (["{0}", "{1}", "--hold-out-last"], "leaves 1 of 2"),
        (["{0}", "{1}", "--at", "75", "--method", "magic"], "magic"),
        (["{0}", "{1}", "--at", "75", "--sex", "X"], "X"),
    ],
)
def test_a_bad_question_is_refused(
    words: list[str], expected: str, run: Run, scans: list[str], out: Path
) -> None:
    plain = scans[2].rpartition("@")[0]
    code, said = run("forecast", *(word.format(*scans, a=plain) for word in words), "-o", out)
    assert code == BAD_INPUT
    assert_one_sentence(said)
    assert expected in said
    assert_nothing_written(out)


@pytest.mark.parametrize(
    "words", [[], ["fly"], ["forecast"], ["interpolate", "a.nii", "--steps", "3", "-o", "x"]]
)
def test_a_command_that_makes_no_sense_is_refused_in_one_sentence(words: list[str], run: Run) -> None:
    code, said = run(*words)
    assert code == BAD_INPUT
    assert_one_sentence(said)


def test_bayes_without_a_prior_is_a_model_problem(run: Run, scans: list[str], out: Path) -> None:
    code, said = run("forecast", *scans, "--at", 80, "--method", "bayes", "-o", out)
    assert code == MODEL_PROBLEM
    assert "holds no progression prior" in said
    assert_one_sentence(said)
    assert_nothing_written(out)


def test_a_broken_model_is_a_model_problem(run: Run, scans: list[str], out: Path) -> None:
    def broken(arguments: argparse.Namespace) -> Engine:
        msg = "The file segmenter.safetensors was changed; install the model again."
        raise ModelError(msg)

    code, said = run("forecast", *scans, "--at", 80, "-o", out, engine_opener=broken)
    assert code == MODEL_PROBLEM
    assert_one_sentence(said)
    assert_nothing_written(out)


def test_a_fault_of_ours_is_one_sentence_and_a_traceback_only_when_asked(
    run: Run, scans: list[str], out: Path
) -> None:
    def faulty(arguments: argparse.Namespace) -> Engine:
        msg = "index out of range"
        raise IndexError(msg)

    code, said = run("forecast", *scans, "--at", 80, "-o", out, engine_opener=faulty)
    assert code == FAULT
    assert_one_sentence(said)
    _, said = run("forecast", *scans, "--at", 80, "-o", out, "--verbose", engine_opener=faulty)
    assert "Traceback" in said
    assert_nothing_written(out)


def test_a_cancelled_command_leaves_nothing(run: Run, scans: list[str], out: Path) -> None:
    def cancelled(arguments: argparse.Namespace) -> Engine:
        raise KeyboardInterrupt

    code, said = run("forecast", *scans, "--at", 80, "-o", out, engine_opener=cancelled)
    assert code == CANCELLED
    assert_one_sentence(said)
    assert_nothing_written(out)


def test_a_cancelled_command_leaves_an_earlier_result_alone(run: Run, scans: list[str], out: Path) -> None:
    def cancelled(arguments: argparse.Namespace) -> Engine:
        raise KeyboardInterrupt

    assert run("measure", scans[0], "-o", out)[0] == DONE
    before = sorted(path.name for path in out.iterdir())
    assert run("measure", scans[0], "-o", out, engine_opener=cancelled)[0] == CANCELLED
    assert sorted(path.name for path in out.iterdir()) == before


def test_a_full_disk_is_told_and_leaves_nothing(run: Run, scans: list[str], out: Path) -> None:
    def full(arguments: argparse.Namespace) -> Engine:
        raise OSError(errno.ENOSPC, "No space left on device")

    code, said = run("forecast", *scans, "--at", 80, "-o", out, engine_opener=full)
    assert code == BAD_INPUT
    assert "disk is full" in said
    assert_one_sentence(said)
    assert_nothing_written(out)


def test_a_folder_of_someone_else_is_refused(run: Run, scans: list[str], out: Path) -> None:
    out.mkdir()
    (out / "thesis.txt").write_text("mine", encoding="utf-8")
    code, said = run("measure", scans[0], "-o", out)
    assert code == BAD_INPUT
    assert_one_sentence(said)
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(run: Run, scans: list[str], tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    code, said = run("measure", scans[0], "-o", locked / "out")
    assert code == BAD_INPUT
    assert_one_sentence(said)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_place_that_is_no_folder_is_refused(run: Run, scans: list[str]) -> None:
    code, said = run("measure", scans[0], "-o", "/dev/full")
    assert code == BAD_INPUT
    assert_one_sentence(said)


def test_synthseg_is_missed_in_one_sentence(
    scans: list[str], out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(out.parent))
    assert main(["measure", *scans[:1], "--segmenter", "synthseg", "-o", str(out)]) == BAD_INPUT
    assert_one_sentence(capsys.readouterr().err)
    assert_nothing_written(out)
