"""A panel whose worker, scans and views are played."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from MRExtrapPanel.board import Board
from MRExtrapPanel.control import Control
from MRExtrapPanel.looking import Looking
from MRExtrapPanel.talk import Talk
from MRExtrapPanel.visits import Visit, VisitTable
from panel_desk import Desk, NamedScans, PlayedWorker, RecordingStage


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
    stage = RecordingStage()
    looking = Looking(board, talk, stage, lambda _, action: later.append(action))
    control = Control(board, talk, NamedScans(), looking)
    talk.lost = control.worker_lost
    board.change(table=two_scans, missing=())
    return Desk(control, stage, workers, states, later)
