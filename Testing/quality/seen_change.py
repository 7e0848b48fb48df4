"""How much of a known change the segmenter sees, with nothing else in the way.

    python Testing/quality/seen_change.py --model DIR --data FOLDER... --split SPLIT.json [--limit N] -o OUT

Each held-out scan is conformed and measured. The conformed brain is then moved so that each compartment
changes as `CHANGES_PERCENT` tells, and measured again: no second position, no noise, no shading. The true
change is that of the labels that the segmenter drew by its own shares once brightness was heard, while what
is seen are its shares alone: one that names what has moved as it named it before sees nearly all of it. A
second table tells what it sees on the left when the right alone changes.

Two more tell what two scans show that are conformed together, as a forecast takes them: the scan and itself
moved likewise, on its own grid; and the scan and itself in another contrast, where nothing has changed.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Testing is no package: its rooms meet here
from quality.networks import HEADLINE_REGIONS
from quality.product import Product, load_product
from quality.records import Figures, Records
from quality.subjects import add_arguments, held_out_scans, split_of
from quality.tables import cell, markdown

from MRExtrapLib.anatomy.regions import region_volumes_ml
from MRExtrapLib.imaging.rigid import inverse
from MRExtrapLib.imaging.volume import Affine, Grid, Volume
from MRExtrapLib.simulation.acquisition import acquire
from MRExtrapLib.simulation.deformation import Deformation, warp
from MRExtrapLib.simulation.known_change import known_motion
from MRExtrapLib.simulation.subject import at_rest

CHANGES_PERCENT = {
    "hippocampus": -15.0,
    "amygdala": -12.0,
    "cortex": -5.0,
    "white_matter": -5.0,
    "deep_gray": -5.0,
    "ventricles": 25.0,
}
"""About what Alzheimer's disease does in five years."""

CONDITION = "conformed, moved"
LEFT_ONLY = np.array([1.0, 0.0])
"""Weights of left and right."""

CONTRAST = 1.1
"""The other contrast is brightness, as a share of the brightest, to this power: gray matter at 0.75 of white
falls to 0.73."""

TABLES = {
    "seen": ("seen, % of the true change", ".0f"),
    "elsewhere": ("seen on the left when the right alone changes", ".0f"),
    "together": ("seen between two scans, % of the true change", ".0f"),
    "contrast": ("between two contrasts, % of the region", ".2f"),
}
"""Figure → what its table is called, and how its percent are written."""

UNUSED = np.random.default_rng(0)
"""Nothing is left to chance where there is no noise."""


def seen_shares(scan: Volume, product: Product) -> Figures:
    """Change that the segmenter sees as a share of the true one; and, with one half changed, in the other.

    Raises:
        InputError: the scan cannot be used, or cannot change so.
    """
    segmenter = product.segmenter
    conformed = product.measure(scan).conformed
    young = conformed.volume
    motion, (before, after) = known_motion(young, segmenter, CHANGES_PERCENT)
    old = warp(young, motion)
    is_left = np.arange(young.shape[0])[:, None, None] * young.affine[0, 0] + young.affine[0, 3] < 0
    half = young.with_voxels(np.where(is_left, young.voxels, old.voxels))
    seen = [segmenter.segment(one).structures_ml for one in (young, old, half)]
    whole = [region_volumes_ml(one) for one in seen]
    left = [region_volumes_ml(one * LEFT_ONLY) for one in seen]
    true_ml = {region: after[region] - before[region] for region in HEADLINE_REGIONS}
    figures = {}
    for region, ml in true_ml.items():
        figures[f"seen/{region}"] = (whole[1][region] - whole[0][region]) / ml
        figures[f"elsewhere/{region}"] = (left[2][region] - left[0][region]) / (ml / 2)
    later = acquire(scan, placed(motion, inverse(conformed.scan_to_template)), at_rest(scan), UNUSED)
    for region, ml in between(scan, later, product).items():
        figures[f"together/{region}"] = ml / true_ml[region]
    for region, ml in between(scan, in_another_contrast(scan), product).items():
        figures[f"contrast/{region}"] = ml / whole[0][region]
    return figures


def between(first: Volume, second: Volume, product: Product) -> dict[str, float]:
    """Change of each region from one scan to the other, in ml, as the segmenter sees it in both together."""
    first_ml, second_ml = (one.volumes_ml for one in product.measure_together([first, second]))
    return {region: second_ml[region] - first_ml[region] for region in HEADLINE_REGIONS}


def placed(motion: Deformation, to_world: Affine) -> Deformation:
    """The same motion of the same brain where it lies in another world (rigid, mm → mm)."""
    return replace(motion, grid=Grid(motion.grid.shape, to_world @ motion.grid.affine))


def in_another_contrast(scan: Volume) -> Volume:
    """The scan as a scanner with another contrast would have taken it; air and the brightest stay."""
    brightest = float(scan.voxels.max())
    share = np.clip(scan.voxels / brightest, 0, None)
    return scan.with_voxels(np.where(scan.voxels > 0, brightest * share**CONTRAST, scan.voxels))


def share_table(records: Records, figure: str, words: str, digits: str) -> tuple[str, dict[str, float]]:
    """A row of means over scans, with the lowest and the highest."""
    means, cells = {}, []
    for region in HEADLINE_REGIONS:
        percent = [100 * share for share in records.column(CONDITION, f"{figure}/{region}").values()]
        means[region] = fmean(percent) if percent else float("nan")
        span = f" ({min(percent):{digits}} to {max(percent):{digits}})" if percent else ""
        cells.append(cell(means[region], digits) + span)
    return markdown((words, *HEADLINE_REGIONS), [("mean (range)", *cells)]), means


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser)
    arguments = parser.parse_args()
    product = load_product(arguments.model, arguments.device)
    records = Records(arguments.output, product.identity)
    for one in held_out_scans(arguments.data, split_of(arguments), arguments.limit):
        records.measure(CONDITION, one.subject, lambda one=one: seen_shares(one.read(), product))
    tables, means = [], {}
    for figure, (words, digits) in TABLES.items():
        table, means[figure] = share_table(records, figure, words, digits)
        tables.append(table)
    records.save(means)
    print(*tables, sep="\n\n")


if __name__ == "__main__":
    main()
