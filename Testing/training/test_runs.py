"""A run that was interrupted ends where an uninterrupted one ends."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from MRExtrapLib.cli.main import main
from MRExtrapLib.errors import InputError
from MRExtrapLib.model.autoencoder import AutoencoderConfig
from MRExtrapLib.model.folder import load_model
from MRExtrapLib.model.segmenter import SegmenterConfig
from MRExtrapLib.training.autoencoder import AutoencoderTraining, psnr_db, train_autoencoder
from MRExtrapLib.training.brains import Brain, BrainCrops
from MRExtrapLib.training.crops import CropConfig
from MRExtrapLib.training.lessons import Lessons
from MRExtrapLib.training.run import Run
from MRExtrapLib.training.segmenter import SegmenterTraining, train_segmenter

CPU = torch.device("cpu")
SAME_DIRECTION = 0.995
"""Cosine of two gradients that differ by rounding to bfloat16 alone; of two other crops it is far lower."""

TINY_SEGMENTER = SegmenterTraining(
    network=SegmenterConfig(widths=(8, 8)), crops=CropConfig(size=16), steps=4, save_every=2
)
TINY_AUTOENCODER = AutoencoderTraining(
    network=AutoencoderConfig(widths=(8, 8), blocks=(1, 1)),
    epochs=2,
    steps_per_epoch=2,
    adversarial_after_epoch=1,
    crop=48,
    workers=0,
)


class PlugPulledError(Exception):
    """Somebody pulled the plug."""


@pytest.fixture
def some_brains():
    index = np.indices((40, 40, 40)).sum(axis=0)
    return [Brain(f"made/{i}", ((np.sin(index / (4 + i)) + 1) * 100).astype(np.uint8)) for i in range(2)]


def weights_of(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def test_an_interrupted_segmenter_run_goes_on_where_it_was(
    tmp_path, a_scanned_head, a_label_map, monkeypatch
):
    heads = [a_scanned_head, a_label_map]
    brains = [Brain("made/brain", a_scanned_head.image)]  # so that there is a teacher to go on with, too
    whole, _ = train_segmenter(heads, TINY_SEGMENTER, tmp_path / "whole", CPU, brains=brains)
    from MRExtrapLib.training import segmenter as room

    steps = iter(range(3))
    honest = room._step

    def until_the_plug_is_pulled(*arguments):
        if next(steps, None) is None:
            raise PlugPulledError
        return honest(*arguments)

    with monkeypatch.context() as patch, pytest.raises(PlugPulledError):
        patch.setattr(room, "_step", until_the_plug_is_pulled)
        train_segmenter(heads, TINY_SEGMENTER, tmp_path / "broken", CPU, brains=brains)
    resumed, run = train_segmenter(heads, TINY_SEGMENTER, tmp_path / "broken", CPU, brains=brains)
    assert run.step == TINY_SEGMENTER.steps
    assert torch.equal(weights_of(whole), weights_of(resumed))


def test_other_options_do_not_resume_a_run(tmp_path, a_scanned_head):
    train_segmenter([a_scanned_head], replace(TINY_SEGMENTER, steps=2), tmp_path, CPU)
    with pytest.raises(InputError, match="other options"):
        train_segmenter([a_scanned_head], replace(TINY_SEGMENTER, steps=3), tmp_path, CPU)


def test_a_run_that_diverged_is_not_saved(tmp_path, a_scanned_head):
    first, _ = train_segmenter([a_scanned_head], replace(TINY_SEGMENTER, steps=2), tmp_path / "first", CPU)
    kept = (tmp_path / "first" / "state.pt").read_bytes()
    run = Run(tmp_path / "first", json.loads((tmp_path / "first" / "run.json").read_text())["configuration"])
    first.head.weight.data[0] = torch.nan
    with pytest.raises(InputError, match="diverged: the network's weights are not finite at step 0"):
        run.save({"network": first})
    assert (tmp_path / "first" / "state.pt").read_bytes() == kept


def test_an_autoencoder_run_resumes_with_its_discriminator(tmp_path, some_brains):
    whole, _ = train_autoencoder(
        Lessons(some_brains, some_brains), TINY_AUTOENCODER, {}, tmp_path / "whole", CPU
    )
    again, run = train_autoencoder(
        Lessons(some_brains, some_brains), TINY_AUTOENCODER, {}, tmp_path / "whole", CPU
    )
    assert run.step == TINY_AUTOENCODER.steps
    assert torch.equal(weights_of(whole), weights_of(again))
    names = (tmp_path / "whole" / "metrics.csv").read_text(encoding="utf-8")
    assert "validation_psnr_db" in names


def test_training_brings_the_reconstruction_nearer(tmp_path, some_brains):
    longer = replace(
        TINY_AUTOENCODER, epochs=1, steps_per_epoch=40, adversarial_after_epoch=9, learning_rate=3e-3
    )
    start, _ = train_autoencoder(
        Lessons(some_brains), replace(longer, steps_per_epoch=1), {}, tmp_path / "start", CPU
    )
    trained, _ = train_autoencoder(Lessons(some_brains), longer, {}, tmp_path / "trained", CPU)
    assert psnr_db(trained, some_brains, CPU) > psnr_db(start, some_brains, CPU) + 1


def test_a_refined_autoencoder_begins_where_the_other_ended(tmp_path, some_brains):
    first, _ = train_autoencoder(Lessons(some_brains), TINY_AUTOENCODER, {}, tmp_path / "first", CPU)
    still = replace(TINY_AUTOENCODER, learning_rate=0.0)
    refined, _ = train_autoencoder(Lessons(some_brains), still, {}, tmp_path / "refined", CPU, first)
    assert torch.equal(weights_of(first), weights_of(refined))


def test_the_same_number_gives_the_same_brain_crop(some_brains):
    crops = BrainCrops(some_brains, 16, 10, seed=1)
    assert torch.equal(crops[3], crops[3])
    assert crops[3].min() >= 0
    assert crops[3].max() <= 1


def test_the_command_ends_with_a_model_folder_that_loads(tmp_path, a_labelled_folder):
    words = ["train", "segmenter", str(a_labelled_folder), "-o", str(tmp_path / "run"), "--steps", "1"]
    assert main([*words, "--crop", "48", "--device", "cpu", "--name", "tiny"]) == 0
    model = load_model(tmp_path / "run" / "model")
    assert model.name == "tiny"
    assert model.segmenter is not None
    assert model.manifest.training[0].data == ("heads: 2 subjects",)


def test_a_drawn_split_is_the_same_in_every_run(tmp_path, a_labelled_folder):
    words = ["train", "segmenter", str(a_labelled_folder), "--steps", "1", "--crop", "48", "--device", "cpu"]
    for name in ("first", "second", "third"):
        assert main([*words, "-o", str(tmp_path / name)]) == 0
    drawn = {
        (tmp_path / name / "split.json").read_text(encoding="utf-8") for name in ("first", "second", "third")
    }
    assert len(drawn) == 1


def gradient_of(run: Path) -> torch.Tensor:
    """The mean gradient so far, as the optimiser of a saved run remembers it."""
    state = torch.load(run / "state.pt", weights_only=True)["optimiser"]["state"]
    return torch.cat([one["exp_avg"].flatten() for one in state.values()])


def test_two_processes_learn_what_one_learns_from_the_same_crops(tmp_path, a_labelled_folder, together):
    words = ["train", "segmenter", str(a_labelled_folder), "--steps", "1", "--crop", "48", "--device", "cpu"]
    together("-m", "MRExtrapLib", *words, "-o", str(tmp_path / "two"))
    assert main([*words, "-o", str(tmp_path / "one"), "--accumulate", "2"]) == 0
    assert main([*words, "-o", str(tmp_path / "other"), "--accumulate", "2", "--seed", "7"]) == 0
    one, two, other = (gradient_of(tmp_path / run) for run in ("one", "two", "other"))
    assert torch.cosine_similarity(one, two, dim=0) > SAME_DIRECTION
    assert torch.cosine_similarity(one, other, dim=0) < SAME_DIRECTION


SHARED_JUDGE = """
import torch
from MRExtrapLib.training.run import average_gradients, join_processes, rank
join_processes()
judge = torch.nn.Linear(1, 1)
for parameter in judge.parameters():
    parameter.grad = torch.full_like(parameter, float(rank()))
average_gradients(judge)
print([parameter.grad.item() for parameter in judge.parameters()])
"""


def test_processes_step_by_the_mean_of_their_gradients(tmp_path, together):
    script = tmp_path / "judge.py"
    script.write_text(SHARED_JUDGE, encoding="utf-8")
    assert together(str(script)).count("[0.5, 0.5]") == 2


def test_a_refined_segmenter_tells_of_the_run_it_began_with(tmp_path, a_labelled_folder):
    words = ["train", "segmenter", str(a_labelled_folder), "--steps", "1", "--crop", "48", "--device", "cpu"]
    assert main([*words, "-o", str(tmp_path / "first")]) == 0
    first = str(tmp_path / "first" / "model")
    assert main([*words, "-o", str(tmp_path / "second"), "--start-from", first]) == 0
    assert len(load_model(tmp_path / "second" / "model").manifest.training) == 2


def test_a_crop_too_small_for_the_discriminator_is_refused():
    with pytest.raises(InputError, match="Training crops of 32 voxels are too small"):
        replace(TINY_AUTOENCODER, crop=32)


def test_a_crop_too_small_for_the_segmenter_is_refused(tmp_path, a_labelled_folder, capsys):
    words = ["train", "segmenter", str(a_labelled_folder), "--crop", "32", "-o", str(tmp_path / "run")]
    assert main(words) == 2
    assert "Training crops of 32 voxels are too small; give --crop 48 or more." in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
