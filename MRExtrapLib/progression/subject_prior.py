"""What one scan tells of its own rate: the subject-specific prior, a ridge or a small network on its signs.

People whose brains look alike may change alike, beyond what age, sex and diagnosis say. Rates less those of
such people are regressed on a scan's signs, by whatever foretells more in people who were left out: a ridge
or a small network, of its latent, pooled over large boxes, or of the shares of its regions. Where none does,
by more than chance would, there is no such prior, and covariates alone are better.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import ModelError
from MRExtrapLib.progression.coarse import box_means
from MRExtrapLib.progression.covariates import COVARIATE_NAMES
from MRExtrapLib.progression.line import Latent
from MRExtrapLib.progression.small_network import fit_network, foretold

Array = NDArray[np.float64]

Signs = Mapping[str, Array]
"""Reading → (p,) numbers: `latent`, `shares`."""

Pooled = NDArray[np.floating]
"""(p,) a latent's means over large boxes."""

POOLED = 32
"""Latent elements along each side of a pooled box: few, as people to tell them by are few."""

Kind = Literal["ridge", "network"]
"""Of what is tried."""

PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0)
"""That are tried, in units of the mean squared length of a person's signs."""

SURE_ERRORS = 2.0
"""Standard errors that a gain must exceed: the best of several readings, kinds and penalties gains by chance
too."""

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
        weights: (p, regions) change of rate per year, in the volume prior's units, that a deviation brings;
            of a network (units, regions), that a unit brings.
        gain: share of squared error that it took from people who were left out.
        hidden: (p + 1, units) of a network (`small_network`); None of a ridge.

    Raises:
        ModelError: shapes that do not fit.
    """

    reading: str
    by_covariates: Array
    spread: Array
    weights: Array
    gain: float
    hidden: Array | None = None

    def __post_init__(self) -> None:
        signs = len(self.spread)
        fits = self.by_covariates.shape == (len(COVARIATE_NAMES), signs) and self.weights.ndim == 2
        read = (signs, signs) if self.hidden is None else (self.hidden.shape[0] - 1, self.hidden.shape[1])
        if not fits or read != (signs, len(self.weights)):
            msg = (
                f"The subject-specific prior reads {signs} signs with weights {self.weights.shape}, hidden "
                f"{read} and covariates {self.by_covariates.shape}, which do not fit; fit it again."
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
        deviations = (seen - row @ self.by_covariates) / self.spread
        if self.hidden is None:
            return deviations @ self.weights
        return foretold(deviations, self.hidden, self.weights)

    @property
    def words(self) -> str:
        """By what it foretells."""
        return f"{'a ridge' if self.hidden is None else 'a small network'} on its {self.reading}"


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
        verdict = f"kept: {self.prior.words}" if self.prior else "not kept: no more than chance"
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
    (kind, reading, penalty), errors = max(
        _tried(people, families), key=lambda one: float(np.sum(alone - one[1]))
    )
    gains = (alone - errors) / alone.mean()
    gain, error = float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(len(gains)))
    if gain <= SURE_ERRORS * error:
        return Foretelling(None, len(families), gain, error)
    kept = replace(_fitted(people, kind, reading, penalty), gain=gain)
    return Foretelling(kept, len(families), gain, error)


def _tried(
    people: Sequence[Example], families: Sequence[str]
) -> Iterator[tuple[tuple[Kind, str, float], Array]]:
    """Kind, reading and penalty, and the error of each family when all others taught."""
    for tried in itertools.product(get_args(Kind), people[0].signs, PENALTIES):
        told = np.zeros((len(people), len(people[0].excess)))
        for family in families:
            left = _fitted([one for one in people if one.family != family], *tried)
            for number, one in enumerate(people):
                if one.family == family:
                    told[number] = left.shift(one.signs, one.row)
        yield tried, _errors(people, told, families)


def _fitted(people: Sequence[Example], kind: Kind, reading: str, penalty: float) -> SubjectPrior:
    """What these people teach; its gain is not known yet."""
    by_covariates, spread, signs = _standardised(people, reading)
    if kind == "ridge":
        return SubjectPrior(reading, by_covariates, spread, _ridge(signs, people, penalty), 0.0)
    excess, certainty = (np.stack([getattr(one, name) for one in people]) for name in ("excess", "certainty"))
    hidden, weights = fit_network(signs, excess, certainty, penalty)
    return SubjectPrior(reading, by_covariates, spread, weights, 0.0, hidden)


def _errors(people: Sequence[Example], told: Array, families: Sequence[str]) -> Array:
    """(families,) mean squared error, each region in its own deviations."""
    excess = np.stack([one.excess for one in people])
    certainty = np.stack([one.certainty for one in people])
    each = np.mean(certainty * (excess - told) ** 2, axis=1)
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
