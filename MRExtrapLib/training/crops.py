"""One training example of the segmenter: a 1 mm crop and the structure of every voxel in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from MRExtrapLib.anatomy.structures import channels_of
from MRExtrapLib.errors import InputError
from MRExtrapLib.model.blocks import space_to_depth
from MRExtrapLib.training.ageing import AgedBrain, aged_example
from MRExtrapLib.training.augmentation import crop_coordinates, degrade, sample, smooth_field
from MRExtrapLib.training.labelled import STEPS, LabelledHead
from MRExtrapLib.training.painting import label_means, paint

COARSE_MM = 1.5
"""Labels coarser than this, where the crop keeps their lattice, are compared with the mean over 2³ voxels."""

SMALLEST_CROP = 48
"""Side in voxels. Of 32 the deepest level of segmenter and discriminator sees 2³ voxels, and the weight
gradient of a convolution to 2³ in bfloat16 holds unwritten memory (CPUs with AVX-512 BF16, torch 2.13)."""

WITHIN_VOXEL_MM = 0.25 * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
"""Where a painted voxel looks for the tissues that it mixes: the corners of a tetrahedron."""

WHITE_RANGE = (0.65, 1.1)
"""Where white matter lies in a crop; `anatomy.segmentation` brings a scan into this range."""


def require_side(voxels: int) -> None:
    """Raises an InputError below SMALLEST_CROP; networks of fewer levels could do with less."""
    if voxels < SMALLEST_CROP:
        msg = f"Training crops of {voxels} voxels are too small; give --crop {SMALLEST_CROP} or more."
        raise InputError(msg)


@dataclass(frozen=True)
class CropConfig:
    """How crops are cut; shares are probabilities."""

    size: int = 128
    stripped_share: float = 0.5
    still_share: float = 0.7
    t1_like_share: float = 0.85
    painted_share: float = 0.55
    painted_bend_mm: float = 4.0
    aged_share: float = 0.5


class Crops(Dataset):
    """Crop number i of an endless series; the same number and seed give the same crop.

    Where there are aged brains, `CropConfig.aged_share` of the crops are those, whole.
    """

    def __init__(
        self,
        heads: Sequence[LabelledHead],
        length: int,
        seed: int,
        config: CropConfig,
        aged: Sequence[AgedBrain] = (),
    ) -> None:
        self.scanned = [head for head in heads if head.image is not None]
        self.painted = [head for head in heads if head.image is None]
        self.length, self.seed, self.config, self.aged = length, seed, config, aged

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, bool]:
        """Image (1, S, S, S); channels (8, S/2, S/2, S/2) of each 2³ block; whether labels are coarse."""
        rng = np.random.default_rng((self.seed, index))
        if self.aged and rng.random() < self.config.aged_share:
            return *aged_example(self.aged[int(rng.integers(len(self.aged)))], rng), False
        wants_paint = rng.random() < self.config.painted_share
        heads = self.painted if (wants_paint and self.painted) or not self.scanned else self.scanned
        head = heads[int(rng.integers(len(heads)))]
        if head.image is None:
            return _painted_crop(head, rng, self.config)
        return _scanned_crop(head, head.image, rng, self.config)


def _centre_mm(head: LabelledHead, rng: np.random.Generator) -> NDArray[np.float64]:
    """Mostly towards the middle of the brain, where the small structures are; sometimes anywhere."""
    if rng.random() < 0.1:
        return rng.uniform(0, head.labels.shape) * np.array(head.spacing_mm)
    low, high = head.brain_box
    return (low + rng.beta(3, 3, size=3) * (high - low)) * np.array(head.spacing_mm)


def _scanned_crop(
    head: LabelledHead, scan: NDArray[np.uint8], rng: np.random.Generator, config: CropConfig
) -> tuple[Tensor, Tensor, bool]:
    is_coarse = min(head.spacing_mm) > COARSE_MM
    is_still = is_coarse and rng.random() < config.still_share
    centre_mm = _centre_mm(head, rng)
    if is_still:  # the crop's 2³ blocks must be the scan's own voxels
        spacing = np.array(head.spacing_mm)
        centre_mm = (np.round(centre_mm / spacing) + (0.5 if config.size % 4 == 0 else 0.0)) * spacing
    mm = crop_coordinates(centre_mm, config.size, rng, is_still=is_still)
    image = sample(scan, mm, head.spacing_mm, is_labels=False) / STEPS
    channels = _channels(head, _block_centres(mm) if is_still else _somewhere_within(mm, rng))
    if rng.random() < config.stripped_share:
        inside = sample((head.labels > 0).astype(np.uint8), mm, head.spacing_mm, is_labels=False) > 0.5
        image = torch.where(inside, image, torch.zeros(()))
    image = degrade(image * (float(rng.uniform(*WHITE_RANGE)) / head.white), rng)
    blocks = channels[None].expand(8, -1, -1, -1) if is_still else space_to_depth(channels[None, None], 2)[0]
    return image[None].clamp(0, 2), blocks.contiguous(), is_still


def _painted_crop(
    head: LabelledHead, rng: np.random.Generator, config: CropConfig
) -> tuple[Tensor, Tensor, bool]:
    centre_mm = _centre_mm(head, rng)
    mm = crop_coordinates(centre_mm, config.size, rng, is_still=False, bend_mm=config.painted_bend_mm)
    parts = [_labels(head, mm + torch.from_numpy(offset).float()) for offset in WITHIN_VOXEL_MM]
    channels = _channels(head, mm)
    means = label_means(head.numbers, rng, is_t1_like=rng.random() < config.t1_like_share)
    image = paint(parts, means, rng)
    if rng.random() < config.stripped_share:
        is_brain = channels > 1 if rng.random() < 0.5 else _near_brain(channels, rng)
        image = torch.where(is_brain, image, torch.zeros(()))
    image = degrade(image, rng)
    told = _channels(head, _somewhere_within(mm, rng))
    return image[None].clamp(0, 2), space_to_depth(told[None, None], 2)[0], False


def _near_brain(channels: Tensor, rng: np.random.Generator) -> Tensor:
    """A mask as brain extraction leaves it: brain, some outer fluid, a wavy edge."""
    brain = torch.nn.functional.max_pool3d((channels > 1).float()[None, None], 5, stride=1, padding=2)[0, 0]
    wave = smooth_field(tuple(channels.shape), int(rng.integers(4, 9)), rng)
    return (channels > 1) | ((brain > 0) & (channels == 1) & (wave > float(rng.uniform(-1, 1))))


def _block_centres(mm: Tensor) -> Tensor:
    """Positions (S, S, S, 3) → mean position of each 2³ block."""
    s = mm.shape[0] // 2
    return mm.reshape(s, 2, s, 2, s, 2, 3).mean(dim=(1, 3, 5))


def _somewhere_within(mm: Tensor, rng: np.random.Generator) -> Tensor:
    """A place drawn within each voxel of 1 mm.

    What the network is told of a voxel that tissues share is then one of them, as often as its share: it
    learns shares, and volumes that it sums change as borders move, not once they have crossed a voxel.
    """
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    return mm + torch.rand(mm.shape, generator=generator) - 0.5


def _labels(head: LabelledHead, mm: Tensor) -> Tensor:
    return sample(head.labels, mm, head.spacing_mm, is_labels=True).to(torch.int16)


def _channels(head: LabelledHead, mm: Tensor) -> Tensor:
    return torch.from_numpy(channels_of(_labels(head, mm).numpy(), head.protocol))
