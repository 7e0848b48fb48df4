"""The figures of an evaluation: those of the 2024 paper (1c, 1d, 2b, 2c) and calibration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from MRExtrapLib.evaluation.answers import grouped
from MRExtrapLib.evaluation.calibration_figure import calibration_figure
from MRExtrapLib.evaluation.evaluation import Evaluation, nested_answers, widest_nesting
from MRExtrapLib.evaluation.linearity import STRAIGHT
from MRExtrapLib.evaluation.results import CARRIED_FORWARD
from MRExtrapLib.evaluation.scoring import mean_of
from MRExtrapLib.evaluation.styles import STYLES, title
from MRExtrapLib.report.marking import RESEARCH_USE, SIMULATED, save_png

WIDEST = 2.5
"""Axes of errors end at so many times the error of no change; what lies beyond is cut, and its end told."""

FOOT = 0.05
"""Share of a figure's height left to the notice under it."""


WAYS = {"moved": ("#0b62a4", 1.4), "plain": ("#c4560a", 0.7)}
"""Colour and width of line of each kind of interpolation."""


def draw_evaluation(evaluation: Evaluation, folder: Path) -> tuple[Path, ...]:
    """Writes the figures into an existing folder and names them, those left out that have nothing to show."""
    notice = SIMULATED if evaluation.has_truth else RESEARCH_USE
    drawn = {
        "figure_1c_interpolation.png": interpolation_figure(evaluation),
        "figure_1d_linearity.png": linearity_figure(evaluation),
        "figure_2b_methods.png": methods_figure(evaluation),
        "figure_2c_inputs.png": inputs_figure(evaluation),
        "figure_calibration.png": calibration_figure(evaluation),
    }
    return tuple(
        save_png(_marked(figure, notice), folder / name, notice) for name, figure in drawn.items() if figure
    )


def interpolation_figure(evaluation: Evaluation) -> Figure | None:
    """Figure 1c: the share of a volume's change done along the interpolation, a line for each pair."""
    figure, axes = _row_of_regions(evaluation)
    total = 0
    for axis, region in zip(axes, evaluation.main_regions, strict=True):
        counted = [bow for bow in evaluation.bows if bow.region == region and bow.is_counted]
        total += len(counted)
        axis.plot([0, 1], [0, 1], color="0.55", linestyle="--", linewidth=1)
        for bow in counted:
            color, width = WAYS[bow.kind]
            axis.plot(1 - np.array(bow.alphas), bow.shares, color=color, alpha=0.45, linewidth=width)
        pairs = len({bow.participant for bow in counted})
        title(axis, region, f"{pairs} pair{'s' * (pairs != 1)}")
        axis.set_xlabel("way from first to last scan, 1 − α")
        axis.set_ylim(-0.35, 1.35)
    axes[0].set_ylabel("share of the change done")
    figure.suptitle("Volumes along the interpolation of two scans (pairs whose change exceeds noise)")
    return figure if total else None


def linearity_figure(evaluation: Evaluation) -> Figure | None:
    """Figure 1d: histogram of R² of volume on α."""
    figure, axes = _row_of_regions(evaluation)
    total = 0
    for axis, region in zip(axes, evaluation.main_regions, strict=True):
        counted = [bow for bow in evaluation.bows if bow.region == region and bow.is_counted]
        total += len(counted)
        shares = []
        for kind, (color, _) in WAYS.items():
            r_squared = np.array([bow.r_squared for bow in counted if bow.kind == kind])
            bins = list(np.linspace(0, 1, 21))
            axis.hist(np.clip(r_squared, 0, 1), bins=bins, color=color, alpha=0.6, label=kind)
            shares += [f"{kind} {np.mean(r_squared < STRAIGHT):.0%}"] if r_squared.size else []
        axis.axvline(STRAIGHT, color="0.4", linestyle=":", linewidth=1.2)
        title(axis, region, f"below {STRAIGHT}: {', '.join(shares)}" if shares else "no pair")
        axis.set_xlabel("R² of volume on α")
    axes[0].set_ylabel("pairs")
    axes[0].legend(loc="upper left", frameon=False)
    figure.suptitle("How straight volumes run between two scans (pairs whose change exceeds noise)")
    return figure if total else None


def methods_figure(evaluation: Evaluation) -> Figure | None:
    """Figure 2b: error of the predicted change by method, each with all scans before the target."""
    figure, axes = _row_of_regions(evaluation, height=3.9)
    fullest = evaluation.fullest
    for axis, region in zip(axes, evaluation.main_regions, strict=True):
        methods = [method for method in evaluation.methods if (method, region) in fullest][::-1]
        figures = [
            mean_of(found, np.abs(found.column("error_ml")))
            for found in (fullest[method, region] for method in methods)
        ]
        values = np.array([one.value for one in figures])
        places = np.arange(len(methods))
        axis.barh(places, values, color=[STYLES[method][0] for method in methods], height=0.7)
        for place, one in zip(places, figures, strict=True):
            axis.plot([one.low, one.high], [place, place], color="0.15", linewidth=1.4)
        end = _end(values, float(values[methods.index(CARRIED_FORWARD)]))
        axis.set_xlim(0, end)
        for place, value in zip(places, values, strict=True):
            if value > end:
                words = f"{value:.3g} →"
                axis.text(0.97 * end, float(place), words, ha="right", va="center", color="white", fontsize=9)
        axis.set_yticks(places, methods if axis is axes[0] else [""] * len(methods))
        axis.tick_params(axis="y", length=0)
        title(axis, region)
        axis.set_xlabel("mean |error| of change (ml)")
    figure.suptitle(
        "Error of the predicted change, all scans up to the last one given known (lines: 95 % over subjects)"
    )
    return figure


def inputs_figure(evaluation: Evaluation) -> Figure | None:
    """Figure 2c: error against the number of input scans, the same subjects and targets throughout."""
    most = widest_nesting(evaluation)
    chosen = grouped(nested_answers(evaluation, most), "region", "method", "inputs")
    figure, axes = _row_of_regions(evaluation, height=3.7)
    people = {row.participant for found in chosen.values() for row in found.rows}
    for axis, region in zip(axes, evaluation.main_regions, strict=True):
        ends = {}
        for number, method in enumerate(evaluation.methods):
            found = {
                n: chosen[region, method, n] for n in range(1, most + 1) if (region, method, n) in chosen
            }
            if not found:
                continue
            figures = [mean_of(one, np.abs(one.column("error_ml"))) for one in found.values()]
            ink, mark = STYLES[method]
            shifted = np.array(list(found)) + 0.05 * (number - 3.5)
            axis.vlines(shifted, [f.low for f in figures], [f.high for f in figures], color=ink, alpha=0.4)
            values = [f.value for f in figures]
            axis.plot(shifted, values, color=ink, marker=mark, markersize=5, linewidth=1.3, label=method)
            ends[method] = max(values)
        axis.set_xticks(range(1, most + 1))
        axis.set_ylim(0, _end(list(ends.values()), ends[CARRIED_FORWARD]))
        title(axis, region)
        axis.set_xlabel("input scans")
    axes[0].set_ylabel("mean |error| of change (ml)")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", fontsize=9, frameon=False)
    words = "" if most > 1 else " (half of all people have no more than one scan before the target)"
    figure.suptitle(
        f"Error against the number of scans, nested in the same {len(people)} subjects and targets{words}"
    )
    return figure


def _row_of_regions(evaluation: Evaluation, height: float = 3.5) -> tuple[Figure, Sequence[Axes]]:
    count = len(evaluation.main_regions)
    figure = Figure(figsize=(3.3 * count + 1.2, height), layout="constrained")
    return figure, list(figure.subplots(1, count, squeeze=False).ravel())


def _end(values: Iterable[float], no_change: float) -> float:
    """Where an axis of errors ends: a little past the largest, or at a multiple of the error of no change."""
    return min(1.12 * max(values), WIDEST * no_change) or 1.0


def _marked(figure: Figure, notice: str) -> Figure:
    figure.set_layout_engine(ConstrainedLayoutEngine(rect=(0, FOOT, 1, 1 - FOOT)))
    figure.text(0.005, 0.008, notice, color="#8a1c00", fontsize=9, fontweight="bold", va="bottom")
    return figure
