"""`mrextrap train autoencoder`: an autoencoder from folders of scans."""

from __future__ import annotations

import argparse
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
from MRExtrapLib.errors import InputError, ModelError

if TYPE_CHECKING:
    from MRExtrapLib.anatomy.segmentation import Segmenter
    from MRExtrapLib.model.autoencoder import Autoencoder, AutoencoderConfig
    from MRExtrapLib.model.folder import Model
    from MRExtrapLib.training.autoencoder import AutoencoderTraining
    from MRExtrapLib.training.split import Split
    from MRExtrapLib.training.trajectories import Trajectory


def add_parser(parts: argparse._SubParsersAction) -> None:
    """Adds `train autoencoder` to the command line."""
    autoencoder = parts.add_parser("autoencoder", help="on T1 scans, heads or stripped brains")
    add_common(autoencoder, "X_T1w scans")
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


def train_autoencoder(arguments: argparse.Namespace) -> int:
    """Runs `mrextrap train autoencoder`."""
    from MRExtrapLib.anatomy.segmentation import Segmenter
    from MRExtrapLib.imaging.template import bundled_template
    from MRExtrapLib.model.catalogue import find_model
    from MRExtrapLib.model.device import pick_device
    from MRExtrapLib.model.folder import load_model
    from MRExtrapLib.model.memory import keep_freed_memory
    from MRExtrapLib.training.autoencoder import AutoencoderTraining, train_autoencoder
    from MRExtrapLib.training.brains import find_scans, prepared_brains
    from MRExtrapLib.training.lessons import Lessons
    from MRExtrapLib.training.packing import pack_autoencoder
    from MRExtrapLib.training.perceptual import comparisons
    from MRExtrapLib.training.run import join_processes, one_after_the_first, rank

    join_processes()
    keep_freed_memory()
    device = pick_device(arguments.device)
    teacher = load_model(find_model(arguments.segmenter))
    segmenter = segmenter_of(teacher)
    found = [find_scans(folder) for folder in arguments.data]
    if not any(found):
        msg = f"No *_T1w.nii.gz in {', '.join(map(str, arguments.data))}; give a folder that holds T1 scans."
        raise InputError(msg)
    training = _autoencoder_training(arguments, AutoencoderTraining())
    finder = Segmenter(segmenter, device)
    with one_after_the_first():
        split = split_of(arguments, [subject for scans in found for subject, _ in scans])
        trajectories = _trajectories(arguments, teacher, finder, split)
        used = [scan for scans in found for scan in evenly(scans, split, arguments.most)]
        brains, refused = prepared_brains(used, finder.find_tissues, arguments.output / "prepared")
    tell_left_out(refused)
    learners = [brain for brain in brains if split.part_of(brain.subject) == "train"]
    judges = [brain for brain in brains if split.part_of(brain.subject) == "validation"]
    lessons = Lessons(learners, judges, trajectories)
    terms = comparisons(arguments.perceptual, training.anatomical_weight > 0, segmenter, device.torch)
    start = _autoencoder_to_refine(arguments.start_from, training.network)
    network, run = train_autoencoder(lessons, training, terms, arguments.output, device.torch, start)
    subjects = [brain.subject for brain in (*learners, *lessons.aged)]
    provenance = provenance_of(arguments, subjects, training.seed, run)
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
    from MRExtrapLib.training.split import learners_of
    from MRExtrapLib.training.trajectories import kept_trajectories, require_middle_visits

    people, left_out = find_people(arguments.trajectories) if arguments.trajectories else ([], [])
    learners, held_out = learners_of(people, split)
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
    tell_left_out([*left_out, *held_out, *refused])
    return found


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


def _autoencoder_training(
    arguments: argparse.Namespace, defaults: AutoencoderTraining
) -> AutoencoderTraining:
    run = ("epochs", "steps_per_epoch", "seed", "accumulate", "learning_rate", "crop", "batch")
    loss = ("perceptual_weight", "anatomical_weight", "adversarial_weight", "kl_weight", "linearity_weight")
    chosen = given(arguments, *run, *loss, "anatomical_every")
    if arguments.adversarial_after is not None:
        chosen["adversarial_after_epoch"] = arguments.adversarial_after
    shape = given(arguments, "patch", "widths", "blocks", "latent_channels")
    network = replace(defaults.network, **shape)
    return replace(defaults, network=network, **chosen)
