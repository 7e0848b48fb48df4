"""The Slicer module's file on a stand-in for Slicer.

It proves that the module finds its engine, and nothing of how it looks.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

STAND_IN = {
    "qt.py": """
class QIcon:
    def __init__(self, path): self.path = path
""",
    "slicer/__init__.py": """
class app:
    connected = {}
    @classmethod
    def connect(cls, signal, slot): cls.connected[signal] = slot
""",
    "slicer/i18n.py": "def tr(text): return text\ndef translate(context, text): return text\n",
    "slicer/ScriptedLoadableModule.py": """
import unittest
class ScriptedLoadableModule:
    def __init__(self, parent): self.parent = parent
class ScriptedLoadableModuleWidget:
    pass
class ScriptedLoadableModuleTest(unittest.TestCase):
    pass
""",
    "SampleData.py": """
class SampleDataLogic:
    registered = []
    @classmethod
    def registerCustomSampleDataSource(cls, **facts): cls.registered.append(facts)
""",
}

VISIT = """
import sys
import time
from types import SimpleNamespace
before, start = set(sys.modules), time.process_time()
import MRExtrap
print(time.process_time() - start, file=sys.stderr)
parent = SimpleNamespace()
MRExtrap.MRExtrap(parent)
brought = {name.split(".")[0] for name in set(sys.modules) - before}
print(parent.title, parent.categories[0], *sorted(brought - sys.stdlib_module_names))
test = MRExtrap.MRExtrapTest()
test.test_engine_is_the_one_that_came_with_the_module()
test.test_what_the_panel_needs_is_there()
import slicer, SampleData
slicer.app.connected["startupCompleted()"]()
(sample,) = SampleData.SampleDataLogic.registered
print(len(sample["uris"]), all(one.startswith("SHA256:") for one in sample["checksums"]))
"""

ALL_THAT_STARTS_WITH_SLICER = ["MRExtrap", "Neuroimaging", "MRExtrap", "qt", "slicer", "4", "True"]
"""Title, category, what the door imports beyond Python's own, and the sample data."""

MOST_SECONDS = 0.2
"""That Slicer's start may take longer by the module; of the processor, as tests share theirs with others."""


@pytest.fixture
def a_slicer(tmp_path: Path) -> Path:
    """A folder in which `slicer` and `qt` can be imported."""
    folder = tmp_path / "stand_in"
    for name, text in STAND_IN.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def an_installed_extension(tmp_path: Path) -> Path:
    """The files as the build lays them out: module, engine and resources side by side."""
    folder = tmp_path / "qt-scripted-modules"
    for name in ("MRExtrapLib", "Resources", "MRExtrap/MRExtrapPanel"):
        shutil.copytree(
            REPOSITORY / name,
            folder / Path(name).name,
            ignore=shutil.ignore_patterns("models", "__pycache__"),
        )
    shutil.copy(REPOSITORY / "MRExtrap" / "MRExtrap.py", folder)
    return folder


def visit(module_folder: Path, slicer: Path) -> subprocess.CompletedProcess[str]:
    """Start the module and run what needs no application, in a Python that knows only these two folders."""
    script = f"import sys; sys.path[:0] = [{str(module_folder)!r}, {str(slicer)!r}]\n" + VISIT
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False
    )


def test_a_checkout_finds_its_engine_one_folder_up(a_slicer: Path) -> None:
    done = visit(REPOSITORY / "MRExtrap", a_slicer)
    assert done.stdout.split() == ALL_THAT_STARTS_WITH_SLICER, done.stderr


def test_slicer_starts_no_slower_for_the_module(a_slicer: Path) -> None:
    done = visit(REPOSITORY / "MRExtrap", a_slicer)
    assert 0 < float(done.stderr.split()[0]) <= MOST_SECONDS


def test_an_installed_extension_finds_its_engine_beside_it(
    a_slicer: Path, an_installed_extension: Path
) -> None:
    done = visit(an_installed_extension, a_slicer)
    assert done.stdout.split() == ALL_THAT_STARTS_WITH_SLICER, done.stderr


def test_the_self_test_fails_when_the_engine_is_gone(a_slicer: Path, an_installed_extension: Path) -> None:
    shutil.rmtree(an_installed_extension / "MRExtrapLib")
    done = visit(an_installed_extension, a_slicer)
    assert done.returncode != 0
    assert "MRExtrapLib" in done.stderr
