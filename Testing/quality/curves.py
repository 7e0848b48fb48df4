"""The learning curves of training runs, one after the other, as a picture.

    python Testing/quality/curves.py RUN/metrics.csv [RUN2/metrics.csv ...] -o CURVES.png

Every figure that all runs kept is drawn against the step, thin as it came and thick as its running mean.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 11
"""Entries that a running mean spans."""

RATE = "learning_rate"
"""Is what was chosen, and not what was learned."""

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Steps and values."""


def curves_of(path: Path) -> dict[str, Curve]:
    """Name → its curve, of one run."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = dict.fromkeys(row["name"] for row in rows if row["name"] != RATE)
    return {
        name: (
            np.array([float(row["step"]) for row in rows if row["name"] == name]),
            np.array([float(row["value"]) for row in rows if row["name"] == name]),
        )
        for name in names
    }


def running_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """As long as the values; at the ends over fewer of them."""
    weights = np.ones(min(NEIGHBOURS, len(values)))
    count = np.convolve(np.ones(len(values)), weights, mode="same")
    return np.convolve(values, weights, mode="same") / count


def draw(runs: Sequence[Path], out: Path) -> None:
    """One column a run, one row a figure."""
    found = [curves_of(run) for run in runs]
    names = [name for name in found[0] if all(name in curves for curves in found)]
    figure, axes = plt.subplots(
        len(names), len(runs), squeeze=False, figsize=(5 * len(runs), 3 * len(names)), layout="constrained"
    )
    for column, (run, curves) in enumerate(zip(runs, found, strict=True)):
        axes[0, column].set_title(run.stem if run.stem != "metrics" else run.resolve().parent.name)
        for row, name in enumerate(names):
            steps, values = curves[name]
            axes[row, column].plot(steps, values, linewidth=0.6, color="0.7")
            axes[row, column].plot(steps, running_mean(values), color="C0")
            axes[row, column].set(xlabel="step", ylabel=name)
    figure.savefig(out, dpi=110)
    plt.close(figure)


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="METRICS.csv")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    draw(arguments.runs, arguments.output)


if __name__ == "__main__":
    main()
