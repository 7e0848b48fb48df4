"""The house in order: every file is shipped, nothing points at one machine, files stay small."""

from __future__ import annotations

import re
import struct
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
NOT_OURS = {".git", ".venv", "build", "dist", "runs", "demo", "__pycache__"}
MANY_LINES = 300
TOO_MANY_LINES = 400
"""A file past 300 lines is asked about; past 400 a noun is missing (see the style of the project)."""

MACHINE_PATH = re.compile(r"(?<![\w.~:/-])(?:/(?:home|Users|root|work)/[\w.]|[A-Z]:\\Users\\)")


def our_files(*suffixes: str) -> Iterator[Path]:
    """The repository's files with one of these endings, in order."""
    for path in sorted(REPOSITORY.rglob("*")):
        parts = path.relative_to(REPOSITORY).parts
        is_ours = not any(
            part in NOT_OURS or part.endswith((".egg-info", "_cache", ".mrextrap")) for part in parts
        )
        if is_ours and path.is_file() and (not suffixes or path.suffix in suffixes):
            yield path


def files_under(*folders: str) -> set[str]:
    return {
        str(path.relative_to(REPOSITORY).as_posix())
        for path in our_files()
        if path.relative_to(REPOSITORY).parts[0] in folders
    }


def listed(variable: str, cmake: Path) -> list[str]:
    """The entries of `set(VARIABLE …)` in a CMake file."""
    found = re.search(rf"set\({variable}\s+(.*?)\)", cmake.read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"{cmake.name} sets no {variable}"
    return found[1].split()


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def test_cmake_lists_every_file_of_the_engine_once() -> None:
    cmake = REPOSITORY / "CMakeLists.txt"
    entries = listed("MRExtrapLib_SCRIPTS", cmake) + listed("MRExtrapLib_RESOURCES", cmake)
    there = files_under("MRExtrapLib", "Resources")
    missing, gone = sorted(there - set(entries)), sorted(set(entries) - there)
    assert not missing, "CMakeLists.txt lacks\n  " + "\n  ".join(missing)
    assert not gone, "CMakeLists.txt lists what is not there\n  " + "\n  ".join(gone)
    assert len(entries) == len(set(entries))


def test_cmake_lists_every_script_of_the_module() -> None:
    cmake = REPOSITORY / "MRExtrap" / "CMakeLists.txt"
    entries = [
        entry.replace("${MODULE_NAME}", "MRExtrap")
        for variable in ("MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES")
        for entry in listed(variable, cmake)
    ]
    there = {name.removeprefix("MRExtrap/") for name in files_under("MRExtrap")} - {"CMakeLists.txt"}
    assert set(entries) == there


def test_scripts_and_resources_are_told_apart() -> None:
    cmake = REPOSITORY / "CMakeLists.txt"
    assert all(entry.endswith(".py") for entry in listed("MRExtrapLib_SCRIPTS", cmake))
    assert not any(entry.endswith(".py") for entry in listed("MRExtrapLib_RESOURCES", cmake))


@pytest.mark.parametrize(
    "field",
    ["HOMEPAGE", "CATEGORY", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS"],
)
def test_the_extension_says_what_the_index_asks(field: str) -> None:
    text = (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")
    assert re.search(rf'set\(EXTENSION_{field} "[^"]+"\)', text)
    assert "project(MRExtrap)" in text


def test_the_icon_is_as_large_as_the_index_wants_it() -> None:
    icon = (REPOSITORY / "Resources" / "Icons" / "MRExtrap.png").read_bytes()
    assert struct.unpack(">II", icon[16:24]) == (128, 128)  # from a PNG's first chunk


def test_pip_ships_every_data_file_of_the_engine(project: dict) -> None:
    patterns = project["tool"]["setuptools"]["package-data"]["MRExtrapLib"]
    endings = tuple(pattern.removeprefix("**/*") for pattern in patterns)
    data = [name for name in files_under("MRExtrapLib") if not name.endswith(".py")]
    assert [name for name in data if not name.endswith(endings)] == []


def test_no_file_names_a_path_of_one_machine() -> None:
    endings = (".py", ".md", ".txt", ".toml", ".json", ".yaml", ".csv", ".tsv", ".cmake", "")
    found = [
        f"{path.relative_to(REPOSITORY)}: {match[0]}"
        for path in our_files(*endings)
        for match in MACHINE_PATH.finditer(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []


def test_documents_point_at_what_is_there() -> None:
    link = re.compile(r"\]\((?!https?:)([^)#]+)")
    pages = list(our_files(".md"))
    links = [(path, target) for path in pages for target in link.findall(path.read_text(encoding="utf-8"))]
    assert links
    assert [(path.name, target) for path, target in links if not (path.parent / target).exists()] == []


def test_files_stay_small_enough_to_read() -> None:
    lengths = {
        str(path.relative_to(REPOSITORY)): len(path.read_text(encoding="utf-8").splitlines())
        for path in our_files(".py")
    }
    assert lengths
    for name, lines in lengths.items():
        if lines > MANY_LINES:
            warnings.warn(f"{name} has {lines} lines; which noun is missing?", stacklevel=1)
    assert {name: lines for name, lines in lengths.items() if lines > TOO_MANY_LINES} == {}
