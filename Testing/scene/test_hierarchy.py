"""Where a forecast stands in the subject hierarchy, and the age that DICOM dates tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

slicer = pytest.importorskip("slicer", reason="needs Slicer's scene: pip install slicer-core")

from MRExtrapLib.scene.ages import AgeSequence  # noqa: E402
from MRExtrapLib.scene.arrays import Prediction  # noqa: E402
from MRExtrapLib.scene.hierarchy import age_years_of, arrange, tree_of  # noqa: E402
from MRExtrapLib.scene.ownership import owned_nodes, remove_forecast, sources_in  # noqa: E402

PredictedAt = Callable[[float], Prediction]


def way_up(tree: Any, item: int) -> list[str]:
    names = []
    while item and item != tree.GetSceneItemID():
        names.append(tree.GetItemName(item))
        item = tree.GetItemParent(item)
    return names


@pytest.fixture
def a_forecast(a_source: Any, predicted_at: PredictedAt) -> Any:
    """The source of one age, predicted and measured."""
    AgeSequence(a_source).put(predicted_at(60.0), has_surfaces=False)
    return a_source


def under_dicom(source: Any, born: str, taken: str) -> tuple[int, int]:
    """Files a scan as Slicer files a DICOM series."""
    tree = tree_of(source)
    patient = tree.CreateSubjectItem(tree.GetSceneItemID(), "Doe^Jane")
    study = tree.CreateStudyItem(patient, "Brain")
    tree.SetItemAttribute(patient, "DICOM.PatientBirthDate", born)
    tree.SetItemAttribute(study, "DICOM.StudyDate", taken)
    tree.CreateItem(study, source)
    return patient, study


def test_a_forecast_lies_beside_the_study_of_its_source_and_is_no_series(a_forecast: Any) -> None:
    _, study = under_dicom(a_forecast, "19500101", "20200101")
    folder = arrange(a_forecast)
    tree = tree_of(a_forecast)
    assert way_up(tree, folder)[1:] == ["Doe^Jane"]
    assert way_up(tree, tree.GetItemByDataNode(a_forecast))[1:] == ["Brain", "Doe^Jane"]
    assert tree.GetNumberOfItemChildren(study, True) == 1
    assert "Predicted, research use, not for diagnosis" in tree.GetItemName(folder)
    for node in owned_nodes(a_forecast):
        if node.IsA("vtkMRMLScalarVolumeNode") or node.IsA("vtkMRMLSegmentationNode"):
            assert tree.GetItemParent(tree.GetItemByDataNode(node)) == folder
            assert tree.GetItemLevel(tree.GetItemByDataNode(node)) == ""


def test_a_source_without_a_study_gets_patient_and_study(a_forecast: Any) -> None:
    folder = arrange(a_forecast, patient="sub-01", study="MRI")
    tree = tree_of(a_forecast)
    assert way_up(tree, folder)[1:] == ["sub-01"]
    assert way_up(tree, tree.GetItemByDataNode(a_forecast))[1:] == ["MRI", "sub-01"]


def test_arranging_again_changes_nothing(a_forecast: Any, predicted_at: PredictedAt) -> None:
    tree, first = tree_of(a_forecast), arrange(a_forecast)
    before = tree.GetNumberOfItems()
    AgeSequence(a_forecast).put(predicted_at(61.0), has_surfaces=False)
    assert arrange(a_forecast, patient="somebody else") == first
    assert tree.GetNumberOfItems() == before


def test_dates_of_dicom_tell_the_age(a_source: Any) -> None:
    assert age_years_of(a_source) is None
    under_dicom(a_source, "1950-07-01", "20200101")
    assert age_years_of(a_source) == pytest.approx(69.5, abs=0.01)


@pytest.mark.parametrize(
    ("born", "taken"), [("", "20200101"), ("19509999", "20200101"), ("20210101", "20200101")]
)
def test_dates_that_are_none_tell_no_age(a_source: Any, born: str, taken: str) -> None:
    under_dicom(a_source, born, taken)
    assert age_years_of(a_source) is None


def test_a_forecast_is_found_by_its_source_and_can_be_removed(a_forecast: Any) -> None:
    scene = a_forecast.GetScene()
    assert sources_in(scene) == (a_forecast,)
    remove_forecast(a_forecast)
    assert sources_in(scene) == ()
    assert owned_nodes(a_forecast) == ()
    assert a_forecast.GetScene() is scene
