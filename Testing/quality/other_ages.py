"""How often intervals hold where nothing calibrated them: before a person's first scan, and between scans.

    python Testing/quality/other_ages.py COHORT [--model DIR] --scans FOLDER

COHORT is a BIDS tree of people who taught the model nothing, with three visits or more. Calibration knows
later visits alone. Here the first visit is predicted from one, two and three scans that follow it, and every
visit between others from its two neighbours and from all others; the share of visits inside the stated
intervals is told, every person counting once, and by how much they are missed on average. Sizes go on being
told beside the first visit, and by what is seen of a known change of it, also where it is predicted. Scans
are conformed as a forecast conforms them, and kept in FOLDER, where `mrextrap evaluate` (OUT/visits) leaves
them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Testing is no package: its rooms meet here
from quality.coverage import calibration_of, coverage_of
from quality.tables import cell, markdown

from MRExtrapLib.anatomy.regions import MAIN_REGIONS
from MRExtrapLib.evaluation.calibrating import cases_of
from MRExtrapLib.evaluation.people import people_of
from MRExtrapLib.evaluation.trials import Trial
from MRExtrapLib.evaluation.visits import kept_visits
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.loading import load_engine
from MRExtrapLib.model.catalogue import find_model
from MRExtrapLib.progression.calibration import Calibration, Case
from MRExtrapLib.progression.student import LEVELS
from MRExtrapLib.training.people import PersonScans

MOST_LATER = 3
"""Scans that the first visit is predicted from, at most."""


def backward_trials(visits: int) -> dict[str, list[Trial]]:
    """The first visit from one, two, three others: from the second visit on, and from the third on.

    >>> {kind: [trial.inputs for trial in trials] for kind, trials in backward_trials(4).items()}
    {'before the first scan, 1 scan': [(1,), (2,)], 'before the first scan, 2 scans': [(1, 2), (2, 3)]}
    """
    found = {}
    for count in range(1, min(MOST_LATER, visits - 2) + 1):
        kind = f"before the first scan, {count} scan{'s' if count > 1 else ''}"
        found[kind] = [Trial(tuple(range(first, first + count)), 0) for first in (1, 2)]
    return found


def between_trials(visits: int) -> dict[str, list[Trial]]:
    """Every visit but the ends from its neighbours, and from all others where these are more.

    >>> {kind: [trial.inputs for trial in trials] for kind, trials in between_trials(4).items()}
    {'between two scans': [(0, 2), (1, 3)], 'among all others': [(0, 2, 3), (0, 1, 3)]}
    """
    inner = range(1, visits - 1)
    found = {"between two scans": [Trial((target - 1, target + 1), target) for target in inner]}
    if visits > 3:
        others = [tuple(index for index in range(visits) if index != target) for target in inner]
        found["among all others"] = [Trial(some, target) for some, target in zip(others, inner, strict=True)]
    return found


def cases_by_kind(people: Sequence[PersonScans], engine: Engine, kept: Path) -> dict[str, list[Case]]:
    """Kind of age → what was predicted there.

    Raises:
        InputError: a scan cannot be used.
    """
    found: dict[str, list[Case]] = {}
    for person in people:
        visits = kept_visits(person, engine, kept)
        kinds = {**backward_trials(len(visits)), **between_trials(len(visits))}
        for kind, trials in kinds.items():
            found.setdefault(kind, []).extend(
                case for trial in trials for case in cases_of(person, visits, trial, engine)
            )
        print(person.name, file=sys.stderr, flush=True)
    return found


def missed_ml(cases: Sequence[Case], calibration: Calibration) -> Mapping[str, tuple[float, float]]:
    """Region → mean absolute and mean signed error in ml, predicted − observed."""
    found = {}
    for region in MAIN_REGIONS:
        errors = [
            calibration.volume_ml(region, case.inputs, case.line_ml, case.decoded_ml) - case.observed_ml
            for case in cases
            if case.region == region
        ]
        found[region] = float(np.mean(np.abs(errors))), float(np.mean(errors))
    return found


def table(cases: Mapping[str, Sequence[Case]], calibration: Calibration) -> str:
    """Kinds down, regions across: inside at each level in %, and errors in ml."""
    rows = []
    for kind, some in cases.items():
        coverage, missed = coverage_of(some, calibration), missed_ml(some, calibration)
        people = len({case.person for case in some})
        answers = len(some) // len({case.region for case in some})
        cells = [
            " / ".join(cell(100 * share, ".0f") for share in coverage[region])
            + f"; {missed[region][0]:.2f} ({missed[region][1]:+.2f})"
            for region in MAIN_REGIONS
        ]
        rows.append([kind, f"{people}, {answers}", *cells])
    levels = " / ".join(f"{level:.0%}" for level in LEVELS)
    names = [region.replace("_", " ") for region in MAIN_REGIONS]
    return markdown([f"inside {levels}; missed ml (signed)", "people, answers", *names], rows)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--model", default=None)
    parser.add_argument("--scans", type=Path, required=True)
    arguments = parser.parse_args()
    people, _ = people_of(arguments.cohort)
    engine = load_engine(find_model(arguments.model))
    calibration = calibration_of(engine)
    print(table(cases_by_kind(people, engine, arguments.scans), calibration))
    return 0


if __name__ == "__main__":
    sys.exit(main())
