"""What one scan tells of its own rate: the subject-specific prior, a ridge on what the scan shows.

People whose brains look alike may change alike, beyond what age, sex and diagnosis say. Rates less those of
such people are regressed on a scan's signs, whichever reading of it foretells more in people who were left
out: its latent, pooled over large boxes, or the shares of its regions. Where neither does, by more than
chance would, there is no such prior, and covariates alone are better.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import ModelError
from MRExtrapLib.progression.coarse import box_means
from MRExtrapLib.progression.covariates import COVARIATE_NAMES
from MRExtrapLib.progression.line import Latent

Array = NDArray[np.float64]

Signs = Mapping[str, Array]
"""Reading → (p,) numbers: `latent`, `shares`."""

Pooled = NDArray[np.floating]
"""(p,) a latent's means over large boxes."""

POOLED = 32
"""Latent elements along each side of a pooled box: few, as people to tell them by are few."""

PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0)
"""That are tried, in units of the mean squared length of a person's signs."""

SURE_ERRORS = 2.0
"""Standard errors that a gain must exceed: the best of several readings and penalties gains by chance too."""

FEWEST_FAMILIES = 8
"""Of fewer, who is left out says nothing of chance."""


def pooled(latent: Latent) -> Pooled:
    """A latent (C, D, H, W) as the means of its large boxes, (p,)."""
    return box_means(latent, POOLED).ravel()


def signs_of(pooled: Pooled, volumes_ml: Mapping[str, float], regions: Sequence[str]) -> Signs:
    """What a scan shows: its pooled latent, and each region's share (ln volume less the mean of all ln).

    Args:
        pooled: (p,) the latent, `pooled`.
        volumes_ml: region → ml, above zero.
        regions: that count.
    """
    logs = np.log(np.maximum([volumes_ml[region] for region in regions], 1e-3))
    return {"latent": np.asarray(pooled, dtype=np.float64), "shares": logs - logs.mean()}


def mean_signs(scans: Sequence[Signs]) -> Signs:
    """The mean over a person's scans."""
    return {reading: np.mean([one[reading] for one in scans], axis=0) for reading in scans[0]}


@dataclass(frozen=True, eq=False)
class SubjectPrior:
    """By how much a person's mean rates differ from those of such people, as a scan foretells it.

    Attributes:
        reading: of the scan that is looked at, a name of `Signs`.
        by_covariates: (5, p) what covariates explain of the signs, the rest of which is looked at.
        spread: (p,) one standard deviation of that rest.
        weights: (p, regions) change of rate per year, in the volume prior's units, that a deviation brings.
        gain: share of squared error that it took from people who were left out.

    Raises:
        ModelError: shapes that do not fit.
    """

    reading: str
    by_covariates: Array
    spread: Array
    weights: Array
    gain: float

    def __post_init__(self) -> None:
        signs = len(self.spread)
        expected = (len(COVARIATE_NAMES), signs)
        if self.by_covariates.shape != expected or self.weights.ndim != 2 or len(self.weights) != signs:
            msg = (
                f"The subject-specific prior reads {signs} signs with weights {self.weights.shape} and "
                f"covariates {self.by_covariates.shape}, which do not fit; fit it again."
            )
            raise ModelError(msg)

    def shift(self, signs: Signs, row: Array) -> Array:
        """(regions,) to be added to the mean rate of such people, per year.

        Args:
            signs: of one scan, or the mean of several.
            row: (5,) covariates of the person.

        Raises:
            ModelError: signs of another kind than the prior was fitted on.
        """
        seen = signs.get(self.reading)
        if seen is None or seen.shape != self.spread.shape:
            msg = f"The subject-specific prior reads {self.reading}, which no scan here gives; fit it again."
            raise ModelError(msg)
        return ((seen - row @ self.by_covariates) / self.spread) @ self.weights


@dataclass(frozen=True, eq=False)
class Example:
    """One person that a subject-specific prior learns from.

    Attributes:
        family: whom the person must not be parted from.
        row: (5,) covariates.
        signs: of one scan.
        excess: (regions,) the person's rate after it, less the mean rate of such people.
        certainty: (regions,) one over the variance of that excess, its noise included.
    """

    family: str
    row: Array
    signs: Signs
    excess: Array
    certainty: Array


@dataclass(frozen=True)
class Foretelling:
    """How well a scan foretells its own rate.

    Attributes:
        prior: that does it; None where it did not take more error from people left out than chance would.
        families: that were left out in turn; with fewer than `FEWEST_FAMILIES` nothing was tried.
        gain, gain_error: share of squared error that the best reading takes away, and its standard error
            over families; below zero it adds error.
    """

    prior: SubjectPrior | None
    families: int
    gain: float = 0.0
    gain_error: float = 0.0

    @property
    def words(self) -> str:
        """One sentence."""
        if self.families < FEWEST_FAMILIES:
            return (
                f"What one scan foretells was not judged: {self.families} families came thrice, "
                f"{FEWEST_FAMILIES} are needed."
            )
        verdict = "kept" if self.prior else "not kept: no more than chance"
        return (
            f"What one scan shows takes {100 * self.gain:.0f} ± {100 * self.gain_error:.0f} % from the "
            f"squared error of rates in people left out; {verdict}."
        )


def fit_subject_prior(people: Sequence[Example]) -> Foretelling:
    """The subject-specific prior of these people, if those left out say that there is one."""
    families = list(dict.fromkeys(one.family for one in people))
    if len(families) < FEWEST_FAMILIES:
        return Foretelling(None, len(families))
    alone = _errors(people, np.zeros((len(people), len(people[0].excess))), families)
    best = max(_tried(people, families), key=lambda one: float(np.sum(alone - one[2])))
    reading, penalty, errors = best
    gains = (alone - errors) / alone.mean()
    gain, error = float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(len(gains)))
    if gain <= SURE_ERRORS * error:
        return Foretelling(None, len(families), gain, error)
    by_covariates, spread, signs = _standardised(people, reading)
    kept = SubjectPrior(reading, by_covariates, spread, _ridge(signs, people, penalty), gain)
    return Foretelling(kept, len(families), gain, error)


def _tried(people: Sequence[Example], families: Sequence[str]) -> Iterator[tuple[str, float, Array]]:
    """Reading, penalty, and the error of each family when all others taught."""
    for reading in people[0].signs:
        for penalty in PENALTIES:
            foretold = np.zeros((len(people), len(people[0].excess)))
            for family in families:
                others = [one for one in people if one.family != family]
                by_covariates, spread, signs = _standardised(others, reading)
                left = SubjectPrior(reading, by_covariates, spread, _ridge(signs, others, penalty), 0.0)
                for number, one in enumerate(people):
                    if one.family == family:
                        foretold[number] = left.shift(one.signs, one.row)
            yield reading, penalty, _errors(people, foretold, families)


def _errors(people: Sequence[Example], foretold: Array, families: Sequence[str]) -> Array:
    """(families,) mean squared error, each region in its own deviations."""
    excess = np.stack([one.excess for one in people])
    certainty = np.stack([one.certainty for one in people])
    each = np.mean(certainty * (excess - foretold) ** 2, axis=1)
    return np.array(
        [
            np.mean([error for one, error in zip(people, each, strict=True) if one.family == family])
            for family in families
        ]
    )


def _standardised(people: Sequence[Example], reading: str) -> tuple[Array, Array, Array]:
    """What covariates explain of the signs (5, p), the spread (p,) of the rest, and the rest in it (N, p)."""
    signs = np.stack([one.signs[reading] for one in people])
    rows = np.stack([one.row for one in people])
    by_covariates = np.asarray(np.linalg.lstsq(rows, signs, rcond=None)[0], dtype=np.float64)
    rest = signs - rows @ by_covariates
    spread = np.maximum(rest.std(axis=0), 1e-9)
    return by_covariates, spread, rest / spread


def _ridge(signs: Array, people: Sequence[Example], penalty: float) -> Array:
    """(p, regions) of least Σ certainty·(excess − signs·weights)² + penalty·‖weights‖², by its dual.

    People are fewer than signs: a system of people by people is solved for each region.
    """
    gram = signs @ signs.T
    certainty = np.stack([one.certainty for one in people], axis=1)
    noise = certainty.mean(axis=1, keepdims=True) / certainty
    length = max(float(np.trace(gram)) / len(gram), np.finfo(np.float64).tiny)  # signs that never vary: zero
    held = gram + penalty * length * np.eye(len(gram)) * noise[:, :, None]
    excess = np.stack([one.excess for one in people], axis=1)
    return signs.T @ np.linalg.solve(held, excess[:, :, None])[:, :, 0].T
