"""How much volumes differ when the same brain is scanned again.

    python Testing/quality/rescan.py COHORT [--model DIR] --scans FOLDER

COHORT is a simulated tree with visits a few weeks apart, as `mrextrap simulate ... --years 0 1.9 2` makes:
each has its own position, gain, shading and noise. The change that the model's segmenter sees between them,
less the true change, in percent of the region. Scans are conformed as a forecast conforms them, and kept in
FOLDER: `mrextrap train progression` (RUN/scans) and `mrextrap evaluate` (OUT/visits) leave them there too.
"""

from __future__ import annotations

import argparse
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Testing is no package: its rooms meet here
from quality.tables import cell, markdown

from MRExtrapLib.errors import InputError
from MRExtrapLib.evaluation.truth import Truth, read_truth, visit_of
from MRExtrapLib.evaluation.visits import scan_maker
from MRExtrapLib.forecast.loading import load_engine
from MRExtrapLib.training.people import PersonScans, find_people
from MRExtrapLib.training.scans import kept_scans, read_volumes

REGIONS = ("hippocampus", "ventricles", "gray_matter", "white_matter")
WEEKS_APART_YEARS = 0.2
"""Visits up to so far apart count as scans of the same brain; what did change is known and taken away."""

CLOSE_PERCENT = 1.0
"""The goal: volumes of a rescan within 1 %."""


def differences_percent(
    person: PersonScans, scans: list[dict[str, float]], truth: Truth
) -> list[list[float]]:
    """Each pair's change beyond the true one, region by region."""
    if any(visit_of(path) not in truth for path in person.paths):
        msg = f"The cohort tells no true volumes of {person.name}; give one that was simulated."
        raise SystemExit(msg)
    found = []
    for first, second in pairwise(range(len(scans))):
        if person.ages_years[second] - person.ages_years[first] <= WEEKS_APART_YEARS:
            before, after = truth[visit_of(person.paths[first])], truth[visit_of(person.paths[second])]
            found.append(
                [100 * ((scans[second][r] / scans[first][r]) / (after[r] / before[r]) - 1) for r in REGIONS]
            )
    return found


def main() -> None:
    """Prints one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--scans", type=Path, required=True)
    chosen = parser.parse_args()
    engine, truth = load_engine(chosen.model), read_truth(chosen.cohort)
    found: list[list[float]] = []
    for person in find_people([chosen.cohort])[0]:
        try:
            files = kept_scans(person, scan_maker(engine), chosen.scans)
        except InputError as error:
            print(f"left out: {person.name}: {error}", file=sys.stderr)
            continue
        found += differences_percent(person, [read_volumes(file) for file in files], truth)
    if not found:
        msg = f"Nobody of {chosen.cohort} has two visits within {WEEKS_APART_YEARS} years."
        raise SystemExit(msg)
    table = np.array(found)
    columns = zip(REGIONS, table.T, strict=True)
    rows = [
        (
            region,
            cell(float(one.mean()), ".2f"),
            cell(float(one.std(ddof=1)), ".2f"),
            cell(float(np.abs(one).max()), ".2f"),
            cell(100 * float(np.mean(np.abs(one) <= CLOSE_PERCENT)), ".0f"),
        )
        for region, one in columns
    ]
    print(f"{len(found)} pairs of scans\n")
    print(
        markdown(("region", "mean %", "SD %", "largest %", f"within {CLOSE_PERCENT:g} %, % of pairs"), rows)
    )


if __name__ == "__main__":
    main()
