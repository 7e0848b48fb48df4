"""Tables and charts of volumes, and clicks on them."""

from __future__ import annotations

from typing import Any

import pytest

slicer = pytest.importorskip("slicer", reason="needs Slicer's scene: pip install slicer-core")

import vtk  # noqa: E402
from slicer_host import Host  # noqa: E402
from swept_brain import AGES_YEARS, volume_rows  # noqa: E402
from vtk.util.numpy_support import vtk_to_numpy  # noqa: E402

from MRExtrapLib.scene.charts import (  # noqa: E402
    AGE_COLUMN,
    AGE_SHOWN,
    VOLUME_COLUMN,
    clicked_age_years,
    move_age_marker,
    rows_of,
    show_chart,
    show_table,
)
from MRExtrapLib.scene.curves import VolumeCurve, volume_curve  # noqa: E402


def series_of(chart: Any) -> dict[str, Any]:
    """Name in the legend → series."""
    made = [chart.GetNthPlotSeriesNode(number) for number in range(chart.GetNumberOfPlotSeriesNodes())]
    return {series.GetName(): series for series in made}


def points_of(series: Any) -> tuple[tuple[float, float], ...]:
    table = series.GetTableNode().GetTable()
    columns = [vtk_to_numpy(table.GetColumnByName(name)) for name in (AGE_COLUMN, VOLUME_COLUMN)]
    return tuple(zip(*(column.tolist() for column in columns), strict=True))


@pytest.fixture
def a_curve() -> VolumeCurve:
    return volume_curve("hippocampus", volume_rows(), held_out_years=50.0)


def test_all_volumes_come_back_from_the_table(a_source: Any) -> None:
    rows = (*volume_rows(), *volume_rows(has_bounds=False)[-1:])
    table = show_table(a_source, rows)
    assert len(rows_of(table)) == len(rows)
    assert set(rows_of(table)) == set(rows)


def test_a_chart_shows_each_part_as_a_series_of_its_own(a_source: Any, a_curve: VolumeCurve) -> None:
    chart = show_chart(a_source, a_curve, 52.5)
    series = series_of(chart)
    assert points_of(series["observed"]) == a_curve.observed
    assert set(points_of(series["observed, held out"])) == set(a_curve.held_out)
    assert points_of(series["predicted"]) == a_curve.within
    assert points_of(series["extrapolated"]) == a_curve.after
    assert points_of(series["95 % from"]) == a_curve.low
    assert points_of(series["95 % to"]) == a_curve.high
    assert "extrapolated, earlier" not in series
    assert [age for age, _ in points_of(series[AGE_SHOWN])] == [52.5, 52.5]
    assert "Predicted, research use, not for diagnosis" in chart.GetTitle()


def test_every_series_is_long_enough_for_a_line(a_source: Any, a_curve: VolumeCurve) -> None:
    assert len(a_curve.held_out) == 1
    series = series_of(show_chart(a_source, a_curve, 52.5)).values()
    assert min(len(points_of(one)) for one in series) >= 2


def test_bounds_are_dashed_and_points_are_points(a_source: Any, a_curve: VolumeCurve) -> None:
    series = series_of(show_chart(a_source, a_curve, 52.5))
    observed, low = series["observed"], series["95 % from"]
    assert (low.GetLineStyle(), low.GetMarkerStyle()) == (low.LineStyleDash, low.MarkerStyleNone)
    assert (observed.GetLineStyle(), observed.GetMarkerStyle()) == (
        observed.LineStyleNone,
        observed.MarkerStyleCircle,
    )
    styles = [series[name].GetLineStyle() for name in ("predicted", "extrapolated")]
    assert styles[0] != styles[1]


def test_a_second_forecast_updates_the_chart(host: Host, a_source: Any, a_curve: VolumeCurve) -> None:
    chart = show_chart(a_source, a_curve, 52.5)
    series_of(chart)["observed"].SetColor(0, 1, 0)
    before = host.scene.GetNumberOfNodes()
    again = show_chart(a_source, volume_curve("hippocampus", volume_rows(has_bounds=False)), 60.0)
    assert again is chart
    assert host.scene.GetNumberOfNodes() == before
    assert "95 % from" not in series_of(chart)
    assert len(points_of(series_of(chart)["observed"])) == 3
    assert series_of(chart)["observed"].GetColor() == (0, 1, 0), "the user's own colour was lost"


def test_the_marker_moves_in_every_chart_and_nothing_else_does(a_source: Any) -> None:
    curves = [volume_curve(region, volume_rows()) for region in ("hippocampus", "ventricles")]
    charts = [show_chart(a_source, curve, 52.5) for curve in curves]
    before = [points_of(series_of(chart)["extrapolated"]) for chart in charts]
    move_age_marker(a_source, 61.25)
    for chart in charts:
        marker = points_of(series_of(chart)[AGE_SHOWN])
        assert [age for age, _ in marker] == [61.25, 61.25]
    assert [points_of(series_of(chart)["extrapolated"]) for chart in charts] == before


def test_a_click_on_a_point_tells_its_age(host: Host, a_source: Any, a_curve: VolumeCurve) -> None:
    series = series_of(show_chart(a_source, a_curve, 52.5))
    for number, age in ((1, AGES_YEARS[3]), (4, AGES_YEARS[6])):
        assert points_of(series["extrapolated"])[number][0] == pytest.approx(a_curve.after[number][0])
        assert (
            clicked(host, (series[AGE_SHOWN], 0), (series["extrapolated"], number))
            == a_curve.after[number][0]
        )
        assert age in [point[0] for point in a_curve.after]


def test_a_click_beside_the_points_tells_none(host: Host, a_source: Any, a_curve: VolumeCurve) -> None:
    series = series_of(show_chart(a_source, a_curve, 52.5))
    assert clicked(host) is None
    assert clicked(host, (series[AGE_SHOWN], 1)) is None


def clicked(host: Host, *points: tuple[Any, int]) -> float | None:
    """What a plot view says of selected points, and what is made of it."""
    ids, selections = vtk.vtkStringArray(), vtk.vtkCollection()
    for series, number in points:
        ids.InsertNextValue(series.GetID())
        chosen = vtk.vtkIdTypeArray()
        chosen.InsertNextValue(number)
        selections.AddItem(chosen)
    return clicked_age_years(host.scene, ids, selections)
