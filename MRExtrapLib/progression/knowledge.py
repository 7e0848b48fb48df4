"""What a model knows of regional volumes, as text that its folder keeps: prior, calibration, likeness.

A few hundred numbers, so JSON, which a reader can check by eye; the prior of latents, with millions, has a
file of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import ModelError
from MRExtrapLib.model.typed_json import from_json, parse_json, to_json
from MRExtrapLib.progression.calibration import Calibration
from MRExtrapLib.progression.likeness import Likeness
from MRExtrapLib.progression.prior import Prior
from MRExtrapLib.progression.response import Response
from MRExtrapLib.progression.subject_prior import SubjectPrior
from MRExtrapLib.progression.volumes import VolumePrior

Row = tuple[float, ...]


@dataclass(frozen=True)
class Knowledge:
    """Everything about regional volumes that a model learned.

    Attributes:
        prior: of their rates.
        calibration: of predictions; None where nobody calibrated.
        likeness: of scans to those of the calibration; likewise.
        are_simulated: whether all whom the prior was learned from were simulated.
        response: how much of a change is seen; None where nobody's true changes were known.
        learners, calibrators: keys of the people (`training.people.person_key`) from whom the prior, and the
            calibration, was learned; none in models that kept none. Who is among them tests nothing.
    """

    prior: VolumePrior
    calibration: Calibration | None = None
    likeness: Likeness | None = None
    are_simulated: bool = False
    response: Response | None = None
    learners: tuple[str, ...] = ()
    calibrators: tuple[str, ...] = ()

    @property
    def taught_by(self) -> str:
        """What those are called from whom the prior was learned."""
        return people_words(self.are_simulated)

    @property
    def calibrated_by(self) -> str:
        """What those are called who calibrated."""
        return people_words(self.calibration is not None and self.calibration.are_simulated)


@dataclass(frozen=True)
class _SubjectRecord:
    """The layout of the subject-specific prior."""

    reading: str
    by_covariates: tuple[Row, ...]
    spread: Row
    weights: tuple[Row, ...]
    gain: float
    hidden: tuple[Row, ...] | None = None


@dataclass(frozen=True)
class _Record:
    """The layout of the file."""

    regions: tuple[str, ...]
    unit_ml: Row
    mean_rate: tuple[Row, ...]
    factors: tuple[Row, ...]
    residual_variance: Row
    noise_factors: tuple[Row, ...]
    noise_variance: Row
    typical_covariates: Row
    age_centre_years: float
    curvature_per_year: float
    age_range_years: tuple[float, float]
    acceleration: Row = ()
    wandering: Row = ()
    dispersion: Row = ()
    subject: _SubjectRecord | None = None
    calibration: Calibration | None = None
    likeness: Likeness | None = None
    are_simulated: bool = False
    response: Response | None = None
    learners: tuple[str, ...] = ()
    calibrators: tuple[str, ...] = ()


def people_words(are_simulated: bool) -> str:
    """What those are called from whom something was learned: never people without more ado if simulated."""
    return "simulated people" if are_simulated else "people"


def knowledge_text(knowledge: Knowledge) -> str:
    """The knowledge as JSON; `parse_knowledge` is the inverse."""
    volumes, prior = knowledge.prior, knowledge.prior.prior

    record = _Record(
        regions=volumes.regions,
        unit_ml=_row(volumes.unit_ml),
        mean_rate=_rows(prior.mean_rate),
        factors=_rows(prior.factors),
        residual_variance=_row(prior.residual_variance),
        noise_factors=_rows(prior.noise_factors),
        noise_variance=_row(prior.noise_variance),
        typical_covariates=_row(prior.typical_covariates),
        age_centre_years=prior.age_centre_years,
        curvature_per_year=prior.curvature_per_year,
        age_range_years=prior.age_range_years,
        acceleration=_row(volumes.acceleration),
        wandering=_row(volumes.wandering),
        dispersion=_row(volumes.dispersion),
        subject=None if volumes.subject is None else _subject_record(volumes.subject),
        calibration=knowledge.calibration,
        likeness=knowledge.likeness,
        are_simulated=knowledge.are_simulated,
        response=knowledge.response,
        learners=knowledge.learners,
        calibrators=knowledge.calibrators,
    )
    return json.dumps(to_json(record), indent=1, allow_nan=False) + "\n"


def parse_knowledge(text: str | bytes, source: str) -> Knowledge:
    """The knowledge that a text holds.

    Raises:
        ModelError: it is not such a text, or its numbers do not fit.
    """
    record = from_json(_Record, parse_json(text, source), source)
    count = len(record.regions)
    prior = Prior(
        latent_shape=(count,),
        mean_rate=np.array(record.mean_rate),
        factors=np.array(record.factors).reshape(-1, count),
        residual_variance=np.array(record.residual_variance),
        noise_factors=np.array(record.noise_factors).reshape(-1, count),
        noise_variance=np.array(record.noise_variance),
        typical_covariates=np.array(record.typical_covariates),
        age_centre_years=record.age_centre_years,
        curvature_per_year=record.curvature_per_year,
        age_range_years=record.age_range_years,
    )
    if record.calibration and not set(record.regions) <= record.calibration.regions.keys():
        msg = f"{source} calibrates other regions than it knows rates of; calibrate again."
        raise ModelError(msg)
    subject = None if record.subject is None else _subject_prior(record.subject, count, source)
    bends = (np.array(row) for row in (record.acceleration, record.wandering, record.dispersion))
    volumes = VolumePrior(record.regions, np.array(record.unit_ml), prior, subject, *bends)
    return Knowledge(
        prior=volumes,
        calibration=record.calibration,
        likeness=record.likeness,
        are_simulated=record.are_simulated,
        response=record.response,
        learners=record.learners,
        calibrators=record.calibrators,
    )


def _row(values: NDArray) -> Row:
    return tuple(float(f"{value:.7g}") for value in values)


def _rows(table: NDArray) -> tuple[Row, ...]:
    return tuple(map(_row, table))


def _subject_record(subject: SubjectPrior) -> _SubjectRecord:
    tables = (_rows(subject.by_covariates), _row(subject.spread), _rows(subject.weights))
    hidden = None if subject.hidden is None else _rows(subject.hidden)
    return _SubjectRecord(subject.reading, *tables, float(f"{subject.gain:.4g}"), hidden)


def _subject_prior(record: _SubjectRecord, regions: int, source: str) -> SubjectPrior:
    signs = len(record.spread)
    ragged = any(len(row) != regions for row in record.weights)
    ragged |= any(len(row) != len(record.weights) for row in record.hidden or ())
    if ragged or record.hidden == () or any(len(row) != signs for row in record.by_covariates):
        msg = f"{source} foretells rates by other signs or regions than it knows; fit it again."
        raise ModelError(msg)
    tables = (np.array(record.by_covariates), np.array(record.spread), np.array(record.weights))
    hidden = None if record.hidden is None else np.array(record.hidden)
    return SubjectPrior(record.reading, *tables, record.gain, hidden)
