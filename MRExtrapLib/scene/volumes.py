"""Images of the worker as volume nodes, shown as the source is shown."""

from __future__ import annotations

import numpy as np
import slicer

from MRExtrapLib.scene.arrays import PlacedArray, image_data_of, matrix_of
from MRExtrapLib.scene.notice import age_detail, age_words, name_of
from MRExtrapLib.scene.ownership import AGE, Role, find_or_make


def show_predicted_image(
    source: slicer.vtkMRMLScalarVolumeNode, image: PlacedArray, age_years: float
) -> slicer.vtkMRMLScalarVolumeNode:
    """The predicted image, in the one node that shows it at whatever age.

    With a segmentation beside it, use `ages.show_prediction`: it keeps the two at one age.
    """
    name = name_of(source.GetName(), "predicted", age_detail(age_years))
    node = show_image(source, Role.PREDICTED, image, name)
    node.SetAttribute(AGE, age_words(age_years))
    return node


def show_visit(
    source: slicer.vtkMRMLScalarVolumeNode, image: PlacedArray, visit_name: str, kind: str
) -> slicer.vtkMRMLScalarVolumeNode:
    """A visit on the source's grid, one node per kind: "observed", or "reconstructed" by the model."""
    made_by_model = kind != "observed"
    what = f"{visit_name} {kind}"
    name = name_of(source.GetName(), what) if made_by_model else f"{source.GetName()} {what} (brain)"
    return show_image(source, Role.VISIT, image, name, kind)


def show_between(
    source: slicer.vtkMRMLScalarVolumeNode,
    second: slicer.vtkMRMLScalarVolumeNode,
    image: PlacedArray,
    alpha: float,
    kind: str,
) -> slicer.vtkMRMLScalarVolumeNode:
    """The brain between two visits, where alpha is the share of the first, plain or moved.

    Args:
        source: the reference scan, which owns the node.
        second: the second visit's scan, on whose grid the image is and under whose transform it belongs.
    """
    name = name_of(source.GetName(), "between visits", f"alpha={alpha:.2f}, {kind}")
    node = show_image(source, Role.BETWEEN, image, name)
    node.SetAndObserveTransformNodeID(second.GetTransformNodeID())
    return node


def show_image(
    source: slicer.vtkMRMLScalarVolumeNode, role: Role, image: PlacedArray, name: str, part: str = ""
) -> slicer.vtkMRMLScalarVolumeNode:
    """An image in a role, where it lies, under the source's transform; its display is the user's to change.

    Args:
        part: tells several of one role apart.
    """
    node = find_or_make(source, role, part)
    fill(node, image)
    node.SetName(name)
    node.SetAndObserveTransformNodeID(source.GetTransformNodeID())
    if node.GetDisplayNode() is None:
        dress(node, source)
    return node


def dress(node: slicer.vtkMRMLScalarVolumeNode, source: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Gives an image the look of its source."""
    node.CreateDefaultDisplayNodes()
    _look_like(node.GetDisplayNode(), source.GetDisplayNode())


def fill(node: slicer.vtkMRMLScalarVolumeNode, image: PlacedArray) -> None:
    """Puts voxels and place into a node, as float32.

    New image data each time: a sequence may share the old ones with an item it has stored.
    """
    was_modifying = node.StartModify()
    try:
        node.SetIJKToRASMatrix(matrix_of(image.affine))
        node.SetAndObserveImageData(image_data_of(image.voxels, np.float32))
    finally:
        node.EndModify(was_modifying)


def _look_like(
    display: slicer.vtkMRMLScalarVolumeDisplayNode, model: slicer.vtkMRMLScalarVolumeDisplayNode | None
) -> None:
    """Window, colours and interpolation of another display, now fixed: both are in the same units."""
    if model is None:
        return
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(model.GetWindow(), model.GetLevel())
    display.SetAndObserveColorNodeID(model.GetColorNodeID())
    display.SetInterpolate(model.GetInterpolate())
