"""How much a scan differs from the next of the same brain: the noise of latents.

Contrasts of a person's scans that hold no change tell it: differences within a few weeks where a cohort has
them, less what the person's own line changes in these weeks, else what three or more scans leave over about
their straight line (real bending then counts as noise).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError
from MRExtrapLib.progression.cohort import Cohort, Participant

SHORT_GAP_YEARS = 0.25
"""Within three months hardly anything bends."""

LEAST_SPAN_YEARS = 1.0
"""Who was followed for so long tells what changed within a short gap; of others it counts as noise. It is not
little: in five weeks ventricles in AD grow by 0.7 ml, ten times the scatter of their volume."""

FEWEST_REPEATS = 8
"""With fewer contrasts within short gaps, those about the line, which are more, judge better."""

FEWEST_CONTRASTS = 4
"""Below this nobody can say what is noise and what is change."""

CONTRASTS_PER_FACTOR = 3
"""A pattern needs a few contrasts to be seen in."""

FLOOR = 1e-4
"""No element's noise is below this share of the mean: a constant element would divide by zero."""


@dataclass(frozen=True, eq=False)
class Noise:
    """The noise of one scan in E elements.

    Attributes:
        factors: (m, E) U, patterns of noise.
        variance: (E,) σ², beside them.
        contrasts: how many it was judged by.
        is_from_repeats: whether those lie within short gaps; σ² is then known without any line.
    """

    factors: NDArray[np.float32]
    variance: NDArray[np.float64]
    contrasts: int
    is_from_repeats: bool


def line_contrasts(ages_years: Sequence[float]) -> NDArray[np.float64]:
    """Orthonormal contrasts (n − 2, n) that any straight line in age leaves at zero.

    >>> np.abs(line_contrasts([70.0, 71.0, 72.0])).round(2).tolist()
    [[0.41, 0.82, 0.41]]
    """
    ages = np.asarray(ages_years, dtype=np.float64)
    offsets = ages - ages.mean()
    return _complement(np.stack([np.ones(len(ages)), offsets], axis=1))


def repeat_contrasts(ages_years: Sequence[float]) -> NDArray[np.float64]:
    """Orthonormal contrasts (q, n) within groups of scans that a short gap holds together.

    Of who was followed for `LEAST_SPAN_YEARS` or more any straight line in age leaves them at zero.

    >>> np.abs(repeat_contrasts([70.0, 70.1])).round(2).tolist()
    [[0.71, 0.71]]
    >>> np.abs(repeat_contrasts([70.0, 75.0, 70.1]) @ [70.0, 75.0, 70.1]).round(6).tolist()
    [0.0]
    """
    ages = np.asarray(ages_years, dtype=np.float64)
    order = np.argsort(ages)
    groups: list[list[int]] = []
    for index in order:
        if groups and ages[index] - ages[groups[-1][0]] <= SHORT_GAP_YEARS:
            groups[-1].append(int(index))
        else:
            groups.append([int(index)])
    within = _complement(np.stack([np.isin(np.arange(len(ages)), group) * 1.0 for group in groups], axis=1))
    if not len(within) or np.ptp(ages) < LEAST_SPAN_YEARS:
        return within
    offsets = ages - ages.mean()
    level = within - np.outer(within @ offsets, offsets) / (offsets @ offsets)
    return np.linalg.qr(level.T)[0].T


def noise_contrasts(ages_years: Sequence[Sequence[float]]) -> tuple[list[NDArray[np.float64]], bool]:
    """Each person's contrasts that hold noise alone, and whether they lie within short gaps.

    Raises:
        InputError: too few to tell noise from change.
    """
    repeats = [repeat_contrasts(one) for one in ages_years]
    if sum(map(len, repeats)) >= FEWEST_REPEATS:
        return repeats, True
    about_lines = [line_contrasts(one) for one in ages_years]
    count = sum(map(len, about_lines))
    if count < FEWEST_CONTRASTS:
        msg = (
            f"Noise cannot be told from change: the cohort has {count} scans beyond two a person, and "
            f"{FEWEST_CONTRASTS} are needed, or {FEWEST_REPEATS} within {12 * SHORT_GAP_YEARS:g} months of "
            "another; add people with three scans or with repeats."
        )
        raise InputError(msg)
    return about_lines, False


def estimate_noise(cohort: Cohort, most_factors: int) -> Noise:
    """The noise of a cohort's scans, from short gaps where there are enough, else about people's lines.

    Patterns are the strongest directions of the contrasts (probabilistic principal components, found
    in the small matrix of contrast by contrast).

    Raises:
        InputError: too few contrasts to tell noise from change.
    """
    contrasts, is_from_repeats = noise_contrasts([one.ages_years for one in cohort.people])
    count = sum(map(len, contrasts))
    gram, variance = np.zeros((count, count)), np.empty(cohort.elements)
    for block in cohort.blocks():
        scatter = _scatter(cohort.people, contrasts, block)
        gram += scatter @ scatter.T
        variance[block] = np.mean(scatter**2, axis=0)
    mixtures = principal_mixtures(gram / count, min(most_factors, count // CONTRASTS_PER_FACTOR))
    factors = np.empty((len(mixtures), cohort.elements), dtype=np.float32)
    for block in cohort.blocks():
        factors[:, block] = mixtures @ _scatter(cohort.people, contrasts, block) / np.sqrt(count)
        variance[block] -= np.sum(np.square(factors[:, block]), axis=0)
    least = max(FLOOR * float(variance.mean()), float(np.finfo(np.float32).tiny))
    variance = np.maximum(variance, least)
    return Noise(factors, variance, count, is_from_repeats)


def principal_mixtures(gram: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Mixtures (count, n) of n observations that are their strongest patterns, shrunk by what noise adds.

    Args:
        gram: (n, n) inner products of the observations, divided by n.
        count: at most so many; patterns no stronger than the average of the rest are left out.
    """
    strengths, mixtures = np.linalg.eigh(gram)
    strengths, mixtures = strengths[::-1], mixtures[:, ::-1].T
    if not 0 < count < len(strengths):
        return mixtures[:0]
    background = strengths[count:].mean()
    kept = np.sqrt(np.clip(1.0 - background / np.maximum(strengths[:count], 1e-300), 0.0, 1.0))
    return kept[kept > 0, None] * mixtures[:count][kept > 0]


def _scatter(
    people: Sequence[Participant], contrasts: Sequence[NDArray[np.float64]], block: slice
) -> NDArray[np.float64]:
    """All contrasts (count, elements of the block)."""
    return np.vstack(
        [rows @ one.scans(block) for one, rows in zip(people, contrasts, strict=True) if len(rows)]
    )


def _complement(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Orthonormal rows that are orthogonal to the columns."""
    left, strengths, _ = np.linalg.svd(columns, full_matrices=True)
    return left[:, int(np.sum(strengths > 1e-9 * strengths[0])) :].T
