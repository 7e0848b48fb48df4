"""What is installed into Slicer, and what must stay as it is."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from MRExtrapPanel.packages import (
    KEPT,
    constraint_lines,
    is_satisfied,
    name_of,
    pip_arguments,
    plan_installation,
    read_requirements,
)
from panel_desk import REPOSITORY

REQUIREMENTS = REPOSITORY / "Resources" / "requirements.txt"

SLICER = {"numpy": "2.0.2", "SimpleITK": "2.5.0", "scipy": "1.13.1", "pydicom": "2.4.4"}
"""What Slicer 5.10 has of its own."""


def test_slicer_gets_what_pip_gets() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert list(read_requirements(REQUIREMENTS)) == project["project"]["dependencies"]


def test_requirements_are_ranges_and_leave_out_torchvision() -> None:
    lines = read_requirements(REQUIREMENTS)
    assert lines
    assert not [line for line in lines if "==" in line]
    assert "torchvision" not in {name_of(line) for line in lines}


def test_slicers_own_packages_do_and_the_rest_is_missing() -> None:
    plan = plan_installation(read_requirements(REQUIREMENTS), SLICER.get)
    assert plan.needs_torch
    assert plan.torch == ">=2.2,<3"
    assert {"monai", "nibabel", "safetensors"} < set(plan.names)
    assert set(plan.names) & set(SLICER) == set()


def test_a_plan_is_empty_once_all_is_there() -> None:
    assert plan_installation(
        ["torch>=2.2,<3", "monai>=1.5"], {"torch": "2.9.0+cu126", "monai": "1.6.0"}.get
    ).is_empty


@pytest.mark.parametrize(
    ("version", "does"),
    [("2.1.0", False), ("2.9.0+cu126", True), ("2.10.0rc1", True), ("3.0", False), (None, False)],
)
def test_versions_are_compared_as_pip_compares_them(version: str | None, does: bool) -> None:
    assert is_satisfied("torch>=2.2,<3", lambda _: version) is does


def test_what_slicer_brings_is_held_to_its_very_version() -> None:
    assert set(KEPT) == set(SLICER)
    plan = plan_installation(read_requirements(REQUIREMENTS), SLICER.get)
    brought = ("numpy==2.0.2", "SimpleITK==2.5.0", "scipy==1.13.1", "pydicom==2.4.4")
    assert constraint_lines(plan, SLICER.get) == brought


def test_a_torch_that_does_is_held_and_one_that_does_not_is_free_to_go() -> None:
    for version, is_held in (("2.9.0+cu126", True), ("1.13.0", False)):
        there = (SLICER | {"torch": version}).get
        lines = constraint_lines(plan_installation(read_requirements(REQUIREMENTS), there), there)
        assert (f"torch=={version}" in lines) is is_held


def test_consent_names_every_package_and_the_sizes() -> None:
    plan = plan_installation(read_requirements(REQUIREMENTS), SLICER.get)
    words = plan.consent_words
    assert all(name in words.replace("PyTorch", "torch") for name in plan.names)
    assert "GB" in words
    assert "MB" in words
    assert "No scan leaves this computer" in words


def test_online_pip_never_fetches_torch_but_from_wheels_it_comes_along(tmp_path: Path) -> None:
    plan = plan_installation(read_requirements(REQUIREMENTS), SLICER.get)
    constraints = tmp_path / "constraints.txt"
    online = pip_arguments(plan, constraints)
    offline = pip_arguments(plan, constraints, tmp_path)
    assert online[:2] == ("--constraint", str(constraints))
    assert not [one for one in online if one.startswith("torch")]
    assert "--no-index" not in online
    assert offline[:3] == ("--no-index", "--find-links", str(tmp_path))
    assert "torch>=2.2,<3" in offline
