"""Laws of a settled network: the same answer under the same statistics, and no news from afar."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from MRExtrapLib.cli.main import BAD_INPUT, DONE, main
from MRExtrapLib.model.folder import load_model
from MRExtrapLib.model.segmenter import SegmenterConfig, SegmenterNetwork
from MRExtrapLib.training import brains as room
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


@pytest.fixture
def refined(tmp_path: Path, a_labelled_folder: Path):
    """Refines a network that was trained for one step; gives the exit status, the run and what went wrong."""
    words = ["train", "segmenter", str(a_labelled_folder), "--steps", "1", "--crop", "48", "--device", "cpu"]
    assert main([*words, "-o", str(tmp_path / "first")]) == DONE

    def run(*more: str) -> tuple[int, Path]:
        start = ["--start-from", str(tmp_path / "first" / "model"), "-o", str(tmp_path / "second")]
        return main([*words, *start, *more]), tmp_path / "second"

    return run


def test_the_command_settles_what_it_refines_and_goes_on_with_it(refined) -> None:
    for _ in range(2):  # the second time everything is there
        status, run = refined("--settle", "2")
        assert status == DONE
        assert load_model(run / "model").segmenter.config.is_settled


def test_brains_without_labels_are_of_those_who_may_train_and_are_told_of(
    refined, tmp_path: Path, monkeypatch
) -> None:
    seen = []

    def prepared(volume, find_tissues, contract) -> np.ndarray:
        seen.append(volume.voxels.max())
        return np.full((24,) * 3, 190, np.uint8)

    monkeypatch.setattr(room, "prepare_brain", prepared)
    brains = tmp_path / "brains"
    brains.mkdir()
    for brightest, name in ((7, "sub-7"), (8, "sub-8")):
        voxels = brightest * np.random.default_rng(0).integers(0, 2, (24,) * 3).astype(np.float32)
        nib.save(nib.Nifti1Image(voxels, np.eye(4)), brains / f"{name}_T1w.nii.gz")
    split = tmp_path / "split.json"
    held_out = {"train": ["heads/sub-1"], "validation": [], "test": ["brains/sub-8"]}
    split.write_text(json.dumps(held_out), encoding="utf-8")
    status, run = refined("--brains", str(brains), "--split", str(split))
    assert status == DONE
    assert seen == [7]
    assert any("brains: 1 subjects" in one.data for one in load_model(run / "model").manifest.training)


def test_where_no_brain_may_train_no_run_begins(refined, tmp_path: Path, capsys) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    status, run = refined("--brains", str(empty))
    assert status == BAD_INPUT
    assert f"No scan in {empty} may train and can be read" in capsys.readouterr().err
    assert not (run / "model").exists()
