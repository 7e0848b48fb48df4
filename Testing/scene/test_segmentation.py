"""Segments: fixed ids, codes and colours, translucent shells; segments of others are let be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from MRExtrapLib.errors import InputError

slicer = pytest.importorskip("slicer", reason="needs Slicer's scene: pip install slicer-core")

from MRExtrapLib.scene.arrays import PlacedArray, affine_of, array_of  # noqa: E402
from MRExtrapLib.scene.segmentation import TERMINOLOGY, labels_of, segment_ids, show_labels  # noqa: E402


def blocks(source: Any, *labels: int) -> PlacedArray:
    """One slab of each label."""
    voxels = np.zeros(array_of(source).voxels.shape, dtype=np.int16)
    for place, label in enumerate(labels):
        voxels[2 + 3 * place : 5 + 3 * place, 4:20, 4:20] = label
    return PlacedArray(voxels, affine_of(source))


def test_a_structure_has_the_same_id_in_whatever_company(a_source: Any) -> None:
    node = show_labels(a_source, blocks(a_source, 2, 17, 53), "first")
    assert segment_ids(node) == ("freesurfer-2", "freesurfer-17", "freesurfer-53")
    node = show_labels(a_source, blocks(a_source, 53, 4), "second")
    assert sorted(segment_ids(node)) == ["freesurfer-4", "freesurfer-53"]
    assert node.GetSegmentation().GetSegment("freesurfer-53").GetName() == "Right Hippocampus"


def test_a_segment_carries_its_code_and_colour(a_source: Any) -> None:
    node = show_labels(a_source, blocks(a_source, 17), "labels")
    segment = node.GetSegmentation().GetSegment("freesurfer-17")
    assert slicer.vtkSegment.GetTerminologyEntryTagName() == TERMINOLOGY
    entry = slicer.vtkSlicerTerminologyEntry()
    logic = slicer.vtkSlicerTerminologiesModuleLogic()
    assert logic.DeserializeTerminologyEntry(segment.GetTerminology(), entry)
    assert entry.GetTypeObject().GetCodeMeaning() == "Hippocampus"
    assert entry.GetTypeModifierObject().GetCodeMeaning() == "Left"
    assert entry.GetCategoryObject().GetCodeMeaning() == "Anatomical Structure"
    np.testing.assert_allclose(np.array(segment.GetColor()) * 255, (220, 216, 20))


def test_the_source_is_the_reference_geometry(a_source: Any) -> None:
    node = show_labels(a_source, blocks(a_source, 17), "labels")
    assert (
        node.GetNodeReference(slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole())
        is a_source
    )


def test_shells_are_translucent_so_that_the_inside_is_seen(a_source: Any) -> None:
    display = show_labels(a_source, blocks(a_source, 3, 17, 24), "labels").GetDisplayNode()
    assert display.GetSegmentOpacity3D("freesurfer-3") < 0.3
    assert display.GetSegmentOpacity3D("freesurfer-17") == 1.0
    assert not display.GetSegmentVisibility3D("freesurfer-24")


def test_a_renamed_structure_keeps_its_name(a_source: Any) -> None:
    node = show_labels(a_source, blocks(a_source, 17), "labels")
    node.GetSegmentation().GetSegment("freesurfer-17").SetName("hippocampus of interest")
    show_labels(a_source, blocks(a_source, 17, 53), "labels")
    assert node.GetSegmentation().GetSegment("freesurfer-17").GetName() == "hippocampus of interest"


def test_a_number_that_is_not_known_is_shown_under_its_number(a_source: Any) -> None:
    node = show_labels(a_source, blocks(a_source, 1035), "labels")
    assert node.GetSegmentation().GetSegment("freesurfer-1035").GetName() == "Structure 1035"
    assert set(np.unique(labels_of(node).voxels)) == {0, 1035}


def test_numbers_that_cannot_be_labels_are_refused(a_source: Any) -> None:
    with pytest.raises(InputError, match="label -1 is no FreeSurfer number"):
        show_labels(a_source, blocks(a_source, -1), "labels")


def test_a_segmentation_of_others_has_no_labels_of_ours(a_source: Any) -> None:
    node = a_source.GetScene().AddNewNodeByClass("vtkMRMLSegmentationNode", "a tumour")
    node.GetSegmentation().AddSegment(slicer.vtkSegment(), "Segment_1")
    with pytest.raises(InputError, match="a tumour holds no structure of a brain"):
        labels_of(node)
