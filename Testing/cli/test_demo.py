"""The demo, on a sample subject of our own making, and what the doctor says of an installation."""

from __future__ import annotations

import argparse
import json
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from fakes import AFFINE, fake_voxels, open_fake_engine

from MRExtrapLib.cli import demo, doctor
from MRExtrapLib.cli.main import build_parser
from MRExtrapLib.errors import InputError, fit_to_copy
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


def test_the_doctors_answer_does_not_name_whose_home_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    home = demo.SAMPLE.parents[1]
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(home))
    told = {name: words for name, words, _ in doctor.diagnose()}
    assert not any(str(home) in words for words in told.values())
    assert told["sample"].endswith(str(Path("~") / demo.SAMPLE.relative_to(home)))


@pytest.mark.parametrize(
    ("words", "copied"),
    [
        ("/homes/ann/x.nii is cut short.", "~/x.nii is cut short."),
        ("No such file: '/homes/ann'", "No such file: '~'"),
        ("/homes/anna and /mnt/homes/ann-2 stay", "/homes/anna and /mnt/homes/ann-2 stay"),
    ],
)
def test_a_sentence_that_is_copied_has_a_tilde_for_the_home_alone(words: str, copied: str) -> None:
    assert fit_to_copy(words, [PurePosixPath("/homes/ann")]) == copied


def test_doubled_backslashes_of_an_error_are_a_path_too() -> None:
    words = r"[WinError 126] 'D:\\Homes\\Ann\\torch\\c10.dll' and D:\Homes\Ann\model"
    told = fit_to_copy(words, [PureWindowsPath("D:/Homes/Ann")])
    assert told == r"[WinError 126] '~\\torch\\c10.dll' and ~\model"
