"""The panel on a stand-in host: Qt's widgets, Slicer's own scene, and real worker processes.

What it shows holds for names, signals, enabling, parameters, processes and nodes; not for Slicer's looks.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
import pytest
from panel_desk import REPOSITORY

if TYPE_CHECKING:
    from MRExtrapPanel.panel import Panel
    from panel_host import StandIn

WANTED = "needs PySide6-Essentials and slicer-core: pip install PySide6-Essentials slicer-core==5.12.4.0"
for module in ("PySide6", "slicer"):
    pytest.importorskip(module, reason=WANTED)

KILLS = 6
"""Of workers at random moments; each costs a start."""

SAMPLE = REPOSITORY / "MRExtrapLib" / "sample" / "sub-01"
EXACT = 1e-3
"""float32 rounding of a line through intensities of some hundreds."""


@pytest.fixture(scope="session")
def stand_in() -> Iterator[StandIn]:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from panel_host import open_stand_in

    opened = open_stand_in()
    yield opened
    opened.scene.close()


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


def wait_until(is_true: Callable[[], bool]) -> None:
    from MRExtrapPanel import selftest

    selftest.wait_until(is_true)


def workers() -> list[str]:
    """Processes of ours that work in a session folder."""
    listed = subprocess.run(["pgrep", "-P", str(os.getpid()), "-f", "worker"], capture_output=True, text=True)
    return listed.stdout.split()


def test_the_modules_own_self_test_passes(stand_in: StandIn) -> None:
    from MRExtrapPanel.selftest import forecast_a_phantom

    forecast_a_phantom(unittest.TestCase(), REPOSITORY)
    assert workers() == []


def test_an_empty_panel_offers_only_what_can_be_done(make_panel: Callable[..., Panel]) -> None:
    ui = make_panel().ui
    assert ui.statusLabel.text == "Add the T1 scans of one person."
    assert ui.addButton.enabled
    for name in ("applyButton", "playButton", "holdOutButton", "exportButton", "alphaSlider", "readButton"):
        assert not getattr(ui, name).enabled, name


def test_missing_packages_are_named_with_the_button_that_installs_them(
    make_panel: Callable[..., Panel],
) -> None:
    panel = make_panel()
    panel.board.change(missing=("torch", "monai"))
    assert not panel.ui.setupSection.isHidden()
    assert panel.ui.setupLabel.text == "Missing: torch, monai."
    panel.board.change(missing=())
    assert panel.ui.setupSection.isHidden()


def test_the_report_has_slicer_worker_and_model_in_it(make_panel: Callable[..., Panel]) -> None:
    from MRExtrapPanel.process import start_worker

    panel = make_panel(start_worker)
    panel.ui.doctorButton.click()
    report = panel.checkup.text
    wait_until(lambda: "verified" in report.toPlainText() and "protocol 1 of 1" in report.toPlainText())
    assert "slicer       stand-in" in report.toPlainText()
    assert "missing      nothing" in report.toPlainText()
    panel.checkup.dialog.close()


def test_ages_fill_from_dicom_and_a_disagreement_is_shown(
    make_panel: Callable[..., Panel], monkeypatch: pytest.MonkeyPatch
) -> None:
    import slicer

    panel = make_panel()
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    patient = tree.CreateSubjectItem(tree.GetSceneItemID(), "patient")
    tree.SetItemAttribute(patient, "DICOM.PatientBirthDate", "19500101")
    tree.SetItemAttribute(patient, "DICOM.PatientSex", "F")
    for name, day in (("early", "20200702"), ("late", "20220702")):
        node = phantom_node(name, 70.0)
        node.SetAttribute("DICOM.instanceUIDs", f"{name}.1 {name}.2")
        study = tree.CreateStudyItem(patient, name)
        tree.SetItemAttribute(study, "DICOM.StudyDate", day)
        tree.SetItemParent(tree.CreateItem(study, node), study)
    told = {("early.1", "0010,1010"): "070Y", ("late.1", "0010,1010"): "060Y"}
    database = SimpleNamespace(instanceValue=lambda uid, tag: told.get((uid, tag), ""))
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    panel.ui.addAllButton.click()
    table = panel.ui.visitsTable
    cells = [[table.item(row, column).text() for column in range(3)] for row in range(table.rowCount())]
    assert cells == [
        ["early", "70.50", "birth and study date"],
        ["late", "72.50", "birth and study date; PatientAge says 60, the dates 72.50"],
    ]
    assert {visit.sex for visit in panel.state.table.visits} == {"F"}
    assert not panel.talk.is_running


def test_ages_fill_from_sessions_tsv_through_the_engines_own_worker(make_panel: Callable[..., Panel]) -> None:
    from MRExtrapPanel.process import start_worker
    from panel_host import node_of_file

    panel = make_panel(start_worker)
    for scan in sorted(SAMPLE.rglob("*.nii.gz"))[:2]:
        node_of_file(scan)
    panel.ui.addAllButton.click()
    wait_until(lambda: panel.state.work is None)
    assert panel.state.table.ages_years == (46.0, 48.0)
    assert {visit.origin for visit in panel.state.table.visits} == {"table"}
    assert panel.talk.greeting.protocol == 1


def test_a_volume_with_its_own_file_goes_by_its_path_and_a_changed_one_as_written(
    make_panel: Callable[..., Panel], tmp_path: Path
) -> None:
    import slicer
    from MRExtrapPanel.scans import SceneScans, own_file, visit_of
    from MRExtrapPanel.selftest import phantom
    from MRExtrapPanel.visits import VisitTable
    from panel_host import node_of_file

    from MRExtrapLib.scene.arrays import affine_of

    make_panel()
    array = phantom(70.0)
    nib.Nifti1Image(array.voxels, array.affine).to_filename(tmp_path / "scan.nii.gz")
    node = node_of_file(tmp_path / "scan.nii.gz")
    assert own_file(node) == tmp_path / "scan.nii.gz"
    slicer.util.arrayFromVolume(node)[:] += 1
    slicer.util.arrayFromVolumeModified(node)
    assert own_file(node) is None
    (given,) = SceneScans().inputs(VisitTable((visit_of(node),)), tmp_path)
    assert Path(given.path).parent == tmp_path / "scans"
    np.testing.assert_array_equal(np.load(given.path), slicer.util.arrayFromVolume(node).transpose())
    np.testing.assert_allclose(given.affine, affine_of(node))  # Slicer flips an axis of a left-handed file
    assert node.GetStorageNode().GetFileName() == str(tmp_path / "scan.nii.gz")


def test_an_age_is_typed_into_the_table_and_a_wrong_one_refused(panel: Panel) -> None:
    table = panel.ui.visitsTable
    table.item(0, 1).setText("69,5")
    assert panel.state.table.ages_years == (69.5, 72.0, 74.0)
    table.item(0, 1).setText("young")
    assert "type it like 71.5" in panel.ui.statusLabel.text
    assert table.item(0, 1).text() == "69.50"


def test_a_prediction_is_refused_as_a_scan(looking: Panel) -> None:
    import slicer

    rows = len(looking.state.table)
    slicer.app.processEvents()
    names = [looking.ui.scanSelector.itemText(n) for n in range(looking.ui.scanSelector.count())]
    predicted = looking.stage.predicted_node().GetName()
    looking.ui.scanSelector.currentIndex = names.index(predicted)
    looking.ui.addButton.click()
    looking.ui.addAllButton.click()
    assert len(looking.state.table) == rows


def test_equal_ages_stop_apply_until_a_row_is_removed(panel: Panel) -> None:
    panel.ui.visitsTable.item(0, 1).setText("72")
    assert "both at age 72" in panel.ui.statusLabel.text
    assert not panel.ui.applyButton.enabled
    panel.ui.visitsTable.selectRow(0)
    panel.ui.removeButton.click()
    assert panel.ui.applyButton.enabled
    assert panel.ui.visitsTable.rowCount() == 2


def test_apply_becomes_cancel_with_progress_and_back(panel: Panel) -> None:
    ui = panel.ui
    ui.applyButton.click()
    wait_until(lambda: ui.progressBar.value > 0)
    assert ui.applyButton.text == "Cancel"
    assert not ui.progressBar.isHidden()
    assert not ui.addButton.enabled
    ui.applyButton.click()
    wait_until(lambda: panel.state.work is None)
    assert (ui.applyButton.text, ui.statusLabel.text) == ("Apply", "Cancelled.")
    assert ui.progressBar.isHidden()
    assert ui.addButton.enabled


def test_the_slider_shows_the_age_it_was_dragged_to_on_the_scans_own_grid(looking: Panel) -> None:
    import slicer
    from MRExtrapPanel.selftest import phantom

    from MRExtrapLib.scene.arrays import affine_of

    for age in (75.0, 75.7, 76.3, 77.0):
        looking.ui.ageSlider.value = age
    wait_until(lambda: looking.state.on_screen_years == 77.0)
    node = looking.stage.predicted_node()
    shown = slicer.util.arrayFromVolume(node).transpose()
    np.testing.assert_allclose(shown, phantom(77.0).voxels, atol=EXACT)
    np.testing.assert_allclose(affine_of(node), phantom(77.0).affine)


def test_a_shown_prediction_says_so_in_name_and_view_and_a_scan_does_not(
    looking: Panel, stand_in: StandIn
) -> None:
    import slicer

    from MRExtrapLib.scene.notice import LOWER_EDGE, RESEARCH_USE

    assert RESEARCH_USE in looking.stage.predicted_node().GetName()
    slices = stand_in.application.manager.slices
    assert {view.GetText(LOWER_EDGE) for view in slices.values()} == {RESEARCH_USE}
    composite = next(
        one
        for one in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
        if one.GetLayoutName() == "Red"
    )
    composite.SetBackgroundVolumeID(looking.state.table.scans[0])
    assert slices["Red"].GetText(LOWER_EDGE) == ""
    assert slices["Green"].GetText(LOWER_EDGE) == RESEARCH_USE
    looking.ui.besideButton.click()
    wait_until(lambda: slices["Yellow"].GetText(LOWER_EDGE) == "")
    assert slices["Red"].GetText(LOWER_EDGE) == RESEARCH_USE


def test_a_click_on_the_curve_goes_to_that_age(looking: Panel, stand_in: StandIn) -> None:
    import slicer
    import vtk

    from MRExtrapLib.scene.ownership import Role, find

    looking.ui.regionBox.currentIndex = looking.ui.regionBox.findText("White matter")
    looking.ui.curveButton.click()
    source = slicer.mrmlScene.GetNodeByID(looking.state.table.scans[-1])
    chart = find(source, Role.CHART, "white_matter")
    series_ids, points = vtk.vtkStringArray(), vtk.vtkIdTypeArray()
    names = [chart.GetNthPlotSeriesNode(n).GetName() for n in range(chart.GetNumberOfPlotSeriesNodes())]
    series_ids.InsertNextValue(chart.GetNthPlotSeriesNode(names.index("observed")).GetID())
    points.InsertNextValue(1)
    selected = vtk.vtkCollection()
    selected.AddItem(points)
    stand_in.application.manager.plot.dataSelected.emit(series_ids, selected)
    wait_until(lambda: looking.state.on_screen_years == 72.0)
    assert looking.ui.ageSlider.value == 72.0


def test_play_runs_through_the_ages_and_leaves_a_sequence(looking: Panel) -> None:
    import slicer

    from MRExtrapLib.scene.ages import AgeSequence

    ui = looking.ui
    ui.sweepStartBox.value, ui.sweepEndBox.value, ui.sweepStepBox.value = 74.0, 76.0, 1.0
    ui.playButton.click()
    seen = []

    def is_over() -> bool:
        seen.append(looking.state.on_screen_years)
        return looking.state.swept != () and looking.state.playing is None

    wait_until(is_over)
    assert [age for age, before in zip(seen[1:], seen, strict=False) if age != before][-3:] == [
        74.0,
        75.0,
        76.0,
    ]
    source = slicer.mrmlScene.GetNodeByID(looking.state.table.scans[-1])
    assert AgeSequence(source).ages_years == (74.0, 75.0, 76.0)


def test_a_phantom_that_ages_in_a_line_is_predicted_without_error(looking: Panel) -> None:
    looking.ui.holdOutButton.click()
    wait_until(lambda: looking.state.held_out is not None)
    check = looking.state.held_out
    assert check.age_years == 74.0
    assert all(seen == predicted for _, seen, predicted in check.rows)
    assert check.name in looking.ui.heldOutLabel.text


def test_choices_travel_to_the_worker_and_ask_for_apply_again(looking: Panel) -> None:
    looking.ui.methodBox.currentIndex = 2
    looking.ui.deviceBox.currentIndex = 1
    assert (looking.state.choices.method, looking.state.choices.device) == ("linear", "cpu")
    assert "press Apply" in looking.ui.statusLabel.text


def test_two_visits_are_mixed_by_the_slider(looking: Panel) -> None:
    import slicer

    from MRExtrapLib.scene.ownership import Role, find

    source = slicer.mrmlScene.GetNodeByID(looking.state.table.scans[-1])
    looking.ui.alphaSlider.value = 1.0
    wait_until(lambda: find(source, Role.BETWEEN) is not None)
    mixed = slicer.util.arrayFromVolume(find(source, Role.BETWEEN))
    first = slicer.util.arrayFromVolume(slicer.mrmlScene.GetNodeByID(looking.state.table.scans[0]))
    np.testing.assert_allclose(mixed, first, atol=EXACT)


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


def test_a_volume_taken_out_of_the_scene_leaves_the_table(panel: Panel) -> None:
    import slicer

    slicer.mrmlScene.RemoveNode(slicer.mrmlScene.GetNodeByID(panel.state.table.scans[0]))
    assert panel.state.table.ages_years == (72.0, 74.0)


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


def phantom_node(name: str, age_years: float) -> Any:
    import slicer
    from MRExtrapPanel.selftest import phantom

    from MRExtrapLib.scene.volumes import fill

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    fill(node, phantom(age_years))
    return node
