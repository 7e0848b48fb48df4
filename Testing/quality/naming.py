"""Which volumes follow a true change: the network's probabilities, those that heard brightness, or labels.

    python Testing/quality/naming.py COHORT [--model DIR] [--only TEXT] --scans FOLDER

COHORT is a simulated tree. Of each person's first and last visit, conformed and kept in FOLDER as
`mrextrap evaluate` (OUT/visits) and `mrextrap train calibration` (RUN/scans) leave them there, three volumes
of each region are compared with the true ones: summed probabilities of the network, which the product states;
the same after brightness has been heard (`anatomy/borders.py`); and labelled voxels, counted. Under each: the
share of the true change that is seen, and the standard deviation of what is left once the change is told in
full by that share; of ventricles in ml, else in % of the region.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Testing is no package: its rooms meet here
from quality.subjects import cohort_arguments
from quality.tables import cell, markdown

from MRExtrapLib.anatomy.borders import heard_by_brightness
from MRExtrapLib.anatomy.regions import MAIN_REGIONS, region_volumes_ml
from MRExtrapLib.anatomy.segmentation import Segmenter
from MRExtrapLib.evaluation.overlap import counted_ml
from MRExtrapLib.evaluation.truth import read_truth, visit_of
from MRExtrapLib.evaluation.visits import scan_maker
from MRExtrapLib.forecast.loading import load_engine
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.progression.volumes import FLUID
from MRExtrapLib.training.people import find_people
from MRExtrapLib.training.scans import kept_scans, read_kept

KINDS = ("probabilities", "brightness heard", "labels counted")
Volumes = Mapping[str, float]
"""Region → ml."""


@dataclass(frozen=True)
class Changed:
    """One person's first and last visit.

    Attributes:
        seen_ml: kind → both visits.
        true_ml: both visits.
    """

    seen_ml: Mapping[str, tuple[Volumes, Volumes]]
    true_ml: tuple[Volumes, Volumes]


def volumes_by_kind(segmenter: Segmenter, volume: Volume) -> dict[str, Volumes]:
    """Each kind's volumes of a conformed brain."""
    by_network = segmenter.probabilities(volume)
    heard = heard_by_brightness(by_network, volume.voxels)
    voxel_ml = volume.grid.voxel_ml
    summed = [one.double().sum(dim=(1, 2, 3)).numpy() * voxel_ml for one in (by_network, heard)]
    of_structures = [region_volumes_ml(np.stack([ml, np.zeros_like(ml)], axis=1)) for ml in summed]
    labels = heard.argmax(dim=0).numpy().astype(np.uint8)
    return dict(zip(KINDS, (*of_structures, counted_ml(labels, voxel_ml)), strict=True))


def change(region: str, volumes_ml: tuple[Volumes, Volumes]) -> float:
    """From the first to the last: ventricles in ml, else % of the first."""
    first, last = (volumes[region] for volumes in volumes_ml)
    return last - first if FLUID in region else 100 * float(np.log(last / first))


def share_and_rest(seen: NDArray[np.float64], true: NDArray[np.float64]) -> tuple[float, float]:
    """The share of true changes that is seen (least squares), and the SD of seen / share − true."""
    share = float(seen @ true / (true @ true))
    return share, float(np.std(seen / share - true, ddof=1))


def table(people: list[Changed]) -> str:
    """A row a region."""
    rows = []
    for region in MAIN_REGIONS:
        true = np.array([change(region, one.true_ml) for one in people])
        cells = [region]
        for kind in KINDS:
            seen = np.array([change(region, one.seen_ml[kind]) for one in people])
            share, rest = share_and_rest(seen, true)
            cells.append(f"{cell(share, '.2f')} / {cell(rest, '.2f')}")
        rows.append(cells)
    return f"{len(people)} people\n\n" + markdown(("share seen / SD of the rest", *KINDS), rows)


def main() -> None:
    """The command above."""
    chosen = cohort_arguments(__doc__)
    engine, truth = load_engine(chosen.model), read_truth(chosen.cohort)
    people: list[Changed] = []
    for person in find_people([chosen.cohort])[0]:
        if chosen.only not in person.name:
            continue
        files = kept_scans(person, scan_maker(engine), chosen.scans)
        ends = [engine.template.volume.with_voxels(read_kept(file).voxels) for file in (files[0], files[-1])]
        first, last = (volumes_by_kind(engine.segmenter, end) for end in ends)
        true_first, true_last = (truth[visit_of(path)] for path in (person.paths[0], person.paths[-1]))
        people.append(Changed({kind: (first[kind], last[kind]) for kind in KINDS}, (true_first, true_last)))
        print(person.name, file=sys.stderr, flush=True)
    print(table(people))


if __name__ == "__main__":
    main()
