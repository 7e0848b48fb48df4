"""Whether a simulated motion is what was prescribed: no fold, and every compartment's rate within 5 %."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from MRExtrapLib.anatomy.structures import STRUCTURES, channels_of
from MRExtrapLib.simulation.compartments import COMPARTMENTS
from MRExtrapLib.simulation.deformation import Deformation, jacobian_determinant
from MRExtrapLib.simulation.truth import region_truth_ml

RATE_TOLERANCE = 0.05
"""Relative error of a realised rate that is still what was prescribed."""

UNNOTICEABLE = 5e-4
"""Log changes missed by less than this (0.05 % of the volume) are far below what any segmenter sees."""

COMPARTMENT_OF = {structure: name for name, members in COMPARTMENTS.items() for structure in members}


@dataclass(frozen=True)
class Check:
    """One compartment at one visit: what was prescribed, and what the deformed labels show.

    Attributes:
        session_id, years: which visit, and how long after the real scan.
        compartment: which.
        baseline_ml, volume_ml: in the real scan and at the visit.
        prescribed, realised: ln(volume / baseline).
        smallest_jacobian: of the whole brain's motion, forth and back.
    """

    session_id: str
    years: float
    compartment: str
    baseline_ml: float
    volume_ml: float
    prescribed: float
    realised: float
    smallest_jacobian: float

    @property
    def is_good(self) -> bool:
        """Nothing folds, and the rate is within 5 % of the prescribed one."""
        missed = abs(self.realised - self.prescribed)
        is_met = missed <= max(RATE_TOLERANCE * abs(self.prescribed), UNNOTICEABLE)
        return bool(is_met and self.smallest_jacobian > 0)

    @property
    def words(self) -> str:
        """What was found, as a sentence."""
        if self.smallest_jacobian <= 0:
            return f"Tissue folds at {self.years:+g} years (Jacobian {self.smallest_jacobian:.2f})."
        wanted, found = (percent_per_year(change, self.years) for change in (self.prescribed, self.realised))
        return f"The {self.compartment} changes by {found:+.2f} % per year instead of {wanted:+.2f} %."


def check_motion(
    session_id: str,
    years: float,
    prescribed: Mapping[str, float],
    deformation: Deformation,
    label_ml: tuple[Mapping[int, float], Mapping[int, float]],
) -> tuple[Check, ...]:
    """The checks of one visit, a row for each compartment.

    Args:
        session_id: of the visit.
        years: since the real scan.
        prescribed: compartment → ln(volume / baseline).
        deformation: real scan → visit.
        label_ml: volume of each label in the real scan, and at the visit by the Jacobian.
    """
    smallest = min(
        float(jacobian_determinant(motion).min()) for motion in (deformation.forward, deformation.backward)
    )
    before, now = (compartments_ml(one) for one in label_ml)
    return tuple(
        Check(
            session_id,
            years,
            name,
            before[name],
            now[name],
            change,
            float(np.log(now[name] / before[name])),
            smallest,
        )
        for name, change in prescribed.items()
    )


def percent_per_year(log_change: float, years: float) -> float:
    """The steady yearly change in percent that makes ln(volume / baseline) in so many years; 0 in none.

    >>> round(percent_per_year(np.log(0.81), 2.0), 6)
    -10.0
    """
    return 100 * float(np.expm1(log_change / years)) if years else 0.0


def compartments_ml(label_ml: Mapping[int, float]) -> dict[str, float]:
    """Compartment → ml from the volume of each FreeSurfer label; those without a label are left out.

    >>> compartments_ml({17: 3.5, 53: 3.7, 516: 40.0})
    {'hippocampus': 7.2}
    """
    volumes: dict[str, float] = {}
    for number, ml in label_ml.items():
        name = _compartment_of(number)
        if name:
            volumes[name] = volumes.get(name, 0.0) + ml
    return volumes


def prescribed_regions_ml(
    baseline_ml: Mapping[int, float], prescribed: Mapping[str, float]
) -> Mapping[str, float]:
    """Region → ml if every label changed exactly as its compartment was told to.

    Args:
        baseline_ml: volume of each FreeSurfer label in the real scan.
        prescribed: compartment → ln(volume / baseline).
    """
    grown = {
        number: ml * float(np.exp(prescribed.get(_compartment_of(number) or "", 0.0)))
        for number, ml in baseline_ml.items()
    }
    return region_truth_ml(grown)


def _compartment_of(number: int) -> str | None:
    channel = int(channels_of(np.array([number]), "freesurfer")[0])
    return COMPARTMENT_OF.get(STRUCTURES[channel].name)
