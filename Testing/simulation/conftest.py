"""A labelled head small enough to age in a second."""

from __future__ import annotations

import pytest
from phantoms import SPACING_MM, labelled_ellipsoids, t1_like

from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.simulation.ageing import AgeingBrain


@pytest.fixture(scope="session")
def labelled_head() -> Volume:
    """Ellipsoids numbered as FreeSurfer does: scalp, CSF, cortex, white matter and what lies inside."""
    return labelled_ellipsoids()


@pytest.fixture(scope="session")
def finely_labelled_head() -> Volume:
    """The same head at half the voxel width."""
    return labelled_ellipsoids(SPACING_MM / 2)


@pytest.fixture(scope="session")
def t1_head(labelled_head: Volume) -> Volume:
    """A T1-like image of the labelled head."""
    return t1_like(labelled_head)


@pytest.fixture(scope="session")
def ageing_brain(labelled_head: Volume) -> AgeingBrain:
    """The labelled head, ready to be aged."""
    return AgeingBrain(labelled_head)
