"""Which image of a forecast shows a cohort's later scans best, and the volumes that are predicted.

    python Testing/quality/images.py COHORT [--model DIR] --scans FOLDER [--limit N] -o OUT.json

Each person's last scan is predicted from all before it, as a forecast predicts it, and shown in every way
that a forecast can show it; `bent` is the warped image before it is moved on to the predicted volumes.
Against the true last scan: PSNR and SSIM inside the brain, sharpness (energy of the gradient over the true
scan's), the reference's fine detail (correlation of what a Gaussian of 1.5 voxels takes away). And with the
same segmenter for all: the change of each region that the image shows (plain: against the decoded reference,
else against the reference scan), less the change that the true scan shows, and less the change that the
forecast states, in percentage points of the region; means of their size. Scans are conformed once and kept in
FOLDER, where `mrextrap evaluate` (OUT/visits) leaves them too. People simulated by `mrextrap simulate` were
moved by the same kind of motion as the warped image: that flatters it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import cast, get_args

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Testing is no package: its rooms meet here
from quality.anchoring import REGIONS, detail_kept, sharpness
from quality.records import Figures, Records
from quality.tables import cell, markdown

from MRExtrapLib.evaluation.similarity import ssim
from MRExtrapLib.evaluation.visits import Visit, kept_visits
from MRExtrapLib.forecast.anchoring import Anchor, ImageKind
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.loading import load_engine
from MRExtrapLib.forecast.moving import MovableScan, compartment_changes
from MRExtrapLib.forecast.reconstruction import psnr_db
from MRExtrapLib.forecast.uncertainty import unbiased_ml
from MRExtrapLib.forecast.volumes import person_volumes
from MRExtrapLib.imaging.conform import united_brain
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.posterior import posterior_rate
from MRExtrapLib.training.people import PersonScans, find_people

CONDITION = "images of the last visit"
BENT = "bent"
SHOWN: tuple[str, ...] = (*get_args(ImageKind), BENT)
TRUTH = "true scan"

COLUMNS = (
    "image",
    "PSNR dB",
    "SSIM",
    "sharpness",
    "detail",
    *(f"{region}: less the true scan's / the stated change, points" for region in REGIONS),
    "seconds",
)


@dataclass(frozen=True, eq=False)
class LastVisit:
    """A person's last visit, as a forecast from all before it shows it.

    Attributes:
        known: the visits before.
        last: what came.
        anchor: what images hold on to.
        predicted: the decode at the last visit's age.
        now_ml, then_ml: region → ml that the forecast states for the last known visit and for the last.
        decoded_ml: region → ml of the decode at the last known visit's age.
    """

    known: Sequence[Visit]
    last: Visit
    anchor: Anchor
    predicted: Volume
    now_ml: Mapping[str, float]
    then_ml: Mapping[str, float]
    decoded_ml: Mapping[str, float]

    def image(self, shown: str) -> Volume:
        """One of `SHOWN`, or the true scan."""
        if shown == TRUTH:
            return self.predicted.with_voxels(self.last.voxels)
        changes = {} if shown == BENT else compartment_changes(self.now_ml, self.then_ml)
        kind = "warped" if shown == BENT else cast("ImageKind", shown)
        return self.anchor.show(self.predicted, kind, changes).image


def last_visit(person: PersonScans, visits: Sequence[Visit], engine: Engine) -> LastVisit:
    """The forecast of the last visit.

    Raises:
        SystemExit: the model has no prior.
    """
    *known, last = visits
    ages, target = list(person.ages_years[:-1]), person.ages_years[-1]
    about = Covariates(fmean(ages), person.covariates.sex, person.covariates.diagnosis)
    volumes = person_volumes(known, ages, about, engine.knowledge)
    if engine.prior is None or volumes is None:
        msg = f"The model {engine.identity.model} has no prior; give one that has."
        raise SystemExit(msg)
    line = posterior_rate(np.stack([one.latent for one in known]), ages, engine.prior, about)
    inside = united_brain([one.brain for one in known])
    decoded, predicted = (engine.decode(line.at(age), inside) for age in (ages[-1], target))
    decoded_ml, predicted_ml = (told_ml(one, known, engine) for one in (decoded, predicted))
    now_ml, then_ml = (
        volumes.at(age, unbiased_ml(ml, known)).volumes_ml
        for age, ml in ((ages[-1], decoded_ml), (target, predicted_ml))
    )
    reference = engine.template.volume.with_voxels(known[-1].voxels)
    scan = MovableScan(reference, known[-1].labels)
    return LastVisit(known, last, Anchor(scan, decoded), predicted, now_ml, then_ml, decoded_ml)


def told_ml(image: Volume, known: Sequence[Visit], engine: Engine) -> Mapping[str, float]:
    """Region → ml of an image, told as those of the visits are."""
    return known[0].telling.told(engine.volumes_ml(image))


def image_figures(shown: str, visit: LastVisit, engine: Engine) -> Figures:
    """How good one image of the last visit is."""
    reference, last = visit.known[-1], visit.last
    _ = visit.anchor.reference.brain  # solved once for all ages: some seconds that no image is charged with
    start = time.perf_counter()
    image = visit.image(shown)
    found = {
        "seconds": time.perf_counter() - start,
        "psnr_db": psnr_db(last.voxels, image.voxels, last.brain),
        "ssim": ssim(last.voxels, image.voxels, last.brain),
        "sharpness": sharpness(image.voxels, last.brain) / sharpness(last.voxels, last.brain),
        "detail": detail_kept(image.voxels, reference.voxels, last.brain & reference.brain),
    }
    base_ml = visit.decoded_ml if shown == "plain" else reference.observed_ml
    shown_ml = told_ml(image, visit.known, engine)
    for region in REGIONS:
        change = shown_ml[region] / base_ml[region]
        true = last.observed_ml[region] / reference.observed_ml[region]
        found[f"against_true/{region}"] = 100 * (change - true)
        found[f"against_stated/{region}"] = 100 * (change - visit.then_ml[region] / visit.now_ml[region])
    return found


def person_figures(person: PersonScans, visits: Sequence[Visit], engine: Engine) -> Figures:
    """Every image of one person's last visit."""
    visit = last_visit(person, visits, engine)
    return {
        f"{shown}/{name}": value
        for shown in (TRUTH, *SHOWN)
        for name, value in image_figures(shown, visit, engine).items()
    }


def report(records: Records) -> str:
    """The table: means over people; of differences, means of their size."""
    rows, summary = [], {}
    for kind in (TRUTH, *SHOWN):
        values = {
            name: list(records.column(CONDITION, f"{kind}/{name}").values())
            for name in ("psnr_db", "ssim", "sharpness", "detail", "seconds")
        }
        means = {name: fmean(some) for name, some in values.items() if some}
        for region in REGIONS:
            for against in ("against_true", "against_stated"):
                some = records.column(CONDITION, f"{kind}/{against}/{region}").values()
                means[f"{against}/{region}"] = fmean(map(abs, some))
        cells = [cell(means.get(name), ".3f") for name in ("psnr_db", "ssim", "sharpness", "detail")]
        for region in REGIONS:
            pair = (
                cell(means[f"{against}/{region}"], ".2f") for against in ("against_true", "against_stated")
            )
            cells.append(" / ".join(pair))
        rows.append([kind, *cells, cell(means.get("seconds"), ".1f")])
        summary[kind] = means
    records.save(summary)
    return markdown(COLUMNS, rows)


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--scans", type=Path, required=True)
    parser.add_argument("--limit", type=int, help="at most so many people")
    parser.add_argument("-o", "--output", type=Path, required=True)
    chosen = parser.parse_args()
    engine = load_engine(chosen.model, chosen.device)
    records = Records(chosen.output, {"sha256": engine.identity.model_sha256})
    for person in find_people([chosen.cohort])[0][: chosen.limit]:
        records.measure(
            CONDITION,
            person.name,
            lambda person=person: person_figures(person, kept_visits(person, engine, chosen.scans), engine),
        )
    print(report(records))


if __name__ == "__main__":
    main()
