"""The panel on a stand-in host, from Apply on: real widgets, scene and worker processes.

What it shows holds for names, signals, enabling, parameters, processes and nodes; not for Slicer's looks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from panel_desk import need_stand_in, wait_until

if TYPE_CHECKING:
    from MRExtrapPanel.panel import Panel
    from panel_host import StandIn

need_stand_in()

AT_LEISURE_S = 1.0
"""At each step of a worker: Cancel comes in time however busy the computer is with other things."""

EXACT = 1e-3
"""float32 rounding of a line through intensities of some hundreds."""


def test_apply_becomes_cancel_with_progress_and_back(make_panel: Callable[..., Panel]) -> None:
    from MRExtrapPanel.selftest import _add_scans, start_linear

    panel = make_panel(start_linear(AT_LEISURE_S))
    _add_scans(panel)
    ui = panel.ui
    ui.applyButton.click()
    wait_until(lambda: ui.progressBar.value > 0)
    assert ui.applyButton.text == "Cancel"
    assert not ui.progressBar.isHidden()
    assert not ui.addButton.enabled
    ui.applyButton.click()
    wait_until(lambda: panel.state.work is None)
    assert (ui.applyButton.text, ui.statusLabel.text) == ("Apply", "Cancelled.")
    assert ui.progressBar.isHidden()
    assert ui.addButton.enabled


def test_the_slider_shows_the_age_it_was_dragged_to_on_the_scans_own_grid(looking: Panel) -> None:
    import slicer
    from MRExtrapPanel.selftest import phantom

    from MRExtrapLib.scene.arrays import affine_of

    for age in (75.0, 75.7, 76.3, 77.0):
        looking.ui.ageSlider.value = age
    wait_until(lambda: looking.state.on_screen_years == 77.0)
    node = looking.stage.predicted_node()
    shown = slicer.util.arrayFromVolume(node).transpose()
    np.testing.assert_allclose(shown, phantom(77.0).voxels, atol=EXACT)
    np.testing.assert_allclose(affine_of(node), phantom(77.0).affine)


def test_a_shown_prediction_says_so_in_name_and_view_and_a_scan_does_not(
    looking: Panel, stand_in: StandIn
) -> None:
    import slicer

    from MRExtrapLib.scene.notice import LOWER_EDGE, RESEARCH_USE

    assert RESEARCH_USE in looking.stage.predicted_node().GetName()
    slices = stand_in.application.manager.slices
    marked = f"{RESEARCH_USE}\nImage: last scan + change"
    assert "predicted, last scan + change" in looking.stage.predicted_node().GetName()
    assert {view.GetText(LOWER_EDGE) for view in slices.values()} == {marked}
    composite = next(
        one
        for one in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
        if one.GetLayoutName() == "Red"
    )
    composite.SetBackgroundVolumeID(looking.state.table.scans[0])
    assert slices["Red"].GetText(LOWER_EDGE) == ""
    assert slices["Green"].GetText(LOWER_EDGE) == marked
    looking.ui.besideButton.click()
    wait_until(lambda: slices["Yellow"].GetText(LOWER_EDGE) == "")
    assert slices["Red"].GetText(LOWER_EDGE) == marked


def test_a_moving_slider_shows_the_decode_and_says_so_and_a_resting_one_the_image_that_is_chosen(
    looking: Panel, stand_in: StandIn
) -> None:
    from MRExtrapLib.scene.notice import LOWER_EDGE

    red = stand_in.application.manager.slices["Red"]
    looking.ui.ageSlider.value = 77.0
    wait_until(lambda: looking.state.on_screen_years == 77.0)
    assert "Image: as decoded" in red.GetText(LOWER_EDGE)
    wait_until(lambda: looking.state.on_screen_image == "added")
    assert "Image: last scan + change" in red.GetText(LOWER_EDGE)
    assert looking.state.volume_lines[0].predicted_ml is not None
    looking.ui.imageBox.currentIndex = 2
    wait_until(lambda: looking.state.on_screen_image == "plain")
    assert "as decoded" in looking.ui.statusLabel.text
    assert "predicted, as decoded" in looking.stage.predicted_node().GetName()


def test_a_click_on_the_curve_goes_to_that_age(looking: Panel, stand_in: StandIn) -> None:
    import slicer
    import vtk

    from MRExtrapLib.scene.ownership import Role, find

    looking.ui.regionBox.currentIndex = looking.ui.regionBox.findText("White matter")
    looking.ui.curveButton.click()
    source = slicer.mrmlScene.GetNodeByID(looking.state.table.scans[-1])
    chart = find(source, Role.CHART, "white_matter")
    series_ids, points = vtk.vtkStringArray(), vtk.vtkIdTypeArray()
    names = [chart.GetNthPlotSeriesNode(n).GetName() for n in range(chart.GetNumberOfPlotSeriesNodes())]
    series_ids.InsertNextValue(chart.GetNthPlotSeriesNode(names.index("observed")).GetID())
    points.InsertNextValue(1)
    selected = vtk.vtkCollection()
    selected.AddItem(points)
    stand_in.application.manager.plot.dataSelected.emit(series_ids, selected)
    wait_until(lambda: looking.state.on_screen_years == 72.0)
    assert looking.ui.ageSlider.value == 72.0


def test_play_runs_through_the_ages_and_leaves_a_sequence(looking: Panel) -> None:
    import slicer

    from MRExtrapLib.scene.ages import AgeSequence

    ui = looking.ui
    ui.sweepStartBox.value, ui.sweepEndBox.value, ui.sweepStepBox.value = 74.0, 76.0, 1.0
    ui.playButton.click()
    seen = []

    def is_over() -> bool:
        seen.append(looking.state.on_screen_years)
        return looking.state.swept != () and looking.state.playing is None

    wait_until(is_over)
    assert [age for age, before in zip(seen[1:], seen, strict=False) if age != before][-3:] == [
        74.0,
        75.0,
        76.0,
    ]
    source = slicer.mrmlScene.GetNodeByID(looking.state.table.scans[-1])
    assert AgeSequence(source).ages_years == (74.0, 75.0, 76.0)


def test_a_phantom_that_ages_in_a_line_is_predicted_without_error_whichever_scan_is_left_out(
    looking: Panel,
) -> None:
    ui = looking.ui
    assert ui.leftOutTable.isHidden()
    assert ui.leaveOutBox.currentIndex == 2
    for visit, place in ((2, "ahead"), (1, "in between"), (0, "back in time")):
        assert ui.leaveOutBox.itemText(visit).startswith(f"{(70, 72, 74)[visit]}.0 y, {place}: ")
        ui.leaveOutBox.currentIndex = visit
        ui.leaveOutButton.click()
        wait_until(lambda visit=visit: getattr(looking.state.left_out, "age_years", 0) == (70, 72, 74)[visit])
        check = looking.state.left_out
        assert check is not None
        assert check.lines
        assert all(line.seen_ml == line.predicted_ml for line in check.lines)
        assert check.name in ui.leftOutLabel.text
        assert not ui.leftOutTable.isHidden()
        errors = [ui.leftOutTable.item(row, 3).text() for row in range(ui.leftOutTable.rowCount())]
        assert errors == ["" if line.error_percent is None else "+0.0 %" for line in check.lines]
    assert looking.state.can_look


def test_choices_travel_to_the_worker_and_ask_for_apply_again(looking: Panel) -> None:
    looking.ui.methodBox.currentIndex = 2
    looking.ui.deviceBox.currentIndex = 1
    assert (looking.state.choices.method, looking.state.choices.device) == ("linear", "cpu")
    assert "press Apply" in looking.ui.statusLabel.text


def test_two_visits_are_mixed_by_the_slider(looking: Panel) -> None:
    import slicer

    from MRExtrapLib.scene.ownership import Role, find

    source = slicer.mrmlScene.GetNodeByID(looking.state.table.scans[-1])
    looking.ui.alphaSlider.value = 1.0
    wait_until(lambda: find(source, Role.BETWEEN) is not None)
    mixed = slicer.util.arrayFromVolume(find(source, Role.BETWEEN))
    first = slicer.util.arrayFromVolume(slicer.mrmlScene.GetNodeByID(looking.state.table.scans[0]))
    np.testing.assert_allclose(mixed, first, atol=EXACT)


def test_the_curve_is_of_the_region_in_the_box_after_apply_again_too(looking: Panel) -> None:
    import slicer

    from MRExtrapLib.scene.ownership import Role, find

    ui = looking.ui
    source = slicer.mrmlScene.GetNodeByID(looking.state.table.scans[-1])
    assert ui.regionBox.currentText == "Ventricles", "the first that this worker knows"
    assert find(source, Role.CHART, "ventricles") is not None
    ui.regionBox.currentIndex = ui.regionBox.findText("White matter")
    apply_again(looking)
    assert ui.regionBox.currentText == "White matter"
    assert looking.state.drawn_region == "white_matter"


def apply_again(panel: Panel) -> None:
    panel.ui.applyButton.click()
    wait_until(lambda: panel.state.can_look and panel.state.on_screen_years is not None)


def test_another_person_gets_a_scale_of_change_of_their_own(looking: Panel) -> None:
    import slicer

    from MRExtrapLib.scene.ownership import Role, find

    source = slicer.mrmlScene.GetNodeByID(looking.state.table.scans[-1])
    looking.ui.changeButton.click()
    wait_until(lambda: find(source, Role.CHANGE) is not None and not looking.state.is_decoding)
    display = find(source, Role.CHANGE).GetDisplayNode()
    before = display.GetWindow()
    display.SetWindowLevelMinMax(-EXACT, EXACT)
    apply_again(looking)
    assert display.GetWindow() == before


def test_one_way_to_look_is_always_marked(looking: Panel) -> None:
    ui = looking.ui
    buttons = (ui.predictedButton, ui.changeButton, ui.uncertaintyButton, ui.besideButton)
    for __ in range(2):
        ui.changeButton.click()
        assert [button.checked for button in buttons] == [False, True, False, False]
    ui.predictedButton.click()
    assert [button.checked for button in buttons] == [True, False, False, False]


def test_a_view_that_a_layout_adds_is_marked_as_soon_as_it_shows_a_prediction(
    looking: Panel, stand_in: StandIn
) -> None:
    import slicer
    from panel_host import SliceView, add_slice_view

    from MRExtrapLib.scene.notice import LOWER_EDGE, RESEARCH_USE

    slices = stand_in.application.manager.slices
    slices["Extra"] = SliceView()
    try:
        added = add_slice_view(slicer.mrmlScene, "Extra")
        added[-1].SetBackgroundVolumeID(looking.stage.predicted_node().GetID())
        assert RESEARCH_USE in slices["Extra"].GetText(LOWER_EDGE)
    finally:
        for node in added:
            slicer.mrmlScene.RemoveNode(node)
        del slices["Extra"]
