"""`mrextrap simulate` as a user meets it: a cohort, and one sentence for what cannot be aged."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fakes import assert_nothing_written, assert_one_sentence
from phantoms import labelled_ellipsoids, t1_like

from MRExtrapLib.errors import ModelError
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.imaging.writing import write_labels, write_nifti

DONE, BAD_INPUT, MODEL_PROBLEM, CANCELLED = 0, 2, 3, 130
PATIENCE_S = 120

LABELS = labelled_ellipsoids(4.0)

Run = Callable[..., tuple[int, str]]


def no_engine(arguments: argparse.Namespace) -> Engine:
    msg = "Labels lie beside the scan, so no model is needed."
    raise ModelError(msg)


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A folder with one scan, its labels, and its age."""
    folder = tmp_path / "data"
    folder.mkdir()
    write_nifti(t1_like(LABELS), folder / "sub-7_T1w.nii.gz")
    write_labels(LABELS.voxels.astype(np.int16), LABELS.affine, folder / "sub-7_dseg.nii.gz")
    (folder / "participants.tsv").write_text("participant_id\tage\tsex\nsub-7\t70\tF\n", encoding="utf-8")
    return folder


def test_a_folder_becomes_a_cohort_with_pictures_and_a_second_run_finds_it(
    run: Run, labelled: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["simulate", labelled, "--years", 0, 1, "--profile", "CN", "-o", out]
    code, said = run(*words, engine_opener=no_engine)
    assert code == DONE, said
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert {
        "dataset_description.json",
        "participants.tsv",
        "truth_volumes.tsv",
        "checks.tsv",
        "sub-7sim1/sub-7sim1_sessions.tsv",
        "sub-7sim1/figures/sub-7sim1_ageing.png",
        "sub-7sim1/ses-01/anat/sub-7sim1_ses-01_T1w.nii.gz",
        "sub-7sim1/ses-02/anat/sub-7sim1_ses-02_acq-simulated_T1w.nii.gz",
    } <= names
    before = {path: path.stat().st_mtime_ns for path in (out / "sub-7sim1").rglob("*")}
    assert run(*words, engine_opener=no_engine)[0] == DONE
    assert {path: path.stat().st_mtime_ns for path in (out / "sub-7sim1").rglob("*")} == before


def test_the_model_labels_a_scan_that_comes_without(run: Run, labelled: Path, out: Path) -> None:
    (labelled / "sub-7_dseg.nii.gz").unlink()
    code, said = run("simulate", labelled, "-o", out, engine_opener=no_engine)
    assert code == MODEL_PROBLEM
    assert_nothing_written(out)
    # the fake segmenter finds no fluid, and that is what is said
    code, said = run("simulate", labelled, "-o", out)
    assert code == BAD_INPUT
    assert "no outer CSF" in said
    assert_one_sentence(said)
    assert_nothing_written(out)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["{a}"], "is not known"),
        (["{a}@70", "--years", "0"], "years"),
        (["{a}@70", "--years", "soon"], "soon"),
        (["{a}@70", "--years", "-80", "0"], "-10"),
        (["{a}@70", "--years", "0", "60"], "130"),
        (["{a}@70", "--visits", "1"], "--visits 1"),
        (["{a}@70", "--visits", "3", "--years", "0", "1"], "not allowed with"),
        (["{a}@70", "--subjects", "0"], "0 subjects"),
        (["{a}@70", "--seed", "-1"], "seed -1"),
        (["{a}@70", "--profile", "flu"], "flu"),
        (["{a}@70", "--spacing", "0", "1", "1"], "--spacing 0 1 1"),
        (["{a}@70", "{a}@70"], "twice"),
        (["{a}.missing"], "missing"),
        (["{empty}"], "DICOM"),
    ],
)
def test_a_bad_question_is_refused(
    words: list[str], expected: str, run: Run, labelled: Path, out: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (labelled / "participants.tsv").unlink()
    places = {"a": labelled / "sub-7_T1w.nii.gz", "empty": tmp_path / "empty"}
    code, said = run("simulate", *(word.format(**places) for word in words), "-o", out)
    assert code == BAD_INPUT
    assert expected in said
    assert_one_sentence(said)
    assert_nothing_written(out)


def test_scans_of_a_folder_without_an_age_are_told(run: Run, labelled: Path, out: Path) -> None:
    write_nifti(t1_like(LABELS), labelled / "sub-8_T1w.nii.gz")
    (labelled / "sub-7_dseg.nii.gz").unlink()
    _, said = run("simulate", labelled, "-o", out, engine_opener=no_engine)
    assert "Warning: 1 without a known age left out" in said
    assert "sub-8" in said


def test_the_folder_of_another_command_is_refused_and_a_cohort_is_not_replaced(
    run: Run, labelled: Path, scans: list[str], out: Path
) -> None:
    assert run("measure", scans[0], "-o", out)[0] == DONE
    words = ["simulate", labelled, "--years", 0, 1, "--profile", "CN", "-o"]
    assert run(*words, out, engine_opener=no_engine)[0] == BAD_INPUT
    cohort = out.with_name("cohort")
    assert run(*words, cohort, engine_opener=no_engine)[0] == DONE
    assert run("measure", scans[0], "-o", cohort)[0] == BAD_INPUT
    assert (cohort / "participants.tsv").is_file()


def heed_interrupts() -> None:
    """A shell that puts a command in the background has it ignore Ctrl-C, and so all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are not sent there")
def test_a_cancelled_run_leaves_nothing(labelled: Path, out: Path) -> None:
    (labelled / "sub-7_dseg.nii.gz").unlink()
    script = (
        "import sys, time\nfrom MRExtrapLib.cli.main import main\n"
        "def stuck(arguments):\n    print('ready', flush=True)\n    time.sleep(100)\n"
        "sys.exit(main(sys.argv[1:], stuck))"
    )
    words = [sys.executable, "-c", script, "simulate", str(labelled), "-o", str(out)]
    with subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == CANCELLED
    assert_one_sentence(said)
    assert_nothing_written(out)
