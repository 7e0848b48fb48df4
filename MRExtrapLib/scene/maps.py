"""Maps over the anatomy: what changes to the predicted age, and how far the prediction may be believed."""

from __future__ import annotations

import numpy as np
import slicer
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError
from MRExtrapLib.scene.arrays import PlacedArray
from MRExtrapLib.scene.notice import age_detail, age_words, name_of
from MRExtrapLib.scene.ownership import AGE, Role, find_or_make
from MRExtrapLib.scene.volumes import show_image

COLORS = 256
FULL_AT_PERCENTILE = 99.5
"""Of the values that are not zero: where colours reach their end."""

DARKER, BRIGHTER, UNCERTAIN = (0.13, 0.40, 0.93), (0.93, 0.20, 0.13), (1.0, 0.75, 0.10)
"""At the ends of the scales: voxels predicted darker and brighter, and most uncertain."""

OPAQUE_AT = 0.35
"""Share of the scale from which on a map hides the anatomy below; nearer to zero it is translucent."""


def show_change(
    source: slicer.vtkMRMLScalarVolumeNode,
    predicted: PlacedArray,
    reference: PlacedArray,
    age_years: float,
) -> slicer.vtkMRMLScalarVolumeNode:
    """Predicted − reference, on a scale from blue (darker) over nothing to red (brighter).

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
    most = _most(change)
    _color(source, node, Role.CHANGE_COLORS, "darker – brighter", _diverging(), (-most, most))
    return node


def show_uncertainty(
    source: slicer.vtkMRMLScalarVolumeNode, spread: PlacedArray, age_years: float
) -> slicer.vtkMRMLScalarVolumeNode:
    """The standard deviation of the predicted image, in its units; nothing where it is certain."""
    node = _show_map(source, Role.UNCERTAINTY, spread, "uncertainty", age_years)
    scale = (0.0, _most(spread.voxels))
    _color(source, node, Role.UNCERTAINTY_COLORS, "uncertain", _rising(), scale)
    return node


def _show_map(
    source: slicer.vtkMRMLScalarVolumeNode, role: Role, image: PlacedArray, what: str, age_years: float
) -> slicer.vtkMRMLScalarVolumeNode:
    node = show_image(source, role, image, name_of(source.GetName(), what, age_detail(age_years)))
    node.SetAttribute(AGE, age_words(age_years))
    return node


def _most(values: NDArray) -> float:
    """Where the scale ends; 1 where there is nothing to see."""
    sizes = np.abs(values[values != 0])
    return float(np.percentile(sizes, FULL_AT_PERCENTILE)) if sizes.size else 1.0


def _color(
    source: slicer.vtkMRMLScalarVolumeNode,
    node: slicer.vtkMRMLScalarVolumeNode,
    role: Role,
    what: str,
    colors: NDArray[np.float64],
    scale: tuple[float, float],
) -> None:
    """Colours a map by its own table; the scale is set when the map is new, then it is the user's.

    So the colours of two ages mean the same.
    """
    display = node.GetDisplayNode()
    table = find_or_make(source, role)
    if display.GetColorNodeID() == table.GetID():
        return
    table.SetName(f"MRExtrap {what}")
    table.SetTypeToUser()
    table.SetNumberOfColors(COLORS)
    table.SetHideFromEditors(False)
    for index, color in enumerate(colors):
        table.SetColor(index, f"{index}", *(float(value) for value in color))
    display.SetAndObserveColorNodeID(table.GetID())
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(*scale)


def _diverging() -> NDArray[np.float64]:
    """(256, 4): red, green, blue, opacity."""
    at = np.linspace(-1.0, 1.0, COLORS)
    ends = np.where(at[:, None] < 0, DARKER, BRIGHTER)
    return _towards(ends, np.abs(at))


def _rising() -> NDArray[np.float64]:
    """(256, 4): red, green, blue, opacity."""
    at = np.linspace(0.0, 1.0, COLORS)
    return _towards(np.tile(UNCERTAIN, (COLORS, 1)), at)


def _towards(ends: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """From white and see-through at 0 to the end's colour."""
    color = 1 + (ends - 1) * share[:, None]
    return np.column_stack([color, np.clip(share / OPAQUE_AT, 0, 1)])
