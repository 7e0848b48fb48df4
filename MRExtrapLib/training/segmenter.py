"""Trains the segmenter on real and painted heads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from MRExtrapLib.model.device import on_device
from MRExtrapLib.model.segmenter import SegmenterConfig, SegmenterNetwork
from MRExtrapLib.training.brains import Brain
from MRExtrapLib.training.crops import CropConfig, Crops
from MRExtrapLib.training.labelled import LabelledHead
from MRExtrapLib.training.losses import segmentation_loss
from MRExtrapLib.training.run import Run, Trained, join_processes, rank, world_size
from MRExtrapLib.training.sampling import placed_brain, placed_head
from MRExtrapLib.training.schedule import learning_rate_share
from MRExtrapLib.training.teaching import Teacher

CORNERS_A_STEP = 2
"""Of the eight voxels of each fine block that the network answers for, so many are compared in a step."""


@dataclass(frozen=True)
class SegmenterTraining:
    """Everything a segmenter run depends on, besides its data."""

    network: SegmenterConfig = field(default_factory=SegmenterConfig)
    crops: CropConfig = field(default_factory=CropConfig)
    steps: int = 20_000
    accumulate: int = 1
    learning_rate: float = 1.5e-3
    weight_decay: float = 1e-5
    dice_weight: float = 1.0
    warm_up_steps: int = 50
    save_every: int = 100
    seed: int = 2024


def train_segmenter(
    heads: Sequence[LabelledHead],
    training: SegmenterTraining,
    folder: Path,
    device: torch.device,
    start: SegmenterNetwork | None = None,
    brains: Sequence[Brain] = (),
) -> tuple[SegmenterNetwork, Run]:
    """A segmenter trained for `training.steps` optimiser steps, resumed from the folder if it holds a run.

    Args:
        heads: what to learn from.
        training: how.
        folder: of the run.
        device: where.
        start: an earlier segmenter of the same architecture whose weights are refined.
        brains: without labels. Where there are any, the mean of the network's own recent weights names them,
            and scanned heads, and teaches it to find the same in them once they have changed.
    """
    join_processes()
    torch.manual_seed(training.seed)
    network = on_device(SegmenterNetwork(training.network), device)
    if start is not None:
        network.load_state_dict(start.state_dict())
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay
    )
    teacher = Teacher(network) if brains else None
    counts = {"heads": len(heads), "brains": len(brains)}
    run = Run(folder, {"kind": "segmenter", **asdict(training), **counts})
    parts: dict[str, Trained] = {"network": network, "optimiser": optimiser}
    if teacher is not None:
        parts["teacher"] = teacher.network
    run.restore(parts)
    wrapped: nn.Module = DistributedDataParallel(network) if world_size() > 1 else network
    placed = [placed_head(head, device) for head in heads] + [placed_brain(one, device) for one in brains]
    crops = Crops(placed, training.seed, training.crops, teacher)
    bar = tqdm(
        range(run.step, training.steps),
        desc="segmenter",
        initial=run.step,
        total=training.steps,
        disable=rank() != 0,
    )
    for step in bar:
        share = learning_rate_share(step, training.steps, training.warm_up_steps)
        for group in optimiser.param_groups:
            group["lr"] = training.learning_rate * share
        loss = _step(wrapped, optimiser, crops, training, step, share)
        if teacher is not None:
            teacher.follow(network)
        run.step = step + 1
        bar.set_postfix(loss=f"{loss:.3f}")
        if run.step % 10 == 0:
            run.log({"loss": loss, "learning_rate": training.learning_rate * share})
        if run.step % training.save_every == 0 or run.step == training.steps:
            run.save(parts)
    return network.eval(), run


def _corners(seed: int, step: int) -> list[int]:
    """Voxels of a block that this step looks at; the same for the same seed and step."""
    drawn = torch.randperm(8, generator=torch.Generator().manual_seed(seed * 1_000_003 + step))
    return drawn[:CORNERS_A_STEP].tolist()


def _step(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    crops: Crops,
    training: SegmenterTraining,
    step: int,
    share: float,
) -> float:
    """One step on `training.accumulate` crops; its mean loss.

    Soft Dice fades with the learning rate: it finds small structures sooner, but pays for certainty, and in
    the end probabilities are to be the shares of tissues.
    """
    optimiser.zero_grad(set_to_none=True)
    corners, losses = _corners(training.seed, step), []
    for turn in range(training.accumulate):
        image, channels, is_coarse = crops[(step * training.accumulate + turn) * world_size() + rank()]
        shown = image[None].contiguous(memory_format=torch.channels_last_3d)
        with torch.autocast(image.device.type, torch.bfloat16):
            logits = network(shown)
        loss = segmentation_loss(
            logits,
            channels[None],
            is_coarse=is_coarse,
            corners=corners,
            dice_weight=training.dice_weight * share,
        )
        (loss / training.accumulate).backward()
        losses.append(loss.detach())
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    return float(torch.stack(losses).mean())
