"""Ageing with known truth: a brain deformed so that each compartment changes its volume as prescribed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.simulation.compartments import VENTRICLES, Compartments, find_compartments
from MRExtrapLib.simulation.deformation import (
    Deformation,
    exponential,
    integrate,
    jacobian_determinant,
    label_volumes_ml,
)
from MRExtrapLib.simulation.flow import Flow, Velocity
from MRExtrapLib.simulation.truth import region_truth_ml

RELATIVE_TOLERANCE = 0.01
"""Of the prescribed log change that the correction aims at; five times finer than what is promised."""

ABSOLUTE_TOLERANCE = 2e-4
"""Log changes below this (0.02 %) are nothing anyone could measure."""

CORRECTIONS = 12
"""More secant steps than any plausible prescription needs: five to eight, on a real brain at 1 mm, from +4
to −8 years. Without the secant these were nine to twenty."""

RESPONSES = (0.4, 1.5)
"""Believed of the secant: its neighbours move a small compartment too, and so bend it."""

SMALLEST_STEP = 1e-6
"""Below this a step says nothing of the response."""


class AgeingBrain:
    """One brain, ready to be aged: the motion that each compartment's growth causes is solved once.

    The potential is linear in the growth, so any prescription, age and correction is a weighted sum of
    one velocity field per compartment.
    """

    def __init__(self, labels: Volume) -> None:
        self.labels = labels
        self.compartments: Compartments = find_compartments(labels)
        flow = Flow(self.compartments)
        self._velocities: Mapping[str, Velocity] = MappingProxyType(
            {
                name: flow.for_growth(share, is_local=name != VENTRICLES)
                for name, share in self.compartments.occupancy.items()
            }
        )

    @property
    def baseline_ml(self) -> dict[str, float]:
        """Volume of each compartment before any change."""
        voxel_ml = self.compartments.grid.voxel_ml
        return {name: float(share.sum()) * voxel_ml for name, share in self.compartments.occupancy.items()}

    def deformation(self, log_changes: Mapping[str, float]) -> Deformation:
        """The motion after which each compartment's volume is exp(log change) of its baseline.

        Compartments left out keep their volume. What is prescribed is met within 1 %, by correcting the
        growth with the volumes that the motion really gives.

        Args:
            log_changes: natural log of volume / baseline volume, per compartment.

        Raises:
            InputError: an unknown compartment, or a change this brain cannot make without folding.
        """
        unknown = sorted(set(log_changes) - set(self._velocities))
        if unknown:
            known = ", ".join(self._velocities)
            msg = f"This brain has no compartment {', '.join(unknown)}; it has {known}."
            raise InputError(msg)
        targets = {name: log_changes.get(name, 0.0) for name in self._velocities}
        growth, response = dict(targets), dict.fromkeys(targets, 1.0)
        before: tuple[dict[str, float], dict[str, float]] | None = None
        for _ in range(CORRECTIONS):
            velocity = self._velocity(growth)
            realised = self._log_changes(jacobian_determinant(exponential(velocity)))
            missed = {name: target - realised[name] for name, target in targets.items()}
            if not all(map(math.isfinite, missed.values())):
                msg = "The prescribed change folds tissue; choose smaller rates or fewer years."
                raise InputError(msg)
            if all(abs(missed[name]) <= _tolerance(target) for name, target in targets.items()):
                return integrate(velocity, self.compartments.grid)
            if before is not None:
                response |= _responses(growth, realised, *before)
            before = growth, realised
            growth = {name: rate + missed[name] / response[name] for name, rate in growth.items()}
        worst = max(missed, key=lambda name: abs(missed[name]))
        msg = (
            f"The {worst} cannot change by {100 * np.expm1(targets[worst]):+.0f} % here "
            f"({100 * np.expm1(realised[worst]):+.0f} % reached); choose smaller rates or fewer years."
        )
        raise InputError(msg)

    def realised(self, deformation: Deformation) -> dict[str, float]:
        """Log change of each compartment's volume that a motion really makes, by its Jacobian."""
        return self._log_changes(deformation.jacobian())

    def truth_ml(self, deformation: Deformation) -> Mapping[str, float]:
        """The true volume of every reported region after a motion, relative to the labels given."""
        return region_truth_ml(label_volumes_ml(self.labels, deformation))

    def _log_changes(self, jacobian: NDArray[np.float32]) -> dict[str, float]:
        """Not a number for a compartment that folds."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return {
                name: float(np.log(np.sum(share * jacobian, dtype=np.float64) / share.sum(dtype=np.float64)))
                for name, share in self.compartments.occupancy.items()
            }

    def _velocity(self, growth: Mapping[str, float]) -> Velocity:
        velocity = np.zeros((3, *self.compartments.grid.shape), np.float32)
        for name, rate in growth.items():
            velocity += np.float32(rate) * self._velocities[name]
        return velocity


def _responses(
    growth: Mapping[str, float],
    realised: Mapping[str, float],
    growth_before: Mapping[str, float],
    realised_before: Mapping[str, float],
) -> dict[str, float]:
    """By how much each compartment follows its own growth, from the last two steps (a secant)."""
    steps = {name: growth[name] - growth_before[name] for name in growth}
    return {
        name: float(np.clip((realised[name] - realised_before[name]) / step, *RESPONSES))
        for name, step in steps.items()
        if abs(step) > SMALLEST_STEP
    }


def _tolerance(log_change: float) -> float:
    return max(RELATIVE_TOLERANCE * abs(log_change), ABSOLUTE_TOLERANCE)
