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
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import get_args

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


def person_figures(person: PersonScans, visits: tuple[Visit, ...], engine: Engine) -> Figures:
    """Every image of one person's last visit.

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
    on_grid = engine.template.volume.with_voxels

    def stated_ml(age_years: float, decoded: Volume) -> Mapping[str, float]:
        decoded_ml = unbiased_ml(engine.measure(decoded).volumes_ml, known)
        return volumes.at(age_years, decoded_ml).volumes_ml

    decoded, predicted = (engine.decode(line.at(age), inside) for age in (ages[-1], target))
    now_ml, then_ml = stated_ml(ages[-1], decoded), stated_ml(target, predicted)
    scan = MovableScan(on_grid(known[-1].voxels), lambda volume: engine.measure(volume).labels)
    anchor, changes = Anchor(scan, decoded), compartment_changes(now_ml, then_ml)
    observed_ml, decoded_ml = known[-1].observed_ml, engine.measure(decoded).volumes_ml
    figures = {}
    for kind in (TRUTH, *SHOWN):
        start = time.perf_counter()
        image = on_grid(last.voxels)
        if kind == BENT:
            image = anchor.show(predicted, "warped", {}).image
        elif kind != TRUTH:
            image = anchor.show(predicted, kind, changes).image
        found = {
            "seconds": time.perf_counter() - start,
            "ssim": ssim(last.voxels, image.voxels, last.brain),
            "sharpness": sharpness(image.voxels, last.brain) / sharpness(last.voxels, last.brain),
            "detail": detail_kept(image.voxels, known[-1].voxels, last.brain & known[-1].brain),
        }
        if kind != TRUTH:
            found["psnr_db"] = psnr_db(last.voxels, image.voxels, last.brain)
        shown_ml, base_ml = engine.measure(image).volumes_ml, decoded_ml if kind == "plain" else observed_ml
        for region in REGIONS:
            shown = shown_ml[region] / base_ml[region]
            found[f"against_true/{region}"] = 100 * (shown - last.observed_ml[region] / observed_ml[region])
            found[f"against_stated/{region}"] = 100 * (shown - then_ml[region] / now_ml[region])
        figures |= {f"{kind}/{name}": value for name, value in found.items()}
    return figures


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
