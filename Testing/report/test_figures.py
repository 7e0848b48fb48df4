"""Figures say what they show; their pixels are looked at by people, their words and limits by tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeConformer, fake_engine, fake_visits
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from MRExtrapLib.errors import InputError
from MRExtrapLib.forecast.pipeline import forecast
from MRExtrapLib.forecast.result import VolumeRow
from MRExtrapLib.forecast.subject import Request, Subject
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.report.figures import change_since, draw_forecast, meeting_point_mm, prediction_figure
from MRExtrapLib.report.marking import RESEARCH_USE, save_png
from MRExtrapLib.report.slices import Panel, slices_figure
from MRExtrapLib.report.volumes_plot import VolumeHistory, volumes_figure

AXIAL, CORONAL, SAGITTAL = range(3)


@pytest.fixture
def panels(a_head: Volume) -> list[Panel]:
    change = a_head.with_voxels(np.where(a_head.voxels > 1, -0.1 * a_head.voxels, 0))
    return [
        Panel("last scan, 70.0 y", a_head),
        Panel("predicted, 75.0 y", a_head, is_predicted=True),
        Panel("predicted − last, +5.0 y", change, is_change=True),
    ]


@pytest.fixture
def history() -> VolumeHistory:
    observed = [VolumeRow("observed", age, "hippocampus", 7.0 - 0.1 * age) for age in (0, 2)]
    again = [VolumeRow("reconstructed", age, "hippocampus", 6.5 - 0.1 * age) for age in (0, 2)]
    predicted = VolumeRow("predicted", 5, "hippocampus", 6.5, 6.3, 6.7)
    return VolumeHistory((*observed, *again), (predicted,))


def words_in(figure: Figure) -> str:
    return " | ".join(text.get_text() for text in figure.findobj(Text))


def picture(axis: Axes) -> np.ndarray:
    return np.asarray(axis.get_images()[0].get_array().filled(np.nan))


def test_a_figure_of_slices_says_that_it_is_a_prediction(panels: list[Panel]) -> None:
    words = words_in(slices_figure(panels, "A head"))
    assert RESEARCH_USE in words
    assert all(panel.title in words for panel in panels)
    assert words.count("predicted |") >= 6  # three slices each of the prediction and of the change


def test_changes_are_coloured_about_zero(panels: list[Panel]) -> None:
    image = slices_figure(panels, "A head").axes[2].get_images()[0]
    low, high = image.get_clim()
    assert low == -high < 0


def test_the_same_head_gives_the_same_slices_in_any_orientation(a_head_in) -> None:
    drawn = [
        picture(slices_figure([Panel("scan", a_head_in(orientation))], "A head").axes[AXIAL])
        for orientation in ("RAS", "LAS", "LPS")
    ]
    for other in drawn[1:]:
        np.testing.assert_allclose(other, drawn[0], atol=1e-3)


def test_the_patients_left_is_on_the_right_and_the_face_of_a_sagittal_slice_on_the_left(
    a_head: Volume,
) -> None:
    marked = a_head.voxels.copy()
    left_front = np.linalg.inv(a_head.affine) @ [-40, 40, 0, 1]
    at = tuple(np.rint(left_front[:3]).astype(int))
    marked[at] = 1000
    figure = slices_figure(
        [Panel("scan", a_head.with_voxels(marked))], "A head", np.array([-40.0, 40.0, 0.0])
    )
    for plane, is_right in ((AXIAL, True), (CORONAL, True), (SAGITTAL, False)):
        shown = picture(figure.axes[plane])
        column = np.unravel_index(np.nanargmax(shown), shown.shape)[1]
        assert (column > shown.shape[1] / 2) == is_right


def test_volumes_on_different_grids_are_not_compared(a_head: Volume, an_oblique_head: Volume) -> None:
    with pytest.raises(InputError, match="one grid"):
        slices_figure([Panel("a", a_head), Panel("b", an_oblique_head)], "Two heads")


def test_an_empty_scan_is_refused(a_head: Volume) -> None:
    with pytest.raises(InputError, match="empty"):
        slices_figure([Panel("a", a_head.with_voxels(np.zeros(a_head.shape)))], "Nothing")


def test_slices_meet_where_the_structures_lie() -> None:
    labels = np.zeros((10, 10, 10), np.int16)
    labels[2, 4, 8], labels[6, 4, 8], labels[2, 7, 1] = 4, 43, 17
    point = meeting_point_mm(labels, np.diag([2.0, 2.0, 2.0, 1.0]))
    assert point is not None
    assert point.tolist() == [4.0, 14.0, 16.0]
    assert meeting_point_mm(np.zeros_like(labels), np.eye(4)) is None


def test_the_extrapolated_part_is_named_and_units_are_given(history: VolumeHistory) -> None:
    words = words_in(volumes_figure(history))
    for expected in ("extrapolated", "volume (ml)", "age (years)", "95 % interval", RESEARCH_USE):
        assert expected in words


def test_nothing_is_called_extrapolated_between_the_scans(history: VolumeHistory) -> None:
    between = VolumeHistory(history.fitted, (VolumeRow("predicted", 1, "hippocampus", 6.9),))
    assert "extrapolated" not in words_in(volumes_figure(between))


def test_an_endless_interval_does_not_hide_the_points(history: VolumeHistory) -> None:
    endless = VolumeHistory(history.fitted, (VolumeRow("predicted", 5, "hippocampus", 6.5, 0.0, 60.0),))
    figure = volumes_figure(endless)
    assert figure.axes[0].get_ylim()[1] < 10
    assert "reaches 0.0 to 60.0 ml" in words_in(figure)


def test_the_line_joins_what_is_predicted_and_no_scan(history: VolumeHistory) -> None:
    earlier = VolumeRow("predicted", 1, "hippocampus", 6.6)
    (axis,) = volumes_figure(VolumeHistory(history.fitted, (*history.predicted, earlier))).axes
    joined = [line.get_xydata().tolist() for line in axis.get_lines() if line.get_linestyle() == "--"]
    assert joined == [[[1, 6.6], [5, 6.5]]]


def test_a_plot_without_any_scan_is_refused() -> None:
    with pytest.raises(InputError, match="at least one observed scan"):
        VolumeHistory((), ())


def test_the_file_itself_says_that_it_is_a_prediction(history: VolumeHistory, tmp_path: Path) -> None:
    with Image.open(save_png(volumes_figure(history), tmp_path / "volumes.png")) as image:
        assert image.text["Description"] == RESEARCH_USE


def test_a_forecast_is_drawn_with_its_held_out_truth(tmp_path: Path) -> None:
    request = Request((8, 76.5), has_last_held_out=True)
    made = forecast(Subject(fake_visits(70, 72, 74)), request, fake_engine(0.9))
    drawn = draw_forecast(made, tmp_path)
    names = {path.name for path in drawn}
    assert names == {"volumes.png", "slices_age-08.00.png", "slices_age-74.00.png"}
    assert all(path.stat().st_size > 0 for path in drawn)
    assert made.held_out is not None
    assert "held-out scan, 74.0 y" in words_in(prediction_figure(made, made.held_out.prediction))


def test_a_brain_that_only_an_earlier_visit_has_is_no_change() -> None:
    engine = replace(fake_engine(), conformer=FakeConformer(slices_lost=1))
    made = forecast(Subject(fake_visits(70, 72)), Request((72,), image="plain"), engine)
    last = made.observations[-1]
    change = change_since(last, made.predictions[0]).voxels
    assert not last.conformed.brain.all()
    np.testing.assert_array_equal(np.isfinite(change), last.conformed.brain)
    np.testing.assert_allclose(change[last.conformed.brain], 0, atol=1e-5)
