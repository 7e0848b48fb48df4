"""Trains the autoencoder with the paper's loss (arXiv 2508.19482, equation 1).

L1 + β₁·perceptual + β₂·adversarial + β₃·KL; the discriminator joins only after some epochs. Two more terms
are off by default: one holds what the segmenter names in place, one makes trajectories of ageing straight.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from monai.losses import PatchAdversarialLoss
from monai.networks.nets import PatchDiscriminator
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from MRExtrapLib.errors import InputError
from MRExtrapLib.model.autoencoder import Autoencoder, AutoencoderConfig
from MRExtrapLib.model.device import on_device
from MRExtrapLib.training.brains import STEPS, Brain, BrainCrops
from MRExtrapLib.training.crops import require_side
from MRExtrapLib.training.lessons import Lessons
from MRExtrapLib.training.losses import kl_divergence, linearity_loss
from MRExtrapLib.training.perceptual import Comparisons
from MRExtrapLib.training.run import Run, Trained, average_gradients, join_processes, rank, world_size
from MRExtrapLib.training.schedule import learning_rate_share
from MRExtrapLib.training.trajectories import TripleCrops

TRANSFORM_LEARNING_SHARE = 0.1
"""Learning rate of the lapped transform as a share of the networks'."""

LINEARITY_EVERY = 2
"""Steps for each triple of visits: one costs as much as a crop and a half."""


@dataclass(frozen=True)
class AutoencoderTraining:
    """Everything an autoencoder run depends on, besides its data; β as in the paper.

    A term that is taken every k-th step counts k times there: its weight says the same as any other's.
    """

    network: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    epochs: int = 230
    steps_per_epoch: int = 250
    adversarial_after_epoch: int = 100
    perceptual_weight: float = 1.0
    anatomical_weight: float = 0.0
    anatomical_every: int = 1
    linearity_weight: float = 0.0
    adversarial_weight: float = 1e-3
    kl_weight: float = 1e-6
    crop: int = 64
    batch: int = 2
    accumulate: int = 1
    learning_rate: float = 1e-3
    discriminator_learning_rate: float = 2e-4
    seed: int = 2024
    workers: int = 1

    def __post_init__(self) -> None:
        require_side(self.crop)
        if self.anatomical_every < 1 or self.linearity_weight < 0 or self.anatomical_weight < 0:
            msg = (
                f"Terms have weights of 0 or more and are taken every first or later step, not "
                f"{self.linearity_weight:g}, {self.anatomical_weight:g} and {self.anatomical_every}."
            )
            raise InputError(msg)

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""
        return self.epochs * self.steps_per_epoch


class Trainer:
    """The networks, their optimisers and one step of training."""

    def __init__(
        self,
        training: AutoencoderTraining,
        comparisons: Comparisons,
        device: torch.device,
        triples: TripleCrops | None = None,
    ) -> None:
        torch.manual_seed(training.seed)
        self.training, self.device, self.comparisons = training, device, comparisons
        self.triples = triples
        self.network = on_device(Autoencoder(training.network), device)
        self.discriminator = PatchDiscriminator(
            spatial_dims=3, channels=32, in_channels=1, num_layers_d=3
        ).to(device)
        self.judge = PatchAdversarialLoss(criterion="least_squares")
        self.optimiser = torch.optim.AdamW(_groups(self.network), lr=training.learning_rate)
        self.judge_optimiser = torch.optim.Adam(
            self.discriminator.parameters(), lr=training.discriminator_learning_rate
        )
        self.wrapped: nn.Module = DistributedDataParallel(self.network) if world_size() > 1 else self.network

    @property
    def parts(self) -> dict[str, Trained]:
        """What a checkpoint must hold."""
        return {
            "network": self.network,
            "discriminator": self.discriminator,
            "optimiser": self.optimiser,
            "judge_optimiser": self.judge_optimiser,
        }

    def step(self, batches: Iterator[Tensor], step: int) -> dict[str, float]:
        """One optimiser step; the mean of every loss term over its batches."""
        share = learning_rate_share(step, self.training.steps, min(100, self.training.steps // 10))
        for group in self.optimiser.param_groups:
            group["lr"] = self.training.learning_rate * group["share"] * share
        generator = torch.Generator().manual_seed(
            self.training.seed * 1_000_003 + step * world_size() + rank()
        )
        self.optimiser.zero_grad(set_to_none=True)
        metrics: dict[str, float] = {}
        for _ in range(self.training.accumulate):
            image = next(batches).to(self.device, memory_format=torch.channels_last_3d)
            terms, reconstruction = self._terms(image, generator, step)
            (self._weighted(terms) / self.training.accumulate).backward()
            for name, term in terms.items():
                metrics[name] = metrics.get(name, 0.0) + term.item() / self.training.accumulate
        if self.triples is not None and is_turn(step, LINEARITY_EVERY):
            metrics["linearity"] = self._straighten(self.triples, step)
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        if self._is_adversarial(step):
            metrics["discriminator"] = self._teach_discriminator(image, reconstruction)
        return metrics

    def _is_adversarial(self, step: int) -> bool:
        return step >= self.training.adversarial_after_epoch * self.training.steps_per_epoch

    def _straighten(self, triples: TripleCrops, step: int) -> float:
        """Adds the gradient of one triple's linearity; gives the term."""
        triple = triples[step * world_size() + rank()]
        images = triple.images.to(self.device)
        ends = images[::2].contiguous(memory_format=torch.channels_last_3d)
        with torch.autocast(self.device.type, torch.bfloat16):
            means, _ = self.network.encode(ends)
            term = linearity_loss(self.network.decode, means[:1], means[1:], triple.share, images[1:2])
        (self.training.linearity_weight * LINEARITY_EVERY * term).backward()
        average_gradients(self.network)
        return float(term.item())

    def _terms(
        self, image: Tensor, generator: torch.Generator, step: int
    ) -> tuple[dict[str, Tensor], Tensor]:
        downsampling = self.network.downsampling
        latent_shape = (
            image.shape[0],
            self.network.latent_channels,
            *(n // downsampling for n in image.shape[2:]),
        )
        noise = torch.randn(latent_shape, generator=generator).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            reconstruction, mean, log_variance = self.wrapped(image, noise)
            terms = {
                "l1": F.l1_loss(reconstruction.float(), image),
                "kl": kl_divergence(mean.float(), log_variance.float()),
            }
            for name, compare in self.comparisons.items():
                if name != "anatomical" or is_turn(step, self.training.anatomical_every):
                    terms[name] = compare(reconstruction, image).float()
            if self._is_adversarial(step):
                verdict = self.discriminator(reconstruction)[-1].float()
                terms["adversarial"] = self.judge(verdict, target_is_real=True, for_discriminator=False)
        return terms, reconstruction.detach()

    def _weighted(self, terms: dict[str, Tensor]) -> Tensor:
        weights = {
            "l1": 1.0,
            "perceptual": self.training.perceptual_weight,
            "anatomical": self.training.anatomical_weight * self.training.anatomical_every,
            "adversarial": self.training.adversarial_weight,
            "kl": self.training.kl_weight,
        }
        return torch.stack([weights[name] * term for name, term in terms.items()]).sum()

    def _teach_discriminator(self, image: Tensor, reconstruction: Tensor) -> float:
        self.judge_optimiser.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, torch.bfloat16):
            fake = self.discriminator(reconstruction)[-1].float()
            real = self.discriminator(image)[-1].float()
        loss = 0.5 * (
            self.judge(fake, target_is_real=False, for_discriminator=True)
            + self.judge(real, target_is_real=True, for_discriminator=True)
        )
        loss.backward()
        average_gradients(self.discriminator)
        self.judge_optimiser.step()
        return float(loss.item())


def is_turn(step: int, every: int) -> bool:
    """Whether a term that is taken every k-th step is taken at this one: the last of each k.

    >>> [step for step in range(6) if is_turn(step, 2)]
    [1, 3, 5]
    """
    return step % every == every - 1


def _groups(network: Autoencoder) -> list[dict[str, object]]:
    """The transform learns slowly: each of its weights sees over a thousand bright voxels at once."""
    transform = list(network.transform.parameters())
    networks = [*network.encoder.parameters(), *network.decoder.parameters()]
    return [{"params": networks, "share": 1.0}, {"params": transform, "share": TRANSFORM_LEARNING_SHARE}]


def train_autoencoder(
    lessons: Lessons,
    training: AutoencoderTraining,
    comparisons: Comparisons,
    folder: Path,
    device: torch.device,
    start: Autoencoder | None = None,
) -> tuple[Autoencoder, Run]:
    """An autoencoder trained for `training.epochs`, resumed from the folder if it holds a run.

    Args:
        lessons: whom to learn from.
        training: everything else that it depends on.
        comparisons: terms of the loss beside L1.
        folder: of the run.
        device: to train on.
        start: weights to begin with, of the same shape; random ones if left out.

    Raises:
        InputError: the linearity term is asked for, and nobody has three visits; or the folder holds a run
            with other options.
    """
    join_processes()
    triples = None
    if training.linearity_weight > 0:
        triples = TripleCrops(lessons.trajectories, training.crop, training.seed)
    trainer = Trainer(training, comparisons, device, triples)
    if start is not None:
        trainer.network.load_state_dict(start.state_dict())
    counts = {"brains": len(lessons.brains), "aged": len(lessons.aged)}
    run = Run(folder, {"kind": "autoencoder", **asdict(training), **counts})
    run.restore(trainer.parts)
    batches = iter(_loader(lessons, training, run.step))
    steps = range(run.step, training.steps)
    for step in (
        bar := tqdm(steps, desc="autoencoder", initial=run.step, total=training.steps, disable=rank() != 0)
    ):
        metrics = trainer.step(batches, step)
        run.step = step + 1
        bar.set_postfix(l1=f"{metrics['l1']:.4f}")
        if run.step % 10 == 0:
            run.log(metrics)
        if run.step % training.steps_per_epoch == 0:
            run.log({"validation_psnr_db": psnr_db(trainer.network, lessons.validation, device)})
            run.save(trainer.parts)
    return trainer.network.eval(), run


@torch.inference_mode()
def psnr_db(network: Autoencoder, brains: Sequence[Brain], device: torch.device) -> float:
    """Peak signal to noise inside the brain, peak 1, mean over brains."""
    values = []
    for brain in brains:
        trimmed = brain.voxels[tuple(slice(0, n - n % network.downsampling) for n in brain.voxels.shape)]
        image = torch.from_numpy(trimmed).float()[None, None].to(device) / STEPS
        with torch.autocast(device.type, torch.bfloat16):
            reconstruction = network(image)[0].float().clamp(0, 1)
        error = (reconstruction - image)[image > 0].square().mean()
        values.append(-10 * torch.log10(error).item())
    return sum(values) / max(1, len(values))


def _loader(lessons: Lessons, training: AutoencoderTraining, first_step: int) -> Iterator[Tensor]:
    per_step = training.batch * training.accumulate
    total = training.steps * per_step * world_size()
    is_turned = training.anatomical_weight == 0
    crops = BrainCrops(lessons.brains, training.crop, total, training.seed, lessons.aged, is_turned=is_turned)
    first = first_step * per_step * world_size() + rank()
    mine = Subset(crops, range(first, total, world_size()))
    return iter(DataLoader(mine, training.batch, num_workers=training.workers, drop_last=True))
