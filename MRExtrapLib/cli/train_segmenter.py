"""`mrextrap train segmenter`: a segmenter from labelled scans and painted label maps."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from MRExtrapLib.cli.train_options import (
    add_common,
    evenly,
    given,
    provenance_of,
    segmenter_of,
    split_of,
    tell_left_out,
)
from MRExtrapLib.errors import InputError

if TYPE_CHECKING:
    from MRExtrapLib.model.device import Device
    from MRExtrapLib.model.folder import Model
    from MRExtrapLib.training.brains import Brain

SEGMENTER_OPTIONS = ("steps", "seed", "accumulate", "learning_rate", "dice_weight")
"""That go into a training of the segmenter under their own names."""


def add_parser(parts: argparse._SubParsersAction) -> None:
    """Adds `train segmenter` to the command line."""
    segmenter = parts.add_parser("segmenter", help="on labelled scans, and on label maps, which are painted")
    add_common(segmenter, "X_T1w with X_dseg (FreeSurfer) or X_muse, and label maps alone")
    segmenter.add_argument("--start-from", metavar="MODEL", help="model whose segmenter is refined")
    segmenter.add_argument("--steps", type=int, help="optimiser steps in all")
    dice_help = "of soft Dice beside cross-entropy (default 1); 0 to refine volumes that grow with borders"
    segmenter.add_argument("--dice-weight", type=float, metavar="WEIGHT", help=dice_help)
    settle_help = (
        "first fix the normalisation of the one that is refined at its mean over N crops, so that what is "
        "seen in one place no longer depends on all others"
    )
    segmenter.add_argument("--settle", type=int, metavar="N", help=settle_help)
    brains_help = (
        "folders of T1 scans without labels. The network's own recent weights name those that train, and "
        "labelled scans, and it learns to find the same in them once every structure has grown or shrunk"
    )
    segmenter.add_argument("--brains", nargs="+", type=Path, default=[], metavar="DIR", help=brains_help)
    segmenter.add_argument("--most", type=int, metavar="N", help="at most N of these scans of each folder")
    segmenter.set_defaults(run=train_segmenter)


def train_segmenter(arguments: argparse.Namespace) -> int:
    """Runs `mrextrap train segmenter`."""
    from MRExtrapLib.imaging.template import bundled_template
    from MRExtrapLib.model.catalogue import find_model
    from MRExtrapLib.model.device import on_device, pick_device
    from MRExtrapLib.model.folder import load_model
    from MRExtrapLib.model.memory import keep_freed_memory
    from MRExtrapLib.training.brains import find_scans
    from MRExtrapLib.training.crops import Crops, require_side
    from MRExtrapLib.training.labelled import read_labelled
    from MRExtrapLib.training.packing import pack_segmenter
    from MRExtrapLib.training.run import join_processes, one_after_the_first, rank
    from MRExtrapLib.training.sampling import placed_head
    from MRExtrapLib.training.segmenter import SegmenterTraining, train_segmenter
    from MRExtrapLib.training.settling import settled

    if arguments.crop is not None:
        require_side(arguments.crop)
    if arguments.settle is not None and (arguments.settle < 1 or not arguments.start_from):
        msg = f"--settle {arguments.settle} fixes a trained network: give 1 crop or more, and --start-from."
        raise InputError(msg)
    if arguments.brains and not arguments.start_from:
        msg = f"Scans of {arguments.brains[0]} are named by the network that is refined: give --start-from."
        raise InputError(msg)
    join_processes()
    keep_freed_memory()
    with one_after_the_first():
        labelled, scans = _labelled(arguments), [find_scans(folder) for folder in arguments.brains]
        unnamed = [subject for subject, _ in itertools.chain(*scans)]
        split = split_of(arguments, [*(subject for subject, _, _ in labelled), *unnamed])
        heads = [read_labelled(*item) for item in labelled if split.part_of(item[0]) == "train"]
    defaults = SegmenterTraining()
    training = replace(defaults, **given(arguments, *SEGMENTER_OPTIONS))
    if arguments.crop:
        training = replace(training, crops=replace(defaults.crops, size=arguments.crop))
    start = load_model(find_model(arguments.start_from)) if arguments.start_from else None
    known = segmenter_of(start) if start else None
    device = pick_device(arguments.device)
    if known and arguments.settle:
        placed = [placed_head(head, device.torch) for head in heads]
        crops = Crops(placed, training.seed, training.crops)
        known = settled(on_device(known, device.torch), (crops[i][0][None] for i in range(arguments.settle)))
    if known:
        training = replace(training, network=known.config)
    with one_after_the_first():
        used = [scan for found in scans for scan in evenly(found, split, arguments.most)]
        learners = [scan for scan in used if split.part_of(scan[0]) == "train"]
        brains = _brains(arguments, learners, start, device) if start and arguments.brains else []
    network, run = train_segmenter(heads, training, arguments.output, device.torch, known, brains)
    taught = {*(head.subject for head in heads), *(brain.subject for brain in brains)}
    provenance = provenance_of(arguments, sorted(taught), training.seed, run)
    if rank() == 0:
        pack_segmenter(network, start, bundled_template(), provenance, arguments.output / "model")
        print(f"The trained segmenter is the model {arguments.output / 'model'}.")
    return 0


def _brains(
    arguments: argparse.Namespace, learners: Sequence[tuple[str, Path]], start: Model, device: Device
) -> Sequence[Brain]:
    """The scans without labels that train; what was prepared before is found in the run."""
    from MRExtrapLib.anatomy.segmentation import Segmenter
    from MRExtrapLib.training.brains import prepared_brains
    from MRExtrapLib.training.run import rank

    finder = Segmenter(segmenter_of(start), device)
    brains, refused = prepared_brains(learners, finder.find_tissues, arguments.output / "prepared")
    if rank() == 0:
        tell_left_out(refused)
    if not brains:
        folders = ", ".join(map(str, arguments.brains))
        msg = f"No scan in {folders} may train and can be read; give a folder that holds T1 scans that may."
        raise InputError(msg)
    return brains


def _labelled(arguments: argparse.Namespace) -> list[tuple[str, Path, Path | None]]:
    """(subject, labels, scan) of all that is labelled, and of label maps alone."""
    from MRExtrapLib.training.labelled import find_labelled

    found = [item for folder in arguments.data for item in find_labelled(folder)]
    if not found:
        folders = ", ".join(map(str, arguments.data))
        msg = f"No labelled scans in {folders}; give a folder that holds *_dseg.nii.gz or *_muse.nii.gz."
        raise InputError(msg)
    return found
