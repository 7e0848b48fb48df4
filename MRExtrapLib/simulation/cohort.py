"""A cohort made subject by subject: each whole or not at all, and only those that are still missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from MRExtrapLib.anatomy.borders import NAMING
from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.writing import whole_file, whole_folder
from MRExtrapLib.model.typed_json import to_json
from MRExtrapLib.progress import Progress, part_of, silent
from MRExtrapLib.simulation.bids import (
    Draughtsman,
    Row,
    write_subject,
    write_tables,
)
from MRExtrapLib.simulation.plan import CohortPlan, Person
from MRExtrapLib.simulation.profiles import AGEING
from MRExtrapLib.simulation.record import SubjectRecord, read_records
from MRExtrapLib.simulation.subject import Baseline, Labeller, SimulatedSubject, prepare, simulate

PLAN_FILE = "cohort_simulation.json"
"""What was asked of the whole cohort; a later run must ask the same."""

SINCE: dict[str, object] = {"is_scanned_anew": False, "naming": 1, "ageing": 1}
"""What a cohort of an earlier version did not say of itself."""

SIMULATING_SHARE = 0.8
"""Of a subject's time: then the motion of every visit is known; the rest is making images."""

PREPARING_SHARE = 0.5
"""Of that goes into the scan: reading, labels, solving the motion."""


@dataclass(frozen=True)
class Workshop:
    """With what a cohort is made.

    Attributes:
        find_labels: asked where no labels lie beside a scan.
        labelled_by: its name, for the records.
        draw: makes a subject's pictures.
    """

    find_labels: Labeller
    labelled_by: str
    draw: Draughtsman | None = None


@dataclass(frozen=True)
class LeftOut:
    """A subject that could not be simulated, and why, in one sentence."""

    participant_id: str
    source: str
    reason: str

    @property
    def row(self) -> Row:
        """For the table."""
        return {"participant_id": self.participant_id, "source": self.source, "reason": self.reason}


@dataclass(frozen=True)
class Outcome:
    """What a run did: subjects made, found there already, and left out."""

    made: tuple[str, ...]
    found: tuple[str, ...]
    left_out: tuple[LeftOut, ...]


def missing_people(people: Sequence[Person], plan: CohortPlan, out: Path) -> tuple[Person, ...]:
    """Those of the people that a cohort's folder does not hold yet.

    Raises:
        InputError: the folder holds a cohort of another plan, or a subject made of another scan.
    """
    _require_same_plan(plan, out)
    records = read_records(out)
    for person in people:
        record = records.get(person.participant_id)
        if record and record.origin.sha256 != person.source.sha256:
            msg = (
                f"{out / person.participant_id} was made of another scan ({record.origin.name}), not of "
                f"{person.source.path}; choose another folder."
            )
            raise InputError(msg)
    return tuple(person for person in people if person.participant_id not in records)


def make_cohort(
    people: Sequence[Person],
    plan: CohortPlan,
    out: Path,
    workshop: Workshop,
    progress: Progress = silent,
) -> Outcome:
    """Simulates who is missing and brings the cohort's tables up to date after each.

    Args:
        people: all who shall be there.
        plan: what is asked of each.
        out: exists; open it with `growing_folder`.
        workshop: with what.
        progress: hears of each subject.

    Raises:
        InputError: the folder holds another cohort, the disk is full, or not one subject could be made.
    """
    missing = missing_people(people, plan, out)
    records = read_records(out)
    found = tuple(person.participant_id for person in people if person not in missing)
    left_out: list[LeftOut] = []
    bench = _Bench(plan, workshop)
    for index, person in enumerate(missing):
        step = part_of(progress, index / len(missing), (index + 1) / len(missing))
        try:
            subject = bench.simulated(person, part_of(step, 0.0, SIMULATING_SHARE))
        except InputError as error:
            left_out.append(LeftOut(person.participant_id, person.source.name, str(error)))
        else:
            step(SIMULATING_SHARE, f"{person.participant_id}: making scans")
            records[person.participant_id] = _written(subject, workshop, out)
        if records:
            _write_plan(plan, out)
            write_tables(out, records.values(), [one.row for one in left_out])
    if len(left_out) == len(people):
        msg = f"None of the {len(people)} subjects could be simulated; the first: {left_out[0].reason}"
        raise InputError(msg)
    progress(1.0, "simulated")
    absent = {one.participant_id for one in left_out}
    made = (person.participant_id for person in missing if person.participant_id not in absent)
    return Outcome(tuple(made), found, tuple(left_out))


class _Bench:
    """Simulates one person after the other; those of one scan share what was prepared of it."""

    def __init__(self, plan: CohortPlan, workshop: Workshop) -> None:
        self._plan = plan
        self._workshop = workshop
        self._prepared: tuple[str, Baseline] | None = None

    def simulated(self, person: Person, progress: Progress) -> SimulatedSubject:
        """The person, found to be as prescribed; else InputError says why not."""
        source = person.source
        if self._prepared is None or self._prepared[0] != source.sha256:
            self._prepared = None  # two baselines at a time would ask for twice the memory
            part = part_of(progress, 0.0, PREPARING_SHARE)
            self._prepared = source.sha256, prepare(source, self._workshop.find_labels, part)
        part = part_of(progress, PREPARING_SHARE, 1.0)
        subject = simulate(person, self._plan, self._prepared[1], part)
        if subject.failure:
            raise InputError(subject.failure)
        return subject


def _written(subject: SimulatedSubject, workshop: Workshop, out: Path) -> SubjectRecord:
    with whole_folder(out / subject.person.participant_id) as folder:
        return write_subject(subject, workshop.labelled_by, folder, workshop.draw)


def _plan_record(plan: CohortPlan) -> dict[str, object]:
    """The plan, and how labels are found: what all subjects of a cohort must have in common."""
    return {**cast("dict[str, object]", to_json(plan)), "naming": NAMING, "ageing": AGEING}


def _kept_plan(path: Path) -> dict[str, object] | None:
    """The record that a folder holds; None where its file is damaged."""
    try:
        return SINCE | json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, TypeError):
        return None


def _write_plan(plan: CohortPlan, out: Path) -> None:
    with whole_file(out / PLAN_FILE) as unfinished:
        unfinished.write_text(json.dumps(_plan_record(plan), indent=1) + "\n", encoding="utf-8")


def _require_same_plan(plan: CohortPlan, out: Path) -> None:
    path = out / PLAN_FILE
    if path.is_file() and _kept_plan(path) != _plan_record(plan):
        msg = (
            f"{out} holds a cohort of other years, profile, seed, voxels, --scan-anew, or labels of another "
            f"version ({PLAN_FILE} says which); give the same, or choose another folder."
        )
        raise InputError(msg)
