"""Laws of segmenting, on a network whose answer is known: it names a structure by its brightness."""

import numpy as np
import pytest
import torch
from torch import nn

from MRExtrapLib.anatomy import segmentation
from MRExtrapLib.anatomy.segmentation import WHITE_SEEN, Segmenter, brain_mask
from MRExtrapLib.anatomy.structures import CHANNEL, STRUCTURES
from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.conform import ConformedVisit
from MRExtrapLib.imaging.intensity import IntensityContract
from MRExtrapLib.imaging.rigid import translation
from MRExtrapLib.imaging.volume import Grid, Volume
from MRExtrapLib.model.device import pick_device
from MRExtrapLib.model.segmenter import SegmenterConfig

CERTAIN = 200.0
"""A logit so large that its softmax is 1 in float32."""

VOLUME_TOLERANCE = 1e-5
"""Relative; sums of float32 probabilities that are exactly 0 or 1."""

STEP = 0.05
"""Brightness of channel k is k × STEP."""


class NamesByBrightness(nn.Module):
    """Channel = brightness / STEP, with certainty."""

    config = SegmenterConfig(structures=len(STRUCTURES))

    def voxel_logits(self, window: torch.Tensor) -> torch.Tensor:
        channel = torch.round(window[:, 0].float() / STEP).long().clamp(0, len(STRUCTURES) - 1)
        return CERTAIN * nn.functional.one_hot(channel, len(STRUCTURES)).permute(0, 4, 1, 2, 3).float()


@pytest.fixture
def a_segmenter():
    device = pick_device("cpu")
    return Segmenter(NamesByBrightness(), type(device)(device.torch, torch.float32))


def template_volume(channels: np.ndarray) -> Volume:
    """Channels as brightness on a 1 mm grid whose middle is x = 0."""
    affine = np.eye(4)
    affine[0, 3] = -(channels.shape[0] - 1) / 2
    to_contract = IntensityContract().white / WHITE_SEEN
    return Volume(channels * STEP * to_contract, affine)


@pytest.fixture
def a_left_hippocampus():
    channels = np.zeros((24, 20, 20))
    channels[3:9, 5:10, 5:10] = CHANNEL["hippocampus"]
    return channels


def test_volumes_are_counted_voxels(a_segmenter, a_left_hippocampus):
    volumes = a_segmenter.segment(template_volume(a_left_hippocampus)).volumes_ml
    expected_ml = (a_left_hippocampus > 0).sum() / 1000
    assert np.isclose(volumes["hippocampus"], expected_ml, rtol=VOLUME_TOLERANCE)


def test_volumes_alone_are_those_of_the_whole(a_segmenter, a_left_hippocampus):
    volume = template_volume(a_left_hippocampus)
    assert a_segmenter.volumes_ml(volume) == a_segmenter.segment(volume).volumes_ml


def test_where_the_network_doubts_labels_hear_brightness_and_volumes_do_not(
    a_segmenter, a_left_hippocampus, monkeypatch
):
    """A rim of fluid that the network half takes for hippocampus is named fluid, and weighed as it said."""
    bright = a_left_hippocampus.copy()
    bright[3:9, 5, 5:10] = CHANNEL["csf"]
    sure = NamesByBrightness.voxel_logits

    def doubts(self, image):
        logits = sure(self, image)
        logits[:, :, 3:9, 5, 5:10] = -CERTAIN
        logits[:, CHANNEL["hippocampus"], 3:9, 5, 5:10] = 1.0
        logits[:, CHANNEL["csf"], 3:9, 5, 5:10] = 0.0
        return logits

    monkeypatch.setattr(NamesByBrightness, "voxel_logits", doubts)
    bright[14:18, 5:10, 5:10] = CHANNEL["csf"]  # so that it is known how bright fluid is
    found = a_segmenter.segment(template_volume(bright))
    assert (found.labels[3:9, 5, 5:10] == 24).all()
    inside_ml, rim_ml = 6 * 4 * 5 / 1000, 6 * 5 / 1000
    expected_ml = inside_ml + rim_ml / (1 + np.exp(-1.0))
    assert np.isclose(found.volumes_ml["hippocampus"], expected_ml, rtol=VOLUME_TOLERANCE)


def test_left_is_where_x_is_negative(a_segmenter, a_left_hippocampus):
    segmented = a_segmenter.segment(template_volume(a_left_hippocampus))
    assert segmented.volumes_ml["hippocampus_right"] == 0
    assert set(np.unique(segmented.labels)) == {0, 17}


def test_a_mirrored_brain_swaps_its_sides(a_segmenter, a_left_hippocampus):
    one = a_segmenter.segment(template_volume(a_left_hippocampus)).volumes_ml
    other = a_segmenter.segment(template_volume(a_left_hippocampus[::-1])).volumes_ml
    assert np.isclose(one["hippocampus_left"], other["hippocampus_right"], rtol=VOLUME_TOLERANCE)
    assert other["hippocampus_left"] == 0


def test_own_voxels_are_named_by_their_side_in_template_space(a_segmenter, a_left_hippocampus):
    """The scan is stored mirrored and lies elsewhere in its scanner: only its header tells left."""
    volume = template_volume(a_left_hippocampus)
    stored = volume.affine @ np.diag([-1.0, 1, 1, 1])
    stored[0, 3] = -volume.affine[0, 3] + 30.0
    scan = ConformedVisit(
        volume=volume,
        brain=volume.voxels > 0,
        scan_to_template=translation(np.array([-30.0, 0, 0])),
        registration=None,
        scan_grid=Grid(volume.shape, stored),
        intensity=None,
    )
    segmented, own = a_segmenter.segment_scan(scan)
    assert segmented.volumes_ml == a_segmenter.segment(volume).volumes_ml
    np.testing.assert_array_equal(own[::-1] == 17, a_left_hippocampus > 0)
    assert set(np.unique(own)) == {0, 17}


def test_a_head_in_windows_is_seen_as_a_whole_is(a_segmenter, a_left_hippocampus, monkeypatch):
    whole = a_segmenter.segment(template_volume(a_left_hippocampus))
    monkeypatch.setattr(segmentation, "LARGEST_BRAIN_VOXELS", 1)
    in_windows = a_segmenter.segment(template_volume(a_left_hippocampus))
    assert np.array_equal(whole.labels, in_windows.labels)


def test_the_whole_grid_is_looked_at_wherever_the_brain_begins(a_segmenter, a_left_hippocampus, monkeypatch):
    seen = []
    answer = NamesByBrightness.voxel_logits
    monkeypatch.setattr(
        NamesByBrightness, "voxel_logits", lambda self, image: seen.append(image) or answer(self, image)
    )
    for shift in (0, 4):
        a_segmenter.segment(template_volume(np.roll(a_left_hippocampus, shift, axis=1)))
    assert seen[0].shape == seen[1].shape
    assert torch.equal(torch.roll(seen[0], 4, dims=3), seen[1])


def test_labels_that_are_certain_are_drawn_as_they_are(a_segmenter, a_left_hippocampus):
    volume = template_volume(a_left_hippocampus)
    for labels in a_segmenter.label(volume):
        np.testing.assert_array_equal(labels, a_segmenter.segment(volume).labels)


def test_labels_are_drawn_as_often_as_their_share(a_segmenter, a_left_hippocampus, monkeypatch):
    def a_quarter_amygdala(self, window):
        logits = torch.full((1, len(STRUCTURES), *window.shape[2:]), -CERTAIN)
        logits[:, CHANNEL["hippocampus"]], logits[:, CHANNEL["amygdala"]] = np.log(0.75), np.log(0.25)
        return logits

    monkeypatch.setattr(NamesByBrightness, "voxel_logits", a_quarter_amygdala)
    volume = template_volume(a_left_hippocampus)
    likeliest, drawn = a_segmenter.label(volume)
    assert set(np.unique(likeliest)) == {17, 53}
    assert set(np.unique(drawn)) == {17, 18, 53, 54}
    share = np.isin(drawn, (18, 54)).mean()
    assert abs(share - 0.25) < 4 * np.sqrt(0.25 * 0.75 / drawn.size)
    np.testing.assert_array_equal(drawn, a_segmenter.label(volume)[1])


def test_an_empty_volume_has_no_regions(a_segmenter):
    volumes = a_segmenter.segment(template_volume(np.zeros((16, 16, 16)))).volumes_ml
    assert set(volumes.values()) == {0.0}


def test_a_scan_without_a_brain_is_refused(a_segmenter):
    speck = np.zeros((40, 40, 40))
    speck[18:22, 18:22, 18:22] = 1
    with pytest.raises(InputError, match="No brain was found"):
        a_segmenter.find_tissues(Volume(speck, np.eye(4)))


def test_one_very_dark_voxel_does_not_turn_air_into_head():
    voxels = np.zeros((40, 40, 40))
    voxels[12:28, 12:28, 12:28] = 100.0
    ringing = voxels.copy()
    ringing[11, 11, 11] = -60.0  # as a spline leaves beside a bright edge
    plain, disturbed = (
        segmentation._at_one_millimetre(segmentation._above_air(Volume(v, np.eye(4)))).voxels
        for v in (voxels, ringing)
    )
    np.testing.assert_array_equal(plain, disturbed)


def test_the_brain_mask_keeps_the_largest_piece_and_fills_it():
    channels = np.zeros((40, 40, 40), dtype=np.uint8)
    channels[5:30, 5:30, 5:30] = CHANNEL["cerebral-white-matter"]
    channels[15:18, 15:18, 15:18] = 0
    channels[34:38, 34:38, 34:38] = CHANNEL["cerebral-cortex"]
    mask = brain_mask(channels)
    assert mask[16, 16, 16]
    assert not mask[34:38, 34:38, 34:38].any()
