"""The floors of the house: imports point down only, and heavy things stay where they belong."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
ENGINE = REPOSITORY / "MRExtrapLib"
MODULE = REPOSITORY / "MRExtrap"

FLOORS = (
    ("cli",),
    ("viewer",),
    ("scene",),
    ("worker",),
    ("cohort",),
    ("evaluation",),
    ("report",),
    ("forecast",),
    ("training",),
    ("simulation",),
    ("progression",),
    ("anatomy",),
    ("model",),
    ("imaging",),
    ("errors", "progress"),
)
"""From the roof down. A room imports from itself and from the floors below it."""

HEIGHT = {room: len(FLOORS) - level for level, rooms in enumerate(FLOORS) for room in rooms}

DOORS = {"cli", "viewer", "worker"}
"""Here a function may import what its command alone needs: `mrextrap --help` does not wait for torch."""

HOST_FILES = (
    "worker/client.py",
    "worker/session.py",
    "worker/protocol.py",
    "worker/requests.py",
    "worker/results.py",
    "model/typed_json.py",
    "anatomy/freesurfer.py",
    "imaging/unfinished.py",
    "errors.py",
)
"""What Slicer's own process loads of the engine: it has no torch, and must not wait for anything."""

SLICER = {"slicer", "vtk", "vtkmodules", "qt", "ctk", "PythonQt", "PySide6", "PyQt5", "PyQt6", "trame"}
OWN_PROCESS = {"linear_worker.py", "tiny_worker.py"}
"""Scripts of the module that run in the worker's Python, for the self-test."""

KNOWS_SLICER = {"scene", "viewer"}
TORCHLESS = {"imaging", "errors", "progress", "progression", "scene"}
TORCH = {"torch", "monai", "torchvision"}


@dataclass(frozen=True)
class Import:
    """One import statement: where it stands and what it brings."""

    file: Path
    line: int
    module: str
    is_relative: bool
    is_inside_function: bool

    @property
    def place(self) -> str:
        return f"{self.file.relative_to(REPOSITORY)}:{self.line}"

    @property
    def package(self) -> str:
        return self.module.split(".")[0]

    @property
    def room(self) -> str:
        """The room of MRExtrapLib that is imported; empty for the bare package and for strangers."""
        parts = self.module.split(".")
        return parts[1] if parts[0] == "MRExtrapLib" and len(parts) > 1 else ""

    @property
    def home(self) -> str:
        """The room of MRExtrapLib that the file lies in."""
        return room_of(self.file)


def room_of(file: Path) -> str:
    return file.relative_to(ENGINE).parts[0].removesuffix(".py")


def imports_of(file: Path) -> list[Import]:
    """Every import of a file, those for type checkers left out: they import nothing when the file runs."""
    found: list[Import] = []

    def visit(node: ast.AST, inside: bool) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.Import):
            found.extend(Import(file, node.lineno, alias.name, False, inside) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            found.extend(
                Import(file, node.lineno, name_of(node, alias), node.level > 0, inside)
                for alias in node.names
            )
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            visit(child, inside)

    visit(ast.parse(file.read_text(encoding="utf-8")), False)
    return found


def name_of(node: ast.ImportFrom, alias: ast.alias) -> str:
    """`from MRExtrapLib.imaging import volume` imports the file volume.py; other names lie in the module."""
    full = f"{node.module}.{alias.name}"
    is_file = (REPOSITORY / Path(*full.split("."))).with_suffix(".py").is_file()
    is_room = (REPOSITORY / Path(*full.split("."))).is_dir()
    return full if is_file or is_room else f"{node.module}"


def engine_imports() -> list[Import]:
    return [one for file in sorted(ENGINE.rglob("*.py")) for one in imports_of(file)]


def points_up(one: Import) -> bool:
    """Whether a room imports from another that does not lie below it."""
    if one.home not in HEIGHT or one.room in ("", one.home):
        return False
    return HEIGHT[one.room] >= HEIGHT[one.home]


def places(wrong: list[Import]) -> str:
    return "\n".join(f"{one.place} imports {one.module}" for one in wrong)


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(file) for file in ENGINE.rglob("*.py")} - {"__init__", "__main__"}
    assert rooms - HEIGHT.keys() == set()


def test_imports_point_down_only() -> None:
    imports = engine_imports()
    assert imports, "nothing was looked at"
    upwards = [one for one in imports if points_up(one)]
    assert upwards == [], places(upwards)


def test_files_import_each_other_without_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for one in engine_imports():
        name = ".".join(one.file.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")
        graph.setdefault(name, set())
        if one.package == "MRExtrapLib" and one.module != name:
            graph[name].add(one.module)
    assert tuple(TopologicalSorter(graph).static_order())


def test_imports_name_the_whole_way() -> None:
    relative = [one for one in engine_imports() if one.is_relative]
    assert relative == [], places(relative)


def test_no_import_hides_in_a_function_except_at_the_doors() -> None:
    hidden = [
        one
        for one in engine_imports()
        if one.is_inside_function and one.package == "MRExtrapLib" and one.home not in DOORS
    ]
    assert hidden == [], places(hidden)


def test_the_engine_never_imports_slicer() -> None:
    wrong = [one for one in engine_imports() if one.package in SLICER and one.home not in KNOWS_SLICER]
    assert wrong == [], places(wrong)


@pytest.mark.parametrize("room", sorted(TORCHLESS))
def test_rooms_below_the_networks_do_without_torch(room: str) -> None:
    wrong = [one for one in engine_imports() if one.home == room and one.package in TORCH]
    assert wrong == [], places(wrong)


def test_the_slicer_module_loads_nothing_heavy_with_its_file() -> None:
    allowed = SLICER | {"MRExtrapPanel", "SimpleITK", "numpy", "scipy"} | sys.stdlib_module_names
    files = [file for file in sorted(MODULE.rglob("*.py")) if file.name not in OWN_PROCESS]
    imports = [one for file in files for one in imports_of(file)]
    assert imports, "nothing was looked at"
    wrong = [
        one
        for one in imports
        if not one.is_inside_function and one.package not in allowed and not is_hosts_end(one)
    ]
    assert wrong == [], places(wrong)


def test_scripts_of_the_workers_python_are_imported_by_nobody() -> None:
    scripts = {f"MRExtrapPanel.{name.removesuffix('.py')}" for name in OWN_PROCESS}
    assert all((MODULE / "MRExtrapPanel" / name).is_file() for name in OWN_PROCESS)
    wrong = [one for file in MODULE.rglob("*.py") for one in imports_of(file) if one.module in scripts]
    assert wrong == [], places(wrong)


def is_hosts_end(one: Import) -> bool:
    """Whether a file of the panel imports what Slicer's own process may hold of the engine.

    The door, MRExtrap.py, may not: Slicer runs it before the engine is on the path.
    """
    known = {file.removesuffix(".py").replace("/", ".") for file in HOST_FILES}
    module = one.module.removeprefix("MRExtrapLib.")
    return one.file.parent != MODULE and (module in known or one.room == "scene" or module == "worker")


def test_the_slicer_process_never_imports_torch() -> None:
    wrong = [one for file in MODULE.rglob("*.py") for one in imports_of(file) if one.package in TORCH]
    assert wrong == [], places(wrong)


@pytest.mark.parametrize("file", HOST_FILES)
def test_the_hosts_end_of_the_worker_needs_numpy_at_most(file: str) -> None:
    allowed = {"MRExtrapLib", "numpy"} | sys.stdlib_module_names
    wrong = [one for one in imports_of(ENGINE / file) if one.package not in allowed]
    assert wrong == [], places(wrong)


def test_the_hosts_end_of_the_worker_reaches_no_file_that_needs_more() -> None:
    known = {file.removesuffix(".py").replace("/", ".") for file in HOST_FILES}
    reached = [
        one
        for file in HOST_FILES
        for one in imports_of(ENGINE / file)
        if one.package == "MRExtrapLib" and one.module.removeprefix("MRExtrapLib.") not in known
    ]
    assert reached == [], places(reached)


def test_the_scene_loads_only_what_the_slicer_process_may() -> None:
    known = {f"MRExtrapLib.{file.removesuffix('.py').replace('/', '.')}" for file in HOST_FILES}
    imports = [one for one in engine_imports() if one.home == "scene"]
    assert imports, "nothing was looked at"
    engine = [one for one in imports if one.package == "MRExtrapLib" and one.room != "scene"]
    assert [one for one in engine if one.module not in known] == [], places(engine)
    allowed = {"MRExtrapLib", "numpy", "slicer", "vtk"} | sys.stdlib_module_names
    wrong = [one for one in imports if one.package not in allowed]
    assert wrong == [], places(wrong)


def test_an_upward_import_would_be_caught() -> None:
    upward = Import(ENGINE / "imaging" / "volume.py", 1, "MRExtrapLib.model.folder", False, True)
    assert points_up(upward)
    assert not points_up(replace(upward, module="MRExtrapLib.errors"))


def test_imports_inside_functions_are_seen(tmp_path: Path) -> None:
    file = tmp_path / "late.py"
    file.write_text("import numpy\ndef late():\n    import torch\n", encoding="utf-8")
    assert [(one.module, one.is_inside_function) for one in imports_of(file)] == [
        ("numpy", False),
        ("torch", True),
    ]
