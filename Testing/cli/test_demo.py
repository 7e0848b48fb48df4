"""The demo, on a sample subject of our own making, and what the doctor says of an installation."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
from fakes import AFFINE, fake_voxels, open_fake_engine

from MRExtrapLib.cli import demo, doctor
from MRExtrapLib.cli.main import build_parser
from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.imaging.writing import write_nifti


@pytest.fixture
def a_sample(tmp_path: Path) -> Path:
    """Three visits of one subject, as BIDS has them."""
    rows = ["session_id\tage\n"]
    for seed, age in enumerate((70.0, 71.5, 73.0)):
        folder = tmp_path / "sample" / "sub-01" / f"ses-{seed}" / "anat"
        folder.mkdir(parents=True)
        write_nifti(Volume(fake_voxels(seed), AFFINE), folder / f"sub-01_ses-{seed}_T1w.nii.gz")
        rows.append(f"ses-{seed}\t{age}\n")
    (tmp_path / "sample" / "sub-01" / "sub-01_sessions.tsv").write_text("".join(rows), encoding="utf-8")
    return tmp_path / "sample"


def test_the_demo_holds_the_last_visit_out_and_says_where_the_pictures_lie(
    a_sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "demo"
    arguments = build_parser().parse_args(
        ["demo", "-o", str(out)], argparse.Namespace(open_engine=open_fake_engine)
    )
    arguments.sample = a_sample
    assert demo.run(arguments) == 0
    record = json.loads((out / "forecast.json").read_text(encoding="utf-8"))
    assert record["held_out"]["age_years"] == 73.0
    said = capsys.readouterr().out
    pictures = sorted(out.glob("*.png"))
    assert pictures
    assert all(str(picture) in said for picture in pictures)
    assert "simulated" in said


def test_a_package_without_its_sample_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="sample subject is missing"):
        demo.sample_scans(tmp_path)


def test_the_doctor_looks_at_everything_that_may_be_missing() -> None:
    findings = list(doctor.diagnose())
    looked_at = {name for name, _, _ in findings}
    expected = {
        "mrextrap",
        "python",
        "system",
        "processor",
        "memory",
        "packages",
        "devices",
        "model",
        "latents",
        "sample",
    }
    assert expected <= looked_at
    assert all(words for _, words, _ in findings)


def test_the_doctors_exit_code_tells_whether_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    is_well = all(well for _, _, well in doctor.diagnose())
    assert doctor.run(argparse.Namespace()) == (0 if is_well else 3)
    assert "python" in capsys.readouterr().out
