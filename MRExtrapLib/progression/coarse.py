"""A prior on a coarser grid than the latents it is for, so that it fits a file and a cohort fits a prior.

A latent that is nearly voxel-like has millions of elements, and a few dozen people cannot tell what each of
them does: their anatomies do not meet there. Patterns and mean rates are therefore fitted on box averages of
the latents and spread back smoothly. What single elements do beside them is not lost: the variances τ² and
σ² are those of the full latents, measured beside the patterns, and averaged over the same boxes. Values are
stored in half precision, each row in units of its largest; of variances the roots.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import ModelError
from MRExtrapLib.progress import Progress, part_of, silent
from MRExtrapLib.progression.cohort import Cohort, Participant
from MRExtrapLib.progression.fitting import LEAST_SHARE, PriorFitting, fit_prior
from MRExtrapLib.progression.noise import noise_contrasts
from MRExtrapLib.progression.posterior import factor_scores
from MRExtrapLib.progression.prior import Prior, prior_from

Array = NDArray[np.floating]

STEP = 4
"""Elements along each side of a box. It was not tuned, and sizes hardly hang on it: continued beyond its
scans, a near voxel-like latent shows little growth whatever is known of rates (one simulated person whose
ventricles grew by 17.6 ml in two years: decoded +5.4 by least squares and +5.1 by Bayes; the line through
volumes said +12.0). Predicted volumes therefore rest on `volumes`; a step of 4 takes 2 MB, of 2 14 MB."""

AVERAGED, FITTED = 0.3, 0.7
"""Shares of the time after averaging, and after the fit on boxes; then come the variances."""

_MAPS = ("mean_rate", "factors", "noise_factors", "residual_variance", "noise_variance")
_VARIANCES = ("residual_variance", "noise_variance")
_FINE, _STEP, _UNIT = "fine_shape", "step", "_unit"


@dataclass(frozen=True, eq=False)
class CoarsePrior:
    """A prior whose maps live on boxes.

    Attributes:
        boxes: the prior over box averages, its variances those of single elements.
        fine_shape: (C, D, H, W) of the latents it is for.
        step: elements along each side of a box.
    """

    boxes: Prior
    fine_shape: tuple[int, ...]
    step: int

    def spread(self) -> Prior:
        """The prior over all elements, between the boxes' middles by linear interpolation."""
        boxes = self.boxes
        return replace(
            boxes,
            latent_shape=self.fine_shape,
            mean_rate=self._spread(boxes.mean_rate),
            factors=self._spread(boxes.factors),
            residual_variance=self._spread(boxes.residual_variance),
            noise_factors=self._spread(boxes.noise_factors),
            noise_variance=self._spread(boxes.noise_variance),
        )

    def _spread(self, values: Array) -> Array:
        coarse = np.asarray(values, dtype=np.float32).reshape(-1, *self.boxes.latent_shape)
        fine = (
            np.stack([spread_boxes(one, self.step, self.fine_shape) for one in coarse])
            if len(coarse)
            else coarse
        )
        return fine.reshape(*values.shape[:-1], int(np.prod(self.fine_shape)))

    def tensors(self) -> dict[str, NDArray]:
        """The prior as named arrays, for a file; `stored_prior` is the inverse."""
        found = self.boxes.tensors() | {
            _FINE: np.array(self.fine_shape, dtype=np.int64),
            _STEP: np.array([self.step], dtype=np.int64),
        }
        for name in _MAPS:
            values = np.sqrt(found[name]) if name in _VARIANCES else found[name]
            unit = np.maximum(np.abs(values).max(axis=-1, keepdims=True), np.finfo(np.float32).tiny)
            found[name] = (values / unit).astype(np.float16)
            found[name + _UNIT] = unit.astype(np.float32)
        return found


def stored_prior(tensors: Mapping[str, NDArray]) -> Prior:
    """The prior over all elements that a file holds, whether it was stored on boxes or in full.

    Raises:
        ModelError: tensors that are not those of a prior.
    """
    if _STEP not in tensors:
        return prior_from(tensors)
    absent = [name for name in (_FINE, *(name + _UNIT for name in _MAPS), *_MAPS) if name not in tensors]
    if absent or tensors[_STEP].size != 1:
        msg = f"The progression prior on boxes lacks {', '.join(absent) or 'its step'}; fit it again."
        raise ModelError(msg)
    plain = {
        name: array
        for name, array in tensors.items()
        if not name.endswith(_UNIT) and name not in (_FINE, _STEP)
    }
    for name in _MAPS:
        values = tensors[name].astype(np.float32) * tensors[name + _UNIT]
        plain[name] = np.maximum(values, LEAST_ROOT) ** 2 if name in _VARIANCES else values
    fine, step = tuple(int(n) for n in tensors[_FINE]), int(tensors[_STEP].item())
    boxes = prior_from(plain)
    if step < 1 or boxes.latent_shape != boxed_shape(fine, step):
        msg = f"The prior's boxes {boxes.latent_shape} do not fill {fine} in steps of {step}; fit it again."
        raise ModelError(msg)
    return CoarsePrior(boxes, fine, step).spread()


LEAST_ROOT = 1e-12
"""No stored deviation comes back as nothing at all."""


def boxed_shape(shape: Sequence[int], step: int) -> tuple[int, ...]:
    """(C, d, h, w) of the boxes of latents (C, D, H, W); the last of a row may be cut.

    >>> boxed_shape((4, 80, 96, 79), 4)
    (4, 20, 24, 20)
    """
    return (int(shape[0]), *(-(-int(n) // step) for n in shape[1:]))


def box_means(latent: Array, step: int) -> NDArray[np.float32]:
    """(C, d, h, w) averages of a latent (C, D, H, W) over boxes; the edge is repeated where a box is cut.

    >>> box_means(np.arange(8.0).reshape(1, 2, 2, 2), 2).tolist()
    [[[[3.5]]]]
    """
    values = np.asarray(latent, dtype=np.float32)
    padded = np.pad(values, ((0, 0), *((0, -n % step) for n in values.shape[1:])), mode="edge")
    c, d, h, w = (n // size for n, size in zip(padded.shape, (1, step, step, step), strict=True))
    return padded.reshape(c, d, step, h, step, w, step).mean(axis=(2, 4, 6), dtype=np.float32)


def spread_boxes(boxes: Array, step: int, shape: Sequence[int]) -> NDArray[np.float32]:
    """(C, D, H, W) values between the boxes' middles; constant beyond the outermost.

    Axis by axis with small matrices: several times as fast as a general interpolation, and a model loads so.
    """
    values = np.asarray(boxes, dtype=np.float32)
    for axis in (1, 2, 3):
        weights = _linear_weights(values.shape[axis], step, int(shape[axis]))
        values = np.moveaxis(np.tensordot(weights, values, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(values)


@functools.lru_cache(maxsize=32)
def _linear_weights(boxes: int, step: int, elements: int) -> NDArray[np.float32]:
    """(elements, boxes) by which each element is made of its two nearest boxes."""
    place = np.clip((np.arange(elements) + 0.5) / step - 0.5, 0, boxes - 1)
    return np.maximum(1.0 - np.abs(place[:, None] - np.arange(boxes)), 0.0).astype(np.float32)


def fit_coarse_prior(
    cohort: Cohort, fitting: PriorFitting | None = None, step: int = STEP, progress: Progress = silent
) -> CoarsePrior:
    """The prior of a cohort, its patterns on boxes, its variances those of single elements.

    Raises:
        InputError: as `fit_prior` does.
    """
    members = []
    for number, one in enumerate(cohort.people):
        part_of(progress, 0.0, AVERAGED)(number / len(cohort.people), f"averaging {one.name}")
        means = np.stack([box_means(latent, step) for latent in one.latents])
        members.append(Participant(one.name, one.ages_years, means, one.covariates))
    averaged = Cohort(tuple(members))
    prior = fit_prior(averaged, fitting, part_of(progress, AVERAGED, FITTED))
    progress(FITTED, "measuring what the patterns leave over")
    noise = _noise_variance(cohort, prior, step)
    rate = _rate_variance(cohort, averaged, prior, noise, step)
    boxes = replace(prior, noise_variance=noise.ravel(), residual_variance=rate.ravel())
    progress(1.0, "prior fitted")
    return CoarsePrior(boxes, cohort.latent_shape, step)


def _noise_variance(cohort: Cohort, prior: Prior, step: int) -> NDArray[np.float32]:
    """Box averages of σ²: the squares of noise contrasts of single elements, beside the patterns of noise."""
    contrasts, _ = noise_contrasts([one.ages_years for one in cohort.people])
    total, count = np.zeros(prior.latent_shape), 0
    for one, rows in zip(cohort.people, contrasts, strict=True):
        for row in rows:
            total += box_means(np.tensordot(row, one.latents, axes=1) ** 2, step)
            count += 1
    patterns = np.sum(np.square(prior.noise_factors), axis=0).reshape(prior.latent_shape)
    variance = total / count
    return np.maximum(variance - patterns, np.maximum(0.05 * variance, 1e-9 * variance.mean())).astype(
        np.float32
    )


def _rate_variance(
    cohort: Cohort, averaged: Cohort, prior: Prior, noise: Array, step: int
) -> NDArray[np.float32]:
    """Box averages of τ²: what people's slopes differ, element by element, beside patterns, by moments."""
    total, information = np.zeros(prior.latent_shape), 0.0
    for one, boxes in zip(cohort.people, averaged.people, strict=True):
        timing = one.timing
        if timing.information <= 0:
            continue
        root = np.sqrt(timing.information)
        changes, scatter = factor_scores(boxes.latents, one.ages_years, prior, one.covariates)
        known = root * (prior.row(one.covariates) @ prior.mean_rate + changes @ prior.factors)
        known = known + scatter @ prior.noise_factors
        expected = spread_boxes(known.reshape(prior.latent_shape), step, cohort.latent_shape)
        total += box_means((np.tensordot(timing.contrast, one.latents, axes=1) - expected) ** 2, step) - noise
        information += timing.information
    return np.maximum(total / information, LEAST_SHARE * noise).astype(np.float32)
