"""The true volumes of a simulated cohort, where a table beside it tells them."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from MRExtrapLib.errors import InputError
from MRExtrapLib.training.people import PersonScans

TRUTH_TABLE = "truth_volumes.tsv"
"""As `mrextrap simulate` writes it: participant (may be left out where there is one), session, region, ml."""

Truth = Mapping[tuple[str, str], Mapping[str, float]]
"""(participant, session) → region → ml."""


def read_truth(cohort: Path) -> Truth:
    """The true volumes of a cohort; empty where it has no such table, as real ones have not.

    Raises:
        InputError: the table lacks a column or holds a volume that is no number.
    """
    path = cohort / TRUTH_TABLE
    if not path.is_file():
        return {}
    found: dict[tuple[str, str], dict[str, float]] = {}
    alone = [folder.name for folder in cohort.glob("sub-*") if folder.is_dir()]
    only = {"participant_id": alone[0]} if len(alone) == 1 else {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for line in csv.DictReader(file, delimiter="\t"):
            row = only | line
            try:
                visit = row["participant_id"], row["session_id"]
                found.setdefault(visit, {})[row["region"]] = _millilitres(row["volume_ml"])
            except (KeyError, TypeError, ValueError) as error:
                msg = f"{path} is no table of true volumes ({error}); take it away, or simulate again."
                raise InputError(msg) from error
    return found


def truth_of(
    people: Sequence[PersonScans], cohorts: Sequence[Path]
) -> dict[str, tuple[Mapping[str, float], ...]]:
    """Name → region → ml of each scan, of the people whose true volumes are known at every scan.

    Raises:
        InputError: a cohort's table is damaged.
    """
    truths = {cohort.resolve().name: read_truth(cohort) for cohort in cohorts}
    found = {one.name: true_volumes(one, truths.get(one.name.rpartition("/")[0], {})) for one in people}
    return {name: volumes for name, volumes in found.items() if volumes}


def true_volumes(person: PersonScans, truth: Truth) -> tuple[Mapping[str, float], ...] | None:
    """Region → ml of each scan of a person; None unless they are known of all."""
    found = [truth.get(visit_of(path)) for path in person.paths]
    known = tuple(volumes for volumes in found if volumes is not None)
    return known if len(known) == len(found) else None


def visit_of(scan: Path) -> tuple[str, str]:
    """Participant and session that a BIDS file's name speaks of; empty where it does not.

    >>> visit_of(Path("sub-7sim1_ses-02_acq-simulated_T1w.nii.gz"))
    ('sub-7sim1', 'ses-02')
    """
    subject, session = (re.match(rf"(?:.*_)?({key}-[A-Za-z0-9]+)", scan.name) for key in ("sub", "ses"))
    return subject[1] if subject else "", session[1] if session else ""


def _millilitres(text: str) -> float:
    volume_ml = float(text)
    if not math.isfinite(volume_ml) or volume_ml < 0:
        msg = f"a volume of {text} ml"
        raise ValueError(msg)
    return volume_ml
