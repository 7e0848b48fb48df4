"""Trajectories of ageing: who may be learned from, what a triple is, and what straightness costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from MRExtrapLib.cli.main import main
from MRExtrapLib.errors import InputError
from MRExtrapLib.model.autoencoder import Autoencoder, AutoencoderConfig
from MRExtrapLib.training.autoencoder import AutoencoderTraining, Trainer, train_autoencoder
from MRExtrapLib.training.brains import AGED_SHARE, Brain, BrainCrops
from MRExtrapLib.training.lessons import Lessons
from MRExtrapLib.training.losses import linearity_loss
from MRExtrapLib.training.scans import KeptScan
from MRExtrapLib.training.split import Split
from MRExtrapLib.training.trajectories import Trajectory, TripleCrops, trajectory_of

CPU = torch.device("cpu")
ROUNDING = 1e-6
"""Of float32 intensities up to 2."""

SHARE = 0.25
BAD_INPUT = 2

TINY = AutoencoderTraining(
    network=AutoencoderConfig(widths=(8,), blocks=(1,)),
    epochs=2,
    steps_per_epoch=2,
    adversarial_after_epoch=1,
    linearity_weight=1.0,
    crop=48,
    workers=0,
)


def as_it_is(latent: torch.Tensor) -> torch.Tensor:
    return latent


def random_images() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """First, last, and a bend."""
    generator = torch.Generator().manual_seed(0)
    first, last, bend = torch.rand((3, 1, 1, 4, 4, 4), generator=generator)
    return first, last, bend


def a_trajectory(name: str, ages_years: Sequence[float]) -> Trajectory:
    """A ball whose core darkens evenly with age."""
    radius = np.linalg.norm(np.indices((24, 24, 24)) - 11.5, axis=0)
    visits = [np.where(radius < 10, 200, 0) - np.where(radius < 5, 20 * age, 0) for age in ages_years]
    return Trajectory(name, tuple(ages_years), np.stack(visits).astype(np.uint8))


def made_lessons() -> Lessons:
    brains = [Brain("made/young", a_trajectory("made/young", [0.0]).visits[0])]
    return Lessons(brains, brains, [a_trajectory(f"aged/{i}", [0.0, 1.0 + i, 4.0]) for i in range(2)])


@pytest.fixture
def some_lessons() -> Lessons:
    return made_lessons()


def test_a_straight_trajectory_costs_nothing_and_a_bend_as_much_as_it_is_large() -> None:
    first, last, bend = random_images()
    on_line = torch.lerp(first, last, SHARE)
    costs = [
        float(linearity_loss(as_it_is, first, last, SHARE, on_line + size * bend)) for size in (0.0, 0.1, 0.4)
    ]
    assert costs[0] < ROUNDING
    assert costs[1] == pytest.approx(0.1 * float(bend.mean()), rel=1e-4)
    assert costs[2] == pytest.approx(4 * costs[1], rel=1e-4)


def test_what_a_bend_costs_does_not_depend_on_the_scale_of_the_latent() -> None:
    first, last, bend = random_images()
    middle = torch.lerp(first, last, SHARE) + bend
    small = linearity_loss(as_it_is, first, last, SHARE, middle)
    large = linearity_loss(lambda latent: latent / 100, 100 * first, 100 * last, SHARE, middle)
    assert torch.isclose(small, large, rtol=1e-4)


def test_the_gradient_of_a_bend_reaches_encoder_and_decoder() -> None:
    torch.manual_seed(0)
    network = Autoencoder(AutoencoderConfig(widths=(8,), blocks=(1,)))
    first, last, middle = torch.rand(3, 1, 1, 8, 8, 8)
    means, _ = network.encode(torch.cat([first, last]))
    linearity_loss(network.decode, means[:1], means[1:], SHARE, middle).backward()
    for half in (network.transform.analysis, network.transform.synthesis):
        assert half.weight.grad is not None
        assert half.weight.grad.abs().sum() > 0


def test_a_triple_shows_one_place_at_three_ages(some_lessons: Lessons) -> None:
    triples = TripleCrops(some_lessons.trajectories, 16, seed=1)
    for index in range(10):
        triple, again = triples[index], triples[index]
        first, middle, last = triple.images
        assert torch.equal(triple.images, again.images)
        assert triple.images.shape == (3, 1, 16, 16, 16)
        assert triple.share in (0.25, 0.5)
        # what darkens evenly lies on the line wherever the crop was taken, and however it was turned
        assert torch.allclose(middle, torch.lerp(first, last, triple.share), atol=ROUNDING)


def test_the_share_of_the_way_is_that_of_the_years() -> None:
    one = a_trajectory("made/a", [60.0, 61.0, 63.0, 64.0])
    assert one.middle is not None
    assert one.share(one.middle) == pytest.approx(0.25)


def test_half_of_the_crops_are_of_aged_visits() -> None:
    young, old = Brain("y", np.full((20,) * 3, 200, np.uint8)), Brain("o", np.full((20,) * 3, 60, np.uint8))
    crops = BrainCrops([young], 16, 400, seed=0, aged=[old])
    aged = [float(crops[index].mean()) < 0.5 for index in range(400)]
    assert np.mean(aged) == pytest.approx(AGED_SHARE, abs=0.1)  # four standard deviations


def test_without_trajectories_crops_are_what_they_were_before_there_were_any() -> None:
    voxels = np.arange(20**3, dtype=np.uint8).reshape(20, 20, 20)
    rng = np.random.default_rng((5, 3))
    assert rng.integers(1) == 0
    x, y, z = (int(rng.integers(5)) for _ in range(3))
    crop = np.transpose(voxels[x : x + 16, y : y + 16, z : z + 16], rng.permutation(3))
    crop = np.flip(crop, tuple(axis for axis in range(3) if rng.random() < 0.5))
    expected = np.clip(crop * (rng.uniform(0.9, 1.1) / 255), 0, 1)
    found = BrainCrops([Brain("a", voxels)], 16, 9, seed=5)[3][0].numpy()
    assert np.allclose(found, expected, atol=ROUNDING)


def test_a_crop_that_a_segmenter_names_stays_upright() -> None:
    height = np.broadcast_to(np.arange(1, 41, dtype=np.uint8), (40, 40, 40))
    for index in range(20):
        crop = BrainCrops([Brain("a", height)], 32, 20, seed=0, is_turned=False)[index][0]
        assert torch.all(torch.diff(crop, dim=2) > 0)


def test_conformed_scans_become_bytes_around_all_that_is_brain_at_any_visit() -> None:
    brain, wider = np.zeros((2, 30, 30, 30), bool)
    brain[10:20, 10:20, 10:20] = True
    wider[10:22, 10:20, 10:20] = True
    voxels = np.full((30, 30, 30), 0.5, np.float32)
    scans = [KeptScan(voxels, mask, np.zeros((30,) * 3, np.int16), {}) for mask in (brain, wider)]
    one = trajectory_of("a", [60.0, 61.0], scans)
    assert one.visits.shape == (2, 12 + 24, 10 + 24, 10 + 24)
    assert [int(np.count_nonzero(visit)) for visit in one.visits] == [1000, 1200]
    assert set(np.unique(one.visits)) == {0, 128}


def test_who_is_held_out_teaches_nothing_nor_does_a_copy() -> None:
    split = Split(("brains/sub-1",), ("brains/sub-2",), ("brains/sub-3", "cohort/sub-9"))
    names = ["made/sub-1sim1", "made/sub-2sim1", "made/sub-3sim12", "cohort/sub-9", "other/sub-3"]
    parts = [split.part_of(name) for name in names]
    assert parts == ["train", "validation", "test", "test", "train"]


class PlugPulledError(Exception):
    """Somebody pulled the plug."""


def weights_of(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def test_an_interrupted_run_with_trajectories_ends_where_a_whole_one_ends(
    tmp_path: Path, some_lessons: Lessons, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = train_autoencoder(some_lessons, TINY, {}, tmp_path / "whole", CPU)
    honest, steps = Trainer.step, iter(range(3))

    def until_the_plug_is_pulled(*arguments):
        if next(steps, None) is None:
            raise PlugPulledError
        return honest(*arguments)

    with monkeypatch.context() as patch, pytest.raises(PlugPulledError):
        patch.setattr(Trainer, "step", until_the_plug_is_pulled)
        train_autoencoder(some_lessons, TINY, {}, tmp_path / "broken", CPU)
    resumed, run = train_autoencoder(some_lessons, TINY, {}, tmp_path / "broken", CPU)
    assert run.step == TINY.steps
    bent, _ = train_autoencoder(some_lessons, replace(TINY, linearity_weight=0.0), {}, tmp_path / "bent", CPU)
    # sums by other threads at other addresses are rounded otherwise, and Adam magnifies that where a gradient
    # is near zero; another lesson moves all weights
    off_by_rounding = (weights_of(resumed) - weights_of(whole)).norm()
    off_by_another_lesson = (weights_of(bent) - weights_of(whole)).norm()
    assert off_by_rounding < off_by_another_lesson / 10


TWO_LEARN = """
import sys
from pathlib import Path
here = Path(sys.argv[1])
sys.path[:0] = [str(here.parents[1]), str(here)]
from test_trajectories import CPU, TINY, made_lessons, weights_of
from MRExtrapLib.training.autoencoder import train_autoencoder
network, _ = train_autoencoder(made_lessons(), TINY, {}, Path(sys.argv[2]), CPU)
print("weights", weights_of(network).double().abs().sum().item())
"""


def test_processes_that_learn_straightness_together_stay_alike(
    tmp_path: Path, together: Callable[..., str]
) -> None:
    script = tmp_path / "two.py"
    script.write_text(TWO_LEARN, encoding="utf-8")
    said = together(str(script), str(Path(__file__).parent), str(tmp_path / "run"))
    sums = [line.split()[1] for line in said.splitlines() if line.startswith("weights")]
    assert len(sums) == 2
    assert sums[0] == sums[1]


def test_a_term_taken_now_and_then_is_weighed_up(tmp_path: Path, some_lessons: Lessons) -> None:
    def apart(seen: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
        return (seen - expected).square().mean()

    training = replace(TINY, linearity_weight=0.0, anatomical_weight=0.5, anatomical_every=2)
    trainer = Trainer(training, {"anatomical": apart}, CPU)
    image = torch.rand(1, 1, 16, 16, 16)
    terms = [set(trainer._terms(image, torch.Generator().manual_seed(0), step)[0]) for step in range(2)]
    assert ["anatomical" in found for found in terms] == [False, True]
    assert trainer._weighted({"anatomical": torch.tensor(1.0)}) == pytest.approx(1.0)


@pytest.fixture
def a_tree(tmp_path: Path) -> Path:
    """Two people with two visits each; one is a copy of who tests."""
    tree = tmp_path / "cohort"
    for name in ("sub-1sim1", "sub-3sim1"):
        folder = tree / name
        (folder / "anat").mkdir(parents=True)
        for session in ("1", "2"):
            image = nib.Nifti1Image(np.ones((4, 4, 4), np.float32), np.eye(4))
            nib.save(image, folder / "anat" / f"{name}_ses-{session}_T1w.nii.gz")
        rows = "session_id\tage\nses-1\t70\nses-2\t71\n"
        (folder / f"{name}_sessions.tsv").write_text(rows, encoding="utf-8")
    return tree


@pytest.fixture
def a_teacher(tmp_path: Path, a_labelled_folder: Path) -> str:
    words = ["train", "segmenter", str(a_labelled_folder), "--steps", "1", "--crop", "48", "--device", "cpu"]
    assert main([*words, "-o", str(tmp_path / "teacher")]) == 0
    return str(tmp_path / "teacher" / "model")


def test_trees_without_enough_visits_are_refused_in_one_sentence(
    tmp_path: Path,
    a_tree: Path,
    a_teacher: str,
    a_labelled_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["train", "autoencoder", str(a_labelled_folder), "--segmenter", a_teacher, "--device", "cpu"]
    words += ["-o", str(tmp_path / "run"), "--split", str(tmp_path / "split.json")]
    held_out = '{"train": [], "validation": [], "test": ["heads/sub-1", "heads/sub-3"]}'
    for split, more, said in (
        ('{"train": [], "validation": [], "test": []}', ["--linearity-weight", "1"], "three visits"),
        (held_out, [], "two visits"),
    ):
        (tmp_path / "split.json").write_text(split, encoding="utf-8")
        capsys.readouterr()
        assert main([*words, "--trajectories", str(a_tree), *more]) == BAD_INPUT
        sentence = capsys.readouterr().err
        assert said in sentence
        assert len(sentence.splitlines()) == 1
    assert main([*words, "--linearity-weight", "1"]) == BAD_INPUT
    assert "of 0 people" in capsys.readouterr().err


def test_a_line_asked_of_people_with_two_visits_is_refused(tmp_path: Path, some_lessons: Lessons) -> None:
    lessons = replace(some_lessons, trajectories=[a_trajectory("a", [60.0, 61.0])])
    with pytest.raises(InputError, match="three visits of a person"):
        train_autoencoder(lessons, TINY, {}, tmp_path, CPU)
