"""Laws of borders: a doubtful voxel is named by its brightness, a sure one by the network."""

import numpy as np
import pytest
import torch

from MRExtrapLib.anatomy.borders import LEAST_LIKELY, SURE, heard_by_brightness

FLUID, TISSUE, OTHER = 0, 1, 2
"""Structures of these tests; there are no others."""

FLUID_BRIGHT, TISSUE_BRIGHT = 0.1, 0.5

SUM_TOLERANCE = 1e-5
"""Of three float32 probabilities."""

SHAPE = (24, 24, 24)
BORDER = 12
"""Tissue begins at this plane along x."""


def halves(doubt: float = 0.0, at: slice = slice(0, 0)) -> torch.Tensor:
    """Fluid in the lower half, tissue in the upper; within some planes another share of each."""
    probabilities = torch.zeros(3, *SHAPE)
    probabilities[FLUID, :BORDER] = probabilities[TISSUE, BORDER:] = 1.0
    probabilities[FLUID, at], probabilities[TISSUE, at] = 1.0 - doubt, doubt
    return probabilities


def brain(border: int = BORDER) -> np.ndarray:
    """Its fluid and its tissue, without noise."""
    voxels = np.full(SHAPE, FLUID_BRIGHT, dtype=np.float32)
    voxels[border:] = TISSUE_BRIGHT
    return voxels


def named(probabilities: torch.Tensor, voxels: np.ndarray) -> np.ndarray:
    return heard_by_brightness(probabilities, voxels).argmax(dim=0).numpy()


@pytest.mark.parametrize("true_border", [10, 11, 12, 13, 14])
def test_a_blurred_border_comes_to_lie_where_brightness_changes(true_border):
    ramp = torch.linspace(0.1, 0.9, 6)
    probabilities = halves()
    probabilities[TISSUE, 9:15] = ramp[:, None, None]
    probabilities[FLUID, 9:15] = 1 - ramp[:, None, None]
    labels = named(probabilities, brain(true_border))
    assert (labels[:true_border] == FLUID).all()
    assert (labels[true_border:] == TISSUE).all()


def test_what_the_network_is_sure_of_stays():
    probabilities = halves(doubt=SURE + 0.01, at=slice(8, 10))
    after = heard_by_brightness(probabilities, brain())
    torch.testing.assert_close(after, probabilities)


def test_probabilities_go_on_adding_up():
    rng = torch.Generator().manual_seed(1)
    probabilities = torch.softmax(torch.randn(3, *SHAPE, generator=rng), dim=0)
    voxels = torch.rand(SHAPE, generator=rng).numpy()
    after = heard_by_brightness(probabilities, voxels)
    assert (after >= 0).all()
    assert torch.allclose(after.sum(dim=0), torch.ones(SHAPE), atol=SUM_TOLERANCE)
    assert not torch.equal(after, probabilities)


def test_of_structures_that_look_alike_the_network_decides():
    probabilities = halves(doubt=0.3, at=slice(8, 16))
    after = heard_by_brightness(probabilities, np.full(SHAPE, TISSUE_BRIGHT, dtype=np.float32))
    torch.testing.assert_close(after, probabilities, atol=SUM_TOLERANCE, rtol=0)


def test_what_the_network_rules_out_is_not_named_however_well_it_would_fit():
    probabilities = halves(doubt=0.5, at=slice(11, 13))
    probabilities[:, :4], probabilities[OTHER, :4] = 0.0, 1.0
    probabilities[OTHER, 11:13] = LEAST_LIKELY / 10
    voxels = brain()
    voxels[:4] = voxels[11:13] = 1.3  # as bright as the third, which lies elsewhere
    assert set(np.unique(named(probabilities, voxels)[11:13])) <= {FLUID, TISSUE}
    assert not heard_by_brightness(probabilities, voxels)[OTHER, 11:13].any()


def test_a_structure_that_is_nowhere_is_not_taken_for_black():
    """Of the third there is a trace everywhere: nobody knows that it is dark, or how bright it is."""
    probabilities = halves(doubt=0.5, at=slice(10, 14)) * 0.999
    probabilities[OTHER] = 0.001
    voxels = brain()
    voxels[10:14] = 0.0
    assert set(np.unique(named(probabilities, voxels)[10:14])) == {FLUID}


def test_a_voxel_of_a_structure_that_is_nowhere_else_is_left_to_the_network():
    """Were its brightness heard, fluid would be named: it is as dark, and of the third nothing is known."""
    probabilities = halves()
    probabilities[:, 5, 5, 5] = torch.tensor([0.4, 0.0, 0.6])
    after = heard_by_brightness(probabilities, brain())
    torch.testing.assert_close(after, probabilities)


def test_a_border_is_found_under_shading():
    """A gain that doubles along y moves no border, for means are local."""
    gain = np.linspace(0.7, 1.4, SHAPE[1], dtype=np.float32)[None, :, None]
    probabilities = halves(doubt=0.5, at=slice(10, 14))
    labels = named(probabilities, brain() * gain)
    assert (labels[:BORDER] == FLUID).all()
    assert (labels[BORDER:] == TISSUE).all()


def test_a_structure_that_varies_takes_no_voxel_that_another_is_nearer_to():
    rng = np.random.default_rng(2)
    voxels = brain()
    voxels[16:] += rng.normal(0, 0.1, voxels[16:].shape).astype(np.float32)
    voxels[10:12], voxels[12:14] = FLUID_BRIGHT + 0.15, TISSUE_BRIGHT - 0.15  # shared, each nearer to its own
    labels = named(halves(doubt=0.5, at=slice(10, 14)), voxels)
    assert (labels[10:12] == FLUID).all()
    assert (labels[12:14] == TISSUE).all()


def test_what_was_given_is_left_alone():
    probabilities, voxels = halves(doubt=0.5, at=slice(10, 14)), brain()
    kept, seen = probabilities.clone(), voxels.copy()
    heard_by_brightness(probabilities, voxels)
    assert torch.equal(probabilities, kept)
    assert np.array_equal(voxels, seen)


@pytest.mark.parametrize("shape", [(5, 6, 7), (9, 4, 13)])
def test_a_grid_of_any_size_will_do(shape):
    probabilities = torch.full((3, *shape), 1 / 3)
    after = heard_by_brightness(probabilities, np.linspace(0, 1, np.prod(shape)).reshape(shape))
    assert after.shape == probabilities.shape
    assert torch.isfinite(after).all()
