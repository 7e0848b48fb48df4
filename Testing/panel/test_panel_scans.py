"""The panel on a stand-in host, before Apply: installation, scans, ages.

What it shows holds for names, signals, enabling, parameters, processes and nodes; not for Slicer's looks.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
import pytest
from panel_desk import REPOSITORY, need_stand_in, phantom_node, wait_until

from MRExtrapLib.worker.protocol import PROTOCOL_VERSION

if TYPE_CHECKING:
    from MRExtrapPanel.panel import Panel

need_stand_in()

SAMPLE = REPOSITORY / "MRExtrapLib" / "sample" / "sub-01"


def test_an_empty_panel_offers_only_what_can_be_done(make_panel: Callable[..., Panel]) -> None:
    ui = make_panel().ui
    assert ui.statusLabel.text == "Add the T1 scans of one person."
    assert ui.addButton.enabled
    for name in ("applyButton", "playButton", "leaveOutButton", "exportButton", "alphaSlider", "readButton"):
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


SPOKEN = f"protocol {PROTOCOL_VERSION} of {PROTOCOL_VERSION}"


def test_the_report_has_slicer_worker_and_model_in_it(make_panel: Callable[..., Panel]) -> None:
    from MRExtrapPanel.process import start_worker

    panel = make_panel(start_worker)
    panel.ui.doctorButton.click()
    report = panel.checkup.text
    wait_until(lambda: "verified" in report.toPlainText() and SPOKEN in report.toPlainText())
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
    assert panel.talk.greeting.protocol == PROTOCOL_VERSION


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


def test_a_volume_that_was_centred_when_loaded_is_placed_as_the_scene_has_it(
    make_panel: Callable[..., Panel], tmp_path: Path
) -> None:
    from MRExtrapPanel.scans import SceneScans, own_file, visit_of
    from MRExtrapPanel.selftest import SPACING_MM, phantom
    from MRExtrapPanel.visits import VisitTable
    from panel_host import node_of_file

    from MRExtrapLib.scene.arrays import affine_of

    make_panel()
    array = phantom(70.0)
    elsewhere = array.affine.copy()
    elsewhere[:3, 3] += 40.0
    nib.Nifti1Image(array.voxels, elsewhere).to_filename(tmp_path / "scan.nii.gz")
    node = node_of_file(tmp_path / "scan.nii.gz", is_centred=True)
    assert own_file(node) is None
    (given,) = SceneScans().inputs(VisitTable((visit_of(node),)), tmp_path)
    np.testing.assert_allclose(given.affine, affine_of(node))
    centre = np.array(given.affine) @ [*((np.array(array.voxels.shape) - 1) / 2), 1.0]
    assert np.abs(centre[:3]).max() <= SPACING_MM  # whichever voxel Slicer calls the middle


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


def test_a_volume_taken_out_of_the_scene_leaves_the_table(panel: Panel) -> None:
    import slicer

    slicer.mrmlScene.RemoveNode(slicer.mrmlScene.GetNodeByID(panel.state.table.scans[0]))
    assert panel.state.table.ages_years == (72.0, 74.0)
