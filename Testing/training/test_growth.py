"""Laws of brains whose structures change size, and of the teacher that names them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from MRExtrapLib.anatomy.structures import CHANNEL
from MRExtrapLib.model.blocks import depth_to_space
from MRExtrapLib.model.segmenter import SegmenterConfig, SegmenterNetwork
from MRExtrapLib.training import growth
from MRExtrapLib.training.brains import Brain
from MRExtrapLib.training.crops import CropConfig, Crops
from MRExtrapLib.training.growth import moved, source_of_grown
from MRExtrapLib.training.sampling import at_voxels, placed_brain, placed_head
from MRExtrapLib.training.teaching import MEMORY, Teacher

CPU = torch.device("cpu")
VENTRICLE, WHITE = CHANNEL["lateral-ventricle"], CHANNEL["cerebral-white-matter"]


@pytest.fixture
def a_ball() -> torch.Tensor:
    """A ventricle of radius 9 in white matter of radius 18, fluid around it; (48, 48, 48) channels."""
    radius = torch.from_numpy(np.linalg.norm(np.indices((48,) * 3) - 23.5, axis=0))
    ball = torch.full((48,) * 3, CHANNEL["csf"])
    ball[radius < 18], ball[radius < 9] = WHITE, VENTRICLE
    return ball


def grown_by(ball: torch.Tensor, shares: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> torch.Tensor:
    """The source of a ball whose structures change by given shares alone, evenly."""
    monkeypatch.setattr(growth, "SPREAD", 0.0)
    monkeypatch.setattr(growth, "UNEVENNESS", 0.0)
    monkeypatch.setattr(growth, "SPREADS", shares)

    class Ones:
        def standard_normal(self, shape) -> np.ndarray:
            return np.ones(shape)

        def integers(self, low: int, high: int) -> int:
            return low

    return source_of_grown(ball, Ones())  # type: ignore[arg-type]


def volume_of(channel: int, ball: torch.Tensor, source: torch.Tensor) -> float:
    return at_voxels((ball == channel)[None].float(), source).sum().item()


@pytest.mark.parametrize("share", [-0.2, 0.2])
def test_a_structure_changes_by_its_share_and_its_neighbour_keeps_its_size(
    a_ball: torch.Tensor, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = grown_by(a_ball, {"lateral-ventricle": share}, monkeypatch)
    before = [(a_ball == channel).sum().item() for channel in (VENTRICLE, WHITE)]
    after = [volume_of(channel, a_ball, source) for channel in (VENTRICLE, WHITE)]
    assert after[0] / before[0] - 1 == pytest.approx(share, abs=0.25 * abs(share))
    assert after[1] / before[1] - 1 == pytest.approx(0, abs=0.1 * abs(share))


def test_nothing_folds(a_ball: torch.Tensor) -> None:
    for seed in range(5):
        source = source_of_grown(a_ball, np.random.default_rng(seed))
        slopes = torch.stack(torch.gradient(source, dim=(0, 1, 2)), dim=-1)
        assert torch.linalg.det(slopes).min() > 0.2


def test_positions_follow_what_moves(a_ball: torch.Tensor) -> None:
    source = source_of_grown(a_ball, np.random.default_rng(0))
    axis = torch.arange(48.0)
    here = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1)
    torch.testing.assert_close(moved(2 * here + 1, source), 2 * source.clamp(0, 47) + 1, rtol=0, atol=1e-3)


@pytest.fixture
def a_network() -> SegmenterNetwork:
    torch.manual_seed(5)
    return SegmenterNetwork(SegmenterConfig(widths=(8, 8)))


def test_the_teacher_follows_slowly_and_never_leads(a_network: SegmenterNetwork) -> None:
    teacher = Teacher(a_network)
    before = teacher.network.head.weight.clone()
    with torch.no_grad():
        a_network.head.weight.add_(1.0)
    teacher.follow(a_network)
    torch.testing.assert_close(teacher.network.head.weight, before + (1 - MEMORY))
    torch.testing.assert_close(a_network.head.weight, before + 1)


def test_what_is_drawn_is_drawn_by_probability(a_network: SegmenterNetwork) -> None:
    """A head that gives one channel three times the chance of another, and none to the others."""
    with torch.no_grad():
        a_network.head.weight.zero_()
        bias = torch.full((18, 8), -50.0)
        bias[2], bias[3] = 0.0, -np.log(3) / 8.0
        bias[4:] = bias[:2] = -50.0
        a_network.head.bias.copy_(bias.flatten())
    likeliest, drawn = Teacher(a_network)(torch.rand(32, 32, 32), np.random.default_rng(0))
    assert (likeliest == 2).all()
    assert set(drawn.unique().tolist()) == {2, 3}
    assert (drawn == 3).float().mean() == pytest.approx(0.25, abs=0.02)


def test_a_brain_without_labels_is_shown_changed_with_names_that_moved_along(a_scanned_head) -> None:
    """The teacher knows tissues by brightness: so what it named is still as bright as its name says."""

    def by_brightness(image: torch.Tensor, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        named = torch.where(image > 0.6, WHITE, torch.where(image > 0.05, VENTRICLE, 0))
        return named, named

    brain = placed_brain(Brain("made/brain", a_scanned_head.image), CPU)
    crops = Crops([brain], 3, CropConfig(size=48, taught_share=1.0), by_brightness)
    for index in range(4):
        image, blocks, is_coarse = crops[index]
        named = depth_to_space(blocks[None], 2)[0, 0]
        assert not is_coarse
        assert min((named == channel).sum() for channel in (WHITE, VENTRICLE, 0)) > 500
        assert image[0][named == WHITE].median() > image[0][named == VENTRICLE].median()
        assert image[0][named == 0].median() == 0


def test_without_a_teacher_every_crop_has_labels_of_its_own(a_scanned_head) -> None:
    crops = Crops([placed_head(a_scanned_head, CPU)], 3, CropConfig(size=32, taught_share=1.0))
    assert set(crops[0][1].unique().tolist()) <= {0, WHITE, VENTRICLE, CHANNEL["cerebral-cortex"]}
