"""The figures of a forecast: slices with the predicted change, and volumes against age."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from MRExtrapLib.anatomy.structures import Labels
from MRExtrapLib.forecast.result import Forecast, Observation, Prediction
from MRExtrapLib.forecast.subject import age_words
from MRExtrapLib.imaging.volume import Affine, Volume
from MRExtrapLib.report.marking import save_png
from MRExtrapLib.report.slices import Panel, slices_figure
from MRExtrapLib.report.volumes_plot import VolumeHistory, volumes_figure

HIPPOCAMPUS = (17, 53)
LATERAL_VENTRICLES = (4, 43)
LEFT_LATERAL_VENTRICLE = (4,)
"""FreeSurfer numbers of what slices should pass through."""


def draw_forecast(forecast: Forecast, folder: Path) -> tuple[Path, ...]:
    """Writes `volumes.png`, and slices of the prediction furthest from the last scan and of the held-out age.

    Args:
        forecast: what to draw.
        folder: exists.

    Returns:
        The files drawn.
    """
    drawn = [save_png(volumes_figure(volume_history(forecast)), folder / "volumes.png")]
    for prediction in shown_predictions(forecast):
        name = f"slices_age-{age_words(prediction.age_years)}.png"
        drawn.append(save_png(prediction_figure(forecast, prediction), folder / name))
    return tuple(drawn)


def shown_predictions(forecast: Forecast) -> tuple[Prediction, ...]:
    """The predictions worth a figure of slices: the furthest from the last scan, and the held-out one."""
    last = forecast.observations[-1].visit.age_years
    shown = {}
    if forecast.predictions:
        furthest = max(forecast.predictions, key=lambda one: abs(one.age_years - last))
        shown[furthest.age_years] = furthest
    if forecast.held_out:
        shown[forecast.held_out.prediction.age_years] = forecast.held_out.prediction
    return tuple(shown[age] for age in sorted(shown))


def volume_history(forecast: Forecast) -> VolumeHistory:
    """The rows of a forecast as the plot wants them."""
    return VolumeHistory(
        fitted=tuple(row for seen in forecast.observations for row in seen.rows),
        predicted=tuple(row for prediction in forecast.predictions for row in prediction.rows),
        held_out=forecast.held_out.observation.rows if forecast.held_out else (),
    )


def prediction_figure(forecast: Forecast, prediction: Prediction) -> Figure:
    """Last scan, truth where it was held out, prediction, and the change from one to the other.

    Changes are taken between images of one kind, decoded from decoded: predicted − reconstructed last
    scan. Against the scan itself the model's smoothness would show as change.
    """
    last = forecast.observations[-1]
    title = f"{last.visit.scan.name}: brain predicted for age {prediction.age_years:.1f}"
    panels = [Panel(f"last scan, {last.visit.age_years:.1f} y", last.conformed.volume)]
    held_out = forecast.held_out
    if held_out and held_out.prediction is prediction:
        truth = held_out.observation
        title += f"\nheld out: {truth.visit.scan.name}"
        panels.append(Panel(f"held-out scan, {truth.visit.age_years:.1f} y", truth.conformed.volume))
    words = f"predicted ({prediction.image_kind}), {prediction.age_years:.1f} y"
    panels.append(Panel(words, prediction.image, is_predicted=True))
    years = prediction.age_years - last.visit.age_years
    change = change_since(last, prediction)
    panels.append(Panel(f"predicted − last, {years:+.1f} y", change, is_change=True))
    return slices_figure(panels, title, meeting_point_mm(prediction.labels, prediction.volume.affine))


def change_since(last: Observation, prediction: Prediction) -> Volume:
    """Predicted − reconstructed last scan, NaN outside that scan's brain.

    There the reconstruction is empty, and all of a brain that another visit has would show as change.
    """
    change = prediction.volume.voxels - last.reconstructed.voxels
    return prediction.volume.with_voxels(np.where(last.conformed.brain, change, np.nan))


def meeting_point_mm(labels: Labels, affine: Affine) -> NDArray[np.float64] | None:
    """(3,) where slices show most: the left ventricle (x), the hippocampi (y), the ventricles (z).

    None where the labels lack one of these.
    """
    point = []
    for axis, numbers in enumerate((LEFT_LATERAL_VENTRICLE, HIPPOCAMPUS, LATERAL_VENTRICLES)):
        index = np.argwhere(np.isin(labels, numbers))
        if not len(index):
            return None
        world = index.mean(axis=0) @ affine[:3, :3].T + affine[:3, 3]
        point.append(world[axis])
    return np.array(point)
