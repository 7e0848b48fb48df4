"""Scans with ages, and series of ages, as the command line has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from MRExtrapLib.cli.arguments import ScanArgument, ages_between, parse_scan
from MRExtrapLib.errors import InputError


@pytest.mark.parametrize(
    ("text", "path", "age"),
    [
        ("a.nii.gz@71.5", "a.nii.gz", 71.5),
        ("a.nii.gz", "a.nii.gz", None),
        ("me@home/a.nii.gz", "me@home/a.nii.gz", None),
        ("me@home/a.nii.gz@71", "me@home/a.nii.gz", 71.0),
        (r"C:\scans\a b.nii@71", r"C:\scans\a b.nii", 71.0),
        (r"C:\me@home\a.nii", r"C:\me@home\a.nii", None),
        ("series::1.2.840.1@42", "series::1.2.840.1", 42.0),
        ("a.nii.gz@-5", "a.nii.gz", -5.0),
    ],
)
def test_an_age_stands_after_the_last_at(text: str, path: str, age: float | None) -> None:
    assert parse_scan(text) == ScanArgument(Path(path), age)


def test_a_path_that_exists_as_written_has_no_age(tmp_path: Path) -> None:
    folder = tmp_path / "visit@70"
    folder.mkdir()
    assert parse_scan(str(folder)) == ScanArgument(folder, None)
    assert parse_scan(f"{folder}@71") == ScanArgument(folder, 71.0)


@pytest.mark.parametrize(
    "text", ["a.nii.gz@old", "a.nii.gz@71,5", "a.nii.gz@", "a.nii.gz@nan", "@70", "a.nii@7.1.2"]
)
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="@"):
        parse_scan(text)


def test_a_series_holds_both_its_ends() -> None:
    assert ages_between(70, 70.3, 0.1, most=10) == (70.0, 70.1, 70.2, 70.3)
    assert ages_between(70, 70, 1, most=10) == (70.0,)
    assert ages_between(70, 72.5, 1, most=10) == (70.0, 71.0, 72.0)


@pytest.mark.parametrize(
    ("start", "end", "step"), [(70, 80, 0), (70, 80, -1), (80, 70, 1), (70, float("nan"), 1), (70, 80, 1e-9)]
)
def test_what_is_no_series_is_refused(start: float, end: float, step: float) -> None:
    with pytest.raises(InputError, match="--from"):
        ages_between(start, end, step, most=100)
