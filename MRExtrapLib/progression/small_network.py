"""A small network from a person's signs to what they foretell: one layer of tanh units, with weight decay.

The units' weights are sought among combinations of the people's own signs, where the best of them lie
(Schölkopf, Herbrich, Smola 2001): there are as many numbers as people and units, however many signs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Array = NDArray[np.float64]

UNITS = 4
"""Hidden units: people are few."""

STEPS = 200
"""Of L-BFGS at most."""

START = 0.1
"""Standard deviation of the weights at the start, on signs of unit length: tanh is nearly straight there."""


def fit_network(signs: Array, excess: Array, certainty: Array, penalty: float) -> tuple[Array, Array]:
    """Hidden and outer weights of least Σ certainty·(excess − tanh([signs, 1]·A)·B)² + penalty·(‖A‖² + ‖B‖²).

    Args:
        signs: (N, p) standardised.
        excess: (N, r) what they shall foretell.
        certainty: (N, r) one over its variance.
        penalty: of A and B as they are where signs have unit length on average and residuals unit deviation.

    Returns:
        A (p + 1, UNITS) and B (UNITS, r), of `foretold`.
    """
    length = max(float(np.sum(signs**2)) / len(signs), np.finfo(np.float64).tiny)
    unit = _with_one(signs / np.sqrt(length))
    gram = unit @ unit.T
    scale = np.sqrt(certainty.mean(axis=0))
    wanted, weights = excess * scale, certainty / scale**2
    inner_shape, outer_shape = (len(signs), UNITS), (UNITS, excess.shape[1])
    split = len(signs) * UNITS

    def loss(packed: Array) -> tuple[float, Array]:
        inner, outer = packed[:split].reshape(inner_shape), packed[split:].reshape(outer_shape)
        reached = gram @ inner
        hidden = np.tanh(reached)
        missed = hidden @ outer - wanted
        decay = np.sum(inner * reached) + np.sum(outer**2)
        pull = weights * missed
        to_inner = gram @ ((pull @ outer.T) * (1 - hidden**2) + penalty * inner)
        to_outer = hidden.T @ pull + penalty * outer
        value = float(np.sum(pull * missed) + penalty * decay)
        return value, 2 * np.concatenate([to_inner.ravel(), to_outer.ravel()])

    start = START * np.random.default_rng(0).normal(size=split + UNITS * excess.shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x
    inner, outer = found[:split].reshape(inner_shape), found[split:].reshape(outer_shape)
    lengths = np.append(np.full(signs.shape[1], np.sqrt(length)), 1.0)[:, None]
    return unit.T @ inner / lengths, outer / scale


def foretold(signs: Array, hidden: Array, outer: Array) -> Array:
    """(..., r) what a network foretells of signs (..., p): tanh([signs, 1]·A)·B."""
    return np.tanh(_with_one(signs) @ hidden) @ outer


def _with_one(signs: Array) -> Array:
    return np.concatenate([signs, np.ones((*signs.shape[:-1], 1))], axis=-1)
