"""A forecast saved with its scene and read back is the same forecast."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="needs Slicer's scene: pip install slicer-core")

from slicer_host import Host, open_host  # noqa: E402
from swept_brain import AGES_YEARS, volume_rows  # noqa: E402
from vtk.util.numpy_support import vtk_to_numpy  # noqa: E402

from MRExtrapLib.imaging.volume import Volume  # noqa: E402
from MRExtrapLib.scene.ages import AgeSequence  # noqa: E402
from MRExtrapLib.scene.arrays import PlacedArray, Prediction, array_of  # noqa: E402
from MRExtrapLib.scene.charts import AGE_COLUMN, VOLUME_COLUMN, rows_of, show_chart, show_table  # noqa: E402
from MRExtrapLib.scene.curves import volume_curve  # noqa: E402
from MRExtrapLib.scene.hierarchy import arrange  # noqa: E402
from MRExtrapLib.scene.maps import show_change  # noqa: E402
from MRExtrapLib.scene.ownership import Role, find, owned_nodes, sources_in  # noqa: E402
from MRExtrapLib.scene.segmentation import labels_of, segment_ids  # noqa: E402

AFFINE_MM = 1e-5
"""NRRD headers hold directions and origin in words."""

VOLUME_SHARE = 1e-5
"""Tables are saved as words with some six digits."""


def right_handed(array: PlacedArray) -> PlacedArray:
    """The same image with its third axis turned, if need be: Slicer reads left-handed NRRD files so."""
    if np.linalg.det(array.affine) > 0:
        return PlacedArray(array.voxels.copy(), array.affine)
    turned = np.diag([1.0, 1.0, -1.0, 1.0])
    turned[2, 3] = array.voxels.shape[2] - 1
    return PlacedArray(array.voxels[:, :, ::-1].copy(), array.affine @ turned)


def chart_points(source: Any, region: str) -> dict[str, np.ndarray]:
    """Series in the legend → (points, 2)."""
    chart = find(source, Role.CHART, region)
    found = {}
    for number in range(chart.GetNumberOfPlotSeriesNodes()):
        series = chart.GetNthPlotSeriesNode(number)
        table = series.GetTableNode().GetTable()
        columns = [vtk_to_numpy(table.GetColumnByName(name)) for name in (AGE_COLUMN, VOLUME_COLUMN)]
        found[series.GetName()] = np.column_stack(columns)
    return found


def everything(source: Any) -> dict[str, Any]:
    """What must come back: ages, data, segment ids, charts, tables."""
    sweep, ages = AgeSequence(source), {}
    for age in sweep.ages_years:
        nodes = sweep.select(age)
        assert array_of(nodes.image).lies_as(array_of(source))
        ages[age] = (
            right_handed(array_of(nodes.image)),
            right_handed(labels_of(nodes.segmentation)),
            set(segment_ids(nodes.segmentation)),
            nodes.image.GetName(),
        )
    charts = {region: chart_points(source, region) for region in ("hippocampus", "ventricles")}
    table = rows_of(find(source, Role.TABLE))
    change = find(source, Role.CHANGE)
    colors = change.GetDisplayNode().GetColorNode()
    rgba = [0.0] * 4
    colors.GetColor(0, rgba)
    return {
        "ages": ages,
        "charts": charts,
        "table": set(table),
        "change": right_handed(array_of(change)).voxels,
        "color": rgba,
    }


@pytest.mark.parametrize("orientation", ["RAS", "LAS", "LPS", "oblique"])
def test_an_age_that_was_saved_lies_where_its_scan_lies(
    orientation: str, host: Host, tmp_path: Path, a_head_in: Callable[[str], Volume], source_of: Any
) -> None:
    head = a_head_in(orientation)
    image = PlacedArray(head.voxels + 1, head.affine)
    labels = PlacedArray(np.where(head.voxels > 130, 17, 0).astype(np.int16), head.affine)
    AgeSequence(source_of(head)).put(Prediction(70.0, image, labels), has_surfaces=False)
    bundle = tmp_path / "one.mrb"
    assert host.scene.WriteToMRB(str(bundle))
    opened = open_host()
    assert opened.scene.ReadFromMRB(str(bundle), True)
    (source,) = sources_in(opened.scene)
    nodes = AgeSequence(source).select(70.0)
    assert array_of(nodes.image).lies_as(array_of(source))
    for read, saved in ((array_of(nodes.image), image), (labels_of(nodes.segmentation), labels)):
        np.testing.assert_array_equal(right_handed(read).voxels, right_handed(saved).voxels)
        np.testing.assert_allclose(right_handed(read).affine, right_handed(saved).affine, atol=AFFINE_MM)
    opened.close()


@pytest.fixture
def a_forecast(a_source: Any, predicted_at: Callable[[float], Prediction]) -> Any:
    """Twenty ages with everything beside them."""
    sweep = AgeSequence(a_source)
    for age in AGES_YEARS:
        sweep.put(predicted_at(age), has_surfaces=age == AGES_YEARS[0])
    rows = volume_rows()
    show_table(a_source, rows)
    for region in ("hippocampus", "ventricles"):
        show_chart(a_source, volume_curve(region, rows, 50.0), AGES_YEARS[3])
    show_change(a_source, predicted_at(60.0).image, predicted_at(46.0).image, 60.0)
    arrange(a_source)
    return a_source


def test_a_sweep_of_twenty_ages_comes_back_from_a_bundle(
    tmp_path: Path, host: Host, a_forecast: Any, predicted_at: Callable[[float], Prediction]
) -> None:
    saved = everything(a_forecast)
    count = len(owned_nodes(a_forecast))
    bundle = tmp_path / "forecast.mrb"
    assert host.scene.WriteToMRB(str(bundle))
    host.close()

    opened = open_host()
    assert opened.scene.ReadFromMRB(str(bundle), True)
    (source,) = sources_in(opened.scene)
    assert source.GetName() == "sub-01"
    assert len(owned_nodes(source)) == count
    read = everything(source)
    assert tuple(read["ages"]) == AGES_YEARS
    for age in AGES_YEARS:
        image, labels, ids, name = read["ages"][age]
        image_before, labels_before, *words_before = saved["ages"][age]
        np.testing.assert_array_equal(image.voxels, image_before.voxels)
        np.testing.assert_array_equal(labels.voxels, labels_before.voxels)
        np.testing.assert_allclose(image.affine, image_before.affine, atol=AFFINE_MM)
        np.testing.assert_allclose(labels.affine, labels_before.affine, atol=AFFINE_MM)
        assert [ids, name] == words_before
    for region, series in saved["charts"].items():
        assert read["charts"][region].keys() == series.keys()
        for name, points in series.items():
            np.testing.assert_allclose(read["charts"][region][name], points, rtol=VOLUME_SHARE)
    assert read["table"] == saved["table"]
    np.testing.assert_array_equal(read["change"], saved["change"])
    np.testing.assert_allclose(read["color"], saved["color"], atol=0.01)

    surfaces = [
        AgeSequence(source).select(age).segmentation.GetClosedSurfaceInternalRepresentation("freesurfer-4")
        for age in AGES_YEARS[:2]
    ]
    assert surfaces[0] is not None, "an age saved with surfaces came back without"
    assert surfaces[1] is None

    before = opened.scene.GetNumberOfNodes()
    AgeSequence(source).put(predicted_at(AGES_YEARS[2]), has_surfaces=False)
    show_table(source, volume_rows())
    assert opened.scene.GetNumberOfNodes() == before, "a second run after loading piled up"
    opened.close()
