"""What every picture of a prediction says about itself, and how it is saved."""

from __future__ import annotations

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

RESEARCH_USE = "Predicted, research use, not for diagnosis"
"""Stands in every figure with a prediction in it, also after it is cut out of a report."""

SIMULATED = "Simulated ageing, research use, not for diagnosis"
"""And in every figure of a brain that was aged by the simulator."""

DOTS_PER_INCH = 150


def save_png(figure: Figure, path: Path, notice: str = RESEARCH_USE) -> Path:
    """The figure as PNG, needing no screen; the file's own description repeats the notice."""
    FigureCanvasAgg(figure)
    figure.savefig(
        path,
        dpi=DOTS_PER_INCH,
        facecolor=figure.get_facecolor(),
        metadata={"Software": "MRExtrap", "Description": notice},
    )
    return path
