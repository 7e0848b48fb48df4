"""A person's scans on disk, and a command line whose engine is fake."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import AFFINE, fake_voxels, open_fake_engine

from MRExtrapLib.cli.main import main
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.imaging.writing import write_nifti

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
