"""Where training reads its heads: voxels that lie on the training device, asked for by position in mm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from MRExtrapLib.anatomy.structures import PROTOCOLS
from MRExtrapLib.imaging.intensity import IntensityContract
from MRExtrapLib.training.brains import STEPS as BRAIN_STEPS
from MRExtrapLib.training.brains import Brain
from MRExtrapLib.training.labelled import STEPS, LabelledHead


@dataclass(frozen=True, eq=False)
class Placed:
    """One head or brain on a device; voxel 0 lies at 0 mm.

    Attributes:
        labels: (X, Y, Z) int16, numbers of a protocol; None for a brain without.
        image: (X, Y, Z) bytes; None for a label map that is to be painted.
        names: label number → channel, (1024,) uint8.
        numbers: the label numbers that occur.
        white: what bytes white matter has in the image.
        spacing_mm: of voxels.
        box_mm: (2, 3) lowest and highest corner of the brain.
    """

    labels: Tensor | None
    image: Tensor | None
    names: Tensor
    numbers: np.ndarray
    white: float
    spacing_mm: tuple[float, float, float]
    box_mm: np.ndarray

    @property
    def known(self) -> Tensor:
        """The labels, or the image of a brain without: of either what is not 0 is brain."""
        known = self.labels if self.labels is not None else self.image
        assert known is not None
        return known

    @property
    def size_mm(self) -> np.ndarray:
        """(3,) of the whole image."""
        return np.array(self.known.shape) * np.array(self.spacing_mm)

    @property
    def device(self) -> torch.device:
        """Where the voxels lie."""
        return self.names.device

    def labels_at(self, mm: Tensor) -> Tensor:
        """Label numbers (…) int64 at positions (…, 3)."""
        assert self.labels is not None
        return sample(self.labels, mm, self.spacing_mm, is_labels=True).long()

    def channels_at(self, mm: Tensor) -> Tensor:
        """Channels (…) int64 at positions (…, 3)."""
        return self.names[self.labels_at(mm)].long()

    def image_at(self, mm: Tensor) -> Tensor:
        """Intensities (…) at positions (…, 3), white matter at 1."""
        assert self.image is not None
        return sample(self.image, mm, self.spacing_mm, is_labels=False) / self.white

    def is_brain_at(self, mm: Tensor) -> Tensor:
        """Whether positions (…, 3) lie in what is labelled, or in a stripped brain."""
        inside = (self.known > 0).to(torch.uint8)
        return sample(inside, mm, self.spacing_mm, is_labels=False) > 0.5


def placed_head(head: LabelledHead, device: torch.device) -> Placed:
    """A labelled head on a device."""
    return Placed(
        labels=torch.from_numpy(head.labels).to(device),
        image=None if head.image is None else torch.from_numpy(head.image).to(device),
        names=torch.from_numpy(PROTOCOLS[head.protocol]).to(device),
        numbers=head.numbers,
        white=STEPS if head.image is None else STEPS * head.white,
        spacing_mm=head.spacing_mm,
        box_mm=head.brain_box * np.array(head.spacing_mm),
    )


def placed_brain(brain: Brain, device: torch.device) -> Placed:
    """A prepared brain without labels on a device."""
    inside = np.argwhere(brain.voxels > 0)
    return Placed(
        labels=None,
        image=torch.from_numpy(brain.voxels).to(device),
        names=torch.zeros(1, dtype=torch.uint8, device=device),
        numbers=np.zeros(0, np.int16),
        white=BRAIN_STEPS * IntensityContract().white,
        spacing_mm=(1.0, 1.0, 1.0),
        box_mm=np.stack([inside.min(axis=0), inside.max(axis=0)]).astype(float),
    )


def sample(volume: Tensor, mm: Tensor, spacing_mm: Sequence[float], *, is_labels: bool) -> Tensor:
    """Values (X, Y, Z) float32 of a volume (voxel 0 at 0 mm) at positions (X, Y, Z, 3) in mm; 0 outside."""
    index = mm / torch.tensor(spacing_mm, dtype=torch.float32, device=mm.device)
    shape = np.array(volume.shape)
    low, high = index.amin(dim=(0, 1, 2)).cpu().numpy(), index.amax(dim=(0, 1, 2)).cpu().numpy()
    low = np.maximum(np.floor(low).astype(int) - 1, 0)
    high = np.minimum(np.ceil(high).astype(int) + 2, shape)
    if (high - low < 2).any():
        return torch.zeros(mm.shape[:-1], device=mm.device)
    part = volume[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))].float()
    unit = _unit(index - torch.from_numpy(low).to(index), part.shape)
    mode = "nearest" if is_labels else "bilinear"
    return F.grid_sample(part[None, None], unit[None], mode=mode, align_corners=True)[0, 0]


def at_voxels(values: Tensor, index: Tensor, *, is_labels: bool = False) -> Tensor:
    """Values (C, X, Y, Z) at voxel positions (x, y, z, 3), the nearest within the image: (C, x, y, z)."""
    unit = _unit(index, values.shape[1:])
    mode = "nearest" if is_labels else "bilinear"
    found = F.grid_sample(
        values[None].float(), unit[None], mode=mode, padding_mode="border", align_corners=True
    )
    return found[0]


def _unit(index: Tensor, shape: Sequence[int]) -> Tensor:
    """Voxel positions (…, 3) as `grid_sample` counts them: −1…1, last axis first."""
    ends = torch.tensor([max(1, n - 1) for n in shape], dtype=torch.float32, device=index.device)
    return (index / ends * 2 - 1).flip(-1)
