"""How good the segmenter is: Dice and volumes on held-out subjects, beside a published peer.

    python Testing/quality/segmenter.py --model DIR --data FOLDER... \
        --split MRExtrapLib/training/splits/first.json --peer WEIGHTS -o OUT.json

Each scan takes the way of `mrextrap measure` (conform, segment in template space, labels back on the
scan's own grid) and is compared there, left and right merged. What is measured follows from the files:

- a scan with labels: Dice and volumes against them, whole and stripped by the labels' own brain;
- a label map alone: the same on a T1-like scan painted over it (the peer never saw painted scans);
- a scan without labels: Dice against the peer, volumes of both, and whether ours are an adult's.

The peer is MeshNet of brainchop, on the very same images. The figures lie in OUT.json, which a second
start continues; a Markdown table is printed at the end.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Testing is no package: its rooms meet here
from peers.meshnet import MeshNet, load_meshnet, segment_freesurfer
from quality.product import Product, load_product
from quality.records import Figures, Records
from quality.subjects import add_arguments, held_out_labelled, held_out_scans, split_of
from quality.tables import cell, markdown

from MRExtrapLib.anatomy.regions import REGIONS
from MRExtrapLib.anatomy.structures import STRUCTURES, channels_of
from MRExtrapLib.evaluation.agreement import agreement
from MRExtrapLib.evaluation.overlap import Channels, Overlap, counted_ml
from MRExtrapLib.imaging.resampling import resample_labels
from MRExtrapLib.imaging.volume import Volume

MAIN = ("hippocampus", "ventricles", "gray_matter", "white_matter")
"""The regions that every forecast reports."""

ADULT_ML = {
    "hippocampus": (5.0, 11.0),
    "ventricles": (6.0, 90.0),
    "gray_matter": (500.0, 950.0),
    "white_matter": (330.0, 700.0),
    "whole_brain": (900.0, 1700.0),
}
"""Both sides together; wide on purpose: outside of them a segmentation has failed, inside it may be wrong."""

OURS, PEER = "ours", "meshnet"


@dataclass(frozen=True, eq=False)
class Contest:
    """The product and, where its weights are given, the peer, on the same images."""

    product: Product
    peer: MeshNet | None

    def against_labels(self, volume: Volume, truth: Channels) -> Figures:
        """Dice and volumes of both against true labels on the scan's grid."""
        voxel_ml = volume.grid.voxel_ml
        measured = self.product.measure(volume)
        figures = _ml("truth", counted_ml(truth, voxel_ml)) | _ml(OURS, measured.volumes_ml)
        figures |= _dice(OURS, Overlap.of(truth, measured.native_channels))
        if self.peer is not None:
            peer = peer_channels(self.peer, volume)
            figures |= _ml(PEER, counted_ml(peer, voxel_ml)) | _dice(PEER, Overlap.of(truth, peer))
        return figures

    def against_peer(self, volume: Volume) -> Figures:
        """Dice between both, volumes of both, and whether ours are an adult's (1) or not (0)."""
        measured = self.product.measure(volume)
        figures = _ml(OURS, measured.volumes_ml)
        for region, (low, high) in ADULT_ML.items():
            figures[f"plausible/{OURS}/{region}"] = float(low <= measured.volumes_ml[region] <= high)
        if self.peer is not None:
            peer = peer_channels(self.peer, volume)
            figures |= _ml("truth", counted_ml(peer, volume.grid.voxel_ml))
            figures |= _dice(OURS, Overlap.of(peer, measured.native_channels))
        return figures


def peer_channels(peer: MeshNet, volume: Volume) -> Channels:
    """The peer's structures on the scan's own grid."""
    found = segment_freesurfer(peer, volume)
    return channels_of(resample_labels(found.voxels, found.grid, volume.grid), "freesurfer")


def _dice(name: str, overlap: Overlap) -> dict[str, float]:
    both = {**overlap.structure_dice(), **overlap.region_dice()}
    return {f"dice/{name}/{part}": value for part, value in both.items()}


def _ml(name: str, volumes_ml: Mapping[str, float]) -> dict[str, float]:
    return {f"ml/{name}/{region}": volumes_ml[region] for region in REGIONS}


def stripped(volume: Volume, truth: Channels) -> Volume:
    """The scan with 0 outside the labelled brain."""
    return volume.with_voxels(np.where(truth > 0, volume.voxels, 0))


def measure(arguments: argparse.Namespace, records: Records, contest: Contest) -> None:
    """Every case that the folders hold."""
    split = split_of(arguments)
    labelled = set()
    for one in held_out_labelled(arguments.data, split, arguments.limit):
        labelled.add(one.subject)
        kind = f"{one.subject.split('/')[0]}{'' if one.scan else ', painted'}"
        records.measure(
            f"{kind}, whole head", one.subject, lambda one=one: contest.against_labels(*one.read())
        )
        records.measure(f"{kind}, stripped", one.subject, lambda one=one: _on_stripped(contest, *one.read()))
    for scan in held_out_scans(arguments.data, split, arguments.limit):
        if scan.subject not in labelled:
            condition = f"{scan.subject.split('/')[0]}, against {PEER}"
            records.measure(condition, scan.subject, lambda scan=scan: contest.against_peer(scan.read()))


def _on_stripped(contest: Contest, volume: Volume, truth: Channels) -> Figures:
    return contest.against_labels(stripped(volume, truth), truth)


COLUMNS = ("", "Dice", "worst", "peer's Dice", "worst", "volume r", "bias %", "spread %", "ml", "plausible")


def row(records: Records, condition: str, part: str) -> dict[str, float | None]:
    """One region's figures over all subjects of a condition, under the names of `COLUMNS` in order."""
    ours = list(records.column(condition, f"dice/{OURS}/{part}").values())
    peer = list(records.column(condition, f"dice/{PEER}/{part}").values())
    truth, measured = records.pairs(condition, f"ml/truth/{part}", f"ml/{OURS}/{part}")
    found = agreement(truth, measured) if truth and min(truth) > 0 else None
    own_ml = list(records.column(condition, f"ml/{OURS}/{part}").values())
    plausible = list(records.column(condition, f"plausible/{OURS}/{part}").values())
    return {
        "dice": float(np.mean(ours)) if ours else None,
        "dice_worst": min(ours, default=None),
        "peer_dice": float(np.mean(peer)) if peer else None,
        "peer_dice_worst": min(peer, default=None),
        "correlation": found.correlation if found else None,
        "bias_percent": found.bias_percent if found else None,
        "spread_percent": found.spread_percent if found else None,
        "mean_ml": float(np.mean(own_ml)) if own_ml else None,
        "plausible_share": float(np.mean(plausible)) if plausible else None,
    }


FORMS = (".3f", ".3f", ".3f", ".3f", ".3f", "+.1f", ".1f", ".1f", ".2f")


def report(records: Records) -> str:
    """A table for each condition: the main regions first, then every structure."""
    parts = list(dict.fromkeys((*MAIN, *REGIONS, *(structure.name for structure in STRUCTURES[1:]))))
    summary: dict[str, dict[str, dict[str, float | None]]] = {}
    pieces = []
    for condition, subjects in records.figures.items():
        summary[condition] = {part: row(records, condition, part) for part in parts}
        rows = [
            [part, *(cell(value, form) for value, form in zip(found.values(), FORMS, strict=True))]
            for part, found in summary[condition].items()
            if any(value is not None for value in found.values())
        ]
        refused = len(records.refused.get(condition, {}))
        pieces.append(f"\n**{condition}** ({len(subjects)} subjects, {refused} refused)\n")
        pieces.append(markdown(COLUMNS, rows))
    records.save(summary)
    return "\n".join(pieces)


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser)
    parser.add_argument("--peer", type=Path, help="folder of MeshNet's weights")
    arguments = parser.parse_args()
    product = load_product(arguments.model, arguments.device)
    records = Records(arguments.output, product.identity)
    measure(arguments, records, Contest(product, load_meshnet(arguments.peer) if arguments.peer else None))
    print(report(records))


if __name__ == "__main__":
    main()
