"""How good the autoencoder is: what a reconstruction keeps, and how straight interpolations run.

    python Testing/quality/autoencoder.py --model DIR --data FOLDER... \
        --split MRExtrapLib/training/splits/first.json [--pairs N] -o OUT.json

Reconstruction: each held-out scan takes the way of `mrextrap reconstruct` (conform, encode, decode) and is
compared on the model's grid: PSNR and SSIM inside the brain for intensities of 0 to 1, and the regions'
volumes of reconstruction against observation, both by the model's own segmenter.

Interpolation: N held-out scans with voxels of about 1 mm are aged by the simulator (`Testing/sample` ages its
subject the same way), and the bundled sample subject is taken with its last simulated visit. Decoded are
α·z1 + (1 − α)·z2; R² of each region's volume against α, and how much of the observed change the decoded
ends show, are reported.

The figures lie in OUT.json, which a second start continues; Markdown tables are printed at the end.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean, median

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Testing is no package: its rooms meet here
from quality.records import Figures, Records
from quality.subjects import ScanOnDisk, add_arguments, held_out_scans, split_of
from quality.tables import cell, markdown

from MRExtrapLib.anatomy.regions import REGIONS
from MRExtrapLib.evaluation.agreement import agreement
from MRExtrapLib.evaluation.similarity import ssim
from MRExtrapLib.evaluation.straightness import straightness
from MRExtrapLib.forecast.between import interpolate
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.loading import load_engine
from MRExtrapLib.forecast.measuring import measure
from MRExtrapLib.forecast.reconstruction import reconstruct
from MRExtrapLib.imaging.reading import read_scan
from MRExtrapLib.imaging.scan import Scan
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.simulation.acquisition import Protocol, acquire, draw_acquisition
from MRExtrapLib.simulation.ageing import AgeingBrain
from MRExtrapLib.simulation.profiles import PROFILES, typical_subject

SAMPLE = Path(__file__).resolve().parents[2] / "MRExtrapLib" / "sample" / "sub-01"
SAMPLE_PAIR = ("ses-01/anat/sub-01_ses-01_T1w.nii.gz", "ses-04/anat/sub-01_ses-04_acq-simulated_T1w.nii.gz")

PROFILE, YEARS = "MCI", 6.5
"""How the simulated pairs age: as the bundled sample subject does."""

PROTOCOL = Protocol(rotation_deg=1.5, translation_mm=1.5, gain=0.06, bias=0.02, noise=0.008)
"""And how their second scan differs."""

FINE_MM = 1.2
"""Only scans with voxels up to this are aged: a coarser scan's own blur would hide the change."""

SMALLEST_CHANGE_PERCENT = 1.0
"""Of the observed volume: below this, R² and the kept share are of noise and are not summed up."""

INTERPOLATION = "interpolation of simulated pairs"


def reconstruction_figures(scan: Scan, engine: Engine) -> Figures:
    """PSNR, SSIM, and the volumes of observation and reconstruction."""
    (one,) = reconstruct(measure([scan], engine), engine)
    conformed = one.scan.conformed
    figures = {
        "psnr_db": one.psnr_db,
        "ssim": ssim(conformed.volume.voxels, one.volume.voxels, conformed.brain),
    }
    figures |= {f"ml/observed/{region}": one.scan.volumes_ml[region] for region in REGIONS}
    return figures | {f"ml/reconstructed/{region}": one.volumes_ml[region] for region in REGIONS}


def aged(volume: Volume, engine: Engine, seed: int) -> Volume:
    """The same person some years later, simulated; the model's own segmentation steers the deformation."""
    rng = np.random.default_rng(seed)
    (conformed,) = engine.conform([volume])
    _, labels = engine.measure_scan(conformed)
    brain = AgeingBrain(Volume(labels, volume.affine))
    changes = typical_subject(PROFILES[PROFILE]).log_changes(YEARS, brain.baseline_ml["ventricles"])
    return acquire(volume, brain.deformation(changes), draw_acquisition(volume.grid, PROTOCOL, rng), rng)


def straightness_figures(first: Scan, second: Scan, engine: Engine, steps: int) -> Figures:
    """R² of every region's volume against α, and its change in percent, observed and decoded."""
    found = interpolate([first, second], steps, engine, kind="plain")
    ends_ml = [engine.volumes_ml(one.volume) for one in found.conformed]
    earlier, later = map(engine.telling_beside(found.conformed[0].volume, ends_ml[0]).told, ends_ml)
    alphas = [mixture.alpha for mixture in found.mixtures]
    figures = {}
    for region in REGIONS:
        volumes = [mixture.volumes_ml[region] for mixture in found.mixtures]
        line = straightness([1 - alpha for alpha in alphas], volumes)
        figures[f"r_squared/{region}"] = line.r_squared
        figures[f"change_percent/decoded/{region}"] = line.change_percent
        figures[f"change_percent/observed/{region}"] = 100 * (later[region] / earlier[region] - 1)
    return figures


def _pair_figures(one: ScanOnDisk, engine: Engine, steps: int) -> Figures:
    scan = read_scan(one.path)
    later = aged(scan.volume, engine, zlib.crc32(one.subject.encode()))
    second = Scan(later, one.path, f"{scan.name}_simulated", scan.sha256)
    return straightness_figures(scan, second, engine, steps)


def _sample_figures(engine: Engine, steps: int) -> Figures:
    first, second = (read_scan(SAMPLE / name) for name in SAMPLE_PAIR)
    return straightness_figures(first, second, engine, steps)


def measure_all(arguments: argparse.Namespace, records: Records, engine: Engine) -> None:
    """Every held-out scan reconstructed, every pair interpolated."""
    found = list(held_out_scans(arguments.data, split_of(arguments), arguments.limit))
    for one in found:
        condition = f"reconstruction, {one.subject.split('/')[0]}"
        records.measure(
            condition, one.subject, lambda one=one: reconstruction_figures(read_scan(one.path), engine)
        )
    if arguments.pairs:
        records.measure(INTERPOLATION, "sample/sub-01", lambda: _sample_figures(engine, arguments.steps))
    fine = [one for one in found if max(one.read().spacing_mm) <= FINE_MM]
    for one in fine[: arguments.pairs]:
        records.measure(
            INTERPOLATION, one.subject, lambda one=one: _pair_figures(one, engine, arguments.steps)
        )


def reconstruction_table(records: Records, condition: str) -> tuple[str, Mapping[str, object]]:
    """PSNR and SSIM as a sentence, the regions as a table."""
    psnr = list(records.column(condition, "psnr_db").values())
    alike = list(records.column(condition, "ssim").values())
    words = (
        f"\n**{condition}** ({len(psnr)} scans): PSNR {fmean(psnr):.2f} dB (worst {min(psnr):.2f}), "
        f"SSIM {fmean(alike):.4f} (worst {min(alike):.4f}), inside the brain\n"
    )
    rows, summary = [], {}
    for region in REGIONS:
        found = agreement(*records.pairs(condition, f"ml/observed/{region}", f"ml/reconstructed/{region}"))
        cells = (cell(found.bias_percent, "+.2f"), cell(found.spread_percent, ".2f"), cell(found.correlation))
        rows.append([region, *cells])
        summary[region] = {"bias_percent": found.bias_percent, "spread_percent": found.spread_percent}
    figures = {"psnr_db": fmean(psnr), "psnr_db_worst": min(psnr), "ssim": fmean(alike), "volumes": summary}
    return words + "\n" + markdown(("volume", "bias %", "spread %", "r"), rows), figures


def interpolation_table(records: Records) -> tuple[str, Mapping[str, object]]:
    """Straightness of every region that changes."""
    rows, summary = [], {}
    for region in REGIONS:
        observed = records.column(INTERPOLATION, f"change_percent/observed/{region}")
        decoded = records.column(INTERPOLATION, f"change_percent/decoded/{region}")
        straight = records.column(INTERPOLATION, f"r_squared/{region}")
        changing = [who for who, change in observed.items() if abs(change) >= SMALLEST_CHANGE_PERCENT]
        r_squared = [straight[who] for who in changing if who in straight]
        kept = [decoded[who] / observed[who] for who in changing if who in decoded]
        values = {
            "r_squared_median": median(r_squared) if r_squared else None,
            "r_squared_worst": min(r_squared, default=None),
            "observed_percent": fmean(observed.values()) if observed else None,
            "decoded_percent": fmean(decoded.values()) if decoded else None,
            "kept_share": median(kept) if kept else None,
        }
        summary[region] = values | {"pairs": len(changing)}
        forms = (".4f", ".4f", "+.2f", "+.2f", ".2f")
        cells = [cell(value, form) for value, form in zip(values.values(), forms, strict=True)]
        rows.append([region, str(len(changing)), *cells])
    words = f"\n**{INTERPOLATION}** (pairs that change by {SMALLEST_CHANGE_PERCENT:g} % or more)\n"
    columns = ("volume", "pairs", "R² median", "worst", "observed %", "decoded %", "kept")
    return words + "\n" + markdown(columns, rows), summary


def report(records: Records) -> str:
    """All tables, and their figures kept as the summary."""
    pieces, summary = [], {}
    for condition in records.figures:
        if condition != INTERPOLATION:
            words, summary[condition] = reconstruction_table(records, condition)
            pieces.append(words)
    if INTERPOLATION in records.figures:
        words, summary[INTERPOLATION] = interpolation_table(records)
        pieces.append(words)
    for condition, subjects in records.refused.items():
        pieces += [f"\n{condition}, {subject}: refused: {words}" for subject, words in subjects.items()]
    records.save(summary)
    return "\n".join(pieces)


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser)
    parser.add_argument("--pairs", type=int, default=3, help="scans to age and interpolate (0: none)")
    parser.add_argument("--steps", type=int, default=11, help="mixing weights of an interpolation")
    arguments = parser.parse_args()
    engine = load_engine(str(arguments.model), arguments.device)
    identity = {"name": engine.identity.model, "sha256": engine.identity.model_sha256}
    records = Records(arguments.output, identity)
    measure_all(arguments, records, engine)
    print(report(records))


if __name__ == "__main__":
    main()
