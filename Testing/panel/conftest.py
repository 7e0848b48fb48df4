"""A panel whose worker, scans and views are played, and one on the stand-in host."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from MRExtrapPanel.board import Board
from MRExtrapPanel.control import Control
from MRExtrapPanel.looking import Looking
from MRExtrapPanel.talk import Talk
from MRExtrapPanel.visits import Visit, VisitTable
from panel_desk import REPOSITORY, Desk, NamedScans, PlayedWorker, RecordingStage, wait_until

if TYPE_CHECKING:
    from MRExtrapPanel.panel import Panel
    from panel_host import StandIn


@pytest.fixture
def two_scans() -> VisitTable:
    """A table that Apply accepts."""
    return VisitTable(
        (Visit("first.nii", "first", 70.0, "typed"), Visit("second.nii", "second", 73.0, "typed"))
    )


@pytest.fixture
def desk(tmp_path: Path, two_scans: VisitTable) -> Desk:
    """A panel whose table is filled."""
    workers: list[PlayedWorker] = []

    def start(session: Path, heard: Callable[[bytes], None], ended: Callable[[str], None]) -> PlayedWorker:
        workers.append(PlayedWorker(heard, ended))
        return workers[-1]

    states: list = []
    later: list = []
    board = Board(states.append)
    numbers = iter(range(100))
    talk = Talk(start, lambda: tmp_path / f"mrextrap-session-{next(numbers)}")
    scans, stage = NamedScans(), RecordingStage()
    looking = Looking(board, talk, stage, lambda _, action: later.append(action))
    control = Control(board, talk, scans, looking)
    board.change(table=two_scans, missing=())
    return Desk(control, scans, stage, workers, states, later)


@pytest.fixture(scope="session")
def the_stand_in() -> Iterator[StandIn]:
    """One for all tests of a process."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from panel_host import open_stand_in

    opened = open_stand_in()
    yield opened
    opened.scene.close()


@pytest.fixture
def stand_in(the_stand_in: StandIn) -> StandIn:
    """The stand-in host, its scene Slicer's again: tests of the scene alone open scenes of their own."""
    import slicer

    slicer.mrmlScene = the_stand_in.scene.scene
    return the_stand_in


@pytest.fixture
def make_panel(stand_in: StandIn) -> Iterator[Callable[..., Panel]]:
    """`make_panel()` opens a panel on an empty scene; `make_panel(is_scene_kept=True)` on what is there."""
    import qt
    import slicer
    from MRExtrapPanel.panel import Panel
    from MRExtrapPanel.selftest import start_linear

    made = []

    def opened(start: Any = None, is_scene_kept: bool = False) -> Panel:
        if not is_scene_kept:
            slicer.mrmlScene.Clear(0)
        host = qt.QWidget()
        panel = Panel(qt.QVBoxLayout(host), REPOSITORY, start or start_linear(0.02))
        panel.board.change(missing=())
        made.append((panel, host))
        return panel

    yield opened
    for panel, host in made:
        panel.close()
        host.deleteLater()


@pytest.fixture
def panel(make_panel: Callable[..., Panel]) -> Panel:
    """A panel with three phantoms of known ages."""
    from MRExtrapPanel.selftest import _add_scans

    one = make_panel()
    _add_scans(one)
    return one


@pytest.fixture
def looking(panel: Panel) -> Panel:
    """The same after Apply."""
    panel.ui.applyButton.click()
    wait_until(lambda: panel.state.can_look and panel.state.on_screen_years is not None)
    return panel
