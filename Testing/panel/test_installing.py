"""Installing into Slicer, with Slicer's question, pip and the PyTorch extension played."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from MRExtrapPanel.installing import Installer

slicer = pytest.importorskip("slicer", reason="needs slicer-core: pip install slicer-core==5.12.4.0")

NEVER_THERE = "surely-no-such-package"


class Played:
    """What Slicer was asked."""

    def __init__(self) -> None:
        self.agrees = True
        self.questions: list[str] = []
        self.pip: list[list[str]] = []
        self.constraints = ""
        self.torch: list[dict] = []
        self.said: list[str] = []

    def ask(self, words: str, title: str) -> bool:
        self.questions.append(words)
        return self.agrees

    def pip_install(self, arguments: list[str], **options: Any) -> None:
        self.pip.append(arguments)
        self.constraints = Path(arguments[arguments.index("--constraint") + 1]).read_text(encoding="utf-8")


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    import slicer.util

    made = Played()
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", made.ask, raising=False)
    monkeypatch.setattr(slicer.util, "pip_install", made.pip_install, raising=False)
    monkeypatch.setitem(sys.modules, "slicer.packaging", None)
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    return made


@pytest.fixture
def installer(tmp_path: Path, played: Played) -> Iterator[Installer]:
    from MRExtrapPanel.installing import Installer

    file = tmp_path / "requirements.txt"
    file.write_text(f"# why\nnumpy>=1.26,<3\n{NEVER_THERE}>=1,<2\n", encoding="utf-8")
    return Installer(file, played.said.append)


def without_torch(installer: Installer) -> None:
    file = installer._requirements
    file.write_text(file.read_text(encoding="utf-8") + "torch>=99,<100\n", encoding="utf-8")


def test_nothing_is_installed_without_consent(installer: Installer, played: Played) -> None:
    played.agrees = False
    assert installer.install() == ""
    assert NEVER_THERE in played.questions[0]
    assert played.pip == []


def test_slicer_5_10_installs_by_its_own_pip_and_keeps_numpy(installer: Installer, played: Played) -> None:
    import numpy

    assert "Still missing" in installer.install()
    assert played.pip[0][-1] == f"{NEVER_THERE}>=1,<2"
    assert f"numpy=={numpy.__version__}" in played.constraints


def test_slicer_5_12_installs_by_its_packaging(
    installer: Installer, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaging, elsewhere = ModuleType("slicer.packaging"), Played()
    packaging.pip_install = elsewhere.pip_install
    monkeypatch.setitem(sys.modules, "slicer.packaging", packaging)
    installer.install()
    assert played.pip == []
    assert NEVER_THERE in elsewhere.pip[0][-1]


def test_without_the_pytorch_extension_one_sentence_asks_for_it(installer: Installer, played: Played) -> None:
    without_torch(installer)
    assert "PyTorch extension" in installer.install()
    assert played.pip == []


def test_torch_comes_through_the_pytorch_extension_in_our_range(
    installer: Installer, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PyTorchUtilsLogic:
        def installTorch(self, **options: Any) -> object:  # noqa: N802   # the extension's name
            played.torch.append(options)
            return object()

    extension = ModuleType("PyTorchUtils")
    extension.PyTorchUtilsLogic = PyTorchUtilsLogic
    monkeypatch.setitem(sys.modules, "PyTorchUtils", extension)
    without_torch(installer)
    installer.install()
    assert played.torch == [{"askConfirmation": False, "torchVersionRequirement": ">=99,<100"}]
    assert "PyTorch" in played.said[0]
    assert not [one for one in played.pip[0] if one.startswith("torch")]


def test_from_a_folder_of_wheels_all_comes_from_there(
    installer: Installer, played: Played, tmp_path: Path
) -> None:
    without_torch(installer)
    installer.install(wheels=tmp_path)
    assert played.pip[0][:3] == ["--no-index", "--find-links", str(tmp_path)]
    assert "torch>=99,<100" in played.pip[0]
    assert played.torch == []


def test_a_pip_that_fails_is_one_sentence(
    installer: Installer, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        msg = "no network"
        raise RuntimeError(msg)

    monkeypatch.setattr(slicer.util, "pip_install", fail)
    assert installer.install().startswith("The installation failed (no network)")
