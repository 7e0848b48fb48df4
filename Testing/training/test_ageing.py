"""Laws of brains that are aged for a segmenter: names move with what they name, and are kept."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from phantoms import labelled_ellipsoids, t1_like

from MRExtrapLib.anatomy.structures import CHANNEL, channels_of
from MRExtrapLib.imaging.writing import write_nifti
from MRExtrapLib.model.blocks import depth_to_space
from MRExtrapLib.training import ageing
from MRExtrapLib.training.ageing import STEPS, YEARS, AgedBrain, aged_brains, aged_example
from MRExtrapLib.training.crops import CropConfig, Crops

BRIGHTEST = 200.0
LABELS = labelled_ellipsoids(3.0)


class Teacher:
    """Knows the phantom by heart, and counts how often it is asked."""

    template = None

    def __init__(self) -> None:
        self.asked = 0

    def find_tissues(self, volume):
        raise AssertionError

    def label(self, volume) -> tuple[np.ndarray, np.ndarray]:
        self.asked += 1
        return LABELS.voxels.astype(np.int16), LABELS.voxels.astype(np.int16)


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path]]:
    """Two scans that conform as they are."""

    def conform(volumes, find_tissues, template):
        return [SimpleNamespace(volume=one.with_voxels(one.voxels / BRIGHTEST)) for one in volumes]

    monkeypatch.setattr(ageing, "conform", conform)
    write_nifti(t1_like(LABELS), tmp_path / "sub-1_T1w.nii.gz")
    (tmp_path / "sub-2_T1w.nii.gz").write_bytes(b"no scan")
    return [(f"made/sub-{n}", tmp_path / f"sub-{n}_T1w.nii.gz") for n in (1, 2)]


def test_names_move_with_what_they_name(scans, tmp_path: Path) -> None:
    (brain,), refused = aged_brains(scans, Teacher(), "me", 0, tmp_path / "aged")
    assert len(brain.voxels) == len(brain.channels) == 1 + len(YEARS)
    assert len(refused) == 1
    assert refused[0].startswith("sub-2_T1w.nii.gz: ")
    np.testing.assert_array_equal(
        brain.channels[0], channels_of(LABELS.voxels.astype(np.int16), "freesurfer")
    )
    fluid = [(one == CHANNEL["lateral-ventricle"]).sum() for one in brain.channels]
    assert fluid[1] < fluid[0] < fluid[2] < fluid[3], "four years younger, now, three and six years older"
    for image, channels in zip(brain.voxels, brain.channels, strict=True):
        white = image[channels == CHANNEL["cerebral-white-matter"]]
        assert abs(np.median(white) - STEPS * 150 / BRIGHTEST) <= 1


def test_brains_are_kept_for_the_next_sitting_and_for_the_same_teacher(scans, tmp_path: Path) -> None:
    teacher = Teacher()
    (first,), _ = aged_brains(scans[:1], teacher, "me", 0, tmp_path / "aged")
    (second,), _ = aged_brains(scans[:1], teacher, "me", 0, tmp_path / "aged")
    assert teacher.asked == 1
    np.testing.assert_array_equal(first.voxels, second.voxels)
    aged_brains(scans[:1], teacher, "another", 0, tmp_path / "aged")
    assert teacher.asked == 2


def test_two_sessions_of_a_person_are_two_brains(scans, tmp_path: Path) -> None:
    later = tmp_path / "sub-1_ses-2_T1w.nii.gz"
    darker = t1_like(LABELS)
    write_nifti(darker.with_voxels(0.9 * darker.voxels), later)
    both, _ = aged_brains([scans[0], (scans[0][0], later)], Teacher(), "me", 0, tmp_path / "aged")
    assert both[0].voxels.max() > both[1].voxels.max()


@pytest.fixture
def a_striped_brain() -> AgedBrain:
    """Whose structure is as bright as its number, at two ages; left is not right."""
    channels = np.zeros((2, 16, 16, 16), np.uint8)
    channels[0, 2:7, :8], channels[1, 2:9, :10] = 3, 3
    return AgedBrain("made/striped", channels * 40, channels)


def test_an_example_shows_one_age_with_its_own_labels(a_striped_brain: AgedBrain) -> None:
    for seed in range(6):
        image, channels = aged_example(a_striped_brain, np.random.default_rng(seed))
        assert image.shape == (1, 16, 16, 16)
        assert channels.shape == (8, 8, 8, 8)
        named = depth_to_space(channels[None], 2)[0]
        assert torch.equal(named > 0, image > 0)


def test_where_there_are_aged_brains_half_of_the_crops_show_them(
    a_scanned_head, a_striped_brain: AgedBrain
) -> None:
    crops = Crops([a_scanned_head], 40, 1, CropConfig(size=32), [a_striped_brain])
    aged = sum(crops[index][0].shape[-1] == 16 for index in range(40))
    assert 10 < aged < 30
