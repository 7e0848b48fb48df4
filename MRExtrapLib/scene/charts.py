"""Volumes as table and chart: what the numbers of a forecast look like beside its images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import slicer
import vtk

from MRExtrapLib.scene.curves import Point, VolumeCurve
from MRExtrapLib.scene.notice import RESEARCH_USE, name_of
from MRExtrapLib.scene.ownership import PART, ROLE, Role, find, find_or_make, owned_nodes
from MRExtrapLib.worker.results import RegionVolume

AGE_COLUMN, VOLUME_COLUMN = "age (years)", "volume (ml)"

COLUMNS = ("kind", "age_years", "region", "volume_ml", "low_ml", "high_ml")
"""Of the table of all volumes, as in volumes.csv; in words, so that a bound that is not known stays empty."""

AGE_SHOWN = "age shown"
"""The series that marks the age in the views."""

MARGIN = 0.05
"""Of the volumes' range, that the marker reaches over them."""

INK, PREDICTED_INK, HELD_OUT_INK, MARKER_INK = (
    (0.11, 0.11, 0.11),
    (0.77, 0.34, 0.04),
    (0.04, 0.38, 0.64),
    (0.45, 0.45, 0.45),
)


@dataclass(frozen=True)
class Look:
    """How a series is drawn; told apart by shape too, so that a gray print still reads."""

    color: tuple[float, float, float]
    line: str = "LineStyleNone"
    marker: str = "MarkerStyleNone"
    width: float = 2.0


LOOKS = {
    "observed": Look(INK, marker="MarkerStyleCircle"),
    "observed, held out": Look(HELD_OUT_INK, marker="MarkerStyleSquare"),
    "predicted": Look(PREDICTED_INK, line="LineStyleSolid", marker="MarkerStyleDiamond"),
    "extrapolated, earlier": Look(PREDICTED_INK, line="LineStyleDot", marker="MarkerStyleDiamond"),
    "extrapolated": Look(PREDICTED_INK, line="LineStyleDot", marker="MarkerStyleDiamond"),
    "95 % from": Look(PREDICTED_INK, line="LineStyleDash", width=1.0),
    "95 % to": Look(PREDICTED_INK, line="LineStyleDash", width=1.0),
    AGE_SHOWN: Look(MARKER_INK, line="LineStyleDashDot", width=1.5),
}
"""Name of a series, as the legend has it → how it is drawn."""


def show_table(
    source: slicer.vtkMRMLScalarVolumeNode, rows: Sequence[RegionVolume]
) -> slicer.vtkMRMLTableNode:
    """All volumes of a forecast as one table, ordered by region, kind and age."""
    node = find_or_make(source, Role.TABLE)
    node.SetName(name_of(source.GetName(), "volumes"))
    ordered = sorted(rows, key=lambda row: (row.region, row.kind, row.age_years))
    table = vtk.vtkTable()
    for name in COLUMNS:
        _add_column(table, vtk.vtkStringArray(), name, [_words(getattr(row, name)) for row in ordered])
    node.SetAndObserveTable(table)
    return node


def rows_of(table: slicer.vtkMRMLTableNode) -> tuple[RegionVolume, ...]:
    """The volumes that `show_table` wrote, also after the scene was saved and loaded."""
    values = table.GetTable()

    def at(row: int, name: str) -> str:
        return values.GetValueByName(row, name).ToString()

    def number(row: int, name: str) -> float | None:
        words = at(row, name)
        return float(words) if words else None

    return tuple(
        RegionVolume(
            kind=at(row, "kind"),
            age_years=float(at(row, "age_years")),
            region=at(row, "region"),
            volume_ml=float(at(row, "volume_ml")),
            low_ml=number(row, "low_ml"),
            high_ml=number(row, "high_ml"),
        )
        for row in range(values.GetNumberOfRows())
    )


def show_chart(
    source: slicer.vtkMRMLScalarVolumeNode, curve: VolumeCurve, shown_age_years: float
) -> slicer.vtkMRMLPlotChartNode:
    """A region's chart: points, line, dashed bounds, the extrapolated part apart, and the age shown."""
    chart = find_or_make(source, Role.CHART, curve.region)
    words = curve.region.replace("_", " ")
    chart.SetName(name_of(source.GetName(), words))
    chart.SetTitle(f"{words} – {RESEARCH_USE}")
    chart.SetXAxisTitle(AGE_COLUMN)
    chart.SetYAxisTitle(VOLUME_COLUMN)
    chart.RemoveAllPlotSeriesNodeIDs()
    for name, points in (*_parts(curve), (AGE_SHOWN, _marker(curve, shown_age_years))):
        if points:
            chart.AddAndObservePlotSeriesNodeID(_series(source, curve.region, name, points).GetID())
    return chart


def move_age_marker(source: slicer.vtkMRMLScalarVolumeNode, age_years: float) -> None:
    """Moves the mark of the age shown, in every chart of the forecast."""
    for table in owned_nodes(source):
        if table.GetAttribute(ROLE) != Role.CURVE_TABLE.word:
            continue
        if (table.GetAttribute(PART) or "").endswith(f"/{AGE_SHOWN}"):
            ages = table.GetTable().GetColumnByName(AGE_COLUMN)
            for row in range(ages.GetNumberOfTuples()):
                ages.SetValue(row, age_years)
            ages.Modified()
            table.GetTable().Modified()
            table.Modified()


def clicked_age_years(
    scene: slicer.vtkMRMLScene, series_ids: vtk.vtkStringArray, selections: vtk.vtkCollection
) -> float | None:
    """The age of the point that was clicked, from what a plot view's `dataSelected` says; None off points.

    Args:
        series_ids: of the series that have a selection.
        selections: for each of them, a vtkIdTypeArray of its points.
    """
    for index in range(series_ids.GetNumberOfValues()):
        series = scene.GetNodeByID(series_ids.GetValue(index))
        points = selections.GetItemAsObject(index)
        if series is None or series.GetTableNode() is None or not points.GetNumberOfTuples():
            continue
        if (series.GetAttribute(PART) or "").endswith(f"/{AGE_SHOWN}"):
            continue
        ages = series.GetTableNode().GetTable().GetColumnByName(series.GetXColumnName())
        return float(ages.GetValue(points.GetValue(0)))
    return None


def _parts(curve: VolumeCurve) -> tuple[tuple[str, tuple[Point, ...]], ...]:
    return (
        ("95 % from", curve.low),
        ("95 % to", curve.high),
        ("predicted", curve.within),
        ("extrapolated, earlier", curve.before),
        ("extrapolated", curve.after),
        ("observed", curve.observed),
        ("observed, held out", curve.held_out),
    )


def _marker(curve: VolumeCurve, age_years: float) -> tuple[Point, Point]:
    low, high = curve.range_ml
    over = MARGIN * ((high - low) or abs(high) or 1.0)
    return (age_years, low - over), (age_years, high + over)


def _series(
    source: slicer.vtkMRMLScalarVolumeNode, region: str, name: str, points: Sequence[Point]
) -> slicer.vtkMRMLPlotSeriesNode:
    """A series on a table of its own: they have different ages, and plots know no empty cells.

    A single point stands there twice: Slicer draws every series as a line, and complains of shorter ones.
    """
    points = tuple(points) * 2 if len(points) == 1 else points
    part = f"{region}/{name}"
    table = find_or_make(source, Role.CURVE_TABLE, part)
    table.SetName(name_of(source.GetName(), f"{region} {name}"))
    columns = vtk.vtkTable()
    _add_column(columns, vtk.vtkDoubleArray(), AGE_COLUMN, [age for age, _ in points])
    _add_column(columns, vtk.vtkDoubleArray(), VOLUME_COLUMN, [ml for _, ml in points])
    table.SetAndObserveTable(columns)
    is_new, series = find(source, Role.SERIES, part) is None, find_or_make(source, Role.SERIES, part)
    if is_new:
        _draw_as(series, LOOKS[name])
    series.SetName(name)
    series.SetAndObserveTableNodeID(table.GetID())
    series.SetXColumnName(AGE_COLUMN)
    series.SetYColumnName(VOLUME_COLUMN)
    return series


def _draw_as(series: slicer.vtkMRMLPlotSeriesNode, look: Look) -> None:
    series.SetPlotType(series.PlotTypeScatter)
    series.SetColor(*look.color)
    series.SetLineStyle(getattr(series, look.line))
    series.SetLineWidth(look.width)
    series.SetMarkerStyle(getattr(series, look.marker))
    series.SetMarkerSize(9)


def _words(value: str | float | None) -> str:
    """A cell, with every digit that is known."""
    return "" if value is None else str(value)


def _add_column(
    table: vtk.vtkTable, column: vtk.vtkAbstractArray, name: str, values: Sequence[str] | Sequence[float]
) -> None:
    column.SetName(name)
    for value in values:
        column.InsertNextValue(value)
    table.AddColumn(column)
