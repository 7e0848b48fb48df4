"""A scene without the application, and a person's scan in it; slicer is imported only when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from MRExtrapLib.imaging.volume import Volume

if TYPE_CHECKING:
    from slicer_host import Host

    from MRExtrapLib.scene.arrays import Prediction


@pytest.fixture
def host() -> Iterator[Host]:
    """An empty scene."""
    from slicer_host import open_host

    opened = open_host()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def a_real_scan() -> Volume:
    """The sample's real brain, 4 mm."""
    from swept_brain import real_brain

    return real_brain()


@pytest.fixture
def source_of(host: Host) -> Callable[..., Any]:
    """`source_of(volume, "sub-01")`: a scan as Slicer would have loaded it."""
    from MRExtrapLib.scene.arrays import PlacedArray
    from MRExtrapLib.scene.volumes import fill

    def loaded(volume: Volume, name: str = "sub-01") -> Any:
        node = host.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
        fill(node, PlacedArray(volume.voxels, volume.affine))
        node.CreateDefaultDisplayNodes()
        node.GetDisplayNode().SetAutoWindowLevel(False)
        node.GetDisplayNode().SetWindowLevel(170.0, 95.0)
        return node

    return loaded


@pytest.fixture
def a_source(source_of: Callable[..., Any], a_real_scan: Volume) -> Any:
    """The real scan in the scene."""
    return source_of(a_real_scan)


@pytest.fixture(scope="session")
def predicted_at(a_real_scan: Volume) -> Callable[[float], Prediction]:
    """What a worker could answer for an age."""
    from swept_brain import aged

    return lambda age_years: aged(a_real_scan, age_years)
