"""What training pulls down."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def segmentation_loss(
    block_logits: Tensor,
    channels: Tensor,
    *,
    is_coarse: bool,
    corners: Sequence[int] = range(8),
    dice_weight: float = 1.0,
) -> Tensor:
    """Cross-entropy plus 1 − mean soft Dice over the structures that occur (Milletari 2016).

    Args:
        block_logits: (B, K·8, X, Y, Z) of `SegmenterNetwork`.
        channels: (B, 8, X, Y, Z) true channel of each voxel of each 2³ block.
        is_coarse: the label is one for the whole block: what is compared with it is the mean of the block's
            logits, so a fine border inside a coarse voxel costs nothing.
        corners: which voxels of each fine block are compared. Neighbours say nearly the same, and this loss
            costs as much as the network: a few, drawn anew for each step, teach as much in half the time.
        dice_weight: of the second term. It finds small structures sooner, but pays for certainty: with 0,
            probabilities become the shares of tissues in a voxel (where labels are not coarse).
    """
    b, _, *space = channels.shape
    blocks = block_logits.reshape(b, -1, 8, *space)
    if is_coarse:
        logits, truth = blocks.float().mean(dim=2, keepdim=True), channels[:, :1]
    else:
        logits, truth = blocks[:, :, list(corners)].float(), channels[:, list(corners)]
    flat, known = logits.flatten(2), truth.flatten(1).long()
    log_probability = flat.log_softmax(dim=1)
    cross_entropy = F.nll_loss(log_probability, known)
    if dice_weight == 0:
        return cross_entropy
    return cross_entropy + dice_weight * (1 - mean_soft_dice(log_probability.exp(), known))


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


def anatomical_loss(block_logits: Tensor, known_logits: Tensor) -> Tensor:
    """1 − mean soft Dice between what a segmenter names in two images, over structures that occur.

    2Σmin(p, q) / (Σp + Σq): what both hold of a structure is the lesser probability. The loss grows in
    proportion to what is named otherwise. That of the form with Σpq / (Σp² + Σq²) grows with its square: of
    two images that the segmenter names alike to 0.2 % it is 2e-5, and pulls nowhere. A reconstruction that a
    blur has robbed of the hippocampus's edge pays for it, though L1 hardly sees so few voxels.

    Args:
        block_logits: (B, K·8, X, Y, Z) of `SegmenterNetwork` on one image.
        known_logits: the same on the other.
    """
    b, _, *space = block_logits.shape
    seen, known = (
        logits.float().reshape(b, -1, 8, *space).softmax(dim=1).transpose(0, 1).flatten(1)
        for logits in (block_logits, known_logits)
    )
    shared, total = torch.minimum(seen, known).sum(dim=1), (seen + known).sum(dim=1)
    occurs = known.amax(dim=1) > 0.5
    return 1 - (2 * shared[occurs] / total[occurs]).mean()


def linearity_loss(
    decode: Callable[[Tensor], Tensor], first: Tensor, last: Tensor, share: float, middle: Tensor
) -> Tensor:
    """L1 between a visit and the decode of its place on the straight line between two others' latents.

    This is what a forecast shows: a line through latents, decoded. After Δ-LFM's idea (ICLR 2026) of straight
    latents, but compared as images: the middle latent's distance from the line, as a share of the way, is
    mostly the scans' own noise (of simulated visits, 0.17 to 0.45 of the squared way at the middle in age,
    and 0.07 to 0.70 beside the end, where no bend can be), and least for an encoder that sees little. The
    noise of an image it is compared with pulls the decode nowhere.

    Args:
        decode: latent (B, C, D, H, W) → image.
        first: latent at the first visit.
        last: latent at the last.
        share: of the years between them that have passed at the middle visit.
        middle: (B, 1, X, Y, Z) image at the middle visit.
    """
    return F.l1_loss(decode(torch.lerp(first, last, share)).float(), middle)
