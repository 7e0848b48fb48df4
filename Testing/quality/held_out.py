"""How often intervals hold on those who calibrate, cohort by cohort, each judged by what others taught.

    python Testing/quality/held_out.py RUN

RUN is the folder of `mrextrap train calibration`, whose `cases.csv` is read. The training prints the same of
all cohorts together, every family once; here every person counts once, and standard errors are told.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_type_hints

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Testing is no package: its rooms meet here
from quality.tables import markdown

from MRExtrapLib.anatomy.regions import MAIN_REGIONS
from MRExtrapLib.progression.calibration import Case
from MRExtrapLib.progression.coverage import judged_by_others


def read_cases(file: Path) -> list[Case]:
    """The cases that a calibration kept."""
    kinds = get_type_hints(Case)
    with file.open(encoding="utf-8", newline="") as table:
        rows = csv.DictReader(table)
        return [Case(**{name: kinds[name](text) for name, text in row.items()}) for row in rows]


def held_out_shares(cases: Sequence[Case]) -> dict[str, dict[str, NDArray]]:
    """Cohort → main region → (people, `LEVELS`) share of each person's scans inside."""
    inside: dict[str, dict[str, dict[str, list[list[bool]]]]] = {}
    for case, held in judged_by_others(cases):
        if case.region in MAIN_REGIONS:
            regions = inside.setdefault(case.person.rpartition("/")[0], {})
            regions.setdefault(case.region, {}).setdefault(case.person, []).append(held)
    return {
        cohort: {
            region: np.array([np.mean(own, axis=0) for own in people.values()])
            for region, people in regions.items()
        }
        for cohort, regions in inside.items()
    }


def table(shares: dict[str, dict[str, NDArray]]) -> str:
    """Means at 50 / 80 / 95 %, and their standard errors, two rows a cohort."""
    rows = []
    for cohort, regions in shares.items():
        found = [regions[region] for region in MAIN_REGIONS]
        errors = [people.std(axis=0, ddof=1) / np.sqrt(len(people)) for people in found]
        rows.append((cohort, str(len(found[0])), *(_percents(people.mean(axis=0)) for people in found)))
        rows.append(("standard error", "", *map(_percents, errors)))
    return markdown(("cohort", "people", *MAIN_REGIONS), rows)


def _percents(shares: NDArray) -> str:
    return " / ".join(f"{100 * share:.0f}" for share in shares)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, metavar="RUN")
    print(table(held_out_shares(read_cases(parser.parse_args().run / "cases.csv"))))


if __name__ == "__main__":
    main()
