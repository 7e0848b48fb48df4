"""A segmenter whose normalisation no longer looks at the image: its statistics become those of many images.

Group normalisation helps a network to learn, but couples every voxel with all others: what widens the fluid
on one side of a brain moves the borders that are found on the other. A network that is to measure change must
not do that. Fixed statistics are a scale and a shift of each channel, which go into the convolution before
them, as batch normalisation is folded after training (Jacob 2018). A settled network is refined afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    moments = _mean_moments(network, images)
    calm = SegmenterNetwork(replace(network.config, is_settled=True))
    calm.to(next(network.parameters()).device)
    calm.load_state_dict(network.state_dict(), strict=False)  # all but the normalisations
    loud = _blocks(network)
    for name, block in _blocks(calm).items():
        norm = loud[name].norm
        assert isinstance(norm, nn.GroupNorm)
        assert block.convolution.bias is not None
        scale, shift = _scale_and_shift(norm, *moments[name])
        block.convolution.weight.mul_(scale[:, None, None, None, None])
        block.convolution.bias.mul_(scale).add_(shift)
    return calm.train(network.training)


def _blocks(network: nn.Module) -> Mapping[str, NormalisedConvolution]:
    return {name: one for name, one in network.named_modules() if isinstance(one, NormalisedConvolution)}


def _mean_moments(network: nn.Module, images: Iterable[Tensor]) -> Mapping[str, tuple[Tensor, Tensor]]:
    """Name of a block → mean and variance (G,) of what each group of its normalisation sees, over images."""
    seen: dict[str, list[Tensor]] = {name: [] for name in _blocks(network)}

    def listen(name: str, block: NormalisedConvolution) -> torch.utils.hooks.RemovableHandle:
        def hear(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            assert isinstance(norm, nn.GroupNorm)
            groups = inputs[0][0].float().reshape(norm.num_groups, -1)
            seen[name].append(torch.stack([groups.mean(dim=1), groups.var(dim=1, correction=0)]))

        return block.norm.register_forward_pre_hook(hear)

    hooks = [listen(name, block) for name, block in _blocks(network).items()]
    try:
        for image in images:
            network(image)
    finally:
        for hook in hooks:
            hook.remove()
    if not all(seen.values()):
        msg = "No image was given to take the statistics of."
        raise ValueError(msg)
    means = {name: torch.stack(one).mean(dim=0) for name, one in seen.items()}
    return {name: (mean, variance) for name, (mean, variance) in means.items()}


def _scale_and_shift(norm: nn.GroupNorm, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """What the normalisation does to each channel (C,) under fixed statistics of its groups (G,)."""
    channels = norm.num_channels // norm.num_groups
    scale = norm.weight * torch.rsqrt(variance + norm.eps).repeat_interleave(channels)
    return scale, norm.bias - mean.repeat_interleave(channels) * scale
