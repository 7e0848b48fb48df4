"""How good the predicted changes of a group are, each figure with the interval that other people might give.

Intervals are percentile bootstrap intervals over subjects (Efron 1979): scans of one person are not drawn
apart, nor are people simulated of one scan, whose brains are alike: such a family is drawn as one. Every
figure is a function of sums over a family's answers, so a draw is a weighted sum, and methods are compared on
the same draws.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from MRExtrapLib.evaluation.answers import Answers
from MRExtrapLib.progression.student import LEVELS, reach

Array = NDArray[np.float64]

DRAWS = 2000
"""Of subjects: the ends of a 95 % interval then move by about a hundredth of its width."""

SEED = 20240
"""The same results have the same intervals."""

FEWEST_FAMILIES = 3
"""Of fewer subjects, those simulated of one scan counted once, no interval over subjects is given."""


@dataclass(frozen=True)
class Figure:
    """A figure and the 95 % interval that other people might have given; NaN where nothing tells."""

    value: float
    low: float = np.nan
    high: float = np.nan

    @property
    def is_known(self) -> bool:
        """Whether there is a figure at all."""
        return bool(np.isfinite(self.value))

    @property
    def is_bounded(self) -> bool:
        """Whether it has an interval."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))


@dataclass(frozen=True)
class Score:
    """How well a method predicts the changes of a region in a group.

    Attributes:
        people, answers: how many.
        intervals: how many of the answers state one; least squares through two scans states none.
        error_ml: mean absolute error of the change.
        error_percent: likewise, in percent of the region in the last scan.
        error_percent_of_brain: likewise, in percent of the brain with its ventricles there.
        bias_ml: mean error.
        sign_share: share of changes whose direction was told; NaN for a method that predicts none.
        calibration_slope: of the change that came on the change predicted; 1 is right, below it too much
            was predicted.
        coverage: level → share of scans that fell within the interval; empty without intervals.
        width_ml: mean width of the 95 % interval.
        crps_ml: mean continuous ranked probability score.
    """

    people: int
    answers: int
    intervals: int
    error_ml: Figure
    error_percent: Figure
    error_percent_of_brain: Figure
    bias_ml: Figure
    sign_share: Figure
    calibration_slope: Figure
    coverage: dict[float, Figure]
    width_ml: Figure
    crps_ml: Figure


def score(answers: Answers) -> Score:
    """The score of one method's answers about one region."""
    change, predicted = answers.column("change_ml"), answers.column("predicted_change_ml")
    error = predicted - change
    spread, freedom, z = answers.column("spread_ml"), answers.column("freedom"), spreads_off(answers)
    says_change = (predicted != 0) & (change != 0)
    is_told = np.where(says_change, np.sign(predicted) == np.sign(change), np.nan)
    return Score(
        people=len(answers.people),
        answers=len(answers.rows),
        intervals=int(np.isfinite(z).sum()),
        error_ml=mean_of(answers, np.abs(error)),
        error_percent=mean_of(answers, _percent(np.abs(error), answers.column("last_ml"))),
        error_percent_of_brain=mean_of(answers, _percent(np.abs(error), answers.column("brain_ml"))),
        bias_ml=mean_of(answers, error),
        sign_share=mean_of(answers, is_told),
        calibration_slope=slope_of(answers, predicted, change),
        coverage=coverage_of(answers),
        width_ml=mean_of(answers, 2 * reach(LEVELS[-1], freedom) * spread),
        crps_ml=mean_of(answers, spread * unit_crps(z, freedom)),
    )


def spreads_off(answers: Answers) -> Array:
    """(n,) by how many of its stated spreads each prediction is above the scan; NaN where it states none."""
    spread = answers.column("spread_ml")
    return np.divide(answers.column("off_ml"), spread, where=spread > 0, out=np.full(len(spread), np.nan))


def coverage_of(answers: Answers) -> dict[float, Figure]:
    """Level → share of scans that fell within the interval stated for it; empty without intervals."""
    z, freedom = spreads_off(answers), answers.column("freedom")
    if not np.isfinite(z).any():
        return {}
    return {
        level: mean_of(answers, np.where(np.isfinite(z), np.abs(z) <= reach(level, freedom), np.nan))
        for level in LEVELS
    }


def mean_of(answers: Answers, values: Array) -> Figure:
    """The mean over all answers that have a value, with its interval over subjects."""
    known = np.isfinite(values)
    return bootstrap(answers.summed(np.where(known, values, 0.0), known * 1.0), _mean)


def root_mean_square_of(answers: Answers, values: Array) -> Figure:
    """The root mean square of all answers that have a value, with its interval over subjects."""
    known = np.isfinite(values)
    sums = answers.summed(np.where(known, values, 0.0) ** 2, known * 1.0)
    return bootstrap(sums, lambda total, count: np.sqrt(total / count))


def slope_of(answers: Answers, predicted: Array, change: Array) -> Figure:
    """The least-squares slope of the change that came on the change predicted.

    NaN where a method predicts the same change for everyone.
    """
    if np.ptp(predicted) <= 1e-9 * (1e-9 + np.abs(predicted).max()):
        return Figure(np.nan)
    ones = np.ones_like(change)
    sums = answers.summed(ones, predicted, change, predicted * change, predicted**2)
    return bootstrap(sums, _slope)


def difference(
    better: Answers, other: Answers, same: Sequence[str] = ("participant", "pair", "inputs")
) -> tuple[Figure, float]:
    """Mean absolute error of one method less that of another, and the p of Wilcoxon's signed ranks.

    Both on the trials that both answered; the subjects of each draw are the same.

    Args:
        better, other: about one region.
        same: attributes by which two answers are of one trial; each side has one answer of each.
    """
    ours, theirs = (
        {tuple(getattr(row, name) for name in same): row for row in one.rows} for one in (better, other)
    )
    shared = [key for key in ours if key in theirs]
    if not shared:
        return Figure(np.nan), np.nan
    both = Answers(tuple(ours[key] for key in shared))
    gap = np.array([abs(ours[key].error_ml) - abs(theirs[key].error_ml) for key in shared])
    sums = both.summed(gap, np.ones(len(gap)))
    per_family = sums[:, 0] / sums[:, 1]
    is_testable = len(per_family) >= FEWEST_FAMILIES and np.any(per_family)
    p = float(stats.wilcoxon(per_family).pvalue) if is_testable else np.nan
    return bootstrap(sums, _mean), p


def bootstrap(sums: Array, figure: Callable[..., Array]) -> Figure:
    """A figure of a group and its interval over subjects.

    Args:
        sums: (families, columns), sums over each one's answers.
        figure: columns' totals, each an array over draws, → the figure of each draw.

    >>> sums = np.array([[6.0, 3.0], [2.0, 1.0], [4.0, 2.0]])
    >>> constant = bootstrap(sums, lambda total, count: total / count)
    >>> constant.low, constant.value, constant.high
    (2.0, 2.0, 2.0)
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(figure(*sums.sum(axis=0)))
        if len(sums) < FEWEST_FAMILIES or not np.isfinite(value):
            return Figure(value)

        drawn = figure(*(_draws(len(sums)) @ sums).T)
        # a draw of people without any such answer has no figure
        low, high = np.percentile(drawn[np.isfinite(drawn)], (2.5, 97.5))
    return Figure(value, float(low), float(high))


@functools.lru_cache(maxsize=64)
def _draws(families: int) -> Array:
    """(draws, families) how often each draw holds each one: the same for every figure of as many.

    One product with it makes all draws at once, for a report holds thousands of figures.
    """
    generator = np.random.default_rng(SEED)
    return generator.multinomial(families, np.full(families, 1.0 / families), size=DRAWS).astype(np.float64)


def unit_crps(z: Array, freedom: Array | float) -> Array:
    """The continuous ranked probability score of an outcome z under Student's t at unit scale.

    In closed form (Jordan, Krüger, Lerch 2019, appendix A); the normal distribution's for infinite freedom.
    Infinite up to one degree of freedom, given as NaN.

    >>> unit_crps(np.array([0.0]), np.inf).round(4).tolist()
    [0.2337]
    """
    z, freedom = np.broadcast_arrays(np.asarray(z, dtype=np.float64), np.asarray(freedom, dtype=np.float64))
    normal = z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi)
    is_normal = np.isinf(freedom)
    nu = np.where(is_normal | (freedom <= 1), 2.0, freedom)
    tail = 2 * np.sqrt(nu) / (nu - 1) * special.beta(0.5, nu - 0.5) / special.beta(0.5, nu / 2) ** 2
    student = z * (2 * stats.t.cdf(z, nu) - 1) + 2 * stats.t.pdf(z, nu) * (nu + z**2) / (nu - 1) - tail
    return np.where(is_normal, normal, np.where(freedom > 1, student, np.nan))


def _percent(part: Array, whole: Array) -> Array:
    return 100 * np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def _mean(total: Array, count: Array) -> Array:
    return total / count


def _slope(n: Array, x: Array, y: Array, xy: Array, xx: Array) -> Array:
    return (xy - x * y / n) / (xx - x**2 / n)
