"""The reference scan moved until it shows the predicted volumes.

The decodes tell where tissue moves; how much, the person's volumes know better (`forecast.volumes`), and a
decode that fades where a border should move shows too little. So the scan is bent as the decodes are, and
what is then missing of each compartment's predicted change is made up by a smooth motion of the whole brain
that rests at the skull: the one that simulated ageing uses (`simulation.ageing`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from MRExtrapLib.anatomy.regions import region_volumes_ml
from MRExtrapLib.anatomy.structures import STRUCTURES, Labels
from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.dense import Bending
from MRExtrapLib.imaging.volume import Affine, Volume
from MRExtrapLib.simulation.ageing import AgeingBrain
from MRExtrapLib.simulation.compartments import VENTRICLES
from MRExtrapLib.simulation.deformation import Deformation, carried_back

REGIONS_OF: Mapping[str, tuple[str, ...]] = {
    "hippocampus": ("hippocampus",),
    "amygdala": ("amygdala",),
    "cortex": ("cerebral_cortex",),
    "white_matter": ("cerebral_white_matter",),
    "deep_gray": ("thalamus", "caudate", "putamen", "pallidum"),
    VENTRICLES: ("lateral_ventricles",),
}
"""Compartment → reported regions whose change together it follows. What else a compartment holds (third
ventricle, accumbens, ventral DC) changes in the same proportion; cerebellum and brain stem are as bent."""

SHARES = (1.0, 0.5, 0.25)
"""Of what is missing, tried in turn: a change that would fold tissue is made in part."""


ROUNDS = 2
"""Of finding the motion, which moves tissue to where it is bent otherwise: one makes 92 to 95 % of the change
of ventricles that is asked for (three people), two make 99."""


@dataclass(frozen=True, eq=False)
class MovedScan:
    """The reference scan as it was moved.

    Attributes:
        image: on the reference's grid.
        labels: (X, Y, Z) FreeSurfer numbers of its voxels, moved with it.
        share: of what the decodes' motion lacked, so much was made up; 1 where the volumes are the predicted.
    """

    image: Volume
    labels: Labels
    share: float


@dataclass(frozen=True, eq=False)
class MovableScan:
    """A scan that can be moved.

    Attributes:
        scan: (X, Y, Z) on an upright grid.
        labels: (X, Y, Z) FreeSurfer numbers of its voxels.
    """

    scan: Volume
    labels: Labels

    @cached_property
    def brain(self) -> AgeingBrain | None:
        """The motions of its compartments, solved once: some seconds. None where the labels let nothing move:
        no brain, or no fluid around it.
        """
        try:
            return AgeingBrain(self.scan.with_voxels(self.labels))
        except InputError:
            return None

    def moved(self, bending: Bending, changes: Mapping[str, float]) -> MovedScan:
        """The scan bent, and moved besides until its compartments have changed as wanted.

        Args:
            bending: as the decodes are bent.
            changes: compartment → natural log of its volume then over its volume now; others are as bent.
        """
        if bending.is_at_rest and not any(changes.values()):
            return MovedScan(self.scan, self.labels, 1.0)
        if not changes:
            return self._bent(bending, 1.0)
        brain = self.brain
        if brain is None:
            return self._bent(bending, 0.0)
        whole, share = bending, 0.0
        made = _log_changes(brain, bending, self.scan.affine)
        asked = dict.fromkeys(made.keys() & changes.keys(), 0.0)
        for _ in range(ROUNDS):
            asked = {name: change + changes[name] - made[name] for name, change in asked.items()}
            motion, found = _motion(brain, asked)
            if motion is None or found < share:  # what the round before made stands
                break
            share = found
            # the motion is known where tissue lies in the scan, so it comes first, and the bending after it
            source = carried_back(motion, bending.source_voxels(), self.scan.affine)
            whole = bending.from_source_voxels(source)
            made = _log_changes(brain, whole, self.scan.affine)
            if share < 1.0:  # what it lacks would fold tissue
                break
        return self._bent(whole, share)

    def _bent(self, bending: Bending, share: float) -> MovedScan:
        labels = bending.bend_labels(self.scan.with_voxels(self.labels)).voxels
        return MovedScan(bending.bend(self.scan), np.rint(labels).astype(np.int16), share)


def compartment_changes(now_ml: Mapping[str, float], then_ml: Mapping[str, float]) -> dict[str, float]:
    """Natural log of each compartment's volume then over its volume now, from the regions' volumes in ml.

    >>> compartment_changes({"hippocampus": 8.0}, {"hippocampus": 8.0})
    {'hippocampus': 0.0}
    """
    changes = {}
    for name, regions in REGIONS_OF.items():
        now, then = (_together_ml(volumes, regions) for volumes in (now_ml, then_ml))
        if now > 0 and then > 0:
            changes[name] = float(np.log(then / now))
    return changes


def moved_ml(observed_ml: Mapping[str, float], before: Labels, after: Labels) -> dict[str, float]:
    """Region → ml that a moved scan shows: as observed, times what has become of the region's voxels."""
    now, then = (region_volumes_ml(_sided_voxels(labels)) for labels in (before, after))
    return {
        region: ml * then[region] / now[region] if now.get(region) else ml
        for region, ml in observed_ml.items()
    }


def _sided_voxels(labels: Labels) -> NDArray[np.float64]:
    """(structures, 2) voxels of each structure left and right; those without sides count as left."""
    found = np.bincount(labels.ravel(), minlength=1 + max(max(one.left, one.right) for one in STRUCTURES))
    return np.array([(found[one.left], found[one.right] * one.has_sides) for one in STRUCTURES], np.float64)


def _together_ml(volumes_ml: Mapping[str, float], regions: Sequence[str]) -> float:
    return sum(volumes_ml.get(region, 0.0) for region in regions)


def _log_changes(brain: AgeingBrain, bending: Bending, affine: Affine) -> dict[str, float]:
    """Compartment → log of its volume when bent over its volume now, of those that the scan shows."""
    working = np.linalg.inv(brain.compartments.grid.affine) @ affine
    turned = np.tensordot(working[:3, :3], bending.source_voxels(), axes=1)
    at = turned + working[:3, 3, None, None, None]
    now_ml, changes = brain.baseline_ml, {}
    for name, occupancy in brain.compartments.occupancy.items():
        then = map_coordinates(occupancy, at, order=1).sum(dtype=np.float64) * bending.field_voxel_ml
        if then > 0:
            changes[name] = float(np.log(then / now_ml[name]))
    return changes


def _motion(brain: AgeingBrain, missing: Mapping[str, float]) -> tuple[Deformation | None, float]:
    """What makes up for as much as possible of the missing log changes, and how much that is."""
    for share in SHARES:
        try:
            return brain.deformation({name: share * change for name, change in missing.items()}), share
        except InputError:  # it would fold tissue
            continue
    return None, 0.0
