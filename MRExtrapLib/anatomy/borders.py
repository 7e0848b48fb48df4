"""Where the border between two structures runs: where the network doubts, brightness decides.

The segmentation network works at 2 mm and answers for blocks of 2³ voxels: which structures meet in a place
it knows, but its borders are rounder than the brain's. Which of them a voxel belongs to, the voxel's own
brightness tells better. By Bayes' rule the network's probability is weighed by how likely that brightness is
in the structure: a Gaussian about the structure's mean nearby (after Van Leemput et al. 1999,
doi:10.1109/42.811270). One width serves all structures, so that a voxel that two share goes to the one whose
brightness is nearer, and not to the one that varies more.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from MRExtrapLib.imaging.intensity import IntensityContract
from MRExtrapLib.imaging.volume import Voxels

NAMING = 2
"""Raised whenever voxels are named otherwise than before; what was kept of labels, and with them of scans and
latents, is then made again."""

SURE = 0.95
"""A voxel of which the network is so sure is left as it is; so is one whose likeliest structure is seen
nowhere else, as nobody knows how bright that is."""

SPREAD = 0.12
"""Standard deviation of brightness about a structure's mean, as a share of white matter's brightness."""

REACH_MM = 8.0
"""Standard deviation of the Gaussian within which a structure's mean brightness is taken: wide enough to be
steady, narrow enough to follow shading and the paler parts of a structure."""

FARTHER = 0.02
"""Weight of a structure's mean in the whole brain beside that nearby: it counts where next to none is."""

MEETING = 3
"""So many structures, the likeliest, are asked about at each voxel."""

LEAST_LIKELY = 1e-4
"""A structure that the network holds less likely is not asked about, however well its brightness fits."""

BLOCK = 4
"""Side in voxels of the blocks that have one mean brightness of each structure."""


def heard_by_brightness(probabilities: Tensor, voxels: Voxels) -> Tensor:
    """Probabilities after the brightness of every doubtful voxel has been heard.

    Args:
        probabilities: (structures, X, Y, Z) float32, by the network; they sum to 1 in each voxel.
        voxels: (X, Y, Z) the brain that they were found in: 1 mm, on the contract's scale of brightness.
    """
    image = torch.from_numpy(np.ascontiguousarray(voxels, dtype=np.float32))
    before = probabilities.flatten(1)
    local_means, is_seen = _local_means(probabilities, image)
    first = before.max(dim=0)
    doubtful = ((first.values < SURE) & is_seen[first.indices]).nonzero()[:, 0]
    likeliest, which = before[:, doubtful].topk(MEETING, dim=0)
    means = _means_at(doubtful, which, local_means, image.shape)
    width = SPREAD * IntensityContract().white
    evidence = -((image.flatten()[doubtful] - means) ** 2) / (2 * width**2)
    prior = likeliest.log().masked_fill((likeliest < LEAST_LIKELY) | ~is_seen[which], -torch.inf)
    heard = torch.zeros(len(before), len(doubtful)).scatter_(0, which, torch.softmax(prior + evidence, dim=0))
    after = before.clone()
    after[:, doubtful] = heard
    return after.reshape(probabilities.shape)


def _local_means(probabilities: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
    """(structures, blocks along x, y, z) mean brightness of each structure around each block; (structures,)
    whether so much as a voxel of it is seen that its brightness is known.

    Squared, probabilities count the inside of a structure and hardly its border; every second voxel will do.
    """
    every_second = (slice(None, None, 2),) * 3
    weight = probabilities[(slice(None), *every_second)] ** 2
    weights, sums = (
        functional.avg_pool3d(one, BLOCK // 2, ceil_mode=True)
        for one in (weight, weight * image[every_second])
    )
    total = weights.sum(dim=(1, 2, 3), keepdim=True)
    overall = sums.sum(dim=(1, 2, 3), keepdim=True) / total.clamp_min(1e-6)
    near_weights, near_sums = map(_smoothed, (weights, sums))
    return (near_sums + FARTHER * overall) / (near_weights + FARTHER), total.flatten() * BLOCK**3 >= 1


def _smoothed(blocks: Tensor) -> Tensor:
    sigma = REACH_MM / BLOCK
    smooth = ndimage.gaussian_filter(blocks.numpy(), (0, sigma, sigma, sigma), mode="constant")
    return torch.from_numpy(smooth)


def _means_at(flat: Tensor, which: Tensor, means: Tensor, shape: torch.Size) -> Tensor:
    """Means of structures `which` (k, n) around n voxels, given by their number in a grid of this shape."""
    (_, rows, columns), (_, block_rows, block_columns) = shape, means.shape[1:]
    x, y, z = flat // (rows * columns), flat // columns % rows, flat % columns
    block = (x // BLOCK * block_rows + y // BLOCK) * block_columns + z // BLOCK
    return means.flatten(1)[which, block]
