"""The forecast in the subject hierarchy: patient, study, and beside the study what was predicted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import slicer

from MRExtrapLib.scene.notice import RESEARCH_USE
from MRExtrapLib.scene.ownership import ROLE, owned_nodes, scene_of

FOLDER = "predicted-series"
"""Role of the folder that holds what was predicted."""

PATIENT, STUDY = "Patient", "Study"
"""Levels, as vtkMRMLSubjectHierarchyConstants names them."""

BIRTH_DATE, STUDY_DATE = "DICOM.PatientBirthDate", "DICOM.StudyDate"
"""Attributes that Slicer gives to patient and study when it loads DICOM."""

HIDDEN = ("vtkMRMLColorNode", "vtkMRMLPlotSeriesNode", "vtkMRMLSequenceNode")
"""Classes that Slicer itself keeps out of the tree."""

DAYS_A_YEAR = 365.25


def arrange(source: slicer.vtkMRMLScalarVolumeNode, patient: str = "", study: str = "") -> int:
    """Puts the forecast's nodes into a folder beside the source's study, and gives the folder's item.

    Not into it, as series: Slicer's own DICOM export would write them to the study as if they were scans.

    Patient and study are those that the source lies under; where it lies under none, they are made.

    Args:
        patient, study: how to name them if they must be made; else as the source.
    """
    tree = tree_of(source)
    home = tree.GetItemParent(_study(tree, source, patient, study))
    folder = _folder(tree, source)
    if not folder:
        folder = tree.CreateFolderItem(home, f"MRExtrap ({RESEARCH_USE})")
        tree.SetItemAttribute(folder, ROLE, FOLDER)
    tree.SetItemParent(folder, home)
    for node in owned_nodes(source):
        if any(node.IsA(name) for name in HIDDEN):
            continue
        item = tree.GetItemByDataNode(node) or tree.CreateItem(folder, node)
        tree.SetItemParent(item, folder)
    return folder


def age_years_of(node: slicer.vtkMRMLScalarVolumeNode) -> float | None:
    """The age of a scan loaded from DICOM, by birth and study dates; None where one is missing or no date."""
    tree = tree_of(node)
    born = _date(tree, tree.GetItemByDataNode(node), BIRTH_DATE)
    taken = _date(tree, tree.GetItemByDataNode(node), STUDY_DATE)
    if born is None or taken is None or taken < born:
        return None
    return (taken - born).days / DAYS_A_YEAR


def tree_of(source: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkMRMLSubjectHierarchyNode:
    """The subject hierarchy of the source's scene."""
    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene_of(source))


def _study(
    tree: slicer.vtkMRMLSubjectHierarchyNode,
    source: slicer.vtkMRMLScalarVolumeNode,
    patient: str,
    study: str,
) -> int:
    item = tree.GetItemByDataNode(source) or tree.CreateItem(tree.GetSceneItemID(), source)
    levels = {tree.GetItemLevel(one): one for one in _ancestors(tree, item)}
    if STUDY in levels:
        return levels[STUDY]
    name = source.GetName()
    person = levels.get(PATIENT) or tree.CreateSubjectItem(tree.GetSceneItemID(), patient or name)
    home = tree.CreateStudyItem(person, study or name)
    tree.SetItemParent(item, home)
    return home


def _folder(tree: slicer.vtkMRMLSubjectHierarchyNode, source: slicer.vtkMRMLScalarVolumeNode) -> int:
    """The folder made before, found by what lies in it; 0 if there is none."""
    for node in owned_nodes(source):
        item = tree.GetItemByDataNode(node)
        for one in _ancestors(tree, item):
            if tree.GetItemAttribute(one, ROLE) == FOLDER:
                return one
    return 0


def _ancestors(tree: slicer.vtkMRMLSubjectHierarchyNode, item: int) -> Iterator[int]:
    """The items above an item, nearest first, without the scene."""
    while item:
        item = tree.GetItemParent(item)
        if not item or item == tree.GetSceneItemID():
            return
        yield item


def _date(tree: slicer.vtkMRMLSubjectHierarchyNode, item: int, name: str) -> date | None:
    """A DICOM date of the first ancestor that has it."""
    for one in _ancestors(tree, item):
        words = tree.GetItemAttribute(one, name).replace("-", "").replace(".", "")
        if words:
            try:
                return date(int(words[:4]), int(words[4:6]), int(words[6:8]))
            except ValueError:
                return None
    return None
