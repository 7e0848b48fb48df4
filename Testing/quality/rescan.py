"""How much volumes differ when the same brain is scanned again, and how much of a true change is seen.

    python Testing/quality/rescan.py COHORT [--model DIR] [--only TEXT] --scans FOLDER

COHORT is a simulated tree with visits a few weeks apart, as `mrextrap simulate ... --years 0 1.9 2` makes:
each has its own position, gain, shading and noise. The first table holds the change that the model's
segmenter sees between such two, less the true change, in percent of the region; the second what it sees
between each person's first and last visit, of the true change of all together, and by how much that, and what
the model tells of it (`progression.response`), by one share for all and by the own scan's, misses the true
change of each. Scans are conformed as a forecast conforms them, and kept in FOLDER: `mrextrap train
progression` (RUN/scans) and `mrextrap evaluate` (OUT/visits) leave them there too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Testing is no package: its rooms meet here
from quality.subjects import cohort_arguments
from quality.tables import cell, markdown

from MRExtrapLib.errors import InputError
from MRExtrapLib.evaluation.truth import Truth, read_truth, visit_of
from MRExtrapLib.evaluation.visits import kept_telling, scan_maker
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.loading import load_engine
from MRExtrapLib.training.people import PersonScans, find_people
from MRExtrapLib.training.scans import kept_scans, read_volumes

REGIONS = ("hippocampus", "ventricles", "gray_matter", "white_matter", "whole_brain", "amygdala", "pallidum")
WEEKS_APART_YEARS = 0.2
"""Visits up to so far apart count as scans of the same brain; what did change is known and taken away."""

CLOSE_PERCENT = 1.0
"""The goal: volumes of a rescan within 1 %."""


Volumes = Mapping[str, float]
"""Region → ml."""


@dataclass(frozen=True)
class Watched:
    """One person's visits, as they are seen and as they are.

    Attributes:
        ages_years: of the visits.
        seen_ml: of each visit, by the segmenter.
        alike_ml: of each visit, told by one share for all.
        told_ml: of each visit, as a forecast tells it: by what the own first scan shows, if the model asks.
        true_ml: of each visit, by the simulator.
    """

    ages_years: Sequence[float]
    seen_ml: Sequence[Volumes]
    alike_ml: Sequence[Volumes]
    told_ml: Sequence[Volumes]
    true_ml: Sequence[Volumes]

    def grown(self, first: int, last: int) -> NDArray[np.float64]:
        """Of each region (rows) the last visit's volume by the first one's: seen, told alike, told, true."""
        kinds = (self.seen_ml, self.alike_ml, self.told_ml, self.true_ml)
        return np.array([[ml[last][region] / ml[first][region] for ml in kinds] for region in REGIONS])

    def rescans(self) -> Iterator[NDArray[np.float64]]:
        """Of each pair of visits weeks apart, what is seen beyond what changed, % of each region."""
        for first, second in pairwise(range(len(self.ages_years))):
            if self.ages_years[second] - self.ages_years[first] <= WEEKS_APART_YEARS:
                seen, *_, true = self.grown(first, second).T
                yield 100 * (seen / true - 1)


def watched(person: PersonScans, engine: Engine, truth: Truth, kept: Path) -> Watched:
    """A person's visits, conformed and measured.

    Raises:
        InputError: a scan cannot be used.
    """
    if any(visit_of(path) not in truth for path in person.paths):
        msg = f"The cohort tells no true volumes of {person.name}; give one that was simulated."
        raise SystemExit(msg)
    files = kept_scans(person, scan_maker(engine), kept)
    seen_ml = [read_volumes(file) for file in files]
    tellings = engine.telling(seen_ml[0], {}), kept_telling(files[0], engine)
    alike_ml, told_ml = (list(map(telling.told, seen_ml)) for telling in tellings)
    return Watched(
        person.ages_years, seen_ml, alike_ml, told_ml, [truth[visit_of(path)] for path in person.paths]
    )


def rescan_table(people: Sequence[Watched]) -> str:
    """How far two scans of one brain are apart."""
    table = np.array([pair for person in people for pair in person.rescans()])
    if not len(table):
        return f"Nobody has two visits within {WEEKS_APART_YEARS} years."
    rows = [
        (
            region,
            cell(float(one.mean()), ".2f"),
            cell(float(one.std(ddof=1)), ".2f"),
            cell(float(np.abs(one).max()), ".2f"),
            cell(100 * float(np.mean(np.abs(one) <= CLOSE_PERCENT)), ".0f"),
        )
        for region, one in zip(REGIONS, table.T, strict=True)
    ]
    header = ("region", "mean %", "SD %", "largest %", f"within {CLOSE_PERCENT:g} %, % of pairs")
    return f"{len(table)} pairs of scans\n\n" + markdown(header, rows)


def seen_table(people: Sequence[Watched]) -> str:
    """How much of the change from first to last visit is seen and told, and how far off that is of each."""
    changes = np.array([person.grown(0, -1) - 1 for person in people])  # people, regions, kinds
    seen, _, told, true = 100 * changes.mean(axis=0).T
    missed = 100 * np.abs(changes[:, :, :-1] - changes[:, :, -1:]).mean(axis=0)
    rows = [
        (
            region,
            *(cell(float(value), ".2f") for value in (true[i], seen[i], told[i])),
            cell(float(100 * seen[i] / true[i]), ".0f"),
            *(cell(float(value), ".2f") for value in missed[i]),
        )
        for i, region in enumerate(REGIONS)
    ]
    header = (
        "region",
        "true change, mean %",
        "seen, mean %",
        "told, mean %",
        "seen of it, %",
        "error as seen, points",
        "by one share for all, points",
        "error as told, points",
    )
    return f"{len(people)} people from first to last visit\n\n" + markdown(header, rows)


def main() -> None:
    """Prints both tables."""
    chosen = cohort_arguments(__doc__)
    engine, truth = load_engine(chosen.model), read_truth(chosen.cohort)
    people: list[Watched] = []
    for person in find_people([chosen.cohort])[0]:
        if chosen.only in person.name:
            try:
                people.append(watched(person, engine, truth, chosen.scans))
            except InputError as error:
                print(f"left out: {person.name}: {error}", file=sys.stderr)
    if not people:
        msg = f"Nobody of {chosen.cohort} can be measured; give another cohort, or another --only."
        raise SystemExit(msg)
    print(rescan_table(people), seen_table(people), sep="\n\n")


if __name__ == "__main__":
    main()
