"""The panel on a stand-in host, when something ends: module, scene, worker.

What it shows holds for names, signals, enabling, parameters, processes and nodes; not for Slicer's looks.
"""

from __future__ import annotations

import random
import sys
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from panel_desk import REPOSITORY, need_stand_in, wait_until, workers

if TYPE_CHECKING:
    from MRExtrapPanel.panel import Panel
    from panel_host import StandIn

need_stand_in()

KILLS = 6
"""Of workers at random moments; each costs a start."""


def test_a_closed_panel_opened_again_finds_table_and_choices_in_the_scene(
    panel: Panel, make_panel: Callable[..., Panel]
) -> None:
    panel.ui.sexBox.currentIndex = 1
    panel.ui.ageSlider.value = 80.0
    before = panel.state
    panel.close()
    again = make_panel(is_scene_kept=True)
    assert (again.state.table, again.state.choices) == (before.table, before.choices)
    assert again.state.age_years == 80.0
    assert again.ui.sexBox.currentIndex == 1


def test_a_closed_scene_empties_the_panel_and_ends_the_worker(looking: Panel) -> None:
    import slicer

    assert looking.talk.is_running
    slicer.mrmlScene.Clear(0)
    assert not looking.talk.is_running
    assert len(looking.state.table) == 0
    assert looking.state.person is None
    assert workers() == []


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
def test_a_worker_killed_at_random_moments_is_replaced_and_leaves_nothing(
    panel: Panel, tmp_path: Path
) -> None:
    from MRExtrapPanel.process import kill_tree

    generator = random.Random(0)
    sessions = []
    for _ in range(KILLS):
        panel.ui.applyButton.click()
        moment = generator.random()
        wait_until(
            lambda moment=moment: panel.state.work is None or panel.state.work.fraction >= moment * 0.8
        )
        if panel.state.can_look:
            panel.export_into(tmp_path)
        running = panel.talk._running
        sessions.append(panel.talk.client.session)
        kill_tree(int(running._process.processId()))
        wait_until(lambda: panel.state.person is None and panel.state.work is None)
        assert panel.ui.applyButton.enabled
        assert "press Apply" in panel.ui.statusLabel.text
    assert workers() == []
    assert not [session for session in sessions if session.exists()]
    panel.ui.applyButton.click()
    wait_until(lambda: panel.state.can_look)


def test_the_modules_own_self_test_passes(stand_in: StandIn) -> None:
    from MRExtrapPanel.selftest import forecast_a_phantom

    forecast_a_phantom(unittest.TestCase(), REPOSITORY)
    assert workers() == []
