"""A scene without the application, and a person's scan in it. What needs slicer is imported when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
import pytest

from MRExtrapLib.imaging.volume import Volume

if TYPE_CHECKING:
    from slicer_host import Host

    from MRExtrapLib.scene.arrays import PlacedArray, Prediction

COARSER = 4
"""Every how many voxels of the real scan are kept: 20 ages of it then fit in a test."""

AGES_YEARS = tuple(np.round(46 + np.cumsum([0.25, 0.5, 1.0, 2.5] * 5), 2).tolist())
"""Twenty, in uneven steps, from 46.25 to 67.25."""

BRAIN_IS_OVER, WHITE_IS_OVER = 20, 110
"""Grey levels of the sample's stripped brain that part it into fluid, grey and white matter, roughly."""


@pytest.fixture
def host() -> Iterator[Host]:
    """An empty scene."""
    from slicer_host import open_host

    opened = open_host()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def a_real_scan() -> Volume:
    """The sample's real brain at every fourth voxel, 4 mm."""
    repository = Path(__file__).resolve().parents[2]
    path = repository / "MRExtrapLib/sample/sub-01/ses-01/anat/sub-01_ses-01_T1w.nii.gz"
    image = nib.load(path)
    step = np.diag([COARSER, COARSER, COARSER, 1])
    voxels = np.asarray(image.dataobj, dtype=np.float32)[::COARSER, ::COARSER, ::COARSER]
    return Volume(voxels, image.affine @ step)


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
    """What a worker could answer for an age: the real brain, darker and with more fluid year by year."""

    def predicted(age_years: float) -> Prediction:
        from MRExtrapLib.scene.arrays import PlacedArray, Prediction

        image, labels = aged(a_real_scan, age_years)
        return Prediction(age_years, image, labels, PlacedArray(np.sqrt(image.voxels), image.affine))

    return predicted


def aged(scan: Volume, age_years: float) -> tuple[PlacedArray, PlacedArray]:
    """Image and labels: fluid inside, then left and right grey and white matter by brightness."""
    from MRExtrapLib.scene.arrays import PlacedArray

    voxels = scan.voxels * np.float32(1 - (age_years - 46) / 200)
    index = np.moveaxis(np.indices(voxels.shape), 0, -1)
    world_mm = index @ scan.affine[:3, :3].T + scan.affine[:3, 3]
    inside = scan.voxels > BRAIN_IS_OVER
    centre_mm = world_mm[inside].mean(axis=0)
    is_right = world_mm[..., 0] > centre_mm[0]
    labels = np.where(scan.voxels > WHITE_IS_OVER, np.where(is_right, 41, 2), np.where(is_right, 42, 3))
    reach_mm = np.linalg.norm(world_mm - centre_mm, axis=-1)
    labels = np.where(reach_mm < 12 + (age_years - 46) / 2, np.where(is_right, 43, 4), labels)
    labels = np.where(inside, labels, 0).astype(np.int16)
    return PlacedArray(voxels, scan.affine), PlacedArray(labels, scan.affine)
