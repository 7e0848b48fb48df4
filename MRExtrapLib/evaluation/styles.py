"""How the figures of an evaluation look: each method's ink and mark, and what stands above a panel."""

from __future__ import annotations

from matplotlib import colormaps
from matplotlib.axes import Axes

from MRExtrapLib.evaluation.results import (
    BAYES,
    CARRIED_FORWARD,
    LINEAR,
    MIXED,
    POPULATION,
    THROUGH_AUTOENCODER,
    VOLUME_LINE,
    VOXELWISE,
)

STYLES = {
    CARRIED_FORWARD: ("#7a7a7a", "s"),
    THROUGH_AUTOENCODER: ("#b5a48b", "P"),
    POPULATION: ("#3f9b8f", "v"),
    VOLUME_LINE: ("#8f6bb3", "^"),
    MIXED: ("#0b62a4", "D"),
    VOXELWISE: ("#c98bb0", "X"),
    LINEAR: ("#e3a03c", "o"),
    BAYES: ("#c4560a", "o"),
}
"""Ink and mark of each method, told apart by the mark in a gray print."""

LIGHTEST = 0.88
"""Of the scale of inks for numbers of scans: beyond it yellow is lost on white."""


def count_ink(inputs: int, most: int) -> tuple[float, ...]:
    """RGBA of predictions that know so many scans of at most so many: dark for one.

    >>> count_ink(1, 4) == count_ink(1, 6), count_ink(4, 4) == count_ink(1, 4)
    (True, False)
    """
    return tuple(colormaps["viridis"](LIGHTEST * (inputs - 1) / max(most - 1, 1)))


def title(axis: Axes, region: str, words: str = "") -> None:
    """Names the region above its panel, words on a second line, and takes the frame off above and right."""
    axis.set_title(region.replace("_", " ") + (f"\n{words}" if words else ""), fontsize=11)
    axis.tick_params(labelsize=9)
    axis.spines[["top", "right"]].set_visible(False)
