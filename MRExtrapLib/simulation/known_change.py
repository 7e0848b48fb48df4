"""What a segmenter sees of a known change of one scan: the scan is moved by it, and measured again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.progression.response import KnownChange
from MRExtrapLib.simulation.ageing import AgeingBrain
from MRExtrapLib.simulation.deformation import Deformation, warp

LAW = 1
"""Raised whenever other shares come of the same scan; what was kept is then measured again."""

CHANGES_PERCENT: Mapping[str, float] = {
    "hippocampus": -8.0,
    "amygdala": -6.0,
    "cortex": -2.5,
    "white_matter": -2.5,
    "deep_gray": -2.5,
    "ventricles": 15.0,
}
"""About what Alzheimer's disease does in two or three years."""

TrueVolumes = tuple[Mapping[str, float], Mapping[str, float]]
"""Region → ml, before and after."""


class Measures(Protocol):
    """What names and measures a conformed brain."""

    def volumes_ml(self, volume: Volume) -> Mapping[str, float]:
        """Region → ml."""
        ...

    def label(self, volume: Volume) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """The likeliest label of each voxel (X, Y, Z), and one drawn by its share."""
        ...


def known_motion(
    volume: Volume, segmenter: Measures, changes_percent: Mapping[str, float]
) -> tuple[Deformation, TrueVolumes]:
    """A motion that changes each compartment of a conformed brain so, and the true volumes of both brains.

    These are those of the labels that the segmenter draws here, by each label's share of a voxel once
    brightness is heard. Compartments that the brain lacks are left out.

    Raises:
        InputError: the brain cannot change so.
    """
    _, drawn = segmenter.label(volume)
    brain = AgeingBrain(volume.with_voxels(drawn))
    known = {name: percent for name, percent in changes_percent.items() if name in brain.baseline_ml}
    motion = brain.deformation({name: float(np.log1p(percent / 100)) for name, percent in known.items()})
    return motion, (brain.truth_ml(brain.deformation({})), brain.truth_ml(motion))


def own_shares(volume: Volume, segmenter: Measures) -> dict[str, float]:
    """Region → share that is seen of a known change of this conformed brain.

    What is seen is by how much the volumes of the image that moves so change.

    Raises:
        InputError: the brain cannot change so.
    """
    motion, true_ml = known_motion(volume, segmenter, CHANGES_PERCENT)
    seen_ml = segmenter.volumes_ml(volume), segmenter.volumes_ml(warp(volume, motion))
    change = KnownChange("", seen_ml, true_ml)
    pairs = {region: change.of(region) for region in seen_ml[0] if change.has(region)}
    return {region: seen / true for region, (seen, true) in pairs.items() if true}
