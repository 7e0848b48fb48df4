"""The stand-in host itself: what it needs is asked for, and it leaves Python whole."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest
from panel_desk import REPOSITORY, SYSTEM_PACKAGES, need_stand_in

if TYPE_CHECKING:
    from panel_host import StandIn

need_stand_in()

CALLS = 200


def test_qt_takes_no_reference_from_none(stand_in: StandIn) -> None:
    """PySide6 6.12.0 took one a call before Python 3.12, until Python aborted in the middle of the tests."""
    before = sys.getrefcount(None)
    for _ in range(CALLS):
        stand_in.application.processEvents()
    assert sys.getrefcount(None) > before - CALLS / 2


def test_continuous_integration_installs_what_qt_loads_of_the_system() -> None:
    script = (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")
    assert f'"{" ".join(SYSTEM_PACKAGES)}"' in script


def test_a_library_that_the_system_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(name: str) -> None:
        msg = "libEGL.so.1: cannot open shared object file: No such file or directory"
        raise ImportError(msg)

    monkeypatch.setattr(importlib, "import_module", lacking)
    with pytest.raises(pytest.skip.Exception, match=r"library libEGL\.so\.1: apt-get install .*libegl1"):
        need_stand_in()
