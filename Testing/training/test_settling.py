"""Laws of a settled network: the same answer under the same statistics, and no news from afar."""

import pytest
import torch

from MRExtrapLib.model.segmenter import SegmenterConfig, SegmenterNetwork
from MRExtrapLib.training.settling import settled

FAR = 24
"""Voxels; two levels of this width see less far than that."""


@pytest.fixture
def a_network() -> SegmenterNetwork:
    torch.manual_seed(3)
    network = SegmenterNetwork(SegmenterConfig(structures=3, widths=(8, 8))).eval()
    with torch.no_grad():
        for parameter in network.parameters():  # no weight is one, no bias nothing
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network


@pytest.fixture
def an_image() -> torch.Tensor:
    return torch.rand(1, 1, 64, 16, 16, generator=torch.Generator().manual_seed(4))


@torch.no_grad()
def test_it_answers_as_before_where_the_statistics_are_the_image_s_own(a_network, an_image) -> None:
    torch.testing.assert_close(
        settled(a_network, [an_image])(an_image), a_network(an_image), rtol=1e-3, atol=1e-3
    )


@torch.no_grad()
def test_what_changes_far_away_changes_nothing_here(a_network, an_image) -> None:
    changed = an_image.clone()
    changed[:, :, : 64 - 2 * FAR] *= 0.2
    here = slice((64 - FAR) // 2, None)  # the network answers for blocks of two voxels
    calm = settled(a_network, [an_image, an_image.flip(2) / 2])
    torch.testing.assert_close(calm(changed)[:, :, here], calm(an_image)[:, :, here], rtol=0, atol=1e-3)
    moved = (a_network(changed)[:, :, here] - a_network(an_image)[:, :, here]).abs().max()
    assert moved > 0.1


def test_what_is_settled_stays_as_it_is(a_network, an_image) -> None:
    calm = settled(a_network, [an_image])
    assert calm.config.is_settled
    assert not a_network.config.is_settled
    assert settled(calm, []) is calm


def test_nothing_to_take_the_statistics_of_is_refused(a_network) -> None:
    with pytest.raises(ValueError, match="No image"):
        settled(a_network, [])
