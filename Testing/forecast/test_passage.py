"""Laws of the way between two scans: its ends are the scans, and halfway lies what has moved by half."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes import fake_engine

from MRExtrapLib.errors import InputError
from MRExtrapLib.forecast.passage import Passage
from MRExtrapLib.imaging.template import Template
from MRExtrapLib.imaging.volume import Volume

SIDE = 40
RADIUS = 9.0


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
    """Halfway lies a ball of the middle radius; fading shows a small one within the ghost of a large one."""
    halfway = 2 * ball(RADIUS)[0]
    faded, moved = (
        np.abs(a_growing_ball.at(0.5, kind).voxels - halfway).sum() for kind in ("plain", "moved")
    )
    assert moved < faded / 2


def test_a_weight_beyond_the_scans_is_refused(a_growing_ball: Passage) -> None:
    with pytest.raises(InputError, match=r"1\.5 does not lie between"):
        a_growing_ball.at(1.5)
