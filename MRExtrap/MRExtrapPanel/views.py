"""Slicer's views: what they show, the notice in each that shows a prediction, and clicks on the curve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer
from slicer.util import VTKObservationMixin
from vtk import VTK_OBJECT, calldata_type, vtkCommand

from MRExtrapLib.scene.charts import clicked_age_years
from MRExtrapLib.scene.maps import MAP_OPACITY
from MRExtrapLib.scene.notice import mark_view
from MRExtrapLib.scene.ownership import IMAGE_KIND, PART, ROLE, SOURCE, Role
from MRExtrapLib.scene.segmentation import confine, is_drawn_in

PREDICTED = {Role.PREDICTED.word, Role.BETWEEN.word, Role.CHANGE.word, Role.UNCERTAINTY.word}
"""Roles of volumes that no scanner took."""

LEFT, RIGHT = "Red", "Yellow"
"""Slice views of the side-by-side layout."""


def is_predicted(node: slicer.vtkMRMLNode | None) -> bool:
    """Whether a volume was made by the model."""
    if node is None:
        return False
    is_reconstructed = node.GetAttribute(ROLE) == Role.VISIT.word and node.GetAttribute(PART) != "observed"
    return node.GetAttribute(ROLE) in PREDICTED or is_reconstructed


class SlicerViews(VTKObservationMixin):
    """The application's layout, slice views and plot view.

    Args:
        go_to_age: told the age of a point of the curve that was clicked.
        image_changed: told that a predicted image is another, whoever chose it.
    """

    def __init__(self, go_to_age: Callable[[float], None], image_changed: Callable[[], None]) -> None:
        super().__init__()
        self._go_to_age = go_to_age
        self._tell_image_changed = image_changed
        self._layout_before: int | None = None
        self._orientation_before = ""
        self._plot_views: list = []
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.NodeAddedEvent, self._node_added)
        self.watch()

    def watch(self) -> None:
        """Keeps the notice true in every view that is there, whoever fills it: a saved scene may."""
        for node in (*_composites(), *_solid_views()):
            self._hear(node)
        self.mark()

    def show(self, background: slicer.vtkMRMLNode, over: slicer.vtkMRMLNode | None = None) -> None:
        """One volume, and a map over it, in every slice view."""
        self._leave_side_by_side()
        for composite in _composites():
            self._fill(composite, background, over)

    def show_side_by_side(self, left: slicer.vtkMRMLNode, right: slicer.vtkMRMLNode) -> None:
        """Two volumes next to each other, cut alike and moving together."""
        self._enter_side_by_side()
        for composite in _composites():
            if composite.GetLayoutName() in (LEFT, RIGHT):
                composite.SetLinkedControl(True)
                self._fill(composite, left if composite.GetLayoutName() == LEFT else right, None)

    def chart(self, chart: slicer.vtkMRMLPlotChartNode) -> None:
        """The chart that plot views show, as soon as one is open."""
        for view in slicer.util.getNodesByClass("vtkMRMLPlotViewNode"):
            view.SetPlotChartNodeID(chart.GetID())
        self._hear_clicks()

    def open_plot(self) -> None:
        """Makes room for the curve beside the slices."""
        self._leave_side_by_side()
        self._set_layout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpPlotView)

    def close(self) -> None:
        """Lets go of all views; what they show stays, but for the notice, which nobody would keep true."""
        self.removeObservers()
        for view in (*_composites(), *_solid_views()):
            _write(view, is_marked=False)
        for view in self._plot_views:
            view.disconnect("dataSelected(vtkStringArray*,vtkCollection*)", self._clicked)
        self._plot_views = []

    def mark(self) -> None:
        """Writes the notice into each view that shows a prediction, and takes it from the others.

        Predicted structures are drawn over their own image alone: first they go from all other views.
        """
        labels = _in_role(Role.SEGMENTATION)
        for node in _in_role(Role.PREDICTED):
            if not self.hasObserver(node, vtkCommand.ModifiedEvent, self._image_changed):
                self.addObserver(node, vtkCommand.ModifiedEvent, self._image_changed)
        for node in labels:
            self._hear(node)
            self._hear(node, node.DisplayModifiedEvent)
            self._hear(node, node.GetSegmentation().ContainedRepresentationNamesModified)  # as by Show 3D
            confine(node, _views_of(node))
        for composite in _composites():
            predicted = [node for node in _shown(composite) if is_predicted(node)]
            kinds = [kind for node in predicted if (kind := node.GetAttribute(IMAGE_KIND))]
            view = _slice(composite.GetLayoutName())
            is_drawn = view is not None and any(is_drawn_in(node, view) for node in labels)
            _write(composite, bool(predicted) or is_drawn, kinds[0] if kinds else "")
        for view in _solid_views():
            _write(view, any(is_drawn_in(node, view) for node in labels))

    def _fill(
        self,
        composite: slicer.vtkMRMLSliceCompositeNode,
        background: slicer.vtkMRMLNode,
        over: slicer.vtkMRMLNode | None,
    ) -> None:
        composite.SetBackgroundVolumeID(background.GetID())
        composite.SetForegroundVolumeID(over.GetID() if over is not None else None)
        composite.SetForegroundOpacity(MAP_OPACITY if over is not None else 0.0)
        self.mark()

    def _hear(self, node: slicer.vtkMRMLNode, event: int = vtkCommand.ModifiedEvent) -> None:
        if not self.hasObserver(node, event, self._view_changed):
            self.addObserver(node, event, self._view_changed)

    @calldata_type(VTK_OBJECT)
    def _node_added(self, caller: object, event: object, node: slicer.vtkMRMLNode) -> None:
        is_view = node.IsA("vtkMRMLSliceCompositeNode") or node.IsA("vtkMRMLViewNode")
        if is_view:  # of a layout with more views
            self._hear(node)

    def _view_changed(self, caller: object, event: object) -> None:
        self.mark()

    def _image_changed(self, caller: object, event: object) -> None:
        self.mark()
        self._tell_image_changed()

    def _enter_side_by_side(self) -> None:
        manager = slicer.app.layoutManager()
        if self._layout_before is not None or manager is None:
            return
        self._layout_before = manager.layout
        self._set_layout(slicer.vtkMRMLLayoutNode.SlicerLayoutSideBySideView)
        left, right = _slice(LEFT), _slice(RIGHT)
        if left is not None and right is not None:
            self._orientation_before = right.GetOrientation()
            right.SetOrientation(left.GetOrientation())

    def _leave_side_by_side(self) -> None:
        if self._layout_before is None:
            return
        self._set_layout(self._layout_before)
        right = _slice(RIGHT)
        if right is not None and self._orientation_before:
            right.SetOrientation(self._orientation_before)
        self._layout_before = None

    def _set_layout(self, layout: int) -> None:
        manager = slicer.app.layoutManager()
        if manager is not None:
            manager.setLayout(layout)
            self._hear_clicks()

    def _hear_clicks(self) -> None:
        manager = slicer.app.layoutManager()
        for index in range(manager.plotViewCount if manager is not None else 0):
            view = manager.plotWidget(index).plotView()
            if view not in self._plot_views:
                view.connect("dataSelected(vtkStringArray*,vtkCollection*)", self._clicked)
                self._plot_views.append(view)

    def _clicked(self, series_ids: object, selections: object) -> None:
        age = clicked_age_years(slicer.mrmlScene, series_ids, selections)
        if age is not None:
            self._go_to_age(age)


def _composites() -> list[slicer.vtkMRMLSliceCompositeNode]:
    """What each slice view shows."""
    return slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")


def _solid_views() -> list[slicer.vtkMRMLViewNode]:
    """The 3D views."""
    return slicer.util.getNodesByClass("vtkMRMLViewNode")


def _slice(name: str) -> slicer.vtkMRMLSliceNode | None:
    nodes = slicer.util.getNodesByClass("vtkMRMLSliceNode")
    return next((node for node in nodes if node.GetLayoutName() == name), None)


def _shown(composite: slicer.vtkMRMLSliceCompositeNode) -> list[slicer.vtkMRMLNode]:
    """The volumes in a slice view."""
    ids = (composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID())
    nodes = (slicer.mrmlScene.GetNodeByID(one) for one in ids if one)
    return [node for node in nodes if node is not None]


def _in_role(role: Role) -> list[slicer.vtkMRMLNode]:
    """The nodes of all forecasts that play a role."""
    nodes = slicer.util.getNodesByClass(role.node_class)
    return [node for node in nodes if node.GetAttribute(ROLE) == role.word]


def _views_of(labels: slicer.vtkMRMLSegmentationNode) -> set[str] | None:
    """Where a segmentation belongs: slices of its image, 3D unless a mixture is shown; None for all."""
    shown = {
        view.GetID(): {
            node.GetAttribute(ROLE)
            for node in _shown(composite)
            if node.GetNodeReferenceID(SOURCE) == labels.GetNodeReferenceID(SOURCE)
        }
        for composite in _composites()
        if (view := _slice(composite.GetLayoutName())) is not None
    }
    own = {view_id for view_id, roles in shown.items() if Role.PREDICTED.word in roles}
    is_mixed = any(Role.BETWEEN.word in roles for roles in shown.values())
    if len(own) == len(shown):
        return None
    return own if is_mixed else own.union(view.GetID() for view in _solid_views())


def _write(
    view: slicer.vtkMRMLSliceCompositeNode | slicer.vtkMRMLViewNode, is_marked: bool, kind: str = ""
) -> None:
    drawn = _drawing_of(view)
    if drawn is not None:
        mark_view(drawn.cornerAnnotation(), is_marked, kind)
        drawn.scheduleRender()


def _drawing_of(node: slicer.vtkMRMLSliceCompositeNode | slicer.vtkMRMLViewNode) -> Any | None:
    """The Qt widget that draws a view; None while its layout is not open."""
    manager = slicer.app.layoutManager()
    if manager is None:
        return None
    if node.IsA("vtkMRMLSliceCompositeNode"):
        widget = manager.sliceWidget(node.GetLayoutName())
        return widget.sliceView() if widget is not None else None
    views = (manager.threeDWidget(index).threeDView() for index in range(manager.threeDViewCount))
    return next((view for view in views if view.mrmlViewNode().GetID() == node.GetID()), None)
