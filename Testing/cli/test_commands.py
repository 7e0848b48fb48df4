"""The commands as a user meets them: what they write, what they say, and their exit codes."""

from __future__ import annotations

import argparse
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from fakes import AFFINE, SHAPE, fake_engine, fake_voxels, open_fake_engine

from MRExtrapLib.cli.main import main
from MRExtrapLib.errors import ModelError
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.imaging.writing import write_nifti

DONE, FAULT, BAD_INPUT, MODEL_PROBLEM, CANCELLED = 0, 1, 2, 3, 130

PATIENCE_S = 120
"""A hung command fails a test instead of the whole run."""

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def scans(tmp_path: Path) -> list[str]:
    """Three scans of a person, with their ages."""
    found = []
    for seed, age in enumerate((70, 72, 74)):
        path = tmp_path / f"visit{seed}.nii.gz"
        write_nifti(Volume(fake_voxels(seed), AFFINE), path)
        found.append(f"{path}@{age}")
    return found


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command with the fake engine; gives its exit code and what it said on stderr."""

    def run_it(
        *words: object, engine_opener: Callable[[argparse.Namespace], Engine] = open_fake_engine
    ) -> tuple[int, str]:
        code = main([str(word) for word in words], engine_opener)
        return code, capsys.readouterr().err

    return run_it


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


def assert_one_sentence(said: str) -> None:
    lines = [line for line in said.splitlines() if not line.startswith("[")]
    assert len(lines) == 1, said
    assert lines[0].startswith("mrextrap: ")
    assert lines[0].endswith(".")
    assert "Traceback" not in said


def assert_nothing_written(out: Path) -> None:
    assert not out.exists()
    assert not [path for path in out.parent.iterdir() if path.name.startswith(".")]


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


def test_a_forecast_is_written_and_summed_up(
    run: Run, scans: list[str], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["forecast", *scans, "--from", "75", "--to", "76", "-o", str(out)], open_fake_engine)
    said = capsys.readouterr()
    assert code == DONE
    assert (out / "predicted_age-75.00_T1w.nii.gz").is_file()
    assert (out / "predicted_age-76.00_dseg.nii.gz").is_file()
    assert (out / "volumes.csv").is_file()
    assert list(out.glob("*.png"))
    assert str(out) in said.out
    assert "hippocampus" in said.out


def test_the_last_scan_can_be_held_out(run: Run, scans: list[str], out: Path) -> None:
    code, _ = run("forecast", *scans, "--hold-out-last", "-o", out)
    assert code == DONE
    record = json.loads((out / "forecast.json").read_text(encoding="utf-8"))
    assert record["held_out"]["age_years"] == 74
    assert (out / "predicted_age-74.00_T1w.nii.gz").is_file()


def test_warnings_reach_the_terminal(run: Run, scans: list[str], out: Path) -> None:
    _, said = run("forecast", *scans[:2], "--at", 90, "-o", out)
    assert "Warning: The line rests on two scans" in said
    assert "beyond" in said


def test_an_age_beside_the_scan_is_found(run: Run, tmp_path: Path, out: Path) -> None:
    rows = []
    paths = []
    for seed, age in enumerate((70.0, 72.5)):
        folder = tmp_path / "sub-01" / f"ses-{seed}" / "anat"
        folder.mkdir(parents=True)
        paths.append(folder / f"sub-01_ses-{seed}_T1w.nii.gz")
        write_nifti(Volume(fake_voxels(seed), AFFINE), paths[-1])
        rows.append(f"ses-{seed}\t{age}\n")
    (tmp_path / "sub-01" / "sub-01_sessions.tsv").write_text(
        f"session_id\tage\n{''.join(rows)}", encoding="utf-8"
    )
    assert run("forecast", *paths, "--at", 75, "-o", out)[0] == DONE
    record = json.loads((out / "forecast.json").read_text(encoding="utf-8"))
    assert [one["age_years"] for one in record["inputs"]] == [70.0, 72.5]


@pytest.mark.parametrize(
    ("words", "files"),
    [
        (["measure", "{0}", "{1}"], ["visit0_dseg.nii.gz", "visit1_dseg.nii.gz", "volumes.csv"]),
        (["reconstruct", "{0}"], ["visit0_desc-reconstructed_T1w.nii.gz", "volumes.csv"]),
        (
            ["interpolate", "{0}", "{1}", "--steps", "3"],
            ["interpolated_alpha-0.500_T1w.nii.gz", "volumes.csv"],
        ),
    ],
)
def test_other_commands_write_their_files(
    words: list[str], files: list[str], run: Run, scans: list[str], out: Path
) -> None:
    code, _ = run(*(word.format(*scans) for word in words), "-o", out)
    assert code == DONE
    assert [name for name in files if not (out / name).is_file()] == []


def test_synthseg_is_missed_in_one_sentence(
    scans: list[str], out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(out.parent))
    assert main(["measure", *scans[:1], "--segmenter", "synthseg", "-o", str(out)]) == BAD_INPUT
    assert_one_sentence(capsys.readouterr().err)
    assert_nothing_written(out)


def test_help_and_version_need_nothing_heavy() -> None:
    probe = (
        "import sys\nfrom MRExtrapLib.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as left:\n    assert left.code == 0\n"
        "heavy = {'torch', 'monai', 'SimpleITK', 'matplotlib', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are not sent there")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_mid_work_leaves_nothing(how: signal.Signals, scans: list[str], out: Path) -> None:
    script = (
        "import sys, time\nfrom MRExtrapLib.cli.main import main\n"
        "def stuck(arguments):\n    print('ready', flush=True)\n    time.sleep(100)\n"
        "sys.exit(main(sys.argv[1:], stuck))"
    )
    words = [sys.executable, "-c", script, "measure", scans[0], "-o", str(out)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        process.send_signal(how)
        _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == CANCELLED
    assert_one_sentence(said)
    assert_nothing_written(out)


def test_the_fake_engine_is_lossy() -> None:
    """What the tests above rest on: predictions differ from scans, so nothing passes by copying."""
    voxels = fake_voxels(0)
    engine = fake_engine(kept=0.9)
    assert not np.allclose(engine.codec.decode(engine.codec.encode(voxels)), voxels)
