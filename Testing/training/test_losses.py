"""Limit cases of what training pulls down."""

import pytest
import torch

from MRExtrapLib.model.segmenter import SegmenterConfig, SegmenterNetwork
from MRExtrapLib.training.losses import anatomical_loss, kl_divergence, mean_soft_dice, segmentation_loss
from MRExtrapLib.training.perceptual import SegmenterFeatures
from MRExtrapLib.training.schedule import learning_rate_share

STRUCTURES = 5
CERTAIN = 50.0
NOTHING = 1e-4


def logits_for(channels: torch.Tensor) -> torch.Tensor:
    """(B, 8, X, Y, Z) channels → certain block logits (B, K·8, X, Y, Z)."""
    hot = torch.nn.functional.one_hot(channels.long(), STRUCTURES).movedim(-1, 1).float()
    return CERTAIN * hot.reshape(hot.shape[0], -1, *channels.shape[2:])


def test_a_perfect_answer_costs_nothing():
    channels = torch.randint(0, STRUCTURES, (2, 8, 4, 4, 4))
    assert segmentation_loss(logits_for(channels), channels, is_coarse=False) < NOTHING


def test_a_wrong_answer_costs_more_than_a_right_one():
    channels = torch.randint(0, STRUCTURES, (1, 8, 4, 4, 4))
    wrong = (channels + 1) % STRUCTURES
    assert segmentation_loss(logits_for(wrong), channels, is_coarse=False) > 10


def test_without_dice_the_cheapest_probability_is_the_share():
    channels = (torch.arange(512) % 4 > 0).float().reshape(1, 8, 4, 4, 4)  # three quarters are 1
    said = torch.arange(0.05, 1.0, 0.05)
    losses = []
    for p in said:
        logits = torch.log(torch.stack([1 - p, p])).reshape(1, 2, 1, 1, 1, 1).expand(1, 2, 8, 4, 4, 4)
        losses.append(
            segmentation_loss(logits.reshape(1, 16, 4, 4, 4), channels, is_coarse=False, dice_weight=0)
        )
    assert float(said[torch.stack(losses).argmin()]) == pytest.approx(0.75)


def test_two_images_named_alike_cost_nothing_and_named_otherwise_all():
    channels = torch.randint(0, STRUCTURES, (2, 8, 4, 4, 4))
    wrong = (channels + 1) % STRUCTURES
    assert anatomical_loss(logits_for(channels), logits_for(channels)) < NOTHING
    assert anatomical_loss(logits_for(wrong), logits_for(channels)) > 1 - NOTHING


def test_a_small_structure_that_is_lost_costs_as_much_as_a_large_one():
    known = torch.zeros(1, 8, 4, 4, 4)
    known[0, 0, 0, 0, 0] = 1  # one voxel of 512
    lost = anatomical_loss(logits_for(torch.zeros_like(known)), logits_for(known))
    assert 0.5 <= lost < 0.51


def test_twice_as_much_named_otherwise_costs_twice_as_much() -> None:
    known = torch.zeros(1, 8, 8, 8, 8)
    known[:, :, :4] = 1

    def cost(share: float) -> float:
        logits = torch.log(torch.tensor([share, 1 - share, 0, 0, 0]) + 1e-9)
        seen = logits_for(known).clone().reshape(1, STRUCTURES, 8, 8, 8, 8)
        seen[:, :, :, 0] = logits[None, :, None, None, None]
        return float(anatomical_loss(seen.reshape(1, -1, 8, 8, 8), logits_for(known)))

    assert cost(0.1) > 0.01
    assert cost(0.2) / cost(0.1) == pytest.approx(2, rel=0.02)


def test_a_coarse_label_does_not_care_where_in_the_block_the_border_runs():
    fine = torch.zeros(1, 8, 1, 1, 1)
    fine[:, :4] = 1
    other = fine.flip(1)
    truth = torch.ones(1, 8, 1, 1, 1)
    losses = [segmentation_loss(logits_for(one), truth, is_coarse=True) for one in (fine, other)]
    assert torch.isclose(*losses)


def test_dice_of_a_distribution_with_itself_is_one():
    truth = torch.randint(0, STRUCTURES, (1, 100))
    probability = torch.nn.functional.one_hot(truth, STRUCTURES).movedim(-1, 1).float()
    assert torch.isclose(mean_soft_dice(probability, truth), torch.tensor(1.0))


def test_the_standard_normal_has_no_divergence_from_itself():
    assert kl_divergence(torch.zeros(2, 4, 3), torch.zeros(2, 4, 3)) == 0


def test_divergence_agrees_with_torchs_own():
    mean, log_variance = torch.randn(3, 10), torch.randn(3, 10)
    own = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (0.5 * log_variance).exp()), torch.distributions.Normal(0.0, 1.0)
    )
    assert torch.isclose(kl_divergence(mean, log_variance), own.mean())


def test_an_image_looks_like_itself_and_not_like_noise():
    torch.manual_seed(0)
    distance = SegmenterFeatures(SegmenterNetwork(SegmenterConfig(widths=(8, 8, 8))))
    image = torch.rand(1, 1, 32, 32, 32)
    assert distance(image, image) < NOTHING
    assert distance(torch.rand_like(image), image) > 10 * distance(image, image) + NOTHING


def test_the_learning_rate_rises_then_falls_to_nothing():
    shares = [learning_rate_share(step, 100, 10) for step in range(101)]
    assert shares[:10] == sorted(shares[:10])
    assert shares[10:] == sorted(shares[10:], reverse=True)
    assert shares[100] < NOTHING
