"""Slices through observed and predicted brains side by side, and what changes between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import nibabel as nib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from nibabel.affines import apply_affine, voxel_sizes
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.volume import Affine, Volume
from MRExtrapLib.report.marking import RESEARCH_USE

CHANGE_COLOURS = "RdBu_r"
"""Diverging, centred on zero, readable with red–green blindness."""

CHANGE_PERCENTILE = 99.5
"""Of the change inside the brain sets the ends of the colour scale; a few outliers would flatten the rest."""

BACKGROUND, INK, WARNING_INK = "black", "white", "#ffd84d"

MARGIN_MM = 6.0
"""Left free around the brain."""

PANEL_INCHES = 2.7


@dataclass(frozen=True)
class Plane:
    """One of the three orientations: which RAS axis it cuts, and what lies at its edges."""

    name: str
    axis: int
    left_edge: str
    right_edge: str


PLANES = (
    Plane("axial", 2, "R", "L"),
    Plane("coronal", 1, "R", "L"),
    Plane("sagittal", 0, "A", "P"),
)
"""Radiological: the patient's right on the picture's left, the face of a sagittal slice looks left."""


@dataclass(frozen=True, eq=False)
class Panel:
    """One column: a volume with its title; `is_predicted` marks it, `is_change` colours it about zero.

    Either kind bears the `mark`, so that a slice cut out of the figure still says what it is.
    """

    title: str
    volume: Volume
    is_predicted: bool = False
    is_change: bool = False
    mark: str = "predicted"


@dataclass(frozen=True, eq=False)
class View:
    """What of a RAS array is shown: the voxel where slices meet, and the box around the brain."""

    affine: Affine
    centre: NDArray[np.int64]
    box: tuple[slice, slice, slice]


def slices_figure(
    panels: Sequence[Panel],
    title: str,
    through_mm: NDArray[np.float64] | None = None,
    notice: str = RESEARCH_USE,
) -> Figure:
    """Three orientations (rows) of every panel (columns), with colourbars and the notice.

    Args:
        panels: all on one grid; the first sets the gray scale and where the brain is.
        title: of the whole figure.
        through_mm: (3,) RAS point that the slices meet in; the brain's middle if left out.
        notice: stands below.

    Raises:
        InputError: the panels lie on different grids, or there are none.
    """
    if not panels or any(not panel.volume.grid.is_same_as(panels[0].volume.grid) for panel in panels):
        msg = "Slices are compared on one grid; resample the volumes to the first one's grid."
        raise InputError(msg)
    arrays = [_as_ras(panel.volume) for panel in panels]
    first, affine = arrays[0]
    box = _brain_box(first, affine)
    view = View(affine, _index_of(through_mm, affine, box), box)
    gray = Normalize(0, float(np.percentile(first[first > 0], 99.8)))
    change = _change_scale(
        [voxels for (voxels, _), panel in zip(arrays, panels, strict=True) if panel.is_change]
    )
    size = (PANEL_INCHES * len(panels) + 0.6, PANEL_INCHES * 3 + 1.3)
    figure = Figure(figsize=size, facecolor=BACKGROUND, layout="constrained")
    axes = figure.subplots(3, len(panels), squeeze=False)
    for column, (panel, (voxels, _)) in enumerate(zip(panels, arrays, strict=True)):
        for row, plane in enumerate(PLANES):
            _draw(axes[row, column], voxels, panel, plane, view, change if panel.is_change else gray)
        axes[0, column].set_title(panel.title, color=INK, fontsize=11)
    for row, plane in enumerate(PLANES):
        at_mm = apply_affine(affine, view.centre)[plane.axis]
        words = f"{plane.name}, {'xyz'[plane.axis]} = {at_mm:+.0f} mm"
        axes[row, 0].set_ylabel(words, color=INK, fontsize=11)
    _add_colourbars(figure, axes, panels, gray, change)
    figure.suptitle(title, color=INK, fontsize=12)
    figure.supxlabel(notice, color=WARNING_INK, fontsize=12, fontweight="bold")
    return figure


def _as_ras(volume: Volume) -> tuple[NDArray[np.float32], Affine]:
    image = nib.as_closest_canonical(nib.Nifti1Image(volume.voxels, volume.affine))
    return np.asarray(image.dataobj, dtype=np.float32), image.affine


def _brain_box(voxels: NDArray[np.float32], affine: Affine) -> tuple[slice, slice, slice]:
    inside = np.argwhere(voxels > 0.02 * voxels.max())
    if not len(inside):
        msg = "The scan is empty (all its voxels are 0); there is nothing to draw."
        raise InputError(msg)
    margin = np.ceil(MARGIN_MM / voxel_sizes(affine)).astype(int)
    low = np.maximum(inside.min(0) - margin, 0)
    high = np.minimum(inside.max(0) + 1 + margin, voxels.shape)
    x, y, z = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return x, y, z


def _index_of(
    through_mm: NDArray[np.float64] | None, affine: Affine, box: tuple[slice, slice, slice]
) -> NDArray[np.int64]:
    if through_mm is None:
        return np.array([(at.start + at.stop) // 2 for at in box])
    index = np.rint(apply_affine(np.linalg.inv(affine), through_mm)).astype(int)
    return np.clip(index, [at.start for at in box], [at.stop - 1 for at in box])


def _slice(voxels: NDArray[np.float32], plane: Plane, view: View) -> NDArray[np.float32]:
    """The slice as rows upwards; its horizontal axis (x or y) runs against RAS, as radiologists look."""
    window: list[slice | int] = list(view.box)
    window[plane.axis] = int(view.centre[plane.axis])
    return voxels[tuple(window)].T[:, ::-1]


def _change_scale(changes: Sequence[NDArray[np.float32]]) -> Normalize:
    inside = [np.abs(change[np.isfinite(change) & (change != 0)]) for change in changes]
    sizes = np.concatenate(inside) if inside else np.empty(0)
    reach = float(np.percentile(sizes, CHANGE_PERCENTILE)) if sizes.size else 1.0
    return Normalize(-reach, reach)


def _draw(
    axis: Axes, voxels: NDArray[np.float32], panel: Panel, plane: Plane, view: View, scale: Normalize
) -> None:
    picture = _slice(voxels, plane, view)
    horizontal_mm, vertical_mm = np.delete(voxel_sizes(view.affine), plane.axis)
    colours = CHANGE_COLOURS if panel.is_change else "gray"
    axis.imshow(picture, cmap=colours, norm=scale, aspect=vertical_mm / horizontal_mm, origin="lower")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_facecolor(BACKGROUND)
    for spine in axis.spines.values():
        spine.set_visible(False)
    at = axis.transAxes
    axis.text(0.02, 0.98, plane.left_edge, color=INK, fontsize=9, ha="left", va="top", transform=at)
    axis.text(0.98, 0.98, plane.right_edge, color=INK, fontsize=9, ha="right", va="top", transform=at)
    if panel.is_predicted or panel.is_change:
        axis.text(0.02, 0.01, panel.mark, color=WARNING_INK, fontsize=9, transform=at)


def _add_colourbars(
    figure: Figure, axes: NDArray, panels: Sequence[Panel], gray: Normalize, change: Normalize
) -> None:
    """One bar under the gray columns, one under those that show change."""
    for is_change, scale, colours, words in (
        (False, gray, "gray", "T1 intensity"),
        (True, change, CHANGE_COLOURS, "change (blue: darker)"),
    ):
        columns = [index for index, panel in enumerate(panels) if panel.is_change == is_change]
        if not columns:
            continue
        bar = figure.colorbar(
            ScalarMappable(scale, colours),
            ax=axes[:, columns].ravel().tolist(),
            location="bottom",
            shrink=min(1.0, 1.6 / len(columns)),
            aspect=30,
            pad=0.01,
        )
        bar.set_label(words, color=INK, fontsize=9)
        bar.ax.tick_params(colors=INK, labelsize=9)
        bar.outline.set_edgecolor(INK)
