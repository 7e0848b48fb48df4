"""A segmenter whose normalisation no longer looks at the image: its statistics become those of many images.

Group normalisation helps a network to learn, but couples every voxel with all others: what widens the fluid on
one side of a brain moves the borders that are found on the other. A network that is to measure change must
not do that. Fixed statistics are a scale and a shift of each channel, which go into the convolution before
them, as batch normalisation is folded after training (Jacob 2018). A settled network is refined afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor, nn

from MRExtrapLib.model.blocks import NormalisedConvolution
from MRExtrapLib.model.segmenter import SegmenterNetwork


@torch.no_grad()
def settled(network: SegmenterNetwork, images: Iterable[Tensor]) -> SegmenterNetwork:
    """The network with each normalisation's statistics fixed at their mean over images.

    Args:
        network: as trained; itself unchanged. One that is settled comes back as it is.
        images: (1, 1, X, Y, Z) each, such as it will be shown.

    Raises:
        ValueError: no image.
    """
    if network.config.is_settled:
        return network
    blocks = {name: one for name, one in network.named_modules() if isinstance(one, NormalisedConvolution)}
    moments = _mean_moments(network, blocks, images)
    calm = SegmenterNetwork(replace(network.config, is_settled=True))
    calm.load_state_dict(network.state_dict(), strict=False)  # all but the normalisations
    for name, block in blocks.items():
        scale, shift = _scale_and_shift(block.norm, *moments[name])
        convolution = calm.get_submodule(name).convolution
        convolution.weight.mul_(scale[:, None, None, None, None])
        convolution.bias.mul_(scale).add_(shift)
    return calm.train(network.training)


def _mean_moments(
    network: nn.Module, blocks: dict[str, NormalisedConvolution], images: Iterable[Tensor]
) -> dict[str, tuple[Tensor, Tensor]]:
    """Name of a block → mean and variance (G,) of what each group of its normalisation sees, over images."""
    sums = {name: torch.zeros(2, block.norm.num_groups) for name, block in blocks.items()}

    def record(name: str) -> None:
        def see(_: nn.Module, __: object, seen: Tensor) -> None:
            groups = seen[0].float().reshape(sums[name].shape[1], -1)
            sums[name] += torch.stack([groups.mean(dim=1), groups.var(dim=1, correction=0)]).cpu()

        hooks.append(blocks[name].convolution.register_forward_hook(see))

    hooks: list[torch.utils.hooks.RemovableHandle] = []
    for name in blocks:
        record(name)
    count = 0
    try:
        for image in images:
            network(image)
            count += 1
    finally:
        for hook in hooks:
            hook.remove()
    if count == 0:
        msg = "No image was given to take the statistics of."
        raise ValueError(msg)
    return {name: (total[0] / count, total[1] / count) for name, total in sums.items()}


def _scale_and_shift(norm: nn.GroupNorm, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """What the normalisation does to each channel (C,) under fixed statistics of its groups (G,)."""
    inverse = torch.rsqrt(variance + norm.eps).repeat_interleave(norm.num_channels // norm.num_groups)
    scale = norm.weight * inverse.to(norm.weight.device)
    at = mean.repeat_interleave(norm.num_channels // norm.num_groups).to(norm.weight.device)
    return scale, norm.bias - at * scale
