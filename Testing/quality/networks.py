"""Which shape of network: candidates side by side, by reconstruction, straightness and speed.

    python Testing/quality/networks.py --models RUN/model RUN/model... --data FOLDER... \
        --split MRExtrapLib/training/splits/first.json [--limit N] [--pairs N] -o OUT.md

Every candidate is a model folder that `mrextrap train autoencoder` made with the same data and steps. Scans
are conformed once, with the segmenter of the first model; all candidates see the same voxels. Pairs are
held-out scans and the same brains aged by the simulator (see `Testing/quality/autoencoder.py`).
"""

from __future__ import annotations

import argparse
import sys
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Testing is no package: its rooms meet here
from quality.autoencoder import FINE_MM, SMALLEST_CHANGE_PERCENT, aged
from quality.subjects import held_out_scans
from quality.tables import cell, markdown

from MRExtrapLib.evaluation.similarity import ssim
from MRExtrapLib.evaluation.straightness import straightness
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.loading import load_engine
from MRExtrapLib.forecast.reconstruction import psnr_db
from MRExtrapLib.imaging.conform import ConformedVisit, united_brain
from MRExtrapLib.imaging.reading import read_scan
from MRExtrapLib.progression.interpolation import even_alphas, mix_latents
from MRExtrapLib.training.split import read_split

COLUMNS = ("network", "PSNR dB", "SSIM", "bias %", "R² median", "R² worst", "kept", "encode s", "decode s")
TIMED = 5
HEADLINE_REGIONS = ("hippocampus", "ventricles", "gray_matter", "white_matter")


@dataclass(frozen=True, eq=False)
class Pair:
    """A brain now and simulated later, and how much each region changed, in percent."""

    visits: tuple[ConformedVisit, ...]
    change_percent: dict[str, float]


def conformed_pairs(paths: Sequence[Path], engine: Engine) -> list[Pair]:
    """Each scan with itself some years later."""
    pairs = []
    for path in paths:
        now = read_scan(path).volume
        visits = engine.conform([now, aged(now, engine, zlib.crc32(path.name.encode()))])
        first, second = (engine.volumes_ml(visit.volume) for visit in visits)
        change = {region: 100 * (second[region] / first[region] - 1) for region in HEADLINE_REGIONS}
        pairs.append(Pair(visits, change))
    return pairs


def row_of(name: str, engine: Engine, visits: Sequence[ConformedVisit], pairs: Sequence[Pair], steps: int):
    """One network's line of the table."""
    psnr, alike, bias = [], [], []
    for visit in visits:
        decoded = engine.decode(engine.encode(visit.volume), visit.brain)
        psnr.append(psnr_db(visit.volume.voxels, decoded.voxels, visit.brain))
        alike.append(ssim(visit.volume.voxels, decoded.voxels, visit.brain))
        seen, kept = (engine.volumes_ml(one) for one in (visit.volume, decoded))
        bias += [100 * abs(kept[region] / seen[region] - 1) for region in HEADLINE_REGIONS]
    r_squared, shares = [], []
    for pair in pairs:
        ends = [engine.encode(visit.volume) for visit in pair.visits]
        alphas = [float(alpha) for alpha in even_alphas(steps)]
        inside = united_brain([visit.brain for visit in pair.visits])
        measured = [
            engine.measure(engine.decode(mix_latents(*ends, alpha), inside)).volumes_ml for alpha in alphas
        ]
        for region in (
            r for r, change in pair.change_percent.items() if abs(change) >= SMALLEST_CHANGE_PERCENT
        ):
            line = straightness([1 - alpha for alpha in alphas], [one[region] for one in measured])
            r_squared.append(line.r_squared)
            shares.append(line.change_percent / pair.change_percent[region])
    first = visits[0].volume
    latent = engine.encode(first)
    seconds = [
        _seconds(lambda: engine.encode(first)),
        _seconds(lambda: engine.decode(latent, visits[0].brain)),
    ]
    cells = [cell(fmean(psnr), ".2f"), cell(fmean(alike), ".4f"), cell(fmean(bias), ".2f")]
    cells += [cell(median(r_squared), ".4f"), cell(min(r_squared), ".4f"), cell(median(shares), ".2f")]
    size = "×".join(str(n) for n in latent.shape)
    return [f"{name}, latent {size}", *cells, *(cell(one, ".2f") for one in seconds)]


def _seconds(work) -> float:
    times = []
    for _ in range(TIMED):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times)


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", type=Path, nargs="+", required=True)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--split", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=4, help="held-out scans of each folder")
    parser.add_argument("--pairs", type=int, default=2, help="scans to age and interpolate")
    parser.add_argument("--steps", type=int, default=5, help="mixing weights of an interpolation")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    engines = {path.parent.name: load_engine(str(path), "auto") for path in arguments.models}
    judge = next(iter(engines.values()))
    found = list(held_out_scans(arguments.data, read_split(arguments.split), arguments.limit))
    fine = [one.path for one in found if max(one.read().spacing_mm) <= FINE_MM]
    visits = [visit for one in found for visit in judge.conform([one.read()])]
    pairs = conformed_pairs(fine[: arguments.pairs], judge)
    rows = []
    for name, engine in engines.items():
        same = replace(engine, segmenter=judge.segmenter)
        rows.append(row_of(name, same, visits, pairs, arguments.steps))
        arguments.output.write_text(markdown(COLUMNS, rows) + "\n", encoding="utf-8")
        print(rows[-1], flush=True)
    print(markdown(COLUMNS, rows))


if __name__ == "__main__":
    main()
