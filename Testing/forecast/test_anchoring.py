"""Laws of images that hold on to the reference scan."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from fakes import fake_engine, fake_visits

from MRExtrapLib.forecast.anchoring import DEFAULT_IMAGE, IMAGE_WORDS, SEGMENTATION_WORDS, Anchor, ImageKind
from MRExtrapLib.forecast.moving import MovableScan
from MRExtrapLib.forecast.output import write_forecast
from MRExtrapLib.forecast.pipeline import forecast, prepare
from MRExtrapLib.forecast.prepared import Prepared
from MRExtrapLib.forecast.subject import Request, Subject
from MRExtrapLib.imaging.resampling import resample
from MRExtrapLib.imaging.template import bundled_template
from MRExtrapLib.imaging.volume import Grid, Volume

ANCHORED: tuple[ImageKind, ...] = ("added", "warped")
SINGLE_PRECISION = 1e-4
LOSSY = 0.9
"""Share of the intensities that the fake codec keeps: a plain decode is then never the scan."""


def prepared(kept: float = LOSSY, ages: tuple[float, ...] = (70, 72, 75)) -> Prepared:
    return prepare(Subject(fake_visits(*ages)), Request((80,)), fake_engine(kept))


def unlabelled(scan: Volume) -> MovableScan:
    return MovableScan(scan, np.ones(scan.shape, np.int16))


@pytest.fixture(scope="module")
def a_brain() -> Volume:
    """The bundled template with voxels of 4 mm."""
    template = bundled_template().volume
    quartered = np.diag([4.0, 4.0, 4.0, 1.0])
    quartered[:3, 3] = 1.5
    return resample(template, Grid(tuple(n // 4 for n in template.shape), template.affine @ quartered))


@pytest.mark.parametrize("kind", ANCHORED)
def test_a_change_of_zero_leaves_the_reference_scan_as_it_is(a_brain: Volume, kind: ImageKind) -> None:
    detail = np.random.default_rng(0).uniform(0, 0.2, a_brain.shape)
    reference = a_brain.with_voxels(np.clip(a_brain.voxels + detail, 0, 1))
    image = Anchor(unlabelled(reference), decoded=a_brain).show(a_brain, kind, {}).image
    np.testing.assert_array_equal(image.voxels, reference.voxels)


@pytest.mark.parametrize("kind", ANCHORED)
def test_the_image_of_the_references_own_age_is_the_reference(kind: ImageKind) -> None:
    """Also where the line passes the scan by, as it does with three scans, and the codec is lossy."""
    person = prepared()
    made = person.predict(75, image=kind)
    reference = person.observations[-1].conformed.volume.voxels
    np.testing.assert_array_equal(made.image.voxels, reference)
    assert np.abs(made.volume.voxels - reference).max() > 0.01


def test_what_is_added_is_the_decoded_change() -> None:
    person = prepared()
    made = person.predict(77, image="added")
    reference = person.observations[-1].conformed.volume.voxels
    change = person.decode(77).voxels - person.decode(75).voxels
    np.testing.assert_allclose(made.image.voxels, np.clip(reference + change, 0, 1), atol=SINGLE_PRECISION)
    assert np.abs(change).max() > 0.01


def test_what_is_warped_moves_as_the_decodes_do(a_brain: Volume) -> None:
    """A shift between the decodes shifts the scan, with the detail that no decode has."""
    shifted = a_brain.with_voxels(np.roll(a_brain.voxels, 1, axis=1))
    detail = np.random.default_rng(0).uniform(0, 0.1, a_brain.shape).astype(np.float32)
    reference = a_brain.with_voxels(np.clip(a_brain.voxels + detail, 0, 1))
    expected = np.roll(reference.voxels, 1, axis=1)
    image = Anchor(unlabelled(reference), a_brain).show(shifted, "warped", {}).image.voxels
    inside = shifted.voxels > 0.3
    missed, still = (np.abs(one - expected)[inside].mean() for one in (image, reference.voxels))
    assert missed < still / 2


def test_anchored_images_change_no_volume_and_no_label() -> None:
    subject, engine = Subject(fake_visits(70, 72, 75)), fake_engine(LOSSY)
    plain, added = (
        forecast(subject, Request((80,), image=kind), engine).predictions[0] for kind in ("plain", "added")
    )
    assert plain.rows == added.rows
    np.testing.assert_array_equal(plain.labels, added.labels)
    np.testing.assert_array_equal(plain.volume.voxels, added.volume.voxels)
    assert np.abs(plain.image.voxels - added.image.voxels).max() > 0.01


@pytest.mark.parametrize("kind", IMAGE_WORDS)
def test_the_record_and_the_file_say_which_image_it_is(kind: ImageKind, tmp_path: Path) -> None:
    made = forecast(Subject(fake_visits(70, 72)), Request((75,), image=kind), fake_engine(LOSSY))
    write_forecast(made, tmp_path)
    (told,) = json.loads((tmp_path / "forecast.json").read_text(encoding="utf-8"))["predictions"]
    assert told["image_kind"] == kind
    assert told["image_is"] == IMAGE_WORDS[kind]
    assert told["segmentation_of"] == SEGMENTATION_WORDS[kind]
    file = nib.load(tmp_path / told["image"])
    assert f"PREDICTED ({kind})" in file.header["descrip"].item().decode()
    np.testing.assert_allclose(file.get_fdata(), made.restored(made.predictions[0]).voxels, atol=0.01)


def test_a_slab_of_the_engine_lies_where_its_slices_lie() -> None:
    engine = fake_engine(LOSSY)
    latent = np.random.default_rng(0).uniform(0, 0.5, (1, *engine.template.volume.shape))
    inside = np.random.default_rng(1).random(engine.template.volume.shape) < 0.7
    whole = engine.decode(latent, inside)
    assert not whole.voxels[~inside].any()
    assert whole.voxels[inside].all()
    for axis in range(3):
        part = engine.decode_slab(latent, inside, axis, 2, 4)
        index = np.zeros(4)
        index[[axis, 3]] = 2, 1
        np.testing.assert_array_equal(part.voxels, np.take(whole.voxels, range(2, 5), axis))
        np.testing.assert_allclose(part.affine[:3, 3], (whole.affine @ index)[:3])


def test_an_engines_notice_reaches_the_forecast() -> None:
    engine = replace(fake_engine())
    engine.notices.tell("The work goes on in smaller pieces.")
    made = forecast(Subject(fake_visits(70, 72)), Request((75,)), engine)
    assert made.warnings.count("The work goes on in smaller pieces.") == 1


def test_the_default_is_one_of_the_kinds() -> None:
    assert DEFAULT_IMAGE in IMAGE_WORDS
