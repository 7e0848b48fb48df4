"""Laws of the reference scan that is moved to the predicted volumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from fakes import fake_engine, fake_knowledge, fake_prior, fake_visits
from phantoms import SPACING_MM, labelled_ellipsoids
from scipy.ndimage import gaussian_filter

from MRExtrapLib.anatomy.structures import CHANNEL, channels_of
from MRExtrapLib.forecast import moving
from MRExtrapLib.forecast.anchoring import Anchor, Shown
from MRExtrapLib.forecast.moving import MovableScan, compartment_changes, moved_ml
from MRExtrapLib.forecast.pipeline import prepare
from MRExtrapLib.forecast.subject import Request, Subject
from MRExtrapLib.imaging.dense import Bending, find_bending
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.simulation.ageing import AgeingBrain
from MRExtrapLib.simulation.compartments import COMPARTMENTS
from MRExtrapLib.simulation.deformation import Deformation

WANTED = {"ventricles": 0.15, "hippocampus": -0.08, "white_matter": -0.06}
SAMPLED = 0.03
"""What a smooth edge does to the logarithm of a small compartment's volume."""


def showing(name: str, spacing_mm: float = SPACING_MM) -> MovableScan:
    """A scan that is bright in one compartment alone, its edge smooth: how bright it is tells the volume."""
    labels = labelled_ellipsoids(spacing_mm)
    numbers = np.rint(labels.voxels).astype(np.int16)
    structures = [CHANNEL[structure] for structure in COMPARTMENTS[name]]
    is_member = np.isin(channels_of(numbers, "freesurfer"), structures)
    bright = gaussian_filter(is_member.astype(np.float32), 0.7)
    return MovableScan(labels.with_voxels(bright), numbers)


def log_change(moved: Volume, scan: Volume) -> float:
    return float(np.log(moved.voxels.sum(dtype=np.float64) / scan.voxels.sum(dtype=np.float64)))


FOLDING = 2.5
"""Log change of the phantom's ventricles that folds tissue; a half or a quarter of it does not."""


@pytest.fixture(scope="module")
def a_scan() -> MovableScan:
    return showing("ventricles")


@pytest.fixture(scope="module")
def at_rest(a_scan: MovableScan) -> Bending:
    return find_bending(a_scan.scan, a_scan.scan)


@pytest.mark.parametrize("name", WANTED)
def test_a_compartment_changes_as_predicted(name: str) -> None:
    one = showing(name, SPACING_MM / 2)
    moved = one.moved(find_bending(one.scan, one.scan), WANTED)
    assert moved.share == 1.0
    assert log_change(moved.image, one.scan) == pytest.approx(WANTED[name], abs=SAMPLED)


def test_what_the_decodes_moved_is_not_moved_again(a_scan: MovableScan, at_rest: Bending) -> None:
    """Of the change that is predicted, the bending makes a part; the whole is what is predicted."""
    wanted = {"ventricles": 0.3}
    bending = find_bending(a_scan.scan, a_scan.moved(at_rest, wanted).image)
    made = log_change(a_scan.moved(bending, {}).image, a_scan.scan)
    assert made > 0.1
    whole = log_change(a_scan.moved(bending, wanted).image, a_scan.scan)
    assert whole == pytest.approx(wanted["ventricles"], abs=SAMPLED)
    assert whole != pytest.approx(made, abs=SAMPLED)


def test_what_would_fold_is_moved_in_part_and_told(a_scan: MovableScan) -> None:
    shown = Anchor(a_scan, a_scan.scan).show(a_scan.scan, "warped", {"ventricles": FOLDING})
    assert shown.moved_share is not None
    assert 0.0 < shown.moved_share < 1.0
    assert 0.1 < log_change(shown.image, a_scan.scan) < FOLDING
    (told,) = shown.size_warnings or ()
    assert f"moved by only {100 * shown.moved_share:.0f} %" in told


def test_what_the_last_round_cannot_add_takes_nothing_away(
    a_scan: MovableScan, at_rest: Bending, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_motion, rounds = moving._motion, iter((1.0, 0.5))

    def folds_at_last(brain: AgeingBrain, missing: Mapping[str, float]) -> tuple[Deformation | None, float]:
        share = next(rounds)
        return find_motion(brain, {name: share * change for name, change in missing.items()})[0], share

    monkeypatch.setattr(moving, "_motion", folds_at_last)
    moved = a_scan.moved(at_rest, {"ventricles": 0.6})
    assert moved.share == 1.0
    assert log_change(moved.image, a_scan.scan) > 0.8 * 0.6


def test_labels_move_with_the_scan(a_scan: MovableScan, at_rest: Bending) -> None:
    moved = a_scan.moved(at_rest, {"ventricles": 0.6})
    inside = np.isin(channels_of(moved.labels, "freesurfer"), [CHANNEL["lateral-ventricle"]])
    before = np.isin(channels_of(a_scan.labels, "freesurfer"), [CHANNEL["lateral-ventricle"]])
    assert np.log(inside.sum() / before.sum()) == pytest.approx(0.6, abs=0.15)
    assert moved.image.voxels[inside].mean() > 0.8 * a_scan.scan.voxels[before].mean()


def test_a_brain_with_no_fluid_around_it_moves_as_the_decodes_do(a_scan: MovableScan) -> None:
    strange = MovableScan(a_scan.scan, np.full(a_scan.scan.shape, 17, np.int16))
    shifted = a_scan.scan.with_voxels(np.roll(a_scan.scan.voxels, 1, axis=1))
    bending = find_bending(a_scan.scan, shifted)
    moved = strange.moved(bending, {"hippocampus": -0.1})
    assert moved.share == 0.0
    np.testing.assert_allclose(moved.image.voxels, bending.bend(a_scan.scan).voxels, atol=0.02)


def test_regions_that_are_not_predicted_are_not_moved() -> None:
    assert compartment_changes({"hippocampus": 8.0, "ventricles": 0.0}, {"hippocampus": 4.0}) == {
        "hippocampus": pytest.approx(np.log(0.5))
    }


def test_what_a_moved_scan_shows_is_counted_region_by_region() -> None:
    before = np.array([17] * 4 + [53] * 4 + [4] * 2 + [14] * 2, np.int16)
    after = np.array([17] * 3 + [53] * 4 + [4] * 3 + [14] * 2, np.int16)
    observed_ml = {"hippocampus": 8.0, "hippocampus_left": 4.4, "ventricles": 20.0, "amygdala": 3.0}
    assert moved_ml(observed_ml, before, after) == pytest.approx(
        {"hippocampus": 7.0, "hippocampus_left": 3.3, "ventricles": 25.0, "amygdala": 3.0}
    )


def test_a_moved_scan_brings_its_labels_and_its_own_words_on_sizes() -> None:
    prepared = prepare(Subject(fake_visits(70, 72)), Request((75,)), fake_engine())
    plain = replace(
        prepared.predict(75, image="plain"), age_warnings=("Far.",), size_warnings=("Other sizes.",)
    )
    labels = plain.labels + 1
    moved = prepared.show_as(plain, "warped", Shown(plain.image, labels, 1.0, ()))
    assert moved.warnings == ("Far.",)
    assert moved.moved_share == 1.0
    np.testing.assert_array_equal(moved.labels, labels)
    in_part = prepared.show_as(plain, "warped", Shown(plain.image, labels, 0.5, ("In part.",)))
    assert in_part.warnings == ("Far.", "In part.")
    added = prepared.show_as(plain, "added", Shown(plain.image))
    assert added.warnings == ("Far.", "Other sizes.")
    np.testing.assert_array_equal(added.labels, plain.labels)


def test_sizes_of_a_moved_scan_are_judged_by_what_it_shows() -> None:
    """The fakes' labels let nothing move, and their ventricles are told to grow: both are said."""
    engine = fake_engine(prior=fake_prior(), knowledge=fake_knowledge())
    prepared = prepare(Subject(fake_visits(70, 72)), Request((90,)), engine)
    made = prepared.predict(90, image="warped")
    assert made.moved_share == 0.0
    assert any("moved by only 0 %" in words for words in made.size_warnings)
    certain = replace(made.statement, spread_ml=dict.fromkeys(made.statement.spread_ml, 1e-6))
    shown = prepared.show(90, made.volume, "warped", certain)
    assert any("shows other volumes" in words for words in shown.size_warnings or ())
