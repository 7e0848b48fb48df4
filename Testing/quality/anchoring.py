"""Which predicted image keeps the person best: the plain decode, the change added, or the scan warped.

    python Testing/quality/anchoring.py --model DIR --data FOLDER... \
        --split MRExtrapLib/training/splits/first.json [--limit N] [--years Y] -o OUT.json

A held-out real scan is the reference. The simulator makes the same brain Y years younger and Y years older,
each with its own position, gain, shading and noise; the three are conformed together. Two predictions of the
older brain are judged against its simulated scan:

- *known change*: the decoded latent of the older scan itself. What is missed is the image's own doing.
- *forecast*: the line through the younger scan and the reference, as the product predicts. Noise of two scans
  and curvature come in.

For each image: PSNR and SSIM inside the brain; the change of each region's volume by the model's segmenter
(plain: against the decoded reference; else against the reference scan) minus the true change, in percentage
points of the region, and minus the change that is told of the true older scan, seen by the same segmenter;
how sharp it is (energy of the gradient over that of the true older scan); how much of the reference's fine
detail it shows (correlation of what a Gaussian of 1.5 voxels takes away); and the seconds that it adds to a
decode.
The true older scan stands in the table too: what a perfect image would score, given the noise of the
scanner and the error of the segmenter.

What is warped is moved on to the volumes of the decodes here, not to those that a forecast states (of a
cohort `images.py` does); the older brain was made by the same kind of motion, which flatters it.
"""

from __future__ import annotations

import argparse
import sys
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, gaussian_filter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Testing is no package: its rooms meet here
from quality.autoencoder import FINE_MM, PROFILE, PROTOCOL
from quality.records import Figures, Records
from quality.subjects import add_arguments, held_out_scans, split_of
from quality.tables import cell, markdown

from MRExtrapLib.evaluation.similarity import ssim
from MRExtrapLib.forecast.anchoring import Anchor, ImageKind
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.loading import load_engine
from MRExtrapLib.forecast.moving import MovableScan, compartment_changes
from MRExtrapLib.forecast.reconstruction import psnr_db
from MRExtrapLib.imaging.conform import ConformedVisit, united_brain
from MRExtrapLib.imaging.reading import read_scan
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.progression.line import fit_line
from MRExtrapLib.simulation.acquisition import acquire, draw_acquisition
from MRExtrapLib.simulation.ageing import AgeingBrain
from MRExtrapLib.simulation.profiles import PROFILES, typical_subject

CONDITION = "anchoring of simulated pairs, changes told in full"
KNOWN, FORECAST = "known change", "forecast"
TRUTH = "true older scan"
KINDS: tuple[ImageKind, ...] = get_args(ImageKind)
REGIONS = ("hippocampus", "ventricles", "gray_matter", "white_matter")

DETAIL_VOXELS = 1.5
"""What is finer than this Gaussian is fine detail."""

RIM_VOXELS = 2
"""Of the brain, left out where slopes are measured: there the cut-out's edge would be."""

COLUMNS = (
    "prediction, image",
    "PSNR dB",
    "SSIM",
    *(f"{region} error, points" for region in REGIONS),
    "mean of 4",
    "against the true scan as measured",
    "sharpness",
    "detail kept",
    "seconds",
)


@dataclass(frozen=True, eq=False)
class Lifetime:
    """One brain at three ages, conformed together, and how its volumes truly change.

    Attributes:
        earlier, now, later: simulated, real, simulated.
        true_percent: region → true change from now to later.
    """

    earlier: ConformedVisit
    now: ConformedVisit
    later: ConformedVisit
    true_percent: dict[str, float]


def lifetime(scan: Volume, engine: Engine, years: float, seed: int) -> Lifetime:
    """A real brain with its simulated past and future; the model's segmentation steers the deformation."""
    rng = np.random.default_rng(seed)
    (alone,) = engine.conform([scan])
    brain = AgeingBrain(Volume(alone.restore_labels(engine.measure(alone.volume).labels), scan.affine))
    rates = typical_subject(PROFILES[PROFILE])
    motions = [
        brain.deformation(rates.log_changes(time_years, brain.baseline_ml["ventricles"]))
        for time_years in (-years, 0.0, years)
    ]
    earlier, later = (
        acquire(scan, motion, draw_acquisition(scan.grid, PROTOCOL, rng), rng) for motion in motions[::2]
    )
    before_ml, after_ml = (brain.truth_ml(motion) for motion in motions[1:])
    true_percent = {region: 100 * (after_ml[region] / before_ml[region] - 1) for region in REGIONS}
    return Lifetime(*engine.conform([earlier, scan, later]), true_percent)


def image_figures(
    image: Volume, base_ml: dict[str, float], life: Lifetime, engine: Engine, own_shares: Mapping[str, float]
) -> Figures:
    """How good one image of the older brain is; `base_ml` is what its change is counted from."""
    truth, brain = life.later.volume.voxels, life.later.brain
    ml = engine.telling(base_ml, own_shares).told(engine.volumes_ml(image))
    figures = {
        "psnr_db": psnr_db(truth, image.voxels, brain),
        "ssim": ssim(truth, image.voxels, brain),
        "sharpness": sharpness(image.voxels, brain) / sharpness(truth, brain),
        "detail": detail_kept(image.voxels, life.now.volume.voxels, brain & life.now.brain),
    }
    for region in REGIONS:
        change_percent = 100 * (ml[region] / base_ml[region] - 1)
        figures[f"error_points/{region}"] = change_percent - life.true_percent[region]
    return figures


def sharpness(voxels: NDArray[np.float32], brain: NDArray[np.bool_]) -> float:
    """Mean energy of the gradient well inside the brain."""
    inner = binary_erosion(brain, iterations=RIM_VOXELS)
    return float(sum((slope[inner] ** 2).mean() for slope in np.gradient(voxels)))


def detail_kept(
    voxels: NDArray[np.float32], reference: NDArray[np.float32], brain: NDArray[np.bool_]
) -> float:
    """Correlation of the fine detail of two images well inside the brain."""
    inner = binary_erosion(brain, iterations=RIM_VOXELS)
    fine = [(one - gaussian_filter(one, DETAIL_VOXELS))[inner] for one in (voxels, reference)]
    return float(np.corrcoef(*fine)[0, 1])


def subject_figures(scan: Volume, engine: Engine, years: float, seed: int) -> Figures:
    """Every image of both predictions of one subject, and the truth."""
    life = lifetime(scan, engine, years, seed)
    earlier, now, later = (engine.encode(one.volume) for one in (life.earlier, life.now, life.later))
    line = fit_line(np.stack([earlier, now]), (-years, 0.0))
    inside = united_brain([life.earlier.brain, life.now.brain])
    reference, decoded = life.now.volume, engine.decode(now, inside)
    observed_ml, decoded_ml = (dict(engine.volumes_ml(one)) for one in (reference, decoded))
    own_shares = engine.own_shares(reference) if engine.asks_own_shares else {}
    scan = MovableScan(reference, engine.measure(reference).labels)
    figures = {f"true_percent/{region}": change for region, change in life.true_percent.items()}
    truth = image_figures(life.later.volume, observed_ml, life, engine, own_shares)
    figures |= {f"{TRUTH}/{name}": value for name, value in truth.items()}
    for case, latent in ((KNOWN, later), (FORECAST, line.at(years))):
        predicted = engine.decode(np.asarray(latent, np.float32), inside)
        predicted_ml = engine.telling(decoded_ml, own_shares).told(engine.volumes_ml(predicted))
        changes = compartment_changes(decoded_ml, predicted_ml)
        for kind in KINDS:
            start = time.perf_counter()
            image = Anchor(scan, decoded).show(predicted, kind, changes).image
            seconds = time.perf_counter() - start
            base_ml = decoded_ml if kind == "plain" else observed_ml
            found = image_figures(image, base_ml, life, engine, own_shares) | {"seconds": seconds}
            figures |= {f"{case}, {kind}/{name}": value for name, value in found.items()}
    return figures


def report(records: Records) -> str:
    """The table: means over subjects; errors of volume changes are means of their size."""
    rows, summary = [], {}
    names = [TRUTH, *(f"{case}, {kind}" for case in (KNOWN, FORECAST) for kind in KINDS)]
    for name in names:
        values = {
            quantity: fmean(records.column(CONDITION, f"{name}/{quantity}").values())
            for quantity in ("psnr_db", "ssim", "sharpness", "detail", "seconds")
            if records.column(CONDITION, f"{name}/{quantity}")
        }
        errors = [
            fmean(abs(one) for one in records.column(CONDITION, f"{name}/error_points/{region}").values())
            for region in REGIONS
        ]
        cells = [cell(values.get("psnr_db"), ".2f"), cell(values.get("ssim"), ".4f")]
        cells += [cell(error, ".2f") for error in (*errors, fmean(errors), against_measured(records, name))]
        cells += [cell(values.get("sharpness"), ".2f"), cell(values.get("detail"), ".3f")]
        rows.append([name, *cells, cell(values.get("seconds"), ".2f")])
        summary[name] = values | {"mean_error_points": fmean(errors)}
        summary[name] |= {"against_measured_points": against_measured(records, name)}
    subjects = records.column(CONDITION, f"{TRUTH}/ssim")
    true = ", ".join(
        f"{region} {fmean(records.column(CONDITION, f'true_percent/{region}').values()):+.1f} %"
        for region in REGIONS
    )
    records.save(summary)
    return f"{len(subjects)} subject(s); true change: {true}\n\n{markdown(COLUMNS, rows)}"


def against_measured(records: Records, name: str) -> float:
    """Mean size of the difference between an image's volume changes and those seen in the true older scan.

    Both are seen by one segmenter, so what it misses of the true change itself is left out.
    """
    pairs = (
        records.pairs(CONDITION, f"{name}/error_points/{region}", f"{TRUTH}/error_points/{region}")
        for region in REGIONS
    )
    return fmean(abs(a - b) for ours, truth in pairs for a, b in zip(ours, truth, strict=True))


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser)
    parser.add_argument("--years", type=float, default=4.0, help="between the scans (default 4)")
    arguments = parser.parse_args()
    engine = load_engine(str(arguments.model), arguments.device)
    identity = {"name": engine.identity.model, "sha256": engine.identity.model_sha256}
    records = Records(arguments.output, identity)
    for one in held_out_scans(arguments.data, split_of(arguments), arguments.limit):
        scan = read_scan(one.path).volume
        if max(scan.spacing_mm) > FINE_MM:
            continue
        seed = zlib.crc32(one.subject.encode())
        records.measure(
            CONDITION,
            one.subject,
            lambda scan=scan, seed=seed: subject_figures(scan, engine, arguments.years, seed),
        )
    print(report(records))


if __name__ == "__main__":
    main()
