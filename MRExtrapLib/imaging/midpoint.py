"""All visits of one person in one place, with no visit privileged.

Each visit is first laid on the template by itself, which no other visit can influence. Then each is
registered to the mean of the *others* and moves its share of the way, (n − 1)/n, so that two visits meet
in the middle. The mean of these steps is rest: where the visits lie together on the template is the mean
of where each lies alone, and between visits nothing but their own rigid motion differs. (After Reuter
2010, inverse consistent registration, and Reuter 2012, the unbiased within-subject template.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from MRExtrapLib.imaging.brain import BareBrain, Brain
from MRExtrapLib.imaging.quality import GOOD_CORRELATION, RegistrationQuality
from MRExtrapLib.imaging.registration import correlation, overlap, register, turned_correlation
from MRExtrapLib.imaging.rigid import displacement_mm, inverse, mean_motion, part_of
from MRExtrapLib.imaging.template import Template
from MRExtrapLib.imaging.volume import Affine, Grid, Volume

ROUNDS = 2


@dataclass(frozen=True, eq=False)
class Alignment:
    """Where each visit lies in the template's world (rigid, mm → mm), and how well."""

    motions: tuple[Affine, ...]
    qualities: tuple[RegistrationQuality, ...]


def align(
    visits: Sequence[BareBrain], template: Template, starts: Sequence[Affine | None] | None = None
) -> Alignment:
    """The visits of one person on the template, agreeing with each other.

    Args:
        visits: the person's brains, in any order.
        template: where to.
        starts: for each visit a motion to the template good to some millimetres, where one is known.
    """
    target = template.brain
    known = starts or [None] * len(visits)
    alone = [register(visit.snug(), target, start) for visit, start in zip(visits, known, strict=True)]
    motions, residual_mm = meet(visits, alone, target.volume.grid)
    return Alignment(tuple(motions), _qualities(visits, motions, target, residual_mm))


def meet(visits: Sequence[BareBrain], motions: Sequence[Affine], grid: Grid) -> tuple[list[Affine], float]:
    """The motions under which the visits agree, and how far the last round still moved them (mm).

    Args:
        visits: the person's brains.
        motions: where each lies now (its world → a shared world), good to some millimetres.
        grid: the working grid in the shared world.
    """
    if len(visits) == 1:
        return list(motions), 0.0
    moved, residual_mm = list(motions), 0.0
    for _ in range(ROUNDS):
        steps = _steps(visits, moved, grid)
        moved = [step @ motion for step, motion in zip(steps, moved, strict=True)]
        residual_mm = max(displacement_mm(step) for step in steps)
    return moved, residual_mm


def _steps(visits: Sequence[BareBrain], motions: Sequence[Affine], grid: Grid) -> list[Affine]:
    """How far each visit goes towards the others; the steps' mean is rest."""
    n = len(visits)
    brains = [visit.on(grid, motion) for visit, motion in zip(visits, motions, strict=True)]
    towards = [register(b, _mean([o for o in brains if o is not b]), np.eye(4)) for b in brains]
    steps = [part_of(motion, (n - 1) / n) for motion in towards]
    drift = mean_motion(steps)
    return [inverse(drift) @ step for step in steps]


def _qualities(
    visits: Sequence[BareBrain], motions: Sequence[Affine], target: Brain, residual_mm: float
) -> tuple[RegistrationQuality, ...]:
    brains = [visit.on(target.volume.grid, motion) for visit, motion in zip(visits, motions, strict=True)]
    rest = np.eye(4)
    qualities = []
    for brain in brains:
        others = [other for other in brains if other is not brain]
        with_others = correlation(brain, _mean(others), rest) if others else 1.0
        with_target = correlation(brain, target, rest)
        turned = turned_correlation(brain, target) if with_target < GOOD_CORRELATION else 0.0
        seen = (with_target, overlap(brain, target, rest), with_others, residual_mm, turned)
        qualities.append(RegistrationQuality(*seen))
    return tuple(qualities)


def _mean(brains: Sequence[Brain]) -> Brain:
    voxels = np.stack([b.volume.voxels for b in brains]).mean(axis=0)
    mask = np.mean([b.mask for b in brains], axis=0) >= 0.5
    return Brain(Volume(voxels, brains[0].volume.affine), mask)
