"""What training pulls down."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def segmentation_loss(block_logits: Tensor, channels: Tensor, *, is_coarse: bool) -> Tensor:
    """Cross-entropy plus 1 − mean soft Dice over the structures that occur (Milletari 2016).

    Args:
        block_logits: (B, K·8, X, Y, Z) of `SegmenterNetwork`.
        channels: (B, 8, X, Y, Z) true channel of each voxel of each 2³ block.
        is_coarse: the label is one for the whole block: what is compared with it is the mean probability
            over the block, so a fine border inside a coarse voxel costs nothing.
    """
    b, _, *space = channels.shape
    logits = block_logits.float().reshape(b, -1, 8, *space)
    if is_coarse:
        probability = logits.softmax(dim=1).mean(dim=2, keepdim=True)
        truth = channels[:, :1].long()
        cross_entropy = F.nll_loss(probability.clamp(min=1e-6).log().flatten(2), truth.flatten(1))
    else:
        probability = logits.softmax(dim=1)
        truth = channels.long()
        cross_entropy = F.cross_entropy(logits.flatten(2), truth.flatten(1))
    return cross_entropy + 1 - mean_soft_dice(probability.flatten(2), truth.flatten(1))


def mean_soft_dice(probability: Tensor, truth: Tensor) -> Tensor:
    """Mean over occurring structures of 2Σpt / (Σp + Σt); (B, K, N) against (B, N)."""
    k = probability.shape[1]
    at_truth = probability.gather(1, truth[:, None])[:, 0]
    flat = truth.reshape(-1)
    overlap = torch.zeros(k).to(at_truth).index_add(0, flat, at_truth.reshape(-1))
    size = torch.bincount(flat, minlength=k).to(at_truth)
    total = probability.sum(dim=(0, 2)) + size
    present = size > 0
    return (2 * overlap[present] / total[present]).mean()


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) ‖ N(0, 1)) in nats, the mean over the latent's elements.

    A mean, as L1 is one, so that a weight says the same for a crop as for a brain. Summed over a crop of
    64³ the paper's 1e-6 weighs as much as L1 itself: latents kept 1.2 nats an element, and images blurred.

    Source: Kingma & Welling 2014, appendix B; the paper's β₃ term (arXiv 2508.19482, equation 1).
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()


def perceptual_loss(seen: list[Tensor], expected: list[Tensor]) -> Tensor:
    """Distance of feature maps normalised over channels, averaged over voxels and levels.

    The form of LPIPS (Zhang 2018) with unit weights, on the levels of a frozen 3D network.
    """
    per_level = [
        (F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(dim=1).mean()
        for a, b in zip(seen, expected, strict=True)
    ]
    return torch.stack(per_level).mean()
