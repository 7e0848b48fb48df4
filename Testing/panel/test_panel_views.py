"""The panel's views on a stand-in host: predicted structures lie over their own image, and wherever they are
drawn the notice is.

What it shows holds for nodes and for what is written over views; not for what Slicer draws.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from panel_desk import need_stand_in, wait_until

if TYPE_CHECKING:
    from MRExtrapPanel.panel import Panel
    from panel_host import StandIn

need_stand_in()

ALL = {"Red", "Yellow", "Green", "1"}
"""The views of the stand-in host, the last one in 3D."""


@pytest.fixture
def labels(looking: Panel) -> Any:
    """The segmentation of the age that is shown after Apply."""
    from MRExtrapLib.scene.segmentation import segment_ids

    node = owned(looking, "SEGMENTATION")
    assert segment_ids(node)
    return node


@pytest.fixture
def drawn(labels: Any) -> Callable[[], set[str]]:
    """`drawn()`: the views that draw it."""
    import slicer

    from MRExtrapLib.scene.segmentation import is_drawn_in, make_surfaces

    def names() -> set[str]:
        make_surfaces(labels)
        views = (slicer.util.getNodesByClass(f"vtkMRML{kind}Node") for kind in ("Slice", "View"))
        return {view.GetLayoutName() for kind in views for view in kind if is_drawn_in(labels, view)}

    return names


@pytest.fixture
def marked(stand_in: StandIn) -> Callable[[], set[str]]:
    """`marked()`: the views with the notice."""
    from MRExtrapLib.scene.notice import LOWER_EDGE, RESEARCH_USE

    manager = stand_in.application.manager
    views = manager.slices | {"1": manager.solid}
    return lambda: {name for name, view in views.items() if RESEARCH_USE in view.GetText(LOWER_EDGE)}


def owned(panel: Panel, role: str, part: str = "") -> Any:
    """A node of the forecast."""
    import slicer

    from MRExtrapLib.scene.ownership import Role, find

    return find(slicer.mrmlScene.GetNodeByID(panel.state.table.scans[-1]), Role[role], part)


def composite_of(name: str) -> Any:
    import slicer

    nodes = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    return next(node for node in nodes if node.GetLayoutName() == name)


def test_predicted_structures_lie_over_no_real_scan(
    looking: Panel, drawn: Callable[[], set[str]], marked: Callable[[], set[str]]
) -> None:
    assert drawn() == ALL
    assert marked() == ALL
    looking.ui.besideButton.click()
    wait_until(lambda: "Yellow" not in marked())
    assert drawn() == marked() == ALL - {"Yellow"}
    composite_of("Green").SetBackgroundVolumeID(looking.state.table.scans[0])
    assert drawn() == marked() == {"Red", "1"}
    looking.ui.predictedButton.click()
    wait_until(lambda: "Yellow" in marked())
    assert drawn() == marked() == ALL


def test_predicted_structures_of_an_age_lie_over_no_mixture(
    looking: Panel, drawn: Callable[[], set[str]], marked: Callable[[], set[str]]
) -> None:
    looking.ui.alphaSlider.value = 0.25
    wait_until(lambda: looking.state.mixture is not None)
    assert drawn() == set()
    assert marked() == {"Red", "Yellow", "Green"}
    looking.ui.predictedButton.click()
    wait_until(lambda: looking.state.on_screen_years is not None)
    assert drawn() == marked() == ALL


def test_a_view_is_marked_as_long_as_it_draws_predicted_structures(
    looking: Panel, labels: Any, drawn: Callable[[], set[str]], marked: Callable[[], set[str]]
) -> None:
    assert marked() == ALL - {"1"}, "there are no surfaces yet"
    assert drawn() == marked() == ALL
    display = labels.GetDisplayNode()
    composite_of("Red").SetBackgroundVolumeID(looking.state.table.scans[0])
    display.AddViewNodeID("vtkMRMLSliceNodeRed")  # as the user may wish
    assert drawn() == marked() == ALL
    display.SetVisibility(False)
    assert drawn() == set()
    assert marked() == {"Yellow", "Green"}
    composite_of("Green").SetBackgroundVolumeID(looking.state.table.scans[0])
    looking.ui.ageSlider.value = 77.0
    wait_until(lambda: looking.state.on_screen_years == 77.0 and looking.state.on_screen_image == "added")
    assert drawn() == set(), "what the user hid stays hidden"


def test_the_panel_follows_an_age_that_is_stepped_to_on_slicers_own_toolbar(
    looking: Panel, stand_in: StandIn
) -> None:
    from MRExtrapLib.scene.notice import LOWER_EDGE

    ui, red = looking.ui, stand_in.application.manager.slices["Red"]
    ui.sweepStartBox.value, ui.sweepEndBox.value, ui.sweepStepBox.value = 75.0, 77.0, 1.0
    ui.playButton.click()
    wait_until(lambda: looking.state.swept != () and looking.state.playing is None)
    ui.ageSlider.value = 79.0
    wait_until(lambda: looking.state.on_screen_years == 79.0)
    assert "Image: as decoded" in red.GetText(LOWER_EDGE)
    owned(looking, "AGES").SetSelectedItemNumber(1)
    assert "Image: last scan + change" in red.GetText(LOWER_EDGE)
    wait_until(lambda: looking.state.on_screen_years == 76.0)
    assert ui.ageSlider.value == 76.0
    assert looking.state.on_screen_image == "added"
    assert owned(looking, "AGES").GetSelectedItemNumber() == 1
    series = owned(looking, "CURVE_TABLE", f"{looking.state.drawn_region}/age shown")
    assert series.GetTable().GetValue(0, 0).ToDouble() == 76.0


def test_a_mixture_moves_with_its_second_visit(looking: Panel) -> None:
    import slicer

    for scan in looking.state.table.scans:
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        slicer.mrmlScene.GetNodeByID(scan).SetAndObserveTransformNodeID(transform.GetID())
    looking.interpolate(0, 1, 0.25)
    wait_until(lambda: looking.state.mixture is not None)
    second = slicer.mrmlScene.GetNodeByID(looking.state.table.scans[1])
    assert owned(looking, "BETWEEN").GetTransformNodeID() == second.GetTransformNodeID()


def test_no_toolbar_takes_a_mixture_off_the_screen(looking: Panel, stand_in: StandIn) -> None:
    looking.ui.alphaSlider.value = 0.25
    wait_until(lambda: looking.state.mixture is not None)
    owned(looking, "PREDICTED").SetName("renamed")
    for _ in range(3):
        stand_in.application.processEvents()
    assert looking.state.mixture is not None


def test_a_closed_panel_takes_the_notice_from_all_views(
    looking: Panel, drawn: Callable[[], set[str]], marked: Callable[[], set[str]]
) -> None:
    assert drawn() == marked() == ALL
    looking.close()
    assert marked() == set()
