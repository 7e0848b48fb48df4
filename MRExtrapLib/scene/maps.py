"""Maps over the anatomy: what changes to the predicted age, and how far the prediction may be believed."""

from __future__ import annotations

import numpy as np
import slicer
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError
from MRExtrapLib.scene.arrays import PlacedArray
from MRExtrapLib.scene.notice import age_detail, age_words, name_of
from MRExtrapLib.scene.ownership import AGE, Role, find, find_or_make
from MRExtrapLib.scene.volumes import show_image

COLORS = 255
"""Odd, so that no change has a colour of its own: black."""

FULL_AT_PERCENTILE = 98.0
"""Of the values that are not zero: where colours reach their end."""

MAP_OPACITY = 0.6
"""Of a map that lies in the foreground of a slice."""

DARKER, BRIGHTER, UNCERTAIN = (0.15, 0.55, 1.0), (1.0, 0.25, 0.10), (1.0, 0.75, 0.10)
"""At the ends of the scales: voxels predicted darker and brighter, and most uncertain."""

CERTAIN_BELOW = 0.05
"""Share of the scale of uncertainty below which a voxel is not coloured at all."""

SMALLEST_SHARE = 0.05
"""Of the reference's brightness: no scale of change ends below it, however near the age shown first."""

SCALED = "MRExtrap.Scaled"
"""Attribute of a map whose colours and scale were set; from then on they are the user's."""


def show_change(
    source: slicer.vtkMRMLScalarVolumeNode,
    predicted: PlacedArray,
    reference: PlacedArray,
    age_years: float,
) -> slicer.vtkMRMLScalarVolumeNode:
    """Predicted − reference, on a scale from blue (darker) over black to red (brighter).

    Black, not white, because slices take no opacity from a colour table: laid half translucent over the
    anatomy, black only dims it where nothing changes.

    Fair between images of one kind: the reference is the *reconstructed* visit, not the observed one.

    Raises:
        InputError: the two lie on different grids.
    """
    if not predicted.lies_as(reference):
        msg = (
            f"The predicted image ({predicted.voxels.shape}) and the one to compare with "
            f"({reference.voxels.shape}) lie on different grids; show the visit on the reference scan's."
        )
        raise InputError(msg)
    change = np.subtract(predicted.voxels, reference.voxels, dtype=np.float32)
    node = _show_map(source, Role.CHANGE, PlacedArray(change, predicted.affine), "change", age_years)
    if not node.GetAttribute(SCALED):
        most = max(_most(change), SMALLEST_SHARE * _most(reference.voxels)) or 1.0
        _color(source, node, Role.CHANGE_COLORS, "darker – brighter", _diverging(), (-most, most))
    return node


def show_uncertainty(
    source: slicer.vtkMRMLScalarVolumeNode, spread: PlacedArray, age_years: float
) -> slicer.vtkMRMLScalarVolumeNode:
    """The standard deviation of the predicted image, in its units; nothing where it is certain."""
    node = _show_map(source, Role.UNCERTAINTY, spread, "uncertainty", age_years)
    if not node.GetAttribute(SCALED):
        scale = (0.0, _most(spread.voxels) or 1.0)
        _color(source, node, Role.UNCERTAINTY_COLORS, "uncertain", _rising(), scale)
        node.GetDisplayNode().SetApplyThreshold(True)
        node.GetDisplayNode().SetThreshold(CERTAIN_BELOW * scale[1], np.finfo(np.float32).max)
    return node


def forget_scales(source: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Lets the next maps set their scales anew, as for another person or another model."""
    for role in (Role.CHANGE, Role.UNCERTAINTY):
        node = find(source, role)
        if node is not None:
            node.RemoveAttribute(SCALED)


def _show_map(
    source: slicer.vtkMRMLScalarVolumeNode, role: Role, image: PlacedArray, what: str, age_years: float
) -> slicer.vtkMRMLScalarVolumeNode:
    node = show_image(source, role, image, name_of(source.GetName(), what, age_detail(age_years)))
    node.SetAttribute(AGE, age_words(age_years))
    return node


def _most(values: NDArray) -> float:
    """Where the scale ends; 0 where there is nothing to see."""
    sizes = np.abs(values[values != 0])
    return float(np.percentile(sizes, FULL_AT_PERCENTILE)) if sizes.size else 0.0


def _color(
    source: slicer.vtkMRMLScalarVolumeNode,
    node: slicer.vtkMRMLScalarVolumeNode,
    role: Role,
    what: str,
    colors: NDArray[np.float64],
    scale: tuple[float, float],
) -> None:
    """Colours a map by its own table, once: so the colours of two ages mean the same."""
    display = node.GetDisplayNode()
    table = find_or_make(source, role)
    table.SetName(f"MRExtrap {what}")
    table.SetTypeToUser()
    table.SetNumberOfColors(COLORS)
    table.SetHideFromEditors(False)
    for index, color in enumerate(colors):
        table.SetColor(index, f"{index}", *(float(value) for value in color), 1.0)
    display.SetAndObserveColorNodeID(table.GetID())
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(*scale)
    node.SetAttribute(SCALED, "yes")


def _diverging() -> NDArray[np.float64]:
    """(255, 3): red, green, blue."""
    at = np.linspace(-1.0, 1.0, COLORS)[:, None]
    return np.where(at < 0, DARKER, BRIGHTER) * np.abs(at)


def _rising() -> NDArray[np.float64]:
    """(255, 3): red, green, blue."""
    return np.linspace(0.0, 1.0, COLORS)[:, None] * np.array(UNCERTAIN)
