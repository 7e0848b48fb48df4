"""How alike two images look to a network that knows brains."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from MRExtrapLib.errors import InputError
from MRExtrapLib.model.segmenter import SegmenterNetwork
from MRExtrapLib.training.losses import anatomical_loss, perceptual_loss

ImageLoss = Callable[[Tensor, Tensor], Tensor]
"""(B, 1, X, Y, Z) seen and expected → a scalar."""

Comparisons = Mapping[str, ImageLoss]
"""Term of the loss → what it compares, beyond L1: 'perceptual', the paper's; 'anatomical', ours."""

LEVELS = 3
"""Levels of the segmenter that are compared: its coarsest sees too little of a crop."""


class SegmenterFeatures(nn.Module):
    """Distance of what our own frozen segmenter sees: a 3D network, trained on brains, always at hand."""

    def __init__(self, segmenter: SegmenterNetwork) -> None:
        super().__init__()
        self.segmenter = segmenter.eval().requires_grad_(False)

    def forward(self, seen: Tensor, expected: Tensor) -> Tensor:
        with torch.no_grad():
            known = self.segmenter.features(expected)[:LEVELS]
        return perceptual_loss(self.segmenter.features(seen)[:LEVELS], known)


class SegmenterNames(nn.Module):
    """How differently our own frozen segmenter names the voxels of two images."""

    def __init__(self, segmenter: SegmenterNetwork) -> None:
        super().__init__()
        self.segmenter = segmenter.eval().requires_grad_(False)

    def forward(self, seen: Tensor, expected: Tensor) -> Tensor:
        with torch.no_grad():
            known = self.segmenter(expected)
        return anatomical_loss(self.segmenter(seen), known)


class LpipsSlices(nn.Module):
    """LPIPS (Zhang 2018) on the middle slices of a crop, through its own package, as the paper has it.

    Raises:
        InputError: the package or the weights of its backbone are not on this machine.
    """

    def __init__(self) -> None:
        super().__init__()
        try:
            import lpips

            self.distance = lpips.LPIPS(net="alex").eval().requires_grad_(False)
        except (ImportError, OSError) as error:
            msg = f"LPIPS cannot be used here ({error}); install lpips, or give --perceptual segmenter."
            raise InputError(msg) from error

    def forward(self, seen: Tensor, expected: Tensor) -> Tensor:
        middle = seen.shape[-1] // 2
        planes = [(image.select(axis, middle) * 2 - 1 for image in (seen, expected)) for axis in (2, 3, 4)]
        return torch.stack(
            [self.distance(a.expand(-1, 3, -1, -1), b.expand(-1, 3, -1, -1)).mean() for a, b in planes]
        ).mean()


def comparisons(
    perceptual: str, is_anatomical: bool, segmenter: SegmenterNetwork, device: torch.device
) -> Comparisons:
    """The comparisons chosen on the command line; perceptual is 'segmenter', 'lpips' or 'none'."""
    chosen: dict[str, nn.Module] = {}
    if perceptual != "none":
        chosen["perceptual"] = LpipsSlices() if perceptual == "lpips" else SegmenterFeatures(segmenter)
    if is_anatomical:
        chosen["anatomical"] = SegmenterNames(segmenter)
    return {term: module.to(device) for term, module in chosen.items()}
