"""Pictures of a forecast in Slicer's scene, rendered without the application and without a screen.

mrextrap forecast … -o FORECAST, then: python Testing/scene_pictures.py FORECAST SOURCE.nii.gz OUT
"""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")  # read when vtk makes a window

import nibabel as nib
import numpy as np
import slicer
import vtk
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from slicer_host import Host, open_host
from vtk.util.numpy_support import vtk_to_numpy

from MRExtrapLib.scene.ages import AgeSequence
from MRExtrapLib.scene.arrays import PlacedArray, Prediction
from MRExtrapLib.scene.charts import show_chart
from MRExtrapLib.scene.curves import volume_curve
from MRExtrapLib.scene.maps import MAP_OPACITY, show_change
from MRExtrapLib.scene.notice import RESEARCH_USE, mark_view
from MRExtrapLib.scene.volumes import fill
from MRExtrapLib.worker.results import RegionVolume

PANE = (300, 300)
PLANES = {"Axial": -8.0, "Coronal": -16.0, "Sagittal": 24.0}
"""Orientation → millimetres beside the brain's middle: through ventricles and hippocampus."""

MARKERS = {"MarkerStyleCircle": 4, "MarkerStyleSquare": 3, "MarkerStyleDiamond": 5, "MarkerStyleNone": 0}
"""Slicer's marker styles as vtkPlotPoints counts them."""


def placed(path: Path) -> PlacedArray:
    """An image file."""
    image = nib.load(path)
    return PlacedArray(np.asarray(image.dataobj), image.affine)


def held_out_years(folder: Path) -> float | None:
    """The age of the scan that the forecast does not rest on, if there is one."""
    told = json.loads((folder / "forecast.json").read_text(encoding="utf-8"))["held_out"]
    return told["age_years"] if told else None


def forecast_of(folder: Path) -> tuple[list[Prediction], list[RegionVolume]]:
    """What `mrextrap forecast` wrote: the ages, youngest first, and all volumes."""
    made = []
    for path in folder.glob("predicted_age-*_T1w.nii.gz"):
        labels = path.with_name(path.name.replace("_T1w", "_dseg"))
        made.append(Prediction(float(path.name[14:19]), placed(path), placed(labels)))
    with (folder / "volumes.csv").open(encoding="utf-8") as file:
        rows = [
            RegionVolume(
                kind=row["kind"],
                age_years=float(row["age_years"]),
                region=row["region"],
                volume_ml=float(row["volume_ml"]),
                low_ml=float(row["low_ml"]) if row["low_ml"] else None,
                high_ml=float(row["high_ml"]) if row["high_ml"] else None,
            )
            for row in csv.DictReader(file)
        ]
    return sorted(made, key=lambda one: one.age_years), rows


def rendered(window: vtk.vtkRenderWindow) -> np.ndarray:
    """(height, width, 3) of a window."""
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    grab.Update()
    image = grab.GetOutput()
    columns, rows, _ = image.GetDimensions()
    flat = vtk_to_numpy(image.GetPointData().GetScalars())
    return flat.reshape(rows, columns, -1)[::-1, :, :3].copy()


def new_window(size: tuple[int, int]) -> tuple[vtk.vtkRenderWindow, vtk.vtkRenderer]:
    """A window that nobody sees."""
    window, renderer = vtk.vtkRenderWindow(), vtk.vtkRenderer()
    window.SetOffScreenRendering(True)
    window.SetSize(*size)
    window.SetAlphaBitPlanes(1)
    window.SetMultiSamples(0)
    window.AddRenderer(renderer)
    interactor = vtk.vtkGenericRenderWindowInteractor()  # displayable managers look for one
    interactor.SetRenderWindow(window)
    interactor.Initialize()
    return window, renderer


def marked(renderer: vtk.vtkRenderer) -> None:
    """The notice, as in Slicer's views."""
    annotation = vtk.vtkCornerAnnotation()
    annotation.SetMaximumFontSize(11)
    annotation.GetTextProperty().SetColor(1, 0.85, 0.4)
    mark_view(annotation)
    renderer.AddViewProp(annotation)


def managed(
    factory_name: str, managers: tuple[str, ...], host: Host, renderer: vtk.vtkRenderer, view
) -> object:
    """Slicer's own displayable managers in a renderer; to be kept while it renders."""
    factory = getattr(slicer, factory_name).GetInstance()
    factory.SetMRMLApplicationLogic(host.application)
    for manager in managers:
        if not factory.IsDisplayableManagerRegistered(manager):
            factory.RegisterDisplayableManager(manager)
    group = slicer.vtkMRMLDisplayableManagerGroup()
    group.Initialize(factory, renderer)
    group.SetMRMLDisplayableNode(view)
    return group


def slice_picture(host: Host, background, overlay, orientation: str, offset_mm: float) -> np.ndarray:
    """One slice through the background, with what overlays it and the segmentations that are shown."""
    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLApplicationLogic(host.application)
    logic.SetMRMLScene(host.scene)
    node = logic.AddSliceNode(f"{orientation}{len(host.logics)}")
    host.logics.append(logic)
    host.application.GetSliceLogics().AddItem(logic)
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(host.scene)
    node.SetOrientation(orientation)
    composite = logic.GetSliceCompositeNode()
    composite.SetBackgroundVolumeID(background.GetID())
    if overlay is not None:
        composite.SetForegroundVolumeID(overlay.GetID())
        composite.SetForegroundOpacity(MAP_OPACITY)
    window, renderer = new_window(PANE)
    node.SetDimensions(*PANE, 1)
    logic.FitSliceToBackground(*PANE)
    bounds = [0.0] * 6
    background.GetRASBounds(bounds)
    axis = {"Axial": 2, "Coronal": 1, "Sagittal": 0}[orientation]
    logic.SetSliceOffset((bounds[2 * axis] + bounds[2 * axis + 1]) / 2 + offset_mm)
    mapper, actor = vtk.vtkImageMapper(), vtk.vtkActor2D()
    mapper.SetColorWindow(255)
    mapper.SetColorLevel(127.5)
    mapper.SetInputConnection(logic.GetImageDataConnection())
    actor.SetMapper(mapper)
    actor.GetProperty().SetDisplayLocationToBackground()
    renderer.AddViewProp(actor)
    managers = ("vtkMRMLModelSliceDisplayableManager", "vtkMRMLSegmentationsDisplayableManager2D")
    group = managed("vtkMRMLSliceViewDisplayableManagerFactory", managers, host, renderer, node)
    marked(renderer)
    window.Render()
    picture = rendered(window)
    del group
    return picture


def surface_picture(host: Host, segmentation) -> np.ndarray:
    """The segmentation's surfaces, seen from the front left and above."""
    view = host.scene.AddNewNodeByClass("vtkMRMLViewNode")
    window, renderer = new_window((PANE[0] * 2, PANE[1] * 2))
    renderer.SetBackground(0.07, 0.07, 0.1)
    renderer.SetUseDepthPeeling(True)
    managers = ("vtkMRMLSegmentationsDisplayableManager3D",)
    group = managed("vtkMRMLThreeDViewDisplayableManagerFactory", managers, host, renderer, view)
    segmentation.Modified()
    marked(renderer)
    camera = renderer.GetActiveCamera()
    camera.SetViewUp(0, 0, 1)
    camera.SetPosition(-250, 300, 160)
    camera.SetFocalPoint(0, 0, 0)
    renderer.ResetCamera()
    camera.Zoom(1.4)
    renderer.ResetCameraClippingRange()
    window.Render()
    picture = rendered(window)
    del group
    return picture


def chart_picture(charts) -> np.ndarray:
    """Slicer's plot view is a Qt widget; this draws the same series with the same vtkChartXY."""
    view = vtk.vtkContextView()
    window = view.GetRenderWindow()
    window.SetOffScreenRendering(True)
    window.SetSize(480 * len(charts), 380)
    view.GetRenderer().SetBackground(1, 1, 1)
    for place, node in enumerate(charts):
        chart = vtk.vtkChartXY()
        chart.SetAutoSize(False)
        chart.SetSize(vtk.vtkRectf(480 * place, 0, 480, 380))
        chart.SetTitle(node.GetTitle())
        chart.GetTitleProperties().SetFontSize(11)
        chart.SetShowLegend(place == 0)
        chart.GetLegend().SetVerticalAlignment(vtk.vtkChartLegend.BOTTOM)
        chart.GetLegend().SetHorizontalAlignment(vtk.vtkChartLegend.LEFT)
        chart.GetLegend().SetInline(True)
        chart.GetAxis(1).SetTitle(node.GetXAxisTitle())
        chart.GetAxis(0).SetTitle(node.GetYAxisTitle())
        for number in range(node.GetNumberOfPlotSeriesNodes()):
            draw_series(chart, node.GetNthPlotSeriesNode(number))
        view.GetScene().AddItem(chart)
    view.Render()
    return rendered(window)


def draw_series(chart: vtk.vtkChartXY, series) -> None:
    """One series as Slicer draws it."""
    plot = chart.AddPlot(vtk.vtkChart.LINE)
    table = series.GetTableNode().GetTable()
    plot.SetInputData(table, series.GetXColumnName(), series.GetYColumnName())
    plot.SetColorF(*series.GetColor())
    plot.SetWidth(series.GetLineWidth())
    plot.GetPen().SetLineType(series.GetLineStyle())
    names = {getattr(series, name): style for name, style in MARKERS.items()}
    plot.SetMarkerStyle(names[series.GetMarkerStyle()])
    plot.SetMarkerSize(series.GetMarkerSize())
    plot.SetLabel(series.GetName())


def write_png(picture: np.ndarray, path: Path, colors: int = 128) -> None:
    """A picture in the colours that suit it best, small enough to keep; the file says what it is."""
    words = PngInfo()
    words.add_text("Description", f"Offscreen rendering; the follow-up scans are simulated. {RESEARCH_USE}.")
    Image.fromarray(picture).quantize(colors).save(path, optimize=True, pnginfo=words)
    print(path, path.stat().st_size // 1024, "KB")


def main(folder: Path, scan: Path, out: Path) -> None:
    """Slices with segmentation and with change, surfaces, and charts."""
    out.mkdir(parents=True, exist_ok=True)
    predictions, rows = forecast_of(folder)
    host = open_host()
    source = host.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "sub-01")
    fill(source, placed(scan))
    source.CreateDefaultDisplayNodes()
    sweep = AgeSequence(source)
    for prediction in predictions:
        nodes = sweep.put(prediction, has_surfaces=prediction is predictions[-1])
    first, last, held_out = predictions[0], predictions[-1], held_out_years(folder)
    planes = PLANES.items()
    with_labels = [slice_picture(host, nodes.image, None, *plane) for plane in planes]
    nodes.segmentation.GetDisplayNode().SetVisibility(False)
    change = show_change(source, last.image, first.image, last.age_years)
    with_change = [slice_picture(host, nodes.image, change, *plane) for plane in planes]
    write_png(np.vstack([np.hstack(with_labels), np.hstack(with_change)]), out / "scene-slices.png")
    nodes.segmentation.GetDisplayNode().SetVisibility(True)
    write_png(surface_picture(host, nodes.segmentation), out / "scene-surfaces.png", 256)
    charts = [
        show_chart(source, volume_curve(region, rows, held_out), last.age_years)
        for region in ("hippocampus", "ventricles")
    ]
    write_png(chart_picture(charts), out / "scene-chart.png")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
