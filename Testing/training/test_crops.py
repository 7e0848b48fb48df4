"""Laws of cutting, painting and degrading."""

import numpy as np
import pytest
import torch

from MRExtrapLib.model.blocks import depth_to_space
from MRExtrapLib.training.augmentation import crop_coordinates
from MRExtrapLib.training.crops import CropConfig, Crops, _somewhere_within
from MRExtrapLib.training.painting import blur, label_means, paint
from MRExtrapLib.training.sampling import placed_head, sample

CPU = torch.device("cpu")
SMALL = CropConfig(size=32)


def crops_of(*heads, seed: int, config: CropConfig) -> Crops:
    return Crops([placed_head(head, CPU) for head in heads], seed, config)


def test_the_same_number_gives_the_same_crop(a_scanned_head, a_label_map):
    crops = crops_of(a_scanned_head, a_label_map, seed=3, config=SMALL)
    for one, again in zip(crops[4], crops[4], strict=True):
        assert torch.equal(torch.as_tensor(one), torch.as_tensor(again))
    assert not torch.equal(crops[4][0], crops[5][0])


def test_image_and_labels_are_cut_at_the_same_place(a_scanned_head):
    still = CropConfig(size=32, stripped_share=0.0, painted_share=0.0)
    image, blocks, _ = crops_of(a_scanned_head, seed=0, config=still)[1]
    channels = depth_to_space(blocks[None], 2)[0, 0]
    white, ventricle = image[0][channels == 2], image[0][channels == 4]
    assert white.numel() > 100
    assert ventricle.numel() == 0 or white.median() > ventricle.median()
    assert white.median() > image[0][channels == 0].mean()


def test_a_still_crop_of_coarse_labels_shows_the_scans_own_voxels(a_coarse_head):
    config = CropConfig(size=32, stripped_share=0.0, still_share=1.0)
    _, blocks, is_coarse = crops_of(a_coarse_head, seed=0, config=config)[0]
    assert is_coarse
    assert all(torch.equal(blocks[0], block) for block in blocks)
    assert set(blocks.unique().tolist()) <= {0, 2, 3, 4}


def test_a_stripped_crop_is_dark_outside_the_brain(a_scanned_head):
    config = CropConfig(size=32, stripped_share=1.0)
    image, blocks, _ = crops_of(a_scanned_head, seed=1, config=config)[0]
    outside = depth_to_space(blocks[None], 2)[0, 0] == 0
    deep_outside = torch.nn.functional.avg_pool3d(outside.float()[None], 5, 1, 2)[0] == 1
    assert not image[0][deep_outside].any()


def test_outside_a_volume_there_is_nothing():
    rng = np.random.default_rng(0)
    far = crop_coordinates(np.array([500.0, 500, 500]), 16, rng, is_still=True)
    assert not sample(torch.ones(8, 8, 8), far, (1.0, 1.0, 1.0), is_labels=False).any()


def test_blurring_keeps_a_constant():
    assert torch.allclose(blur(torch.full((9, 10, 11), 0.7), 0.8), torch.tensor(0.7))


def test_a_t1_painting_is_dark_in_fluid_and_bright_in_white_matter(a_label_map):
    rng = np.random.default_rng(0)
    means = label_means(a_label_map.numbers, rng, is_t1_like=True)
    image = paint([torch.from_numpy(a_label_map.labels)], means, rng)
    brightness = {label: image[torch.from_numpy(a_label_map.labels == label)].mean() for label in (2, 3, 4)}
    assert brightness[4] < brightness[3] < brightness[2]


def test_a_painted_voxel_mixes_what_its_parts_hold():
    means = np.array([0.2, 1.0], dtype=np.float32)
    here, there = torch.zeros(24, 24, 24), torch.ones(24, 24, 24)
    image = paint([here, there, there, there], means, np.random.default_rng(0))
    assert image.mean() == pytest.approx(0.8, abs=0.01)


def test_a_shared_voxel_is_told_as_each_tissue_by_its_share():
    halves = np.zeros((40, 40, 40), dtype=np.int16)
    halves[20:] = 1  # the border of nearest neighbours lies at 19.5
    rng = np.random.default_rng(0)
    mm = crop_coordinates(np.array([19.75, 20.0, 20.0]), 31, rng, is_still=True)
    told = sample(torch.from_numpy(halves), _somewhere_within(mm, rng), (1.0, 1.0, 1.0), is_labels=True)
    middle = told[15]  # from 19.25 to 20.25: a quarter lies before the border
    assert middle.mean() == pytest.approx(0.75, abs=0.05)
    assert set(told[:14].unique().tolist() + told[17:].unique().tolist()) == {0.0, 1.0}
