"""A prior trained on a BIDS tree, from scans to a model folder that forecasts from one scan."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import AFFINE, SHAPE, FakeConformer, LinearCodec, fake_engine, fake_voxels, save_tiny_model

from MRExtrapLib.cli.main import main
from MRExtrapLib.errors import InputError
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.pipeline import forecast
from MRExtrapLib.forecast.subject import Request, Subject, Visit
from MRExtrapLib.imaging.conform import ConformedVisit
from MRExtrapLib.imaging.reading import read_scan
from MRExtrapLib.imaging.volume import Volume, Voxels
from MRExtrapLib.imaging.writing import write_nifti
from MRExtrapLib.model.folder import load_model
from MRExtrapLib.progression.coarse import stored_prior
from MRExtrapLib.progression.knowledge import Knowledge, parse_knowledge
from MRExtrapLib.progression.leaning import Leaning
from MRExtrapLib.progression.line import Latent
from MRExtrapLib.progression.response import Response
from MRExtrapLib.training.people import find_people
from MRExtrapLib.training.progression import LatentMaker, encoded_cohort, known_changes, told_by
from MRExtrapLib.training.scans import ScanMaker

PEOPLE = 12
RATE = -1.5
"""How much darker every voxel gets in a year, in the scans' own units of 20 to 220."""

DONE, BAD_INPUT = 0, 2


@pytest.fixture
def a_cohort(tmp_path: Path) -> Path:
    """A BIDS tree: people who darken evenly, three scans each; one has no ages, one a single scan."""
    tree, generator = tmp_path / "cohort", np.random.default_rng(0)
    rows = ["participant_id\tsex\tdiagnosis"]
    for number in range(PEOPLE + 1):
        name = f"sub-{number:02d}"
        rows.append(f"{name}\t{'F' if number % 2 else 'M'}\t{'AD' if number % 3 == 0 else 'CN'}")
        level, start = generator.uniform(90, 150, SHAPE), generator.uniform(65, 75)
        sessions = ["session_id\tage"]
        for visit in range(1 if number == PEOPLE else 3):
            voxels = level + visit * (RATE + generator.normal(0, 0.3)) + generator.normal(0, 0.5, SHAPE)
            path = tree / name / f"ses-{visit}" / "anat" / f"{name}_ses-{visit}_T1w.nii.gz"
            path.parent.mkdir(parents=True)
            write_nifti(Volume(voxels.astype(np.float32), AFFINE), path)
            sessions.append(f"ses-{visit}\t{start + visit:.2f}")
        (tree / name / f"{name}_sessions.tsv").write_text("\n".join(sessions) + "\n", encoding="utf-8")
    (tree / "participants.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tree


@pytest.fixture
def a_model(tmp_path: Path) -> Path:
    """A model folder whose networks nobody runs."""
    return save_tiny_model(tmp_path / "tiny")


class CountingMaker:
    """Makes fake latents and counts how often, until told to fail."""

    def __init__(self) -> None:
        self.people = 0
        self.refuses: int | None = None
        self.encoded = 0
        scans = ScanMaker(self.conform, fake_engine().measure, "segmenter")
        self.maker = LatentMaker(scans, self.encode, "weights")

    def encode(self, voxels: Voxels) -> Latent:
        self.encoded += 1
        return LinearCodec().encode(voxels)

    def conform(self, volumes: Sequence[Volume]) -> tuple[ConformedVisit, ...]:
        self.people += 1
        if self.people == self.refuses:
            msg = "Scan 1 of 3 shows 12 ml of brain."
            raise InputError(msg)
        engine = fake_engine()
        return FakeConformer()(volumes, engine.segmenter.find_tissues, engine.template)


def open_engine(arguments: argparse.Namespace) -> Engine:
    return fake_engine()


def words_for(cohort: Path, model: Path, run: Path, *more: str) -> list[str]:
    return ["train", "progression", str(cohort), "--model", str(model), "-o", str(run), *more]


def test_people_are_found_with_ages_and_covariates(a_cohort: Path) -> None:
    people, left_out = find_people([a_cohort])
    assert len(people) == PEOPLE
    assert people[0].name == "cohort/sub-00"
    assert len(people[0].ages_years) == 3
    assert (people[0].covariates.sex, people[0].covariates.diagnosis) == ("M", "AD")
    assert (people[1].covariates.sex, people[1].covariates.diagnosis) == ("F", "CN")
    assert left_out == [f"cohort/sub-{PEOPLE}: one scan with an age tells nothing of rates."]


def test_scans_without_an_age_are_left_out_and_named(a_cohort: Path) -> None:
    (a_cohort / "sub-00" / "sub-00_sessions.tsv").unlink()
    people, left_out = find_people([a_cohort])
    assert len(people) == PEOPLE - 1
    assert sum("sub-00_ses" in sentence for sentence in left_out) == 3


@pytest.mark.parametrize("age", ["89+", "-4", "720"])
def test_an_age_that_cannot_be_leaves_out_its_scan_alone(age: str, a_cohort: Path) -> None:
    table = a_cohort / "sub-00" / "sub-00_sessions.tsv"
    *others, _ = table.read_text(encoding="utf-8").splitlines()
    table.write_text("\n".join([*others, f"ses-2\t{age}", ""]), encoding="utf-8")
    people, left_out = find_people([a_cohort])
    assert [len(one.ages_years) for one in people] == [2] + [3] * (PEOPLE - 1)
    (sentence,) = (words for words in left_out if "sub-00" in words)
    assert sentence.startswith("sub-00_ses-2_T1w.nii.gz: ")
    assert age in sentence


def test_a_folder_without_scans_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No \\*_T1w"):
        find_people([tmp_path])


def test_two_trees_of_one_name_are_not_taken_for_one(a_cohort: Path, tmp_path: Path) -> None:
    shutil.copytree(a_cohort, tmp_path / "another" / a_cohort.name)
    with pytest.raises(InputError, match="are both called cohort"):
        find_people([a_cohort, tmp_path / "another" / a_cohort.name])


def test_what_a_killed_simulation_left_behind_is_no_scan(a_cohort: Path) -> None:
    shutil.copytree(a_cohort / "sub-00" / "ses-0", a_cohort / ".sub-00-1a2b.unfinished" / "ses-9")
    people, _ = find_people([a_cohort])
    assert len(people[0].ages_years) == 3


def test_latents_are_made_once(a_cohort: Path, tmp_path: Path) -> None:
    people, _ = find_people([a_cohort])
    counting = CountingMaker()
    first = encoded_cohort(people, counting.maker, tmp_path).latents
    again = encoded_cohort(people, counting.maker, tmp_path).latents
    assert (counting.people, counting.encoded) == (PEOPLE, 3 * PEOPLE)
    np.testing.assert_array_equal(first.people[3].latents, again.people[3].latents)


def test_another_autoencoder_encodes_again_and_conforms_nothing(a_cohort: Path, tmp_path: Path) -> None:
    people, _ = find_people([a_cohort])
    counting = CountingMaker()
    first = encoded_cohort(people, counting.maker, tmp_path)
    others = encoded_cohort(people, replace(counting.maker, fingerprint="others"), tmp_path)
    assert (counting.people, counting.encoded) == (PEOPLE, 6 * PEOPLE)
    assert first.volumes_ml == others.volumes_ml
    assert first.volumes_ml[0][0]["hippocampus"] > 0
    changed = replace(counting.maker, scans=replace(counting.maker.scans, fingerprint="other segmenter"))
    encoded_cohort(people, changed, tmp_path)
    assert counting.people == 2 * PEOPLE


def test_a_changed_scan_is_encoded_again(a_cohort: Path, tmp_path: Path) -> None:
    people, _ = find_people([a_cohort])
    counting = CountingMaker()
    encoded_cohort(people, counting.maker, tmp_path)
    write_nifti(Volume(fake_voxels(7), AFFINE), people[0].paths[0])
    encoded_cohort(people, counting.maker, tmp_path)
    assert counting.people == PEOPLE + 1


def test_each_person_is_known_and_told_by_the_own_first_scan_which_is_looked_at_once(
    a_cohort: Path, tmp_path: Path
) -> None:
    counting, looked = CountingMaker(), []

    def own(voxels: Voxels) -> dict[str, float]:
        looked.append(voxels)
        return {"gray_matter": 0.4 + 0.01 * len(looked)}

    people, maker = find_people([a_cohort])[0], replace(counting.maker, own_shares=own)
    encoded, again = (encoded_cohort(people, maker, tmp_path / "run") for _ in range(2))
    assert len(looked) == len(people)
    assert again.own_shares == encoded.own_shares
    truth = {one.name: seen for one, seen in zip(people, encoded.volumes_ml, strict=True)}
    known = known_changes(encoded, people, truth)
    assert [one.own_shares for one in known] == list(encoded.own_shares)
    leaning = {"gray_matter": Leaning(1.0, 0.5, 0.1, 0.9)}
    told = told_by(encoded, Response({"gray_matter": 0.5}, 20, leaning)).volumes_ml
    for seen, ml, shares in zip(encoded.volumes_ml, told, encoded.own_shares, strict=True):
        first, last = seen[0]["gray_matter"], seen[-1]["gray_matter"]
        assert ml[-1]["gray_matter"] == pytest.approx(first * (last / first) ** (1 / shares["gray_matter"]))


def test_one_person_whose_scans_fail_does_not_stop_the_rest(a_cohort: Path, tmp_path: Path) -> None:
    counting = CountingMaker()
    counting.refuses = 2
    people, _ = find_people([a_cohort])
    encoded = encoded_cohort(people, counting.maker, tmp_path)
    assert len(encoded.latents.people) == len(encoded.volumes_ml) == PEOPLE - 1
    assert encoded.left_out == ("cohort/sub-01: Scan 1 of 3 shows 12 ml of brain.",)


def test_the_command_makes_a_model_that_forecasts_from_one_scan(
    a_cohort: Path, a_model: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    options = ("--factors", "2", "--noise-factors", "1", "--iterations", "5", "--name", "with-prior")
    assert main(words_for(a_cohort, a_model, run, *options), open_engine) == DONE
    before, model = load_model(a_model), load_model(run / "model")
    assert model.name == "with-prior"
    assert model.manifest.licence == "CC0-1.0"
    assert model.manifest.training[-1].data == (f"cohort: {PEOPLE} people, {3 * PEOPLE} scans",)
    assert model.manifest.files["autoencoder.safetensors"] == before.manifest.files["autoencoder.safetensors"]
    card = (run / "model" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "Everything." in card
    assert card.count("## progression") == 1
    assert len((run / "people.tsv").read_text(encoding="utf-8").splitlines()) == PEOPLE + 1
    assert model.progression is not None
    engine = fake_engine(prior=stored_prior(model.progression))
    scan = read_scan(a_cohort / "sub-00" / "ses-0" / "anat" / "sub-00_ses-0_T1w.nii.gz")
    made = forecast(Subject((Visit(scan, 70.0),)), Request((74.0,), image="plain"), engine)
    change = made.restored(made.predictions[0]).voxels - scan.volume.voxels
    assert np.median(change) == pytest.approx(4 * RATE, rel=0.2)


@pytest.mark.parametrize(("people", "is_calibrated"), [(8, False), (PEOPLE, True)])
def test_it_is_told_why_intervals_stay_uncalibrated(
    people: int,
    is_calibrated: bool,
    a_cohort: Path,
    a_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for number in range(people, PEOPLE):
        shutil.rmtree(a_cohort / f"sub-{number:02d}")
    options = ("--factors", "0", "--noise-factors", "0", "--iterations", "1")
    assert main(words_for(a_cohort, a_model, tmp_path / "run", *options), open_engine) == DONE
    assert (knowledge_of(tmp_path / "run" / "model").calibration is not None) == is_calibrated
    said = capsys.readouterr().out
    assert ("are calibrated by cross-fitting" in said) == is_calibrated
    why = "stay uncalibrated; with some people kept apart to test them: A prior needs at least 8 people"
    assert (why in said) == (not is_calibrated)


def write_truth(cohort: Path, share: float) -> None:
    """A table of true volumes, of whose change the fake segmenter sees a share."""
    rows, engine = ["participant_id\tsession_id\tregion\tvolume_ml"], fake_engine()
    for person in find_people([cohort])[0]:
        scans = [read_scan(path).volume for path in person.paths]
        seen = [engine.volumes_ml(one.volume) for one in engine.conform(scans)]
        for session, volumes in enumerate(seen):
            for region, ml in volumes.items():
                true_ml = seen[0][region] * (ml / seen[0][region]) ** (1 / share)
                rows.append(f"{person.name.rpartition('/')[2]}\tses-{session}\t{region}\t{true_ml:.6f}")
    (cohort / "truth_volumes.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def test_where_the_truth_is_known_the_model_learns_how_much_of_it_is_seen(
    a_cohort: Path, a_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--factors", "0", "--noise-factors", "0", "--iterations", "1")
    write_truth(a_cohort, share=0.5)
    assert main(words_for(a_cohort, a_model, tmp_path / "one", *options), open_engine) == DONE
    assert "hippocampus 0.50" in capsys.readouterr().out
    (a_cohort / "truth_volumes.tsv").unlink()
    first = tmp_path / "one" / "model"
    assert main(words_for(a_cohort, first, tmp_path / "two", *options), open_engine) == DONE
    learned, kept = (knowledge_of(tmp_path / run / "model") for run in ("one", "two"))
    assert kept.response == learned.response
    assert main(words_for(a_cohort, a_model, tmp_path / "three", *options), open_engine) == DONE
    unknown = knowledge_of(tmp_path / "three" / "model")
    assert unknown.response is None
    rates = [one.prior.prior.mean_rate[0, 0] for one in (learned, unknown)]
    assert rates[0] == pytest.approx(2 * rates[1], rel=0.1)


def knowledge_of(folder: Path) -> Knowledge:
    volumes = load_model(folder).volumes
    assert volumes is not None
    return parse_knowledge(volumes, "volumes.json")


def test_a_second_prior_replaces_the_first(a_cohort: Path, a_model: Path, tmp_path: Path) -> None:
    options = ("--factors", "0", "--noise-factors", "0", "--iterations", "1")
    assert main(words_for(a_cohort, a_model, tmp_path / "one", *options), open_engine) == DONE
    first = tmp_path / "one" / "model"
    assert main(words_for(a_cohort, first, tmp_path / "two", *options), open_engine) == DONE
    model = load_model(tmp_path / "two" / "model")
    assert [run.network for run in model.manifest.training].count("progression") == 1
    assert (model.folder / "MODEL_CARD.md").read_text(encoding="utf-8").count("## progression") == 1


def test_only_those_who_train_are_used(a_cohort: Path, a_model: Path, tmp_path: Path) -> None:
    split = tmp_path / "split.json"
    split.write_text('{"train": [], "validation": ["cohort/sub-00"], "test": ["cohort/sub-01"]}')
    options = ("--factors", "0", "--noise-factors", "0", "--iterations", "1", "--split", str(split))
    assert main(words_for(a_cohort, a_model, tmp_path / "run", *options), open_engine) == DONE
    people = (tmp_path / "run" / "people.tsv").read_text(encoding="utf-8")
    assert "sub-00" not in people
    assert "sub-01" not in people
    assert "sub-02" in people


def test_simulated_copies_of_those_held_out_teach_nothing(
    a_cohort: Path, a_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in sorted(a_cohort.rglob("sub-03*"), reverse=True):  # files before their folders
        path.rename(path.with_name(path.name.replace("sub-03", "sub-03sim1")))
    split = tmp_path / "split.json"
    split.write_text('{"train": [], "validation": [], "test": ["brains/sub-03"]}')
    options = ("--factors", "0", "--noise-factors", "0", "--iterations", "1", "--split", str(split))
    assert main(words_for(a_cohort, a_model, tmp_path / "run", *options), open_engine) == DONE
    assert "sub-03sim1" not in (tmp_path / "run" / "people.tsv").read_text(encoding="utf-8")
    assert "cohort/sub-03sim1: held out by the split" in capsys.readouterr().err


def test_too_small_a_cohort_is_refused_before_anything_is_encoded(
    a_cohort: Path, a_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = a_cohort / "sub-00"
    code = main(words_for(one, a_model, tmp_path / "run"), open_engine)
    assert code == BAD_INPUT
    assert "at least 8 people" in capsys.readouterr().err
    assert not (tmp_path / "run" / "latents").exists()
