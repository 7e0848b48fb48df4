"""The picture of a simulated subject: the real scan, the visit furthest from it, and what ageing changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from MRExtrapLib.imaging.resampling import Interpolation, resample
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.report.figures import meeting_point_mm
from MRExtrapLib.report.marking import SIMULATED, save_png
from MRExtrapLib.report.slices import Panel, slices_figure
from MRExtrapLib.simulation.acquisition import acquire_labels
from MRExtrapLib.simulation.deformation import warp
from MRExtrapLib.simulation.subject import SimulatedSubject, SimulatedVisit, at_rest


def draw_ageing(subject: SimulatedSubject, folder: Path) -> tuple[Path, ...]:
    """Writes `<participant>_ageing.png` into an existing folder and names it."""
    path = folder / f"{subject.person.participant_id}_ageing.png"
    return (save_png(ageing_figure(subject), path, SIMULATED),)


def ageing_figure(subject: SimulatedSubject) -> Figure:
    """Real scan, the visit furthest from it in time, and the change, all where the real scan lies.

    The visit is shown as its file holds it, moved back by its known motion and freed of its gain. The change
    is that of ageing alone: deformed − real scan, without noise and shading.
    """
    scan = subject.baseline.scan
    visit = max(subject.visits, key=lambda one: abs(one.years))
    labels = acquire_labels(subject.baseline.labels.likeliest, visit.deformation, at_rest(scan))
    inside = (labels.voxels > 0) & (scan.voxels != 0)
    change = warp(scan, visit.deformation).voxels - scan.voxels
    panels = [
        Panel(f"real scan, {subject.person.age_years:.1f} y", scan),
        Panel(
            f"simulated visit, {visit.age_years:.1f} y",
            moved_back(subject, visit),
            is_predicted=True,
            mark="simulated",
        ),
        Panel(
            f"ageing alone, {visit.years:+.1f} y",
            scan.with_voxels(np.where(inside, change, np.nan)),
            is_change=True,
            mark="simulated",
        ),
    ]
    rates = subject.rates
    tissue = rates.percent_per_year.get("hippocampus")
    title = f"{subject.person.participant_id}, simulated as {subject.profile}"
    title += f"\nventricles {rates.ventricles_ml_per_year:+.1f} ml per year"
    title += "" if tissue is None else f", hippocampus {tissue:+.1f} % per year"
    meeting = meeting_point_mm(labels.voxels.astype(np.int16), labels.affine)
    return slices_figure(panels, title, meeting, SIMULATED)


def moved_back(subject: SimulatedSubject, visit: SimulatedVisit) -> Volume:
    """The visit's scan where the real scan lies, with the real scan's gain."""
    seen = subject.scan_at(visit)
    if visit.acquisition is None:
        return seen
    plain = seen.with_voxels(seen.voxels / visit.acquisition.gain)
    grid, to_subject = subject.baseline.scan.grid, visit.acquisition.to_subject
    return resample(plain, grid, to_subject, Interpolation.LINEAR)
