"""What becomes of a scan as it gets worse: how far its volumes drift, and whether anyone is told.

    python Testing/quality/spoiled.py --model DIR --data FOLDER... \
        --split MRExtrapLib/training/splits/first.json [--limit N] -o OUT.json

Each held-out scan is seen as a forecast sees it, as it is and spoiled: a field of brightness across the head,
noise, thick slices, blur, everything above the middle cut off, bright for dark. A spoiled scan is refused, or
called unlike those that the model was calibrated on (`progression/likeness.py`), or warned of otherwise, or
passes unsaid; and its volumes differ from those of the scan as it is. Of scans as they are every warning is a
false alarm.

The figures lie in OUT.json, which a second start continues; a Markdown table is printed at the end.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Testing is no package: its rooms meet here
from quality.records import Figures, Records
from quality.subjects import add_arguments, held_out_scans, split_of
from quality.tables import cell, markdown

from MRExtrapLib.anatomy.borders import NAMING
from MRExtrapLib.anatomy.regions import MAIN_REGIONS
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.loading import load_engine
from MRExtrapLib.forecast.reconstruction import psnr_db
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.progression.likeness import UNLIKE_SCORE, Likeness

ALONE = "as it is"

BRIGHT_PERCENTILE = 99.0
"""What counts as bright in a scan: a few voxels of vessels are brighter."""


def _bright(volume: Volume) -> float:
    return float(np.percentile(volume.voxels, BRIGHT_PERCENTILE))


def shaded(volume: Volume, share: float) -> Volume:
    """Brighter by a share at one end of each axis, darker by as much at the other."""
    ramps = np.meshgrid(*(np.linspace(-1, 1, size) for size in volume.shape), indexing="ij", sparse=True)
    return volume.with_voxels(volume.voxels * (1 + share * sum(ramps) / len(ramps)).astype(np.float32))


def noisy(volume: Volume, share: float) -> Volume:
    """Rician noise, its deviation a share of what is bright; the same each time."""
    generator = np.random.default_rng(1)
    real, imaginary = (share * _bright(volume) * generator.standard_normal(volume.shape) for _ in range(2))
    return volume.with_voxels(np.hypot(volume.voxels + real, imaginary).astype(np.float32))


def _upward(volume: Volume) -> int:
    """The stored axis that runs from feet to head, or head to feet."""
    return int(np.argmax(np.abs(volume.affine[2, :3])))


def thick(volume: Volume, slice_mm: float) -> Volume:
    """Slices across the body's axis as thick as that, stacked."""
    axis = _upward(volume)
    count = max(round(slice_mm / volume.spacing_mm[axis]), 1)
    mean = ndimage.uniform_filter1d(volume.voxels, count, axis=axis)
    middles = np.minimum(np.arange(volume.shape[axis]) // count * count + count // 2, volume.shape[axis] - 1)
    return volume.with_voxels(np.take(mean, middles, axis=axis))


def blurred(volume: Volume, sigma_mm: float) -> Volume:
    """As a head looks that did not lie still."""
    return volume.with_voxels(ndimage.gaussian_filter(volume.voxels, sigma_mm / np.array(volume.spacing_mm)))


def cut(volume: Volume) -> Volume:
    """Nothing above the middle of the stack."""
    axis, voxels = _upward(volume), np.moveaxis(volume.voxels.copy(), _upward(volume), 0)
    middle = volume.shape[axis] // 2
    voxels[slice(middle, None) if volume.affine[2, axis] > 0 else slice(0, middle)] = 0
    return volume.with_voxels(np.moveaxis(voxels, 0, axis))


def inverted(volume: Volume) -> Volume:
    """Bright for dark wherever there is a head, somewhat as T2 has it."""
    head = volume.voxels > 0.05 * _bright(volume)
    return volume.with_voxels(np.where(head, np.maximum(1.05 * _bright(volume) - volume.voxels, 0), 0))


SPOILED: Mapping[str, Callable[[Volume], Volume]] = {
    ALONE: lambda volume: volume,
    "shaded by 20 %": lambda volume: shaded(volume, 0.2),
    "shaded by 50 %": lambda volume: shaded(volume, 0.5),
    "noise of 3 %": lambda volume: noisy(volume, 0.03),
    "noise of 8 %": lambda volume: noisy(volume, 0.08),
    "slices of 3 mm": lambda volume: thick(volume, 3.0),
    "slices of 6 mm": lambda volume: thick(volume, 6.0),
    "blurred by 1 mm": lambda volume: blurred(volume, 1.0),
    "blurred by 2 mm": lambda volume: blurred(volume, 2.0),
    "cut at the middle": cut,
    "bright for dark": inverted,
}


def seen(volume: Volume, engine: Engine, likeness: Likeness) -> Figures:
    """The volumes, how unlike the scan is called, and how many other warnings there are.

    Raises:
        InputError: the scan is refused.
    """
    (conformed,) = engine.conform([volume])
    reconstructed = engine.decode(engine.encode(conformed.volume), conformed.brain)
    psnr = psnr_db(conformed.volume.voxels, reconstructed.voxels, conformed.brain)
    volumes_ml = engine.volumes_ml(conformed.volume)
    score = likeness.unlikeness(psnr, volumes_ml).score
    sizes = {f"ml/{region}": volumes_ml[region] for region in MAIN_REGIONS}
    return {"score": score, "psnr_db": psnr, "warnings": float(len(conformed.warnings)), **sizes}


def row(records: Records, way: str) -> list[str]:
    """Of one way of spoiling: how many scans, what was said of them, and how far volumes are off unsaid."""
    refused = len(records.refused.get(way, {}))
    scores, warned = records.column(way, "score"), records.column(way, "warnings")
    unlike = {who for who, score in scores.items() if score > UNLIKE_SCORE}
    told = {who for who, count in warned.items() if count and who not in unlike}
    unsaid = scores.keys() - unlike - told
    counts = (refused + len(scores), refused, len(unlike), len(told), len(unsaid))
    drifts = (_drift(records, way, region, unsaid) for region in MAIN_REGIONS)
    return [way, *map(str, counts), *(cell(drift, ".1f") for drift in drifts)]


def _drift(records: Records, way: str, region: str, who: set[str]) -> float | None:
    """Mean size of the difference in % of the region, over these scans."""
    alone, again = (records.column(one, f"ml/{region}") for one in (ALONE, way))
    off = [100 * abs(again[one] / alone[one] - 1) for one in who if one in alone and way != ALONE]
    return float(np.mean(off)) if off else None


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser)
    arguments = parser.parse_args()
    engine = load_engine(str(arguments.model), arguments.device)
    likeness = engine.knowledge.likeness if engine.knowledge else None
    if likeness is None:
        parser.error(f"{arguments.model} knows no scans to be unlike; calibrate it first")
    identity = {"name": engine.identity.model, "sha256": engine.identity.model_sha256, "naming": str(NAMING)}
    records = Records(arguments.output, identity)
    for one in held_out_scans(arguments.data, split_of(arguments), arguments.limit):
        for way, spoil in SPOILED.items():
            records.measure(
                way,
                one.subject,
                lambda one=one, spoil=spoil: seen(spoil(one.read()), engine, likeness),
            )
    records.save()
    columns = ("scan", "scans", "refused", "called unlike", "warned of", "unsaid", *MAIN_REGIONS)
    print(markdown(columns, [row(records, way) for way in SPOILED]))


if __name__ == "__main__":
    main()
