"""One simulated person: a real scan, aged by a known motion through all visits, with the checks of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol as TypingProtocol

import numpy as np

from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.progress import Progress, silent
from MRExtrapLib.simulation.acquisition import (
    Acquisition,
    Protocol,
    acquire,
    acquire_labels,
    draw_acquisition,
)
from MRExtrapLib.simulation.ageing import AgeingBrain
from MRExtrapLib.simulation.checks import Check, check_motion
from MRExtrapLib.simulation.compartments import VENTRICLES
from MRExtrapLib.simulation.deformation import Deformation, label_volumes_ml
from MRExtrapLib.simulation.plan import MIXED, CohortPlan, Person
from MRExtrapLib.simulation.profiles import PROFILES, SubjectRates, draw_subject
from MRExtrapLib.simulation.sources import Source

INTENSITY_STEPS = 1024
"""A visit's brightest voxel lies at least so many steps above 0: whole numbers, as scanners store."""


@dataclass(frozen=True, eq=False)
class Labelling:
    """FreeSurfer labels of a scan, each volume on a grid of its own in the scan's world.

    Attributes:
        likeliest: the label that fills most of each voxel, to be shown.
        drawn: labels drawn by the shares that each has of a voxel, to be weighed. A voxel of the cortex'
            border holds fluid too, and goes on holding it when the motion carries it; by the likeliest label
            alone a narrow sulcus, all of whose voxels are shared, would lose gray matter that no image shows.
    """

    likeliest: Volume
    drawn: Volume

    @staticmethod
    def certain(labels: Volume) -> Labelling:
        """Labels that say nothing of shares."""
        return Labelling(labels, labels)


class Labeller(TypingProtocol):
    """Finds FreeSurfer labels in a scan that comes without."""

    def __call__(self, scan: Volume) -> Labelling:
        """The labels in the scan's world."""
        ...


@dataclass(frozen=True, eq=False)
class Baseline:
    """A real scan ready to be aged, as often as one likes.

    Attributes:
        scan: as it was stored.
        labels: its FreeSurfer labels; those that are drawn steer the motion.
        brain: what moves, and how.
        label_ml: volume of each label.
    """

    scan: Volume
    labels: Labelling
    brain: AgeingBrain
    label_ml: Mapping[int, float]


@dataclass(frozen=True, eq=False)
class SimulatedVisit:
    """One visit: how the brain has moved since the real scan, and how it was acquired.

    Attributes:
        session_id: ses-01, ses-02, …
        years: since the real scan.
        age_years: at the visit.
        deformation: baseline → visit.
        acquisition: None for the real scan where it is kept as it is.
        label_ml: true volume of each label.
    """

    session_id: str
    years: float
    age_years: float
    deformation: Deformation
    acquisition: Acquisition | None
    label_ml: Mapping[int, float]

    @property
    def is_simulated(self) -> bool:
        """False for a real scan that is kept."""
        return self.acquisition is not None


@dataclass(frozen=True, eq=False)
class SimulatedSubject:
    """A person through all visits; images are made when asked for, the same each time.

    Attributes:
        person: whom it is made of.
        plan: what was asked.
        baseline: the real scan with its labels.
        profile: CN, MCI or AD.
        rates: prescribed to this subject.
        visits: in order of age.
        checks: of every visit and compartment.
    """

    person: Person
    plan: CohortPlan
    baseline: Baseline
    profile: str
    rates: SubjectRates
    visits: tuple[SimulatedVisit, ...]
    checks: tuple[Check, ...]

    @cached_property
    def failure(self) -> str | None:
        """The first check that failed, as a sentence; None when all is well."""
        return next((check.words for check in self.checks if not check.is_good), None)

    def scan_at(self, visit: SimulatedVisit) -> Volume:
        """The visit's scan; the real one where that is kept."""
        if visit.acquisition is None:
            return self.baseline.scan
        index = self.visits.index(visit)
        rng = np.random.default_rng((*self.person.seeds(self.plan), index + 1))
        return _in_whole_steps(acquire(self.baseline.scan, visit.deformation, visit.acquisition, rng))

    def labels_at(self, visit: SimulatedVisit) -> Volume:
        """The deformed labels on the grid of the visit's scan."""
        acquisition = visit.acquisition or at_rest(self.baseline.scan)
        return acquire_labels(self.baseline.labels.likeliest, visit.deformation, acquisition)


def prepare(source: Source, find_labels: Labeller, progress: Progress = silent) -> Baseline:
    """A source read, labelled where it comes without labels, and its motions solved.

    Raises:
        InputError: the scan or its labels cannot be used.
    """
    progress(0.0, f"{source.name}: reading")
    scan, known = source.read(), source.read_labels()
    if known is None:
        progress(0.1, f"{source.name}: segmenting")
    labels = find_labels(scan) if known is None else Labelling.certain(known)
    progress(0.8, f"{source.name}: solving the motion")
    brain = AgeingBrain(labels.drawn)
    return Baseline(scan, labels, brain, label_volumes_ml(labels.drawn, brain.deformation({})))


def simulate(
    person: Person, plan: CohortPlan, baseline: Baseline, progress: Progress = silent
) -> SimulatedSubject:
    """One person through all visits, with the checks of each; images are made later.

    Args:
        person: whom to age.
        plan: when, as whom, and how scanned.
        baseline: the person's source, prepared.
        progress: hears of each visit.

    Raises:
        InputError: the motion would fold tissue, or cannot reach what is prescribed.
    """
    rng = np.random.default_rng(person.seeds(plan))
    profile = plan.profile if plan.profile != MIXED else str(rng.choice(sorted(PROFILES)))
    rates = draw_subject(PROFILES[profile], rng)
    visits: list[SimulatedVisit] = []
    checks: list[Check] = []
    for index, years in enumerate(plan.years):
        progress(index / len(plan.years), f"{person.participant_id}: {years:+g} years")
        changes = prescribed_changes(rates, baseline.brain, years)
        deformation = baseline.brain.deformation(changes)
        label_ml = label_volumes_ml(baseline.labels.drawn, deformation)
        is_made = years != 0 or plan.is_scanned_anew
        acquisition = draw_acquisition(baseline.scan.grid, plan.protocol, rng) if is_made else None
        session, age_years = f"ses-{index + 1:02d}", person.age_years + years
        visits.append(SimulatedVisit(session, years, age_years, deformation, acquisition, label_ml))
        checks += check_motion(session, years, changes, deformation, (baseline.label_ml, label_ml))
    return SimulatedSubject(person, plan, baseline, profile, rates, tuple(visits), tuple(checks))


def prescribed_changes(rates: SubjectRates, brain: AgeingBrain, years: float) -> dict[str, float]:
    """ln(volume / baseline) after some years, of the compartments that this brain's labels have."""
    changes = rates.log_changes(years, brain.baseline_ml.get(VENTRICLES, 0.0))
    return {name: change for name, change in changes.items() if name in brain.baseline_ml}


def at_rest(scan: Volume) -> Acquisition:
    """The circumstances of the real scan itself: its own grid and position, nothing added."""
    still = replace(Protocol(), rotation_deg=0, translation_mm=0, gain=0, bias=0, noise=0)
    return draw_acquisition(scan.grid, still, np.random.default_rng(0))


def _in_whole_steps(volume: Volume) -> Volume:
    """Intensities in whole steps, far finer than the noise: files compress to half their size."""
    brightest = float(volume.voxels.max())
    if brightest <= 0:
        return volume
    step = 2.0 ** np.floor(np.log2(brightest / INTENSITY_STEPS))
    return volume.with_voxels(np.rint(volume.voxels / step) * step)
