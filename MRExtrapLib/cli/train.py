"""`mrextrap train segmenter|autoencoder`: weights from a folder of scans."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from MRExtrapLib.training.labelled import LabelledHead
    from MRExtrapLib.training.split import Split


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds `train` and what can be trained to the command line."""
    parser = subparsers.add_parser("train", help="train a network on a folder of scans")
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART")
    segmenter = parts.add_parser("segmenter", help="train the segmenter on scans and label maps")
    _add_common(segmenter, "X_T1w with X_dseg (FreeSurfer) or X_muse, and label maps alone, which are painted")
    segmenter.add_argument("--crop", type=int, default=80, help="side of a training crop in voxels (multiple of 16)")
    segmenter.add_argument("--accumulate", type=int, default=1, help="crops for each optimiser step")
    segmenter.set_defaults(run=train_segmenter)


def _add_common(parser: argparse.ArgumentParser, data_help: str) -> None:
    parser.add_argument("data", nargs="+", type=Path, help=f"folders (BIDS or plain) that hold {data_help}")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the run; resumes what it holds")
    parser.add_argument("--split", type=Path, help="JSON of train/validation/test subjects; drawn and written if absent")
    parser.add_argument("--steps", type=int, help="optimiser steps in all")
    parser.add_argument("--seed", type=int, default=2024, help="of everything random")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


def train_segmenter(arguments: argparse.Namespace) -> int:
    """Runs `mrextrap train segmenter`."""
    from MRExtrapLib.model.device import pick_device
    from MRExtrapLib.training import segmenter as training_room

    heads = _training_heads(arguments)
    defaults = training_room.SegmenterTraining()
    training = replace(
        defaults,
        steps=arguments.steps or defaults.steps,
        seed=arguments.seed,
        accumulate=arguments.accumulate,
        crops=replace(defaults.crops, size=arguments.crop),
    )
    network = training_room.train_segmenter(heads, training, arguments.output, pick_device(arguments.device).torch)
    training_room.save_segmenter(network, arguments.output)
    print(f"The trained segmenter is {arguments.output / 'segmenter.safetensors'}.")
    return 0


def _training_heads(arguments: argparse.Namespace) -> Sequence[LabelledHead]:
    from MRExtrapLib.errors import InputError
    from MRExtrapLib.training.labelled import find_labelled, read_labelled

    found = [item for folder in arguments.data for item in find_labelled(folder)]
    if not found:
        msg = f"No labelled scans in {', '.join(map(str, arguments.data))}; expected *_dseg.nii.gz or *_muse.nii.gz."
        raise InputError(msg)
    split = _split(arguments, [subject for subject, _, _ in found])
    return [read_labelled(*item) for item in found if split.part_of(item[0]) == "train"]


def _split(arguments: argparse.Namespace, subjects: Sequence[str]) -> Split:
    import numpy as np

    from MRExtrapLib.training.split import draw_split, read_split, write_split

    path = arguments.split or arguments.output / "split.json"
    if arguments.split or path.exists():
        return read_split(path)
    split = draw_split(subjects, np.random.default_rng(arguments.seed))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_split(split, path)
    return split
