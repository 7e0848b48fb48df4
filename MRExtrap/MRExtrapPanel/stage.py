"""The worker's results in the scene and in the views, by way of the engine's room `scene`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import slicer

from MRExtrapLib.errors import InputError
from MRExtrapLib.scene.ages import AgeSequence, show_prediction
from MRExtrapLib.scene.arrays import placed, prediction
from MRExtrapLib.scene.charts import move_age_marker, show_chart, show_table
from MRExtrapLib.scene.curves import held_out_years, volume_curve
from MRExtrapLib.scene.hierarchy import arrange
from MRExtrapLib.scene.maps import forget_scales, show_change, show_uncertainty
from MRExtrapLib.scene.ownership import AGE, Role, find
from MRExtrapLib.scene.volumes import show_between, show_visit
from MRExtrapLib.worker.results import Interpolated, Loaded, Predicted, RegionVolume
from MRExtrapPanel.picture import Picture, VoxelsOf
from MRExtrapPanel.translation import tr as _
from MRExtrapPanel.wishes import Between, Shown


class Views(Protocol):
    """The slice, 3D and plot views of the application."""

    def show(self, background: slicer.vtkMRMLNode, over: slicer.vtkMRMLNode | None = None) -> None:
        """One volume, and a map over it, in every slice view."""
        ...

    def show_side_by_side(self, left: slicer.vtkMRMLNode, right: slicer.vtkMRMLNode) -> None:
        """Two volumes next to each other, moving together."""
        ...

    def chart(self, chart: slicer.vtkMRMLPlotChartNode) -> None:
        """The chart that plot views show; they are opened by the user."""
        ...


class SceneStage:
    """Shows the person who is loaded.

    Args:
        views: where to.
        region: whose curve is drawn; asked each time.
    """

    def __init__(self, views: Views, region: Callable[[], str]) -> None:
        self._views = views
        self._region = region
        self._person: Loaded | None = None
        self._source_id = ""
        self._scans: tuple[str, ...] = ()
        self._chosen_age = ""
        self._drawn: tuple = ()
        self._is_arranged = False

    def begin(self, person: Loaded, scans: tuple[str, ...]) -> None:
        """A new person; the reference scan's volume owns all that is made."""
        self._person = person
        self._source_id = scans[person.reference]
        self._scans = scans
        self._chosen_age = ""
        self._drawn = ()
        self._is_arranged = False
        AgeSequence(self._source()).clear()  # ages of an earlier Apply would be another model's
        forget_scales(self._source())

    def show(self, picture: Picture, voxels_of: VoxelsOf) -> None:
        """A picture in the views.

        Raises:
            InputError: the reference scan is no longer in the scene.
        """
        source = self._source()
        if isinstance(picture.wish, Between):
            wish, image = picture.wish, placed(picture.image.image, voxels_of)
            second = slicer.mrmlScene.GetNodeByID(self._scans[wish.second]) or source
            self._chosen_age = ""
            self._views.show(show_between(source, second, image, wish.alpha, picture.image.image_kind))
        else:
            self._show_age(source, picture, voxels_of)
        if not self._is_arranged:
            arrange(source)
            self._is_arranged = True

    def draw(self, rows: tuple[RegionVolume, ...], age_years: float) -> None:
        """Table and chart; drawn anew only when a volume has come, else the mark is moved."""
        source, region = self._source(), self._region()
        if self._drawn != (rows, region):
            show_table(source, rows)
            if any(row.region == region for row in rows):
                held_out = held_out_years(self._person) if self._person else None
                self._views.chart(show_chart(source, volume_curve(region, rows, held_out), age_years))
            self._drawn = (rows, region)
        move_age_marker(source, age_years)

    def keep(self, frames: tuple[Predicted, ...], voxels_of: VoxelsOf) -> None:
        """Stores a sweep as a sequence of ages, which the scene keeps without any worker."""
        sequence = AgeSequence(self._source())
        for frame in frames:
            self._chosen_age = _age_of(sequence.put(prediction(frame, voxels_of), has_surfaces=False).image)
        arrange(self._source())

    def _show_age(
        self, source: slicer.vtkMRMLScalarVolumeNode, picture: Picture, voxels_of: VoxelsOf
    ) -> None:
        predicted = picture.image
        assert not isinstance(predicted, Interpolated)
        made = prediction(predicted, voxels_of)
        sequence = AgeSequence(source)
        is_kept = sequence.image_kind_at(made.age_years) == made.image_kind
        nodes = sequence.select(made.age_years) if is_kept else show_prediction(source, made)
        self._chosen_age = _age_of(nodes.image)
        shown, beside = picture.wish.shown, picture.beside
        if shown is Shown.CHANGE and beside is not None:
            over = show_change(source, made.image, placed(beside.image, voxels_of), made.age_years)
            self._views.show(nodes.image, over)
        elif shown is Shown.UNCERTAINTY and made.uncertainty is not None:
            self._views.show(nodes.image, show_uncertainty(source, made.uncertainty, made.age_years))
        elif shown is Shown.SIDE_BY_SIDE and beside is not None:
            assert self._person is not None
            name = self._person.visits[beside.visit].name
            real = show_visit(source, placed(beside.image, voxels_of), name, "observed")
            self._views.show_side_by_side(nodes.image, real)
        else:
            self._views.show(nodes.image)

    def stepped_to_years(self) -> float | None:
        """The age of the predicted image if it was chosen elsewhere, as on Slicer's sequence toolbar.

        At the same age an image of another kind may take the place of one that passed, and may stay.
        """
        node = self.predicted_node() if self._chosen_age else None
        is_stepped = node is not None and _age_of(node) != self._chosen_age
        return AgeSequence(self._source()).shown_age_years if is_stepped else None

    def predicted_node(self) -> slicer.vtkMRMLScalarVolumeNode | None:
        """The volume node that shows the prediction; None before there is one."""
        return find(self._source(), Role.PREDICTED) if self._source_id else None

    def _source(self) -> slicer.vtkMRMLScalarVolumeNode:
        source = slicer.mrmlScene.GetNodeByID(self._source_id) if self._source_id else None
        if source is None:
            msg = _("The reference scan is no longer in the scene; load it again and press Apply.")
            raise InputError(msg)
        return source


def _age_of(node: slicer.vtkMRMLScalarVolumeNode) -> str:
    return node.GetAttribute(AGE) or ""
