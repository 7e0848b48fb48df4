"""A simulated cohort on disk: a BIDS tree that says of every file whether it is simulated.

What belongs to one subject lies in its folder, with a record of all that is known of it; the tables at the
top are made from those records, so they can always be made again.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol as TypingProtocol

import numpy as np

from MRExtrapLib import __version__
from MRExtrapLib.anatomy.freesurfer import LABEL_NAMES
from MRExtrapLib.imaging.writing import whole_file, write_label_names, write_labels, write_nifti
from MRExtrapLib.simulation.checks import percent_per_year
from MRExtrapLib.simulation.record import NOTICE, Session, SubjectRecord, record_of, write_record
from MRExtrapLib.simulation.sources import SIMULATED
from MRExtrapLib.simulation.subject import SimulatedSubject, SimulatedVisit

UNKNOWN = "n/a"
"""BIDS's word for a cell without a value."""

NOT_OF_BIDS = "*_dseg.nii.gz\n*_simulation.json\nfigures/\ntruth_volumes.tsv\nchecks.tsv\nleft_out.tsv\n"
"""What a BIDS validator is to overlook."""

README = f"""# Simulated ageing

**{NOTICE}**

Made by `mrextrap simulate` from real scans (`participants.tsv` names them). Files whose name says
`acq-simulated` are simulated; a `_T1w` without it, where there is one, is the real scan, kept as it is.

- `sub-*/sub-*_sessions.tsv`: the age at each visit, and whether it is simulated.
- `participants.tsv`: profile (CN, MCI, AD), age at the first visit, sex, and the rates prescribed:
  percent per year for tissue, ml per year for the ventricles, and by how much their growth grows each year.
- `*_dseg.nii.gz`: the deformed labels (FreeSurfer numbers, `dseg.tsv`).
- `truth_volumes.tsv`: true volumes in ml (by the Jacobian, not by counting voxels), with the yearly change
  since the real scan, prescribed and realised. Where a segmenter found the labels, each counts by its share
  of a voxel, and `*_dseg` shows the label that fills most of it. Another segmenter draws other borders:
  compare changes.
- `checks.tsv`: for each compartment the realised against the prescribed change (to agree within 5 %), and the
  smallest Jacobian (above 0: nothing folds). Subjects that failed are not here; `left_out.tsv` names them.
- `sub-*/figures`: real scan, the visit furthest from it, and what ageing alone changed.
"""

Row = Mapping[str, str]
"""A line of a table: column → cell."""


class Draughtsman(TypingProtocol):
    """Draws a simulated subject into a folder; the report is one."""

    def __call__(self, subject: SimulatedSubject, folder: Path) -> object:
        """Files are drawn."""
        ...


def write_subject(
    subject: SimulatedSubject, labelled_by: str, folder: Path, draw: Draughtsman | None = None
) -> SubjectRecord:
    """All files of a subject into its folder; open it with `whole_folder`.

    Args:
        subject: simulated, and checked.
        labelled_by: who found the labels where none lay beside the scan.
        folder: exists; what it is called in the end does not matter here.
        draw: makes the pictures.

    Returns:
        The record that was written.
    """
    record = record_of(subject, labelled_by)
    for visit in subject.visits:
        _write_visit(subject, visit, folder)
    rows = [_session_row(session) for session in record.sessions]
    write_table(folder / f"{record.participant_id}_sessions.tsv", rows)
    if draw:
        (folder / "figures").mkdir()
        draw(subject, folder / "figures")
    write_record(record, folder)
    return record


def write_tables(out: Path, records: Iterable[SubjectRecord], left_out: Sequence[Row] = ()) -> None:
    """Everything at the top of the tree, made anew from the subjects' records."""
    people = sorted(records, key=lambda record: record.participant_id)
    write_table(out / "participants.tsv", [_participant_row(one) for one in people])
    write_table(out / "truth_volumes.tsv", [row for one in people for row in _truth_rows(one)])
    write_table(out / "checks.tsv", [row for one in people for row in _check_rows(one)])
    if left_out:
        write_table(out / "left_out.tsv", left_out)
    else:
        (out / "left_out.tsv").unlink(missing_ok=True)
    _write_text(out / "dataset_description.json", json.dumps(_description(people), indent=2) + "\n")
    _write_text(out / "README.md", README)
    _write_text(out / ".bidsignore", NOT_OF_BIDS)
    write_label_names(LABEL_NAMES, out / "dseg.tsv")


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Rows as TSV; a cell that some row lacks is n/a."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with whole_file(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns, restval=UNKNOWN, delimiter="\t", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def _write_visit(subject: SimulatedSubject, visit: SimulatedVisit, folder: Path) -> None:
    anat = folder / visit.session_id / "anat"
    anat.mkdir(parents=True)
    acquisition = f"_{SIMULATED}" if visit.is_simulated else ""
    stem = f"{subject.person.participant_id}_{visit.session_id}{acquisition}"
    origin = subject.person.source.name
    words = f"MRExtrap: SIMULATED, {visit.years:+g} y from {origin}" if visit.is_simulated else "real scan"
    write_nifti(subject.scan_at(visit), anat / f"{stem}_T1w.nii.gz", description=words)
    labels = subject.labels_at(visit)
    write_labels(labels.voxels.astype(np.int16), labels.affine, anat / f"{stem}_dseg.nii.gz")


def _write_text(path: Path, text: str) -> None:
    with whole_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def _session_row(session: Session) -> Row:
    return {
        "session_id": session.session_id,
        "age": f"{session.age_years:.3f}",
        "years": f"{session.years:g}",
        "is_simulated": "yes" if session.is_simulated else "no",
    }


def _participant_row(record: SubjectRecord) -> Row:
    rates = record.rates
    return {
        "participant_id": record.participant_id,
        "age": f"{record.sessions[0].age_years:.3f}",
        "sex": record.sex or UNKNOWN,
        "profile": record.profile,
        "source": record.origin.name,
        "source_sha256": record.origin.sha256,
        "labels": record.origin.labels,
        **{f"{name}_percent_per_year": f"{rate:.3f}" for name, rate in rates.percent_per_year.items()},
        "ventricles_ml_per_year": f"{rates.ventricles_ml_per_year:.3f}",
        "ventricles_ml_per_year2": f"{rates.ventricles_ml_per_year2:.3f}",
    }


def _truth_rows(record: SubjectRecord) -> list[Row]:
    sessions = {session.session_id: session for session in record.sessions}
    return [
        {
            "participant_id": record.participant_id,
            "session_id": row.session_id,
            "age": f"{sessions[row.session_id].age_years:.3f}",
            "region": row.region,
            "volume_ml": f"{row.volume_ml:.3f}",
            "prescribed_percent_per_year": _rate_cell(row.prescribed, sessions[row.session_id].years),
            "realised_percent_per_year": _rate_cell(row.realised, sessions[row.session_id].years),
        }
        for row in record.truth
    ]


def _check_rows(record: SubjectRecord) -> list[Row]:
    return [
        {
            "participant_id": record.participant_id,
            "session_id": check.session_id,
            "compartment": check.compartment,
            "baseline_ml": f"{check.baseline_ml:.3f}",
            "volume_ml": f"{check.volume_ml:.3f}",
            "prescribed_percent_per_year": _rate_cell(check.prescribed, check.years),
            "realised_percent_per_year": _rate_cell(check.realised, check.years),
            "smallest_jacobian": f"{check.smallest_jacobian:.3f}",
            "is_good": "yes" if check.is_good else "no",
        }
        for check in record.checks
    ]


def _rate_cell(log_change: float, years: float) -> str:
    return f"{percent_per_year(log_change, years):.3f}" if years else UNKNOWN


def _description(people: Sequence[SubjectRecord]) -> dict[str, object]:
    origins = {record.origin.sha256: record.origin for record in people}
    return {
        "Name": "Simulated ageing cohort (made from real scans, not acquired)",
        "BIDSVersion": "1.9.0",
        "DatasetType": "raw",
        "License": "that of the source scans",
        "Acknowledgements": NOTICE,
        "GeneratedBy": [{"Name": "mrextrap simulate", "Version": __version__}],
        "Sources": [asdict(origin) for origin in origins.values()],
    }
