"""Laws of the way between two scans: its ends are the scans, and halfway lies what has moved by half."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes import fake_engine, fake_knowledge, fake_scan, fake_voxels

from MRExtrapLib.errors import InputError
from MRExtrapLib.forecast.between import interpolate
from MRExtrapLib.forecast.passage import Passage, pace_between
from MRExtrapLib.imaging.template import Template
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.progression.leaning import Leaning
from MRExtrapLib.progression.response import NOT_TRIED, Response

SIDE = 40
RADIUS = 9.0

NEARLY = 0.05
"""Share of the gain; a border that moves evenly is 0.11 behind after a quarter of the way, 0.16 halfway."""


def ball(radius: float) -> np.ndarray:
    """A soft ball (1, X, Y, Z), as a latent of the fake codec, which halves."""
    index = np.indices((SIDE,) * 3) - SIDE / 2
    soft = 1 / (1 + np.exp(np.sqrt((index**2).sum(axis=0)) - radius))
    return (soft / 2)[None].astype(np.float32)


@pytest.fixture(scope="module")
def a_growing_ball() -> Passage:
    template = Template(Volume(np.ones((SIDE,) * 3), np.eye(4)), "box")
    engine = replace(fake_engine(), template=template)
    return Passage(ball(RADIUS - 3), ball(RADIUS + 3), np.ones((SIDE,) * 3, bool), engine)


@pytest.mark.parametrize("kind", ["plain", "moved"])
def test_its_ends_are_the_scans(a_growing_ball: Passage, kind) -> None:
    for alpha, latent in ((1.0, a_growing_ball.first), (0.0, a_growing_ball.second)):
        np.testing.assert_allclose(a_growing_ball.at(alpha, kind).voxels, 2 * latent[0], atol=1e-5)


def test_a_border_moves_and_does_not_fade(a_growing_ball: Passage) -> None:
    """Halfway lies a ball of the middle volume; fading shows a small one within the ghost of a large one."""
    halfway = 2 * ball(((RADIUS - 3) ** 3 / 2 + (RADIUS + 3) ** 3 / 2) ** (1 / 3))[0]
    faded, moved = (
        np.abs(a_growing_ball.at(0.5, kind).voxels - halfway).sum() for kind in ("plain", "moved")
    )
    assert moved < faded / 2


def test_what_grows_eightfold_gains_volume_evenly(a_growing_ball: Passage) -> None:
    """Were its border to move evenly, the ball would have gained a seventh after a quarter of the way."""
    volumes = np.array([(a_growing_ball.at(alpha).voxels > 0.5).sum() for alpha in (1, 0.75, 0.5, 0.25, 0)])
    gained = (volumes - volumes[0]) / (volumes[-1] - volumes[0])
    np.testing.assert_allclose(gained, [0, 0.25, 0.5, 0.75, 1], atol=NEARLY)


def test_where_brightness_hardly_changes_the_pace_is_even() -> None:
    for change in (-1e-5, 0.0, 1e-5):
        assert pace_between(0.5, 0.5002, 0.5 + change).done_halfway == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("values", [(1.0, 1.0, 1.0), (1.0, 9.0, 2.0), (1.0, -9.0, 2.0), (0.0, 0.0, 0.0)])
def test_a_pace_never_turns_back(values: tuple[float, float, float]) -> None:
    pace = pace_between(*values)
    places = [pace.place(done) for done in np.linspace(0, 1, 11)]
    assert np.all(np.diff(places) > 0)
    np.testing.assert_allclose([places[0], places[-1]], [0, 1], atol=1e-12)


def test_a_weight_beyond_the_scans_is_refused(a_growing_ball: Passage) -> None:
    with pytest.raises(InputError, match=r"1\.5 does not lie between"):
        a_growing_ball.at(1.5)


def test_of_an_interpolation_volumes_are_told_as_the_model_tells_changes() -> None:
    scans = [fake_scan(fake_voxels(0) - darker, name) for darker, name in ((0.0, "first"), (20.0, "second"))]
    seen_by, shares = fake_engine(), {"white_matter": 0.5}
    knows = replace(seen_by, knowledge=replace(fake_knowledge(), response=Response(shares, 20)))
    seen, told = (
        [one.volumes_ml for one in interpolate(scans, 3, engine, kind="plain").mixtures]
        for engine in (seen_by, knows)
    )
    for as_seen, as_told in zip(seen, told, strict=True):
        full = as_seen["white_matter"] ** 2 / seen[0]["white_matter"]
        assert as_told == pytest.approx(as_seen | {"white_matter": full})
    assert told[-1]["white_matter"] < 0.95 * seen[-1]["white_matter"]


def test_an_interpolation_says_if_no_known_change_could_be_tried_on_its_first_scan() -> None:
    """These few voxels hold no brain that could change."""
    leaning = Response({"white_matter": 0.5}, 20, {"white_matter": Leaning(1.0, 0.5, 0.4, 0.6)})
    engine = replace(fake_engine(), knowledge=replace(fake_knowledge(), response=leaning))
    scans, done = [fake_scan(fake_voxels(0), name) for name in ("first", "second")], []
    made = interpolate(scans, 3, engine, lambda fraction, words: done.append(fraction), kind="plain")
    assert done == sorted(done)
    assert NOT_TRIED in made.warnings
    assert "white matter 0.50" in made.telling.words
