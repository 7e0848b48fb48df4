"""Trains the segmenter on real and painted heads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from MRExtrapLib.model.device import on_device
from MRExtrapLib.model.segmenter import SegmenterConfig, SegmenterNetwork
from MRExtrapLib.training.ageing import AgedBrain
from MRExtrapLib.training.crops import CropConfig, Crops
from MRExtrapLib.training.labelled import LabelledHead
from MRExtrapLib.training.losses import segmentation_loss
from MRExtrapLib.training.run import Run, Trained, join_processes, rank, world_size
from MRExtrapLib.training.schedule import learning_rate_share

CORNERS_A_STEP = 2
"""Of the eight voxels of each fine block that the network answers for, so many are compared in a step."""

Batches = Iterator[tuple[Tensor, Tensor, Tensor]]
"""Image (1, 1, S, S, S), channels (1, 8, S/2, S/2, S/2), whether the labels are coarse (1,)."""


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
    workers: int = 1


def train_segmenter(
    heads: Sequence[LabelledHead],
    training: SegmenterTraining,
    folder: Path,
    device: torch.device,
    start: SegmenterNetwork | None = None,
    aged: Sequence[AgedBrain] = (),
) -> tuple[SegmenterNetwork, Run]:
    """A segmenter trained for `training.steps` optimiser steps, resumed from the folder if it holds a run.

    Args:
        heads: what to learn from.
        training: how.
        folder: of the run.
        device: where.
        start: an earlier segmenter of the same architecture whose weights are refined.
        aged: brains at several ages, which half of the crops show where there are any.
    """
    join_processes()
    torch.manual_seed(training.seed)
    network = on_device(SegmenterNetwork(training.network), device)
    if start is not None:
        network.load_state_dict(start.state_dict())
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay
    )
    run = Run(folder, _configuration(training, len(heads), len(aged)))
    parts: dict[str, Trained] = {"network": network, "optimiser": optimiser}
    run.restore(parts)
    wrapped: nn.Module = DistributedDataParallel(network) if world_size() > 1 else network
    batches = iter(_loader(heads, aged, training, run.step))
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
        corners = _corners(training.seed, step)
        loss = _step(wrapped, optimiser, batches, training, device, corners)
        run.step = step + 1
        bar.set_postfix(loss=f"{loss:.3f}")
        if run.step % 10 == 0:
            run.log({"loss": loss, "learning_rate": training.learning_rate * share})
        if run.step % training.save_every == 0 or run.step == training.steps:
            run.save(parts)
    return network.eval(), run


def _configuration(training: SegmenterTraining, heads: int, aged: int) -> dict[str, object]:
    """What a resumed run must agree in; newer options only where they are used, so that older runs go on."""
    told = {"kind": "segmenter", **asdict(training), "heads": heads}
    if not training.network.is_settled:
        del told["network"]["is_settled"]
    if aged:
        told["aged"] = aged
    else:
        del told["crops"]["aged_share"]
    return told


def _loader(
    heads: Sequence[LabelledHead], aged: Sequence[AgedBrain], training: SegmenterTraining, first_step: int
) -> DataLoader:
    total = training.steps * training.accumulate * world_size()
    crops = Crops(heads, total, training.seed, training.crops, aged)
    first = first_step * training.accumulate * world_size() + rank()
    mine = Subset(crops, range(first, total, world_size()))
    return DataLoader(
        mine, batch_size=1, num_workers=training.workers, prefetch_factor=4 if training.workers else None
    )


def _corners(seed: int, step: int) -> list[int]:
    """Voxels of a block that this step looks at; the same for the same seed and step."""
    drawn = torch.randperm(8, generator=torch.Generator().manual_seed(seed * 1_000_003 + step))
    return drawn[:CORNERS_A_STEP].tolist()


def _step(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    batches: Batches,
    training: SegmenterTraining,
    device: torch.device,
    corners: Sequence[int],
) -> float:
    optimiser.zero_grad(set_to_none=True)
    total = 0.0
    for _ in range(training.accumulate):
        image, channels, is_coarse = next(batches)
        image = image.to(device, memory_format=torch.channels_last_3d)
        with torch.autocast(device.type, torch.bfloat16):
            logits = network(image)
        loss = segmentation_loss(
            logits,
            channels.to(device),
            is_coarse=bool(is_coarse[0]),
            corners=corners,
            dice_weight=training.dice_weight,
        )
        (loss / training.accumulate).backward()
        total += loss.item() / training.accumulate
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    return total
