"""Regional volumes against age: what was observed, what the model makes of it, and what it predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from MRExtrapLib.anatomy.regions import MAIN_REGIONS
from MRExtrapLib.errors import InputError
from MRExtrapLib.forecast.result import VolumeRow
from MRExtrapLib.report.marking import RESEARCH_USE

OBSERVED_INK, PREDICTED_INK, HELD_OUT_INK = "#1b1b1b", "#c4560a", "#0b62a4"
"""Told apart also by shape, so that a gray print still reads."""

MARGIN = 0.12
"""Of the points' range left free above and below."""

WIDEST_INTERVAL = 1.5
"""In ranges of the points; intervals of three scans can be so wide that nothing else would be seen."""


@dataclass(frozen=True)
class VolumeHistory:
    """The volumes of one person, in the order of age.

    Attributes:
        fitted: rows of the scans that the forecast knew, observed and reconstructed.
        predicted: rows at the predicted ages.
        held_out: rows of the scan kept back as truth, if any.
    """

    fitted: tuple[VolumeRow, ...]
    predicted: tuple[VolumeRow, ...]
    held_out: tuple[VolumeRow, ...] = ()

    def __post_init__(self) -> None:
        if not any(row.kind == "observed" for row in self.fitted):
            msg = "A plot of volumes needs at least one observed scan."
            raise InputError(msg)

    @property
    def ages_years(self) -> tuple[float, float]:
        """The first and last age that the forecast knew; what lies outside is extrapolated."""
        ages = [row.age_years for row in self.fitted]
        return min(ages), max(ages)

    @property
    def regions(self) -> tuple[str, ...]:
        """Those there are of the main regions; all others where none of the main ones is."""
        there = dict.fromkeys(row.region for row in self.fitted)
        return tuple(region for region in MAIN_REGIONS if region in there) or tuple(there)

    @property
    def held_out_observed(self) -> tuple[VolumeRow, ...]:
        """The truth kept back."""
        return tuple(row for row in self.held_out if row.kind == "observed")

    def of(self, region: str) -> VolumeHistory:
        """The same person, one region."""
        return VolumeHistory(
            *(
                tuple(sorted((r for r in rows if r.region == region), key=lambda r: r.age_years))
                for rows in (self.fitted, self.predicted, self.held_out)
            )
        )


def volumes_figure(history: VolumeHistory, regions: Sequence[str] = ()) -> Figure:
    """One plot per region, ml against age in years: points, predicted line, 95 % where it is known.

    The part beyond the scans is shaded and called extrapolated.
    """
    regions = tuple(regions) or history.regions
    columns = min(2, len(regions))
    rows = -(-len(regions) // columns)
    figure = Figure(figsize=(5.6 * columns, 3.7 * rows + 0.9), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, region in zip(axes, regions, strict=False):
        _draw_region(axis, history.of(region), region)
    for axis in axes[len(regions) :]:
        axis.set_visible(False)
    named: dict[str, Artist] = {}
    for axis in axes[: len(regions)]:
        handles, labels = axis.get_legend_handles_labels()
        named.update(zip(labels, handles, strict=True))
    figure.legend(
        list(named.values()),
        list(named),
        loc="outside upper center",
        ncols=len(named),
        fontsize=10,
        frameon=False,
    )
    figure.supxlabel(RESEARCH_USE, color="#8a1c00", fontsize=11, fontweight="bold")
    return figure


def _draw_region(axis: Axes, history: VolumeHistory, region: str) -> None:
    observed = [row for row in history.fitted if row.kind == "observed"]
    again = [row for row in history.fitted if row.kind == "reconstructed"]
    _points(axis, again, "reconstructed by the model", marker="o", mfc="none", mec="#8c8c8c", ms=8)
    _points(axis, observed, "observed", marker="o", color=OBSERVED_INK, ms=7)
    _draw_prediction(axis, history)
    _points(axis, history.held_out_observed, "observed, held out", marker="s", color=HELD_OUT_INK, ms=8)
    _frame(axis, history)
    axis.set_title(region.replace("_", " "), fontsize=13)
    axis.set_xlabel("age (years)", fontsize=11)
    axis.set_ylabel("volume (ml)", fontsize=11)
    axis.tick_params(labelsize=10)
    axis.grid(color="0.9", linewidth=0.8)
    axis.set_axisbelow(True)


def _draw_prediction(axis: Axes, history: VolumeHistory) -> None:
    """Diamonds, joined with each other and no scan, whose scatter a line would hide; their 95 % interval."""
    predicted = history.predicted
    _points(axis, predicted, "predicted", marker="D", color=PREDICTED_INK, ms=8, zorder=4)
    if len(predicted) > 1:
        joined = [(row.age_years, row.volume_ml) for row in predicted]
        axis.plot(*zip(*joined, strict=True), color=PREDICTED_INK, linewidth=1.5, linestyle="--", zorder=2)
    bounded = [row for row in predicted if row.low_ml is not None and row.high_ml is not None]
    if not bounded:
        return
    ages = [row.age_years for row in bounded]
    low, high = [row.low_ml for row in bounded], [row.high_ml for row in bounded]
    words = "95 % interval"
    if len(bounded) > 2:
        axis.fill_between(ages, low, high, color=PREDICTED_INK, alpha=0.18, linewidth=0, label=words)  # type: ignore[arg-type]
    else:
        axis.vlines(ages, low, high, color=PREDICTED_INK, alpha=0.35, linewidth=7, label=words)  # type: ignore[arg-type]


def _points(axis: Axes, rows: Sequence[VolumeRow], words: str, **style: object) -> None:
    if rows:
        ages, volumes = [row.age_years for row in rows], [row.volume_ml for row in rows]
        axis.plot(ages, volumes, linestyle="none", label=words, **style)  # type: ignore[arg-type]


def _frame(axis: Axes, history: VolumeHistory) -> None:
    """Limits by the points, not by an endless interval; shade what lies beyond the scans."""
    rows = (*history.fitted, *history.predicted, *history.held_out)
    ages = [row.age_years for row in rows]
    pad = 0.06 * (max(ages) - min(ages) or 2.0)
    axis.set_xlim(min(ages) - pad, max(ages) + pad)
    _limit_volumes(axis, np.array([row.volume_ml for row in rows]), _bounds_ml(history.predicted))
    first, last = history.ages_years
    for start, end in ((min(ages) - pad, first), (last, max(ages) + pad)):
        if end - start > pad * 1.01:
            axis.axvspan(start, end, color="#f3e9df", zorder=0)
            middle, top = (start + end) / 2, axis.get_xaxis_transform()
            axis.text(middle, 0.97, "extrapolated", fontsize=9, ha="center", va="top", transform=top)


def _bounds_ml(predicted: Sequence[VolumeRow]) -> list[float]:
    return [bound for row in predicted for bound in (row.low_ml, row.high_ml) if bound is not None]


def _limit_volumes(axis: Axes, volumes: NDArray[np.float64], bounds: Sequence[float]) -> None:
    """Room for the points and a bounded part of the intervals; what is cut off is said in words."""
    extent = float(np.ptp(volumes)) or max(abs(float(volumes.mean())) * 0.1, 0.1)
    lowest, highest = volumes.min() - WIDEST_INTERVAL * extent, volumes.max() + WIDEST_INTERVAL * extent
    low = max(min([*bounds, volumes.min()]), lowest) - MARGIN * extent
    high = min(max([*bounds, volumes.max()]), highest) + MARGIN * extent
    axis.set_ylim(max(low, 0.0), high)
    if bounds and (min(bounds) < lowest or max(bounds) > highest):
        words = f"95 % reaches {min(bounds):.1f} to {max(bounds):.1f} ml"
        box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 2}
        at = axis.transAxes
        axis.text(0.98, 0.03, words, fontsize=9, ha="right", color=PREDICTED_INK, bbox=box, transform=at)
