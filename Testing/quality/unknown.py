"""How often intervals hold for people of whom nobody told sex and diagnosis, beside the same people told of.

    python Testing/quality/unknown.py COHORT [--model DIR] [--scans-known N] --scans FOLDER

COHORT is a BIDS tree with sex and diagnosis in participants.tsv, of people who taught the model nothing.
Later visits are predicted from up to N before them, as an evaluation asks, once with what the table says and
once without; the share of visits inside the stated intervals is told, every person counting once. Scans are
conformed as a forecast conforms them, and kept in FOLDER, where `mrextrap evaluate` (OUT/visits) leaves them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Testing is no package: its rooms meet here
from quality.coverage import Coverage, calibration_of, coverage_of
from quality.tables import cell, markdown

from MRExtrapLib.anatomy.regions import MAIN_REGIONS
from MRExtrapLib.evaluation.calibrating import cases_of
from MRExtrapLib.evaluation.people import people_of
from MRExtrapLib.evaluation.trials import Design, trials_of
from MRExtrapLib.evaluation.visits import kept_visits
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.loading import load_engine
from MRExtrapLib.model.catalogue import find_model
from MRExtrapLib.progression.calibration import Case
from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.student import LEVELS
from MRExtrapLib.training.people import PersonScans


def stranger(person: PersonScans) -> PersonScans:
    """The same person, of whom age alone is known."""
    return replace(person, covariates=Covariates(person.covariates.age_years), diagnoses=())


def both_coverages(
    people: Sequence[PersonScans], engine: Engine, design: Design, kept: Path
) -> tuple[Coverage, Coverage]:
    """With what is known of these people, and without.

    Raises:
        ModelError: the model states no calibrated intervals.
        InputError: a scan cannot be used.
    """
    calibration = calibration_of(engine)
    known: list[Case] = []
    unknown: list[Case] = []
    for person in people:
        visits = kept_visits(person, engine, kept)
        for trial in trials_of(person.ages_years, design):
            known += cases_of(person, visits, trial, engine)
            unknown += cases_of(stranger(person), visits, trial, engine)
        print(person.name, file=sys.stderr, flush=True)
    return coverage_of(known, calibration), coverage_of(unknown, calibration)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--model", default=None)
    parser.add_argument("--scans-known", type=int, default=1)
    parser.add_argument("--scans", type=Path, required=True)
    arguments = parser.parse_args()
    people, _ = people_of(arguments.cohort)
    design = Design(most_inputs=arguments.scans_known, directions=0)
    engine = load_engine(find_model(arguments.model))
    told, untold = both_coverages(people, engine, design, arguments.scans)
    rows = [
        [region, *(cell(100 * share, ".0f") for share in (*told[region], *untold[region]))]
        for region in MAIN_REGIONS
    ]
    levels = [f"{level:.0%}" for level in LEVELS]
    print(markdown(["region", *levels, *(f"{level}, untold" for level in levels)], rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
