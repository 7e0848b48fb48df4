"""The figure of calibration: changes that came, what intervals hold, errors against stated spreads."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from MRExtrapLib.evaluation.answers import Answers, grouped
from MRExtrapLib.evaluation.evaluation import Evaluation
from MRExtrapLib.evaluation.intervals import by_spread, deviation_ml
from MRExtrapLib.evaluation.scoring import root_mean_square_of, slope_of, spreads_off
from MRExtrapLib.evaluation.styles import STYLES, count_ink, title
from MRExtrapLib.progression.student import reach

CLAIMS = np.linspace(0.05, 0.95, 19)
"""Levels at which coverage is drawn."""

ROWS = 4
"""Of panels: changes, coverage by method, coverage of the model by number of scans, error against spread."""


def calibration_figure(evaluation: Evaluation) -> Figure | None:
    """A column for each region: changes, coverage by method and number of scans, error against spread."""
    shown, regions = evaluation.shown_method, evaluation.main_regions
    if shown is None or not regions:
        return None
    figure = Figure(figsize=(3.4 * len(regions), 3.7 * ROWS), layout="constrained")
    axes = figure.subplots(ROWS, len(regions), squeeze=False)
    by_method = grouped(evaluation.answers, "method", "region")
    most = max(answer.inputs for answer in evaluation.answers)
    for region, (changes, methods, counts, spreads) in zip(regions, axes.T, strict=True):
        found = by_method.get((shown, region))
        title(changes, region, _slope_words(found))
        for method in evaluation.methods:
            if (method, region) in by_method:
                _draw_coverage(methods, by_method[method, region], STYLES[method][0], method)
                _draw_spreads(spreads, by_method[method, region], method)
        if found:
            _draw_changes(changes, found, most)
            for (inputs,), of_count in sorted(grouped(found.rows, "inputs").items()):
                words = f"{inputs} scan{'s' * (inputs != 1)}"
                _draw_coverage(counts, of_count, count_ink(int(inputs), most), words)
        for axis in (methods, counts):
            _frame(axis, 1.0)
        _frame(spreads, 1.05 * max(spreads.dataLim.max) if spreads.lines else 1.0)
    _label(axes, shown)
    handles, labels = axes[1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", fontsize=9, frameon=False)
    axes[2, 0].legend(loc="upper left", fontsize=9, frameon=False)
    figure.suptitle(f"Calibration of {shown}, and of every method with intervals")
    return figure


def _label(axes: np.ndarray, shown: str) -> None:
    """What the axes of each row mean; along the first column, where all rows share one."""
    words = (
        "change that came (ml)",
        "scans within, every method",
        f"scans within, {shown}",
        "root mean square error (ml)",
    )
    for axis, text in zip(axes[:, 0], words, strict=True):
        axis.set_ylabel(text)
    below = ("predicted change (ml)", "claimed", "claimed", "stated deviation (ml)")
    for row, text in zip(axes, below, strict=True):
        for axis in row:
            axis.set_xlabel(text)


def _draw_changes(axis: Axes, found: Answers, most: int) -> None:
    predicted, came = found.column("predicted_change_ml"), found.column("change_ml")
    limits = np.array([min(predicted.min(), came.min()), max(predicted.max(), came.max())])
    axis.plot(limits, limits, color="0.55", linestyle="--", linewidth=1)
    axis.scatter(predicted, came, c=[count_ink(row.inputs, most) for row in found.rows], s=16, alpha=0.7)
    axis.axhline(0, color="0.85", linewidth=0.8, zorder=0)
    axis.axvline(0, color="0.85", linewidth=0.8, zorder=0)


def _draw_coverage(axis: Axes, found: Answers, ink: str | tuple[float, ...], words: str) -> None:
    z = np.abs(spreads_off(found))
    known = np.isfinite(z)
    if known.any():
        freedom = found.column("freedom")[known]
        held = [float(np.mean(z[known] <= reach(level, freedom))) for level in CLAIMS]
        axis.plot(CLAIMS, held, color=ink, label=words, linewidth=1.6)


def _draw_spreads(axis: Axes, found: Answers, method: str) -> None:
    """Root mean square error in each quarter of the spread, against the deviation stated there."""
    points = [
        (
            root_mean_square_of(answers, deviation_ml(answers)).value,
            root_mean_square_of(answers, answers.column("off_ml")).value,
        )
        for answers in by_spread(found).values()
    ]
    known = [point for point in points if np.isfinite(point[0])]
    if known:
        ink, mark = STYLES[method]
        axis.plot(*zip(*known, strict=True), color=ink, marker=mark, markersize=5, linewidth=1.3)


def _frame(axis: Axes, end: float) -> None:
    """A square from 0 to the end, and its diagonal."""
    axis.plot([0, end], [0, end], color="0.55", linestyle="--", linewidth=1)
    axis.set_xlim(0, end)
    axis.set_ylim(0, end)
    axis.tick_params(labelsize=9)
    axis.spines[["top", "right"]].set_visible(False)


def _slope_words(found: Answers | None) -> str:
    if not found:
        return ""
    slope = slope_of(found, found.column("predicted_change_ml"), found.column("change_ml"))
    if not slope.is_known:
        return "no slope"
    return f"slope {slope.value:.2f} ({slope.low:.2f} to {slope.high:.2f})"
