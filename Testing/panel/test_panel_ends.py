"""The panel on a stand-in host, when something ends: module, scene, worker.

What it shows holds for names, signals, enabling, parameters, processes and nodes; not for Slicer's looks.
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from panel_desk import REPOSITORY, need_stand_in, phantom_node, wait_until, workers
from panel_kills import kill_workers

if TYPE_CHECKING:
    from MRExtrapPanel.panel import Panel
    from panel_host import StandIn

need_stand_in()

OURS = ("MRExtrapPanel", "MRExtrapLib")

AGES_YEARS = (70.0, 72.0, 74.0)

AT_LEISURE_S = 0.2
"""At each step of a worker, so that something can happen meanwhile."""

KILLS = 6
"""Of workers at random moments; `python Testing/panel_kills.py` kills fifty."""


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


def test_a_saved_scene_brings_the_panel_back_as_it_was(panel: Panel, tmp_path: Path) -> None:
    import slicer

    panel.ui.imageBox.currentIndex = 1
    panel.ui.formatBox.currentIndex = 1
    panel.ui.diagnosisBox.currentIndex = 2
    panel.ui.ageSlider.value = 79.0
    panel.ui.sweepEndBox.value = 78.5
    kept = remembered(panel)
    bundle = str(tmp_path / "scene.mrb")
    assert slicer.mrmlScene.WriteToMRB(bundle)
    slicer.mrmlScene.Clear(0)
    assert len(panel.state.table) == 0
    assert slicer.mrmlScene.ReadFromMRB(bundle, True)
    assert remembered(panel) == kept
    assert panel.ui.imageBox.currentIndex == 1
    assert (panel.ui.formatBox.currentIndex, panel.state.image_format) == (1, "nrrd")
    assert panel.ui.visitsTable.rowCount() == 3


def test_an_imported_scene_brings_one_panel_and_no_second(panel: Panel, tmp_path: Path) -> None:
    import slicer

    bundle = str(tmp_path / "scene.mrb")
    assert slicer.mrmlScene.WriteToMRB(bundle)
    slicer.mrmlScene.Clear(0)
    phantom_node("somebody else", 60.0)
    assert slicer.mrmlScene.ReadFromMRB(bundle, False)
    assert panel.state.table.ages_years == AGES_YEARS
    names = [slicer.mrmlScene.GetNodeByID(scan).GetName() for scan in panel.state.table.scans]
    assert names == [f"phantom {age:g}" for age in AGES_YEARS]
    assert len(slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode")) == 1


def test_a_reloaded_module_finds_what_the_scene_holds(panel: Panel) -> None:
    """As the door's onReload does it: every file of ours is read again."""
    import qt

    panel.ui.sexBox.currentIndex = 2
    kept = remembered(panel)
    panel.close()
    ours = {name: module for name, module in sys.modules.items() if name.startswith(OURS)}
    for name in ours:
        del sys.modules[name]
    host = qt.QWidget()
    try:
        again = importlib.import_module("MRExtrapPanel.panel").Panel(qt.QVBoxLayout(host), REPOSITORY)
        assert type(again) is not type(panel)
        assert remembered(again) == kept
        again.close()
    finally:
        for name in [name for name in sys.modules if name.startswith(OURS)]:
            del sys.modules[name]
        sys.modules.update(ours)
        host.deleteLater()


def remembered(panel: Panel) -> tuple:
    """What a scene keeps of the panel, in plain values."""
    state = panel.state
    rows = [(visit.name, visit.age_years, visit.origin) for visit in state.table.visits]
    sweep = dataclasses.astuple(state.sweep)
    looks = (state.shown.value, state.image, state.image_format)
    return rows, vars(state.choices), state.age_years, looks, sweep


def test_a_closed_scene_empties_the_panel_and_ends_the_worker(looking: Panel) -> None:
    import slicer

    assert looking.talk.is_running
    slicer.mrmlScene.Clear(0)
    assert not looking.talk.is_running
    assert len(looking.state.table) == 0
    assert looking.state.person is None
    assert workers() == []


def notices(stand_in: StandIn) -> set[str]:
    """What is written below in the slice views."""
    from MRExtrapLib.scene.notice import LOWER_EDGE

    return {view.GetText(LOWER_EDGE) for view in stand_in.application.manager.slices.values()}


def test_a_forecast_that_was_saved_is_marked_as_soon_as_its_scene_is_loaded(
    looking: Panel, make_panel: Callable[..., Panel], stand_in: StandIn, tmp_path: Path
) -> None:
    import slicer

    (marked,) = notices(stand_in)
    bundle = str(tmp_path / "scene.mrb")
    assert slicer.mrmlScene.WriteToMRB(bundle)
    looking.close()
    make_panel()
    assert notices(stand_in) == {""}
    assert slicer.mrmlScene.ReadFromMRB(bundle, True)
    assert notices(stand_in) == {marked}


def test_a_panel_opened_again_keeps_the_notice_true_and_a_closed_one_takes_it_away(
    looking: Panel, make_panel: Callable[..., Panel], stand_in: StandIn
) -> None:
    import slicer

    (marked,) = notices(stand_in)
    looking.close()
    assert notices(stand_in) == {""}
    make_panel(is_scene_kept=True)
    assert notices(stand_in) == {marked}
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        composite.SetBackgroundVolumeID(looking.state.table.scans[0])
    assert notices(stand_in) == {""}


def test_a_reference_scan_that_is_deleted_ends_in_a_sentence(looking: Panel) -> None:
    import slicer

    slicer.mrmlScene.RemoveNode(slicer.mrmlScene.GetNodeByID(looking.state.table.scans[-1]))
    assert looking.state.person is None
    assert "phantom 74, on whose grid all is shown, was deleted" in looking.ui.statusLabel.text
    looking.ui.ageSlider.value = 76.0
    assert not looking.talk.is_running
    assert workers() == []


@pytest.mark.parametrize(
    ("scan", "words"), [(0, "Scans or choices have changed"), (-1, "no longer in the scene")]
)
def test_a_scan_deleted_while_it_is_loaded_leaves_no_bar(
    make_panel: Callable[..., Panel], scan: int, words: str
) -> None:
    import slicer
    from MRExtrapPanel.selftest import _add_scans, start_linear

    panel = make_panel(start_linear(AT_LEISURE_S))
    _add_scans(panel)
    panel.ui.applyButton.click()
    wait_until(lambda: panel.state.work is not None and panel.state.work.fraction > 0)
    slicer.mrmlScene.RemoveNode(slicer.mrmlScene.GetNodeByID(panel.state.table.scans[scan]))
    wait_until(lambda: panel.state.work is None and not panel.state.is_decoding)
    assert words in panel.ui.statusLabel.text
    assert panel.ui.progressBar.isHidden()


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
def test_a_worker_killed_at_random_moments_is_replaced_and_leaves_nothing(
    panel: Panel, tmp_path: Path
) -> None:
    kill_workers(panel, KILLS, tmp_path)
    assert workers() == []
    panel.ui.applyButton.click()
    wait_until(lambda: panel.state.can_look)


def test_the_modules_own_self_test_passes(stand_in: StandIn) -> None:
    from MRExtrapPanel.selftest import forecast_a_phantom

    forecast_a_phantom(unittest.TestCase(), REPOSITORY)
    assert workers() == []
