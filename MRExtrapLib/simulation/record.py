"""All that is known of a simulated subject, kept beside its scans: what the cohort's tables are made from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from MRExtrapLib import __version__
from MRExtrapLib.errors import InputError, ModelError
from MRExtrapLib.model.typed_json import from_json, parse_json, to_json
from MRExtrapLib.simulation.checks import Check, prescribed_regions_ml
from MRExtrapLib.simulation.profiles import SubjectRates
from MRExtrapLib.simulation.subject import SimulatedSubject, SimulatedVisit, prescribed_changes
from MRExtrapLib.simulation.truth import region_truth_ml

NOTICE = "SIMULATED ageing of a real scan: nobody aged or fell ill as these pictures show. Research use only."


@dataclass(frozen=True)
class Session:
    """A visit as sessions.tsv has it."""

    session_id: str
    age_years: float
    years: float
    is_simulated: bool


@dataclass(frozen=True)
class RegionTruth:
    """A region at a visit; changes are ln(volume / volume in the real scan)."""

    session_id: str
    region: str
    volume_ml: float
    prescribed: float
    realised: float


@dataclass(frozen=True)
class Origin:
    """The real scan that a subject was made of, and who labelled it."""

    name: str
    sha256: str
    labels: str


@dataclass(frozen=True)
class SubjectRecord:
    """All that is known of a simulated subject, as `sub-*_simulation.json` holds it."""

    notice: str
    participant_id: str
    sex: str | None
    profile: str
    rates: SubjectRates
    origin: Origin
    warnings: tuple[str, ...]
    sessions: tuple[Session, ...]
    truth: tuple[RegionTruth, ...]
    checks: tuple[Check, ...]
    version: str


def record_of(subject: SimulatedSubject, labelled_by: str) -> SubjectRecord:
    """What is known of a subject.

    Args:
        subject: simulated.
        labelled_by: who found the labels where none lay beside the scan.
    """
    source = subject.person.source
    labels = source.labels_path.name if source.labels_path else labelled_by
    return SubjectRecord(
        notice=NOTICE,
        participant_id=subject.person.participant_id,
        sex=source.sex,
        profile=subject.profile,
        rates=subject.rates,
        origin=Origin(source.name, source.sha256, labels),
        warnings=source.warnings,
        sessions=tuple(
            Session(one.session_id, one.age_years, one.years, one.is_simulated) for one in subject.visits
        ),
        truth=tuple(row for visit in subject.visits for row in region_truths(subject, visit)),
        checks=subject.checks,
        version=__version__,
    )


def region_truths(subject: SimulatedSubject, visit: SimulatedVisit) -> tuple[RegionTruth, ...]:
    """The true volume of every region that the labels have, and its change, prescribed and realised."""
    baseline = subject.baseline
    prescribed = prescribed_changes(subject.rates, baseline.brain, visit.years)
    before = region_truth_ml(baseline.label_ml)
    wanted = prescribed_regions_ml(baseline.label_ml, prescribed)
    return tuple(
        RegionTruth(
            visit.session_id,
            region,
            ml,
            float(np.log(wanted[region] / before[region])),
            float(np.log(ml / before[region])),
        )
        for region, ml in region_truth_ml(visit.label_ml).items()
        if before[region] > 0
    )


def write_record(record: SubjectRecord, folder: Path) -> None:
    """The record as JSON into the subject's folder, which may still have another name."""
    text = json.dumps(to_json(record), indent=1, ensure_ascii=False)
    (folder / _record_name(record.participant_id)).write_text(text + "\n", encoding="utf-8")


def read_record(folder: Path) -> SubjectRecord | None:
    """What is known of the subject that a folder holds, None where there is no such folder.

    Raises:
        InputError: the folder's record is missing or damaged.
    """
    if not folder.is_dir():
        return None
    path = folder / _record_name(folder.name)
    try:
        return from_json(SubjectRecord, parse_json(path.read_bytes(), path.name), path.name)
    except (OSError, ModelError) as error:
        msg = f"{path} cannot be read ({str(error).rstrip('.')}); remove the folder {folder} and start again."
        raise InputError(msg) from error


def read_records(out: Path) -> dict[str, SubjectRecord]:
    """The records of all subjects of a cohort, by participant."""
    folders = sorted(path for path in out.glob("sub-*") if path.is_dir())
    return {folder.name: record for folder in folders if (record := read_record(folder))}


def _record_name(participant_id: str) -> str:
    return f"{participant_id}_simulation.json"
