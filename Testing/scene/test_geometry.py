"""Images and labels lie in the scene where they lay in the scan, whichever way it was stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.worker.client import Client
from MRExtrapLib.worker.results import Predicted
from MRExtrapLib.worker.session import Session, new_session_path

slicer = pytest.importorskip("slicer", reason="needs Slicer's scene: pip install slicer-core")
vtk = pytest.importorskip("vtk")

from slicer_host import Host  # noqa: E402

from MRExtrapLib.scene.arrays import (  # noqa: E402
    PlacedArray,
    affine_of,
    array_of,
    prediction,
    scan_input,
)
from MRExtrapLib.scene.segmentation import labels_of, show_labels  # noqa: E402
from MRExtrapLib.scene.volumes import show_between, show_predicted_image, show_visit  # noqa: E402

ORIENTATIONS = ("RAS", "LAS", "LPS", "oblique")

AFFINE_MM = 1e-9
"""An affine goes through spacing, origin and directions of a volume node and back."""

SourceOf = Callable[..., Any]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_predicted_image_lies_as_its_source_does(
    orientation: str, a_head_in: Callable[[str], Volume], source_of: SourceOf
) -> None:
    head = a_head_in(orientation)
    source = source_of(head)
    node = show_predicted_image(source, PlacedArray(head.voxels + 1, head.affine), 70.0)
    np.testing.assert_allclose(affine_of(node), head.affine, atol=AFFINE_MM)
    np.testing.assert_array_equal(affine_of(node), affine_of(source))
    np.testing.assert_array_equal(array_of(node).voxels, head.voxels + 1)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_the_spot_left_front_up_stays_there(
    orientation: str, a_head_in: Callable[[str], Volume], source_of: SourceOf
) -> None:
    head = a_head_in(orientation)
    node = source_of(head)
    inverse = vtk.vtkMatrix4x4()
    node.GetRASToIJKMatrix(inverse)
    spot_ras_mm = (-40.0, 38.0, 20.0, 1.0)
    i, j, k = (round(value) for value in inverse.MultiplyPoint(spot_ras_mm)[:3])
    assert node.GetImageData().GetScalarComponentAsDouble(i, j, k, 0) < 100  # white matter is 150
    assert head.voxels[i, j, k] == np.float32(node.GetImageData().GetScalarComponentAsDouble(i, j, k, 0))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_labels_come_back_from_a_segmentation_as_they_went_in(
    orientation: str, a_head_in: Callable[[str], Volume], source_of: SourceOf
) -> None:
    head = a_head_in(orientation)
    labels = np.select([head.voxels < 30, head.voxels < 90, head.voxels < 130], [0, 4, 3], 2)
    node = show_labels(source_of(head), PlacedArray(labels, head.affine), "labels")
    back = labels_of(node)
    np.testing.assert_array_equal(back.voxels, labels)
    np.testing.assert_allclose(back.affine, head.affine, atol=AFFINE_MM)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_surfaces_enclose_the_labels(
    orientation: str, a_head_in: Callable[[str], Volume], source_of: SourceOf
) -> None:
    head = a_head_in(orientation)
    labels = np.where(head.voxels > 130, 17, 0)
    node = show_labels(source_of(head), PlacedArray(labels, head.affine), "labels", has_surfaces=True)
    surface = node.GetClosedSurfaceInternalRepresentation("freesurfer-17")
    inside = np.argwhere(labels == 17) @ head.affine[:3, :3].T + head.affine[:3, 3]
    half_diagonal_mm = np.linalg.norm(head.affine[:3, :3].sum(axis=1)) / 2
    low, high = np.array(surface.GetBounds()[::2]), np.array(surface.GetBounds()[1::2])
    assert np.all(np.abs(low - inside.min(axis=0)) < half_diagonal_mm)
    assert np.all(np.abs(high - inside.max(axis=0)) < half_diagonal_mm)


def test_a_predicted_image_is_shown_as_its_source_is(a_source: Any, a_real_scan: Volume) -> None:
    image = PlacedArray(a_real_scan.voxels, a_real_scan.affine)
    display = show_predicted_image(a_source, image, 70.0).GetDisplayNode()
    assert (display.GetWindow(), display.GetLevel()) == (170.0, 95.0)
    assert display.GetColorNodeID() == a_source.GetDisplayNode().GetColorNodeID()
    display.SetWindowLevel(50.0, 60.0)
    again = show_predicted_image(a_source, image, 71.0).GetDisplayNode()
    assert (again.GetWindow(), again.GetLevel()) == (50.0, 60.0), "the user's own setting was lost"


def test_a_predicted_image_follows_the_transform_of_its_source(host: Host, a_source: Any) -> None:
    transform = host.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    a_source.SetAndObserveTransformNodeID(transform.GetID())
    node = show_predicted_image(a_source, array_of(a_source), 70.0)
    assert node.GetTransformNodeID() == transform.GetID()


def test_a_mixture_follows_the_transform_of_the_second_visit(
    host: Host, a_source: Any, source_of: SourceOf, a_real_scan: Volume
) -> None:
    second = source_of(a_real_scan, "second visit")
    for scan in (a_source, second):
        transform = host.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        scan.SetAndObserveTransformNodeID(transform.GetID())
    for _ in range(2):
        node = show_between(a_source, second, array_of(second), 0.5, "plain")
        assert node.GetTransformNodeID() == second.GetTransformNodeID()


def test_every_predicted_node_says_that_it_is_predicted(a_source: Any) -> None:
    image = array_of(a_source)
    made = [
        show_predicted_image(a_source, image, 52.5),
        show_between(a_source, a_source, image, 0.5, "moved"),
        show_visit(a_source, image, "ses-01", "reconstructed"),
    ]
    assert all("Predicted, research use, not for diagnosis" in node.GetName() for node in made)
    assert "Predicted" not in show_visit(a_source, image, "ses-01", "observed").GetName()


def test_what_a_worker_wrote_reaches_the_scene(tmp_path: Path, a_source: Any, a_real_scan: Volume) -> None:
    voxels, affine = a_real_scan.voxels * 2, a_real_scan.affine
    path = new_session_path(tmp_path)
    with Session(path).open() as session:
        image = session.save("subject-1", "image", voxels, affine)
        labels = session.save("subject-1", "segmentation", (voxels > 0).astype(np.int16) * 17, affine)
        client = Client(process=None, session=path)  # type: ignore[arg-type]  # nothing is asked
        answer = prediction(Predicted(70.0, image, "plain", labels), client.voxels)
        node = show_predicted_image(a_source, answer.image, answer.age_years)
        session.release([image.path])
    assert answer.labels is not None
    assert answer.uncertainty is None
    np.testing.assert_array_equal(array_of(node).voxels, voxels)


def test_a_scan_goes_to_the_worker_as_it_lies_in_the_scene(
    tmp_path: Path, an_oblique_head: Volume, source_of: SourceOf
) -> None:
    asked = scan_input(source_of(an_oblique_head, "visit 1"), tmp_path, 70.0)
    np.testing.assert_array_equal(np.load(asked.path), an_oblique_head.voxels)
    np.testing.assert_allclose(np.array(asked.affine), an_oblique_head.affine, atol=AFFINE_MM)
    assert (asked.name, asked.age_years) == ("visit 1", 70.0)


def test_a_node_without_an_image_is_refused(host: Host) -> None:
    empty = host.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "nothing yet")
    with pytest.raises(InputError, match="nothing yet has no image"):
        array_of(empty)


def test_an_array_must_be_an_image_in_a_place() -> None:
    with pytest.raises(InputError, match="three axes"):
        PlacedArray(np.zeros((2, 2, 2, 2)), np.eye(4))
    with pytest.raises(InputError, match="places no voxels"):
        PlacedArray(np.zeros((2, 2, 2)), np.zeros((4, 4)))
