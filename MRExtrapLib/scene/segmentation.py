"""Label maps of the worker as segmentations: one segment per structure, with ids that never change."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from vtk.util.numpy_support import vtk_to_numpy

from MRExtrapLib.errors import InputError
from MRExtrapLib.scene.arrays import PlacedArray, image_data_of, matrix_of
from MRExtrapLib.scene.ownership import Role, find_or_make
from MRExtrapLib.scene.structures import CSF, SHELLS, label_of, segment_id, structure_of

LABELMAP, SURFACE = "Binary labelmap", "Closed surface"
"""What vtkSegmentationConverter calls the representations."""

TERMINOLOGY = "TerminologyEntry"
"""The tag of a segment, as vtkSegment::GetTerminologyEntryTagName() gives it."""

SEEN = "MRExtrap.ShellsSeen"
"""Attribute of a display: the shells that were made translucent already."""

FILL_OPACITY = 0.35
"""Of segments in slices: the image below must be seen."""

CONFINED = "MRExtrap.ConfinedTo"
"""Attribute of a display: the views that the segmentation was last confined to."""

NOWHERE = "nowhere"
"""In place of a view's id: a display that names no view is shown in all."""

SHELL_OPACITY = 0.12
"""Of cortex, white matter and cerebellum in 3D: what lies inside must be seen."""


def show_labels(
    source: slicer.vtkMRMLScalarVolumeNode,
    labels: PlacedArray | None,
    name: str,
    role: Role = Role.SEGMENTATION,
    has_surfaces: bool = False,
) -> slicer.vtkMRMLSegmentationNode:
    """A segmentation in a role, with the source as its reference geometry.

    Args:
        labels: FreeSurfer numbers; None leaves the segmentation empty.
        has_surfaces: also make closed surfaces, for 3D; seconds at 1 mm.
    """
    node = find_or_make(source, role)
    if node.GetDisplayNode() is None:
        dress(node)
    was_modifying = node.StartModify()
    try:
        fill(node, labels, source)
        node.SetName(name)
        node.SetAndObserveTransformNodeID(source.GetTransformNodeID())
        if has_surfaces:
            make_surfaces(node)
        look_inside(node)
    finally:
        node.EndModify(was_modifying)
    return node


def dress(node: slicer.vtkMRMLSegmentationNode) -> None:
    """Gives a segmentation the look that ours begin with."""
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetOpacity2DFill(FILL_OPACITY)
    node.GetDisplayNode().SetPreferredDisplayRepresentationName3D(SURFACE)


def fill(
    node: slicer.vtkMRMLSegmentationNode,
    labels: PlacedArray | None,
    source: slicer.vtkMRMLScalarVolumeNode,
) -> None:
    """Puts label numbers into a segmentation; its segments are those that there are.

    The segments share one label map, as Slicer itself keeps them, so a slider step costs one copy. They come
    in a new vtkSegmentation: a sequence may share the old one with an item it has stored. What the user
    called and coloured a structure stays.

    Raises:
        InputError: label numbers that are no FreeSurfer numbers, such as −1 or 70000.
    """
    before, made = node.GetSegmentation(), slicer.vtkSegmentation()
    made.SetSourceRepresentationName(LABELMAP)
    if labels is not None:
        present, shared = _present(labels), _label_map(labels)
        for label in present:
            known = before.GetSegment(segment_id(label)) if before is not None else None
            made.AddSegment(_segment(label, shared, known), segment_id(label))
    node.SetAndObserveSegmentation(made)
    node.SetReferenceImageGeometryParameterFromVolumeNode(source)


def make_surfaces(node: slicer.vtkMRMLSegmentationNode) -> None:
    """Makes the closed surfaces of a segmentation, which views then show in 3D; nothing if it is empty."""
    if node.GetSegmentation().GetNumberOfSegments() > 0:
        node.CreateClosedSurfaceRepresentation()


def empty(node: slicer.vtkMRMLSegmentationNode) -> None:
    """Takes the arrays out of a segmentation that nobody will look at again.

    Left to itself, a vtkSegmentation that goes wipes each segment out of the shared label map, one pass
    over all voxels after another: a quarter second for thirty segments at 1 mm.
    """
    segmentation = node.GetSegmentation()
    for segment in segment_ids(node):
        segmentation.GetSegment(segment).RemoveAllRepresentations()


def look_inside(node: slicer.vtkMRMLSegmentationNode) -> None:
    """Makes shells translucent in 3D when they first appear; afterwards their look is the user's."""
    display = node.GetDisplayNode()
    seen = set((display.GetAttribute(SEEN) or "").split())
    new = [one for one in segment_ids(node) if label_of(one) in SHELLS and one not in seen]
    for segment in new:
        display.SetSegmentOpacity3D(segment, SHELL_OPACITY)
        display.SetSegmentVisibility3D(segment, label_of(segment) != CSF)
    if new:
        display.SetAttribute(SEEN, " ".join(sorted(seen.union(new))))


def confine(node: slicer.vtkMRMLSegmentationNode, view_ids: Collection[str] | None) -> None:
    """Draws a segmentation in these views alone, None for all.

    Said again, it changes nothing: until other views are wanted, the choice of views is the user's.
    """
    display = node.GetDisplayNode()
    wanted = () if view_ids is None else tuple(sorted(view_ids)) or (NOWHERE,)
    if display is None or (display.GetAttribute(CONFINED) or "") == " ".join(wanted):
        return
    was_modifying = display.StartModify()
    try:
        display.SetAttribute(CONFINED, " ".join(wanted))
        display.RemoveAllViewNodeIDs()
        for view_id in wanted:
            display.AddViewNodeID(view_id)
    finally:
        display.EndModify(was_modifying)


def is_drawn_in(node: slicer.vtkMRMLSegmentationNode, view: slicer.vtkMRMLAbstractViewNode) -> bool:
    """Whether a slice or 3D view draws any structure of a segmentation."""
    display = node.GetDisplayNode()
    if display is None or not display.GetVisibility() or not display.IsDisplayableInView(view.GetID()):
        return False
    if not any(display.GetSegmentVisibility(one) for one in segment_ids(node)):
        return False
    if view.IsA("vtkMRMLSliceNode"):
        return bool(display.GetVisibility2D())
    return bool(display.GetVisibility3D()) and node.GetSegmentation().ContainsRepresentation(SURFACE)


def segment_ids(node: slicer.vtkMRMLSegmentationNode) -> tuple[str, ...]:
    """The ids of a segmentation's segments."""
    return tuple(node.GetSegmentation().GetSegmentIDs())


def labels_of(node: slicer.vtkMRMLSegmentationNode) -> PlacedArray:
    """The FreeSurfer numbers of a segmentation, int16, on its own grid; what is not ours is left out.

    Raises:
        InputError: it has no segment of ours.
    """
    segmentation = node.GetSegmentation()
    found = {segment: label_of(segment) for segment in segmentation.GetSegmentIDs()}
    ours = {segment: label for segment, label in found.items() if label is not None}
    if not ours:
        msg = f"{node.GetName()} holds no structure of a brain; measure an age first."
        raise InputError(msg)
    reference = segmentation.GetSegment(next(iter(ours))).GetRepresentation(LABELMAP)
    grid = _reference_geometry(node) or reference
    voxels: NDArray[np.int16] = np.zeros(_size(grid), dtype=np.int16, order="F")
    for segment, label in ours.items():
        one = segmentation.GetSegment(segment)
        own = one.GetRepresentation(LABELMAP)
        start = np.array(own.GetExtent()[::2]) - np.array(grid.GetExtent()[::2])
        values = vtk_to_numpy(own.GetPointData().GetScalars()).reshape(_size(own), order="F")
        window = tuple(slice(at, at + size) for at, size in zip(start, values.shape, strict=True))
        voxels[window][values == one.GetLabelValue()] = label
    return PlacedArray(voxels, _affine_of(grid))


def _present(labels: PlacedArray) -> list[int]:
    least, most = int(labels.voxels.min()), int(labels.voxels.max())
    if least < 0 or most > np.iinfo(np.int16).max:
        wrong = least if least < 0 else most
        msg = f"The label {wrong} is no FreeSurfer number; segment the image again."
        raise InputError(msg)
    counts = np.bincount(labels.voxels.ravel(order="K").astype(np.int16, copy=False))  # unique would sort
    return [int(label) for label in np.flatnonzero(counts) if label != 0]


def _label_map(labels: PlacedArray) -> slicer.vtkOrientedImageData:
    shared = slicer.vtkOrientedImageData()
    shared.ShallowCopy(image_data_of(labels.voxels, np.int16))
    shared.SetImageToWorldMatrix(matrix_of(labels.affine))
    return shared


def _segment(
    label: int, shared: slicer.vtkOrientedImageData, known: slicer.vtkSegment | None
) -> slicer.vtkSegment:
    """A structure's part of the shared label map, named and coloured as it was known."""
    structure, segment = structure_of(label), slicer.vtkSegment()
    segment.SetName(structure.name)
    segment.SetColor(*(value / 255 for value in structure.color))
    segment.SetTag(TERMINOLOGY, structure.terminology)
    if known is not None:
        segment.DeepCopyMetadata(known)
    segment.SetLabelValue(label)
    segment.AddRepresentation(LABELMAP, shared)
    return segment


def _reference_geometry(node: slicer.vtkMRMLSegmentationNode) -> slicer.vtkOrientedImageData | None:
    """The grid of the whole image, which the label map of a loaded segmentation may be cropped from."""
    words = node.GetSegmentation().GetConversionParameter("Reference image geometry")
    grid = slicer.vtkOrientedImageData()
    is_known = bool(words) and slicer.vtkSegmentationConverter.DeserializeImageGeometry(words, grid, False)
    return grid if is_known else None


def _size(image: vtk.vtkImageData) -> tuple[int, int, int]:
    x0, x1, y0, y1, z0, z1 = image.GetExtent()
    return (x1 - x0 + 1, y1 - y0 + 1, z1 - z0 + 1)


def _affine_of(image: slicer.vtkOrientedImageData) -> NDArray[np.float64]:
    """Of an image's array: its first voxel may have another index than 0, 0, 0."""
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    affine = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
    affine[:3, 3] += affine[:3, :3] @ np.array(image.GetExtent()[::2])
    return affine
