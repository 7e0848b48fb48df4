"""Whether a predicted brain is still that person's in its sulci, and whether the way there leads back.

Sulci are a person's own, and a prediction that blurs or shifts them is nobody's brain. Forward, then
backward: the predicted brain is taken for a scan of its age, and the line through it and the scans before the
last one is asked for the age of the last: what it finds there should be where the way began.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from MRExtrapLib.anatomy.structures import CHANNEL, STRUCTURES, Labels
from MRExtrapLib.evaluation.images import Bench, line_by, methods_of
from MRExtrapLib.evaluation.results import CARRIED_FORWARD, Millilitres
from MRExtrapLib.evaluation.trials import Trial
from MRExtrapLib.imaging.conform import united_brain

CSF = STRUCTURES[CHANNEL["csf"]].left
"""Fluid around the brain, where a scan shows it: what fills sulci is none of the brain."""

HULL_MM = 5.0
"""Radius of the ball that closes the brain's surface: a gap wider than twice that is no sulcus."""


@dataclass(frozen=True)
class Sameness:
    """What is left of a person in the prediction of one trial.

    Attributes:
        schema: of the file; one of another schema is made anew.
        key: of what it depends on, as of the person's result.
        method: of the model, that predicted; nothing where none can from so few scans.
        sulcal_dice: predicted (by `method`) and carried forward → overlap of their sulci with the scan's;
            empty where the scan shows none.
        predicted_change_ml: region → ml, in the line's decode at the target less that at the last input.
        returned_ml: region → ml, decoded at that age on the way back, less the line's there; both empty
            without a method.
    """

    SCHEMA: ClassVar[int] = 1

    schema: int
    key: str
    method: str
    sulcal_dice: Mapping[str, float]
    predicted_change_ml: Millilitres
    returned_ml: Millilitres


def sameness_of(bench: Bench, trial: Trial, key: str) -> Sameness:
    """The sameness of the trial's prediction by the model's best method that can answer it."""
    methods = methods_of(bench, trial)
    if not methods:
        return Sameness(Sameness.SCHEMA, key, "", _sulcal_dice(bench, trial, {}), {}, {})
    method = methods[-1]
    inputs, ages = bench.inputs(trial), bench.ages(trial)
    inside, target_age = united_brain([visit.brain for visit in inputs]), bench.target_age(trial)
    ahead = line_by(method, [visit.latent for visit in inputs], ages, bench, trial)
    start, predicted = (bench.engine.decode(ahead.at(age), inside) for age in (ages[-1], target_age))
    latents = [*(visit.latent for visit in inputs[:-1]), bench.engine.encode(predicted)]
    back = line_by(method, latents, [*ages[:-1], target_age], bench, trial)
    returned = bench.engine.decode(back.at(ages[-1]), inside)
    there = bench.engine.measure(predicted)
    here_ml, again_ml = (bench.telling.told(bench.engine.volumes_ml(one)) for one in (start, returned))
    there_ml = bench.telling.told(there.volumes_ml)
    return Sameness(
        Sameness.SCHEMA,
        key,
        method,
        _sulcal_dice(bench, trial, {method: there.labels}),
        {region: there_ml[region] - ml for region, ml in here_ml.items()},
        {region: again_ml[region] - ml for region, ml in here_ml.items()},
    )


def _sulcal_dice(bench: Bench, trial: Trial, predicted: Mapping[str, Labels]) -> dict[str, float]:
    spacing_mm = bench.engine.template.volume.spacing_mm
    truth = sulci(bench.visits[trial.target].labels, spacing_mm)
    brains = {CARRIED_FORWARD: bench.visits[trial.last].labels, **predicted}
    return {name: dice(truth, sulci(labels, spacing_mm)) for name, labels in brains.items() if truth.any()}


def sulci(labels: Labels, spacing_mm: Sequence[float]) -> NDArray[np.bool_]:
    """(X, Y, Z) what lies within the brain's closed surface and is no brain.

    Args:
        labels: (X, Y, Z) FreeSurfer numbers; background and the fluid outside are no brain.
        spacing_mm: of the voxels.

    >>> block = np.ones((9, 9, 9), np.int16)
    >>> block[4, 4:] = 0
    >>> int(sulci(block, (1.0, 1.0, 1.0)).sum()) > 20, bool(sulci(np.ones_like(block), (1, 1, 1)).any())
    (True, False)
    """
    found = np.zeros(labels.shape, dtype=bool)
    tissue = (labels > 0) & (labels != CSF)
    box = ndimage.find_objects(tissue.astype(np.uint8))
    if not box:
        return found
    margin = [(int(np.ceil(HULL_MM / one)) + 1,) * 2 for one in spacing_mm]
    brain = np.pad(tissue[box[0]], margin)
    reached = ndimage.distance_transform_edt(~brain, sampling=spacing_mm) <= HULL_MM
    hull = ndimage.distance_transform_edt(reached, sampling=spacing_mm) > HULL_MM
    inner = tuple(slice(one[0], -one[1]) for one in margin)
    found[box[0]] = (hull & ~brain)[inner]
    return found


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """2 |A ∩ B| / (|A| + |B|) of two masks of which one at least is not empty (Dice 1945)."""
    return float(2 * np.count_nonzero(first & second) / (np.count_nonzero(first) + np.count_nonzero(second)))
