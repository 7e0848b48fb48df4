"""One training example of the segmenter: a 1 mm crop and the structure of every voxel in it.

Crops are cut, painted and degraded on the device that trains: a processor that made them would keep a GPU
waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from MRExtrapLib.anatomy.segmentation import WHITE_SEEN
from MRExtrapLib.errors import InputError
from MRExtrapLib.model.blocks import space_to_depth
from MRExtrapLib.training.augmentation import crop_coordinates, degrade, smooth_field
from MRExtrapLib.training.growth import moved, source_of_grown
from MRExtrapLib.training.painting import generator_of, label_means, paint
from MRExtrapLib.training.sampling import Placed, at_voxels

COARSE_MM = 1.5
"""Labels coarser than this, where the crop keeps their lattice, are compared with the mean over 2³ voxels."""

SMALLEST_CROP = 48
"""Side in voxels. Of 32 the deepest level of segmenter and discriminator sees 2³ voxels, and the weight
gradient of a convolution to 2³ in bfloat16 holds unwritten memory (CPUs with AVX-512 BF16, torch 2.13)."""

WITHIN_VOXEL_MM = 0.25 * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
"""Where a painted voxel looks for the tissues that it mixes: the corners of a tetrahedron."""

WHITE_RANGE = (0.65, 1.1)
"""Where white matter lies in a crop; `anatomy.segmentation` brings a scan into this range."""

Namer = Callable[[Tensor, np.random.Generator], tuple[Tensor, Tensor]]
"""Image (S, S, S) → channels (S, S, S): the likeliest, and some drawn by their probabilities."""


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
    grown_share: float = 0.5
    taught_share: float = 0.35


class Crops:
    """Crop number i of an endless series; the same number, seed and device give the same crop.

    Attributes:
        scanned: heads with labels.
        painted: label maps.
        unnamed: brains without labels.
        seed: of everything random.
        config: how crops are cut.
        teacher: names scans that are then shown with every structure grown or shrunk; of the crops
            `CropConfig.taught_share` are so, where there is one.
    """

    def __init__(
        self,
        heads: Sequence[Placed],
        seed: int,
        config: CropConfig,
        teacher: Namer | None = None,
    ) -> None:
        self.scanned = [head for head in heads if head.image is not None and head.labels is not None]
        self.painted = [head for head in heads if head.image is None]
        self.unnamed = [head for head in heads if head.labels is None]
        self.seed, self.config, self.teacher = seed, config, teacher

    @torch.no_grad()
    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, bool]:
        """Image (1, S, S, S); channels (8, S/2, S/2, S/2) of each 2³ block; whether labels are coarse."""
        rng = np.random.default_rng((self.seed, index))
        if self.teacher is not None and rng.random() < self.config.taught_share:
            pool = self.unnamed if self.unnamed and rng.random() < 0.5 else self.scanned or self.unnamed
            return _taught_crop(pool[int(rng.integers(len(pool)))], rng, self.config, self.teacher)
        wants_paint = rng.random() < self.config.painted_share
        heads = self.painted if (wants_paint and self.painted) or not self.scanned else self.scanned
        head = heads[int(rng.integers(len(heads)))]
        return (_painted_crop if head.image is None else _scanned_crop)(head, rng, self.config)


def _centre_mm(head: Placed, rng: np.random.Generator) -> NDArray[np.float64]:
    """Mostly towards the middle of the brain, where the small structures are; sometimes anywhere."""
    if rng.random() < 0.1:
        return rng.uniform(0, head.size_mm)
    low, high = head.box_mm
    return low + rng.beta(3, 3, size=3) * (high - low)


def _scanned_crop(head: Placed, rng: np.random.Generator, config: CropConfig) -> tuple[Tensor, Tensor, bool]:
    is_coarse = min(head.spacing_mm) > COARSE_MM
    is_still = is_coarse and rng.random() < config.still_share
    centre_mm = _centre_mm(head, rng)
    if is_still:  # the crop's 2³ blocks must be the scan's own voxels
        spacing = np.array(head.spacing_mm)
        centre_mm = (np.round(centre_mm / spacing) + (0.5 if config.size % 4 == 0 else 0.0)) * spacing
    mm = crop_coordinates(centre_mm, config.size, rng, is_still=is_still, device=head.device)
    if not is_still:
        mm = _perhaps_grown(head, mm, rng, config)
    image = head.image_at(mm)
    channels = head.channels_at(_block_centres(mm) if is_still else _somewhere_within(mm, rng))
    if rng.random() < config.stripped_share:
        image = image * head.is_brain_at(mm)
    image = degrade(image * float(rng.uniform(*WHITE_RANGE)), rng)
    blocks = channels[None].expand(8, -1, -1, -1) if is_still else space_to_depth(channels[None, None], 2)[0]
    return image[None].clamp(0, 2), blocks.contiguous(), is_still


def _painted_crop(head: Placed, rng: np.random.Generator, config: CropConfig) -> tuple[Tensor, Tensor, bool]:
    centre_mm = _centre_mm(head, rng)
    mm = crop_coordinates(
        centre_mm, config.size, rng, is_still=False, bend_mm=config.painted_bend_mm, device=head.device
    )
    mm = _perhaps_grown(head, mm, rng, config)
    parts = [head.labels_at(mm + torch.from_numpy(offset).to(mm)) for offset in WITHIN_VOXEL_MM]
    channels = head.channels_at(mm)
    means = label_means(head.numbers, rng, is_t1_like=rng.random() < config.t1_like_share)
    image = paint(parts, means, rng)
    if rng.random() < config.stripped_share:
        image = image * (channels > 1 if rng.random() < 0.5 else _near_brain(channels, rng))
    image = degrade(image, rng)
    told = head.channels_at(_somewhere_within(mm, rng))
    return image[None].clamp(0, 2), space_to_depth(told[None, None], 2)[0], False


def _taught_crop(
    head: Placed, rng: np.random.Generator, config: CropConfig, teacher: Namer
) -> tuple[Tensor, Tensor, bool]:
    """A stripped scan, named by the teacher as it is, and shown changed, in another contrast, with noise."""
    mm = crop_coordinates(_centre_mm(head, rng), config.size, rng, is_still=False, device=head.device)
    likeliest, drawn = teacher(head.image_at(mm) * head.is_brain_at(mm) * WHITE_SEEN, rng)
    source = source_of_grown(likeliest, rng)
    mm = moved(mm, source)
    image = head.image_at(mm) * head.is_brain_at(mm)
    image = degrade(image * float(rng.uniform(*WHITE_RANGE)), rng)
    told = at_voxels(drawn[None], _somewhere_within(source, rng), is_labels=True)[0].long()
    return image[None].clamp(0, 2), space_to_depth(told[None, None], 2)[0], False


def _perhaps_grown(head: Placed, mm: Tensor, rng: np.random.Generator, config: CropConfig) -> Tensor:
    if rng.random() >= config.grown_share:
        return mm
    return moved(mm, source_of_grown(head.channels_at(mm), rng))


def _near_brain(channels: Tensor, rng: np.random.Generator) -> Tensor:
    """A mask as brain extraction leaves it: brain, some outer fluid, a wavy edge."""
    brain = torch.nn.functional.max_pool3d((channels > 1).float()[None, None], 5, stride=1, padding=2)[0, 0]
    wave = smooth_field(tuple(channels.shape), int(rng.integers(4, 9)), rng, channels.device)
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
    generator = generator_of(rng, mm.device)
    return mm + torch.rand(mm.shape, generator=generator, device=mm.device) - 0.5
