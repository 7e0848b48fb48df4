"""`mrextrap train segmenter|autoencoder`: weights from folders of scans."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from MRExtrapLib.cli import train_calibration, train_progression
from MRExtrapLib.errors import InputError, ModelError

if TYPE_CHECKING:
    from MRExtrapLib.anatomy.segmentation import Segmenter
    from MRExtrapLib.model.autoencoder import Autoencoder, AutoencoderConfig
    from MRExtrapLib.model.folder import Model
    from MRExtrapLib.model.segmenter import SegmenterNetwork
    from MRExtrapLib.training.autoencoder import AutoencoderTraining
    from MRExtrapLib.training.labelled import LabelledHead
    from MRExtrapLib.training.packing import Provenance
    from MRExtrapLib.training.run import Run
    from MRExtrapLib.training.split import Split
    from MRExtrapLib.training.trajectories import Trajectory


SEGMENTER_OPTIONS = ("steps", "seed", "accumulate", "learning_rate", "dice_weight")
"""That go into a training of the segmenter under their own names."""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds `train` and what can be trained to the command line."""
    parser = subparsers.add_parser("train", help="train a network on a folder of scans")
    parts = parser.add_subparsers(
        dest="part", required=True, metavar="segmenter|autoencoder|progression|calibration"
    )
    segmenter = parts.add_parser("segmenter", help="on labelled scans, and on label maps, which are painted")
    _add_common(segmenter, "X_T1w with X_dseg (FreeSurfer) or X_muse, and label maps alone")
    segmenter.add_argument("--start-from", metavar="MODEL", help="model whose segmenter is refined")
    segmenter.add_argument("--steps", type=int, help="optimiser steps in all")
    dice_help = "of soft Dice beside cross-entropy (default 1); 0 to refine volumes that grow with borders"
    segmenter.add_argument("--dice-weight", type=float, metavar="WEIGHT", help=dice_help)
    settle_help = (
        "first fix the normalisation of the one that is refined at its mean over N crops, so that what is "
        "seen in one place no longer depends on all others"
    )
    segmenter.add_argument("--settle", type=int, metavar="N", help=settle_help)
    segmenter.set_defaults(run=train_segmenter)
    autoencoder = parts.add_parser("autoencoder", help="on T1 scans, heads or stripped brains")
    _add_common(autoencoder, "X_T1w scans")
    autoencoder.add_argument("--segmenter", metavar="MODEL", help="model whose segmenter strips and compares")
    autoencoder.add_argument("--start-from", metavar="MODEL", help="model whose autoencoder is refined")
    autoencoder.add_argument("--epochs", type=int, help="epochs in all (230 in the paper)")
    autoencoder.add_argument("--steps-per-epoch", type=int, help="optimiser steps of an epoch")
    autoencoder.add_argument("--adversarial-after", type=int, metavar="EPOCH", help="100 in the paper")
    autoencoder.add_argument("--perceptual", choices=("segmenter", "lpips", "none"), default="segmenter")
    weight_help = "β₁ of the loss, 1 in the paper; the segmenter's distances are about a hundredth of LPIPS"
    autoencoder.add_argument("--perceptual-weight", type=float, metavar="WEIGHT", help=weight_help)
    names_help = "of what the segmenter names in both images, ours beside the paper's terms; 0 by default"
    autoencoder.add_argument("--anatomical-weight", type=float, metavar="WEIGHT", help=names_help)
    every_help = "take the anatomical term every K-th step, K times as heavy: a step without it takes a third"
    autoencoder.add_argument("--anatomical-every", type=int, metavar="K", help=every_help)
    trajectories_help = (
        "BIDS trees of people at several ages, as `mrextrap simulate` makes them of scans that train; half "
        "of all crops are then of their visits. Who validates or tests in the split is left out, and who is "
        "simulated of one who does"
    )
    autoencoder.add_argument(
        "--trajectories", nargs="+", type=Path, default=[], metavar="BIDS", help=trajectories_help
    )
    linearity_help = "of decoding the way between two visits as the visit between them looks; 0 by default"
    autoencoder.add_argument("--linearity-weight", type=float, metavar="WEIGHT", help=linearity_help)
    autoencoder.add_argument("--adversarial-weight", type=float, metavar="WEIGHT", help="β₂ (paper: 1e-3)")
    autoencoder.add_argument("--kl-weight", type=float, metavar="WEIGHT", help="β₃ (paper: 1e-6)")
    autoencoder.add_argument("--patch", type=int, help="side of the block that becomes channels")
    autoencoder.add_argument("--widths", type=int, nargs="+", help="channels of each level, finest first")
    autoencoder.add_argument("--blocks", type=int, nargs="+", help="residual blocks of each level")
    autoencoder.add_argument("--latent-channels", type=int, help="of the latent z (4 in the paper)")
    autoencoder.add_argument("--batch", type=int, help="crops at once")
    autoencoder.add_argument("--most", type=int, metavar="N", help="at most N training scans of each folder")
    autoencoder.set_defaults(run=train_autoencoder)
    train_progression.add_parser(parts)
    train_calibration.add_parser(parts)


def _add_common(parser: argparse.ArgumentParser, data_help: str) -> None:
    parser.add_argument("data", nargs="+", type=Path, help=f"folders (BIDS or plain) that hold {data_help}")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="folder of the run; resumes what it holds"
    )
    parser.add_argument(
        "--split", type=Path, help="JSON of train/validation/test subjects; drawn if left out"
    )
    parser.add_argument("--crop", type=int, help="side of a training crop in voxels (multiple of 16)")
    parser.add_argument("--accumulate", type=int, help="batches for each optimiser step")
    parser.add_argument("--learning-rate", type=float, help="the largest of the schedule")
    parser.add_argument("--seed", type=int, default=2024, help="of everything random (default 2024)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--name", default="my-model", help="of the model folder that is made")
    parser.add_argument("--licence", default="unknown", help="of the weights, as SPDX writes it")


def train_segmenter(arguments: argparse.Namespace) -> int:
    """Runs `mrextrap train segmenter`."""
    from MRExtrapLib.imaging.template import bundled_template
    from MRExtrapLib.model.catalogue import find_model
    from MRExtrapLib.model.device import pick_device
    from MRExtrapLib.model.folder import load_model
    from MRExtrapLib.model.memory import keep_freed_memory
    from MRExtrapLib.training.crops import SMALLEST_CROP, Crops
    from MRExtrapLib.training.packing import pack_segmenter
    from MRExtrapLib.training.run import join_processes, one_after_the_first, rank
    from MRExtrapLib.training.segmenter import SegmenterTraining, train_segmenter
    from MRExtrapLib.training.settling import settled

    if arguments.crop and arguments.crop < SMALLEST_CROP:
        msg = f"--crop {arguments.crop} is too small for the segmenter; give {SMALLEST_CROP} or more."
        raise InputError(msg)
    if arguments.settle is not None and (arguments.settle < 1 or not arguments.start_from):
        msg = f"--settle {arguments.settle} fixes a trained network: give 1 crop or more, and --start-from."
        raise InputError(msg)
    join_processes()
    keep_freed_memory()
    with one_after_the_first():
        heads = _training_heads(arguments)
    defaults = SegmenterTraining()
    training = replace(defaults, **_given(arguments, *SEGMENTER_OPTIONS))
    if arguments.crop:
        training = replace(training, crops=replace(defaults.crops, size=arguments.crop))
    start = load_model(find_model(arguments.start_from)) if arguments.start_from else None
    known = _segmenter_of(start) if start else None
    if known and arguments.settle:
        crops = Crops(heads, arguments.settle, training.seed, training.crops)
        known = settled(known, (crops[i][0][None] for i in range(arguments.settle)))
    if known:
        training = replace(training, network=known.config)
    device = pick_device(arguments.device).torch
    network, run = train_segmenter(heads, training, arguments.output, device, known)
    provenance = _provenance(arguments, [head.subject for head in heads], training.seed, run)
    if rank() == 0:
        pack_segmenter(network, start, bundled_template(), provenance, arguments.output / "model")
        print(f"The trained segmenter is the model {arguments.output / 'model'}.")
    return 0


def train_autoencoder(arguments: argparse.Namespace) -> int:
    """Runs `mrextrap train autoencoder`."""
    from MRExtrapLib.anatomy.segmentation import Segmenter
    from MRExtrapLib.imaging.template import bundled_template
    from MRExtrapLib.model.catalogue import find_model
    from MRExtrapLib.model.device import pick_device
    from MRExtrapLib.model.folder import load_model
    from MRExtrapLib.model.memory import keep_freed_memory
    from MRExtrapLib.training.autoencoder import AutoencoderTraining, Lessons, train_autoencoder
    from MRExtrapLib.training.brains import find_scans, prepared_brains
    from MRExtrapLib.training.packing import pack_autoencoder
    from MRExtrapLib.training.perceptual import comparisons
    from MRExtrapLib.training.run import join_processes, one_after_the_first, rank

    join_processes()
    keep_freed_memory()
    device = pick_device(arguments.device)
    teacher = load_model(find_model(arguments.segmenter))
    segmenter = _segmenter_of(teacher)
    found = [find_scans(folder) for folder in arguments.data]
    if not any(found):
        msg = f"No *_T1w.nii.gz in {', '.join(map(str, arguments.data))}; give a folder that holds T1 scans."
        raise InputError(msg)
    training = _autoencoder_training(arguments, AutoencoderTraining())
    finder = Segmenter(segmenter, device)
    with one_after_the_first():
        split = _split(arguments, [subject for scans in found for subject, _ in scans])
        trajectories = _trajectories(arguments, teacher, finder, split)
        used = [scan for scans in found for scan in _evenly(scans, split, arguments.most)]
        brains, refused = prepared_brains(used, finder.find_tissues, arguments.output / "prepared")
    _tell(refused)
    learners = [brain for brain in brains if split.part_of(brain.subject) == "train"]
    judges = [brain for brain in brains if split.part_of(brain.subject) == "validation"]
    lessons = Lessons(learners, judges, trajectories)
    terms = comparisons(arguments.perceptual, training.anatomical_weight > 0, segmenter, device.torch)
    start = _autoencoder_to_refine(arguments.start_from, training.network)
    network, run = train_autoencoder(lessons, training, terms, arguments.output, device.torch, start)
    subjects = [brain.subject for brain in (*learners, *lessons.aged)]
    provenance = _provenance(arguments, subjects, training.seed, run)
    if rank() == 0:
        pack_autoencoder(network, teacher, bundled_template(), provenance, arguments.output / "model")
        print(f"The trained model is {arguments.output / 'model'}.")
    return 0


def _trajectories(
    arguments: argparse.Namespace, teacher: Model, segmenter: Segmenter, split: Split
) -> Sequence[Trajectory]:
    """Everyone of the trees who may train, conformed; what was conformed before is found in the run."""
    from MRExtrapLib.imaging.conform import conform
    from MRExtrapLib.model.manifest import weights_file
    from MRExtrapLib.training.people import find_people
    from MRExtrapLib.training.scans import ScanMaker
    from MRExtrapLib.training.trajectories import kept_trajectories, may_train, require_middle_visits

    people, left_out = find_people(arguments.trajectories) if arguments.trajectories else ([], [])
    learners = [one for one in people if may_train(one.name, split)]
    held_out = [f"{one.name}: held out by the split." for one in people if one not in learners]
    if arguments.linearity_weight:  # before hours of conforming
        require_middle_visits([one.ages_years for one in learners])
    if not arguments.trajectories:
        return ()
    if not learners:
        trees = ", ".join(map(str, arguments.trajectories))
        msg = f"Nobody in {trees} has two visits at known ages and may train; give people who have and may."
        raise InputError(msg)
    maker = ScanMaker(
        lambda volumes: conform(volumes, segmenter.find_tissues, segmenter.template),
        segmenter.segment,
        f"{teacher.manifest.files[weights_file('segmenter')]} own",  # as an engine names its own
    )
    found, refused = kept_trajectories(learners, maker, arguments.output / "scans")
    _tell([*left_out, *held_out, *refused])
    return found


def _tell(left_out: Sequence[str]) -> None:
    for sentence in left_out:
        print(f"left out: {sentence}", file=sys.stderr)


def _autoencoder_to_refine(name: str | None, expected: AutoencoderConfig) -> Autoencoder | None:
    from MRExtrapLib.model.autoencoder import Autoencoder
    from MRExtrapLib.model.catalogue import find_model
    from MRExtrapLib.model.folder import load_model

    if name is None:
        return None
    found = load_model(find_model(name)).autoencoder
    if not isinstance(found, Autoencoder) or found.config != expected:
        msg = f"The autoencoder of {name} is not {expected}; give its own --patch, --widths and --blocks."
        raise ModelError(msg)
    return found


def _segmenter_of(model: Model) -> SegmenterNetwork:
    if model.segmenter is None:
        msg = f"The model {model.name} has no segmenter; give one that has."
        raise ModelError(msg)
    return model.segmenter


def _evenly(scans: Sequence[tuple[str, Path]], split: Split, most: int | None) -> list[tuple[str, Path]]:
    """The scans that train, evenly spread over their names if there are too many, and those that validate."""
    learners = [scan for scan in scans if split.part_of(scan[0]) == "train"]
    if most and len(learners) > most:
        learners = [learners[i * len(learners) // most] for i in range(most)]
    return learners + [scan for scan in scans if split.part_of(scan[0]) == "validation"]


def _autoencoder_training(
    arguments: argparse.Namespace, defaults: AutoencoderTraining
) -> AutoencoderTraining:
    run = ("epochs", "steps_per_epoch", "seed", "accumulate", "learning_rate", "crop", "batch")
    loss = ("perceptual_weight", "anatomical_weight", "adversarial_weight", "kl_weight", "linearity_weight")
    given = _given(arguments, *run, *loss, "anatomical_every")
    if arguments.adversarial_after is not None:
        given["adversarial_after_epoch"] = arguments.adversarial_after
    shape = _given(arguments, "patch", "widths", "blocks", "latent_channels")
    network = replace(defaults.network, **shape)
    return replace(defaults, network=network, **given)


def _given(arguments: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Options that were given, lists as tuples; the others keep their defaults."""
    values = {name: getattr(arguments, name) for name in names}
    return {name: tuple(v) if isinstance(v, list) else v for name, v in values.items() if v is not None}


def _provenance(arguments: argparse.Namespace, subjects: Sequence[str], seed: int, run: Run) -> Provenance:
    from MRExtrapLib.training.packing import Provenance

    folders = sorted({subject.split("/")[0] for subject in subjects})
    count = {folder: len({s for s in subjects if s.startswith(f"{folder}/")}) for folder in folders}
    return Provenance(
        name=arguments.name,
        licence=arguments.licence,
        command=shlex.join(["mrextrap", *sys.argv[1:]]),
        data=tuple(f"{folder}: {number} subjects" for folder, number in count.items()),
        seed=seed,
        hours=run.seconds_spent / 3600,
    )


def _training_heads(arguments: argparse.Namespace) -> Sequence[LabelledHead]:
    from MRExtrapLib.training.labelled import find_labelled, read_labelled

    found = [item for folder in arguments.data for item in find_labelled(folder)]
    if not found:
        folders = ", ".join(map(str, arguments.data))
        msg = f"No labelled scans in {folders}; give a folder that holds *_dseg.nii.gz or *_muse.nii.gz."
        raise InputError(msg)
    split = _split(arguments, [subject for subject, _, _ in found])
    return [read_labelled(*item) for item in found if split.part_of(item[0]) == "train"]


def _split(arguments: argparse.Namespace, subjects: Sequence[str]) -> Split:
    import numpy as np

    from MRExtrapLib.training.split import draw_split, read_split, write_split

    path = arguments.output / "split.json"
    if arguments.split or path.exists():
        return read_split(arguments.split or path)
    split = draw_split(subjects, np.random.default_rng(arguments.seed))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_split(split, path)
    return split
