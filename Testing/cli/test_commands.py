"""The commands as a user meets them: what they write, what they say, and how they end."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fakes import (
    AFFINE,
    assert_nothing_written,
    assert_one_sentence,
    fake_engine,
    fake_prior,
    fake_voxels,
    open_fake_engine,
)

from MRExtrapLib.cli.main import main
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.imaging.writing import write_nifti

DONE, CANCELLED = 0, 130

PATIENCE_S = 120
"""A hung command fails a test instead of the whole run."""

Run = Callable[..., tuple[int, str]]


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


def test_images_are_nrrd_where_that_is_asked_for(run: Run, scans: list[str], out: Path) -> None:
    code, _ = run("forecast", *scans, "--at", 76, "--format", "nrrd", "-o", out)
    assert code == DONE
    names = {path.name for path in out.iterdir()}
    stem = "predicted_age-76.00"
    assert {f"{stem}_T1w.nrrd", f"{stem}_dseg.nrrd", "uncertainty_age-76.00.nrrd"} <= names
    assert not [name for name in names if ".nii" in name]


def test_the_last_scan_can_be_held_out(run: Run, scans: list[str], out: Path) -> None:
    code, _ = run("forecast", *scans, "--hold-out-last", "-o", out)
    assert code == DONE
    record = json.loads((out / "forecast.json").read_text(encoding="utf-8"))
    assert record["held_out"]["age_years"] == 74
    assert (out / "predicted_age-74.00_T1w.nii.gz").is_file()


def test_every_scan_can_be_left_out(run: Run, scans: list[str], out: Path) -> None:
    code, _ = run("forecast", *scans, "--at", 76, "--leave-one-out", "-o", out)
    assert code == DONE
    record = json.loads((out / "forecast.json").read_text(encoding="utf-8"))
    assert record["held_out"] is None
    assert {row["age_years"] for row in record["left_out"]} == {70, 72, 74}


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


@pytest.mark.parametrize(
    "words", [["measure", "{0}"], ["reconstruct", "{0}"], ["interpolate", "{0}", "{1}", "--steps", "2"]]
)
def test_what_is_to_know_of_scans_is_told_and_recorded(
    words: list[str], run: Run, scans: list[str], out: Path
) -> None:
    """Of its file: that it was predicted; of how it conformed: what the fake conformer says."""
    path, _, _ = scans[0].rpartition("@")
    predicted = "MRExtrap: PREDICTED (plain), age 70.00, not acquired"
    write_nifti(Volume(fake_voxels(0), AFFINE), Path(path), description=predicted)

    def with_doubts(arguments: argparse.Namespace) -> Engine:
        return fake_engine(conform_warnings=("The scan registers only fairly.",))

    code, said = run(*(word.format(*scans) for word in words), "-o", out, engine_opener=with_doubts)
    assert code == DONE
    (record,) = (json.loads(path.read_text(encoding="utf-8")) for path in out.glob("*.json"))
    of_file, of_conforming = record["inputs"][0]["warnings"]
    assert "was predicted by MRExtrap, not acquired" in of_file
    assert of_conforming == "The scan registers only fairly."
    assert [f"Warning: visit0: {one}" in said for one in (of_file, of_conforming)] == [True, True]


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
        "import signal, sys, time\nfrom MRExtrapLib.cli.main import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # may be ignored so far
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


def test_one_scan_is_forecast_where_the_model_holds_a_prior(run: Run, scans: list[str], out: Path) -> None:
    def with_a_prior(arguments: argparse.Namespace) -> Engine:
        return fake_engine(prior=fake_prior())

    words = ("--at", 75, "--sex", "F", "--diagnosis", "MCI", "--directions", 2)
    code, said = run("forecast", scans[0], *words, "-o", out, engine_opener=with_a_prior)
    assert code == DONE
    assert "of 1 in the rate" in said
    assert (out / "uncertainty_age-75.00.nii.gz").is_file()


@pytest.mark.parametrize("kind", ["plain", "added", "warped"])
def test_the_image_asked_for_is_written_and_named(kind: str, run: Run, scans: list[str], out: Path) -> None:
    assert run("forecast", *scans, "--at", 75, "--image", kind, "-o", out)[0] == DONE
    (told,) = json.loads((out / "forecast.json").read_text(encoding="utf-8"))["predictions"]
    assert told["image_kind"] == kind


def test_without_asking_the_image_is_the_one_that_help_names(
    run: Run, scans: list[str], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("forecast", *scans, "--at", 75, "-o", out)[0] == DONE
    (told,) = json.loads((out / "forecast.json").read_text(encoding="utf-8"))["predictions"]
    with pytest.raises(SystemExit):
        main(["forecast", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    assert f"{told['image_kind']}: the default" in words


def test_no_cache_reaches_whoever_opens_the_engine(scans: list[str], out: Path) -> None:
    heard: list[bool] = []

    def opener(arguments: argparse.Namespace) -> Engine:
        heard.append(arguments.no_cache)
        return fake_engine()

    for words in ([], ["--no-cache"]):
        main(["reconstruct", scans[0].rpartition("@")[0], *words, "-o", str(out)], opener)
    assert heard == [False, True]
