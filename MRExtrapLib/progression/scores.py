"""The scores of people on patterns of change and of noise: the expectation step of the prior's fit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

Piece = tuple[Array, Array, Array, Array, Array]
"""√S (N, 1), patterns (k, B), noise patterns (m, B), variances (N, B) and misfits (N, B) of some elements."""


@dataclass(frozen=True, eq=False)
class Scores:
    """What is expected of each of N people's scores: c on k patterns of change, d on m of noise.

    Attributes:
        mean: (N, k + m).
        covariance: (N, k + m, k + m).
        changes: k.
    """

    mean: Array
    covariance: Array
    changes: int

    @property
    def noise_mean(self) -> Array:
        """(N, m) expected d."""
        return self.mean[:, self.changes :]

    def regressors(self, rows: Array) -> tuple[Array, Array, Array]:
        """Expected design (N, q) of covariates and c, its squares (N, q, q), and d times it (N, m, q)."""
        k, p = self.changes, rows.shape[1]
        design = np.hstack([rows, self.mean[:, :k]])
        squares = design[:, :, None] * design[:, None, :]
        squares[:, p:, p:] += self.covariance[:, :k, :k]
        with_noise = self.noise_mean[:, :, None] * design[:, None, :]
        with_noise[:, :, p:] += self.covariance[:, k:, :k]
        return design, squares, with_noise

    def spread_of(self, roots: Array, factors: Array, noise_factors: Array) -> Array:
        """(N, B) variance that what is unknown of the scores leaves in the misfits."""
        lower = np.linalg.cholesky(self.covariance)
        spread = np.empty((len(self.mean), factors.shape[1]))
        for person, (root, half) in enumerate(zip(roots[:, 0], lower, strict=True)):
            loadings = np.vstack([root * factors, noise_factors])
            spread[person] = np.sum((half.T @ loadings) ** 2, axis=0)
        return spread


def expected_scores(pieces: Iterable[Piece], changes: int) -> Scores:
    """The scores given everything else, from elements in pieces.

    The scores c come out with an average square of one: the scale that they have by chance goes into the
    patterns (parameter-expanded EM, which needs far fewer iterations).
    """
    precision, pull = np.zeros(()), np.zeros(())
    for roots, factors, noise_factors, variances, misfits in pieces:
        if precision.ndim == 0:
            columns = len(factors) + len(noise_factors)
            precision = np.tile(np.eye(columns), (len(roots), 1, 1))
            pull = np.zeros((len(roots), columns))
        for person, root in enumerate(roots[:, 0]):
            loadings = np.vstack([root * factors, noise_factors])
            weighted = loadings / variances[person]
            precision[person] += weighted @ loadings.T
            pull[person] += weighted @ misfits[person]
    covariance = np.linalg.inv(precision)
    mean = np.einsum("nij,nj->ni", covariance, pull)
    return _at_unit_scale(Scores(mean, covariance, changes))


def _at_unit_scale(scores: Scores) -> Scores:
    k = scores.changes
    if k == 0:
        return scores
    squares = scores.covariance[:, :k, :k] + scores.mean[:, :k, None] * scores.mean[:, None, :k]
    change = np.eye(scores.mean.shape[1])
    change[:k, :k] = np.linalg.inv(np.linalg.cholesky(squares.mean(axis=0)))
    covariance = change @ scores.covariance @ change.T
    return Scores(scores.mean @ change.T, covariance, k)
