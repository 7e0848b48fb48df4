"""What every picture of a prediction says about itself, and how it is saved."""

from __future__ import annotations

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

RESEARCH_USE = "Predicted, research use, not for diagnosis"
"""Stands in every figure with a prediction in it, also after it is cut out of a report."""

DOTS_PER_INCH = 150


def save_png(figure: Figure, path: Path) -> Path:
    """The figure as PNG, needing no screen; the file's own description marks it as a prediction too."""
    FigureCanvasAgg(figure)
    figure.savefig(
        path,
        dpi=DOTS_PER_INCH,
        facecolor=figure.get_facecolor(),
        metadata={"Software": "MRExtrap", "Description": RESEARCH_USE},
    )
    return path
