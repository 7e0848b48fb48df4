"""A sweep of ages in the scene: each age shows its own image and segmentation, however it is reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from MRExtrapLib.errors import InputError

slicer = pytest.importorskip("slicer", reason="needs Slicer's scene: pip install slicer-core")

from slicer_host import Host  # noqa: E402
from swept_brain import AGES_YEARS  # noqa: E402

from MRExtrapLib.scene.ages import AgeSequence, PredictedNodes, show_prediction  # noqa: E402
from MRExtrapLib.scene.arrays import Prediction, array_of  # noqa: E402
from MRExtrapLib.scene.ownership import IMAGE_KIND, owned_nodes  # noqa: E402
from MRExtrapLib.scene.segmentation import labels_of, segment_ids  # noqa: E402

PredictedAt = Callable[[float], Prediction]


def shows(nodes: PredictedNodes, prediction: Prediction) -> bool:
    """Whether the nodes hold this prediction, under its age's name."""
    assert prediction.labels is not None
    detail = f"[age={prediction.age_years}years]"
    return (
        np.array_equal(array_of(nodes.image).voxels, prediction.image.voxels)
        and np.array_equal(labels_of(nodes.segmentation).voxels, prediction.labels.voxels)
        and nodes.image.GetName().endswith(detail)
        and nodes.segmentation.GetName().endswith(detail)
    )


@pytest.fixture
def a_sweep(a_source: Any, predicted_at: PredictedAt) -> AgeSequence:
    """Twenty ages, put in from the middle outwards."""
    sweep = AgeSequence(a_source)
    for age in sorted(AGES_YEARS, key=lambda age: abs(age - 55)):
        sweep.put(predicted_at(age), has_surfaces=False)
    return sweep


def test_a_sweep_holds_its_ages_in_order(a_sweep: AgeSequence) -> None:
    assert a_sweep.ages_years == AGES_YEARS
    images = a_sweep.browser.GetMasterSequenceNode()
    assert (images.GetIndexName(), images.GetIndexUnit()) == ("age", "years")
    assert images.GetIndexType() == slicer.vtkMRMLSequenceNode.NumericIndex
    assert a_sweep.browser.GetNumberOfItems() == len(AGES_YEARS)


def test_every_age_selected_shows_its_own_brain(a_sweep: AgeSequence, predicted_at: PredictedAt) -> None:
    for age in (*AGES_YEARS, *reversed(AGES_YEARS)):
        assert shows(a_sweep.select(age), predicted_at(age)), age
        assert a_sweep.shown_age_years == age


def test_slicers_own_toolbar_steps_through_the_same_ages(
    a_sweep: AgeSequence, predicted_at: PredictedAt
) -> None:
    browser, nodes = a_sweep.browser, a_sweep.select(AGES_YEARS[0])
    for step, age in enumerate(AGES_YEARS):
        browser.SetSelectedItemNumber(step)
        assert shows(nodes, predicted_at(age)), age
    browser.SelectFirstItem()
    browser.SelectNextItem(3)
    assert shows(nodes, predicted_at(AGES_YEARS[3]))
    assert a_sweep.shown_age_years == AGES_YEARS[3]


def test_one_pair_of_nodes_shows_all_ages(a_sweep: AgeSequence) -> None:
    ids = {(n.image.GetID(), n.segmentation.GetID()) for n in map(a_sweep.select, AGES_YEARS)}
    assert len(ids) == 1


def test_a_second_sweep_updates_the_first(
    host: Host, a_source: Any, a_sweep: AgeSequence, predicted_at: PredictedAt
) -> None:
    before = host.scene.GetNumberOfNodes()
    again = AgeSequence(a_source)
    for age in AGES_YEARS:
        again.put(replace(predicted_at(66.0), age_years=age), has_surfaces=False)
    assert host.scene.GetNumberOfNodes() == before
    assert again.ages_years == AGES_YEARS
    assert shows(a_sweep.select(AGES_YEARS[2]), replace(predicted_at(66.0), age_years=AGES_YEARS[2]))


def test_a_passing_age_leaves_the_kept_ones_alone(
    a_source: Any, a_sweep: AgeSequence, predicted_at: PredictedAt
) -> None:
    a_sweep.select(AGES_YEARS[4])
    for age in (41.0, 51.3, 80.0, 51.4):
        assert shows(show_prediction(a_source, predicted_at(age)), predicted_at(age))
        assert a_sweep.shown_age_years == age
    assert a_sweep.ages_years == AGES_YEARS
    assert not a_sweep.has(80.0)
    assert all(shows(a_sweep.select(age), predicted_at(age)) for age in AGES_YEARS)
    assert a_sweep.has(51.4), "the last one passed can still be gone back to"


def test_a_passing_age_that_is_put_is_kept(
    a_source: Any, a_sweep: AgeSequence, predicted_at: PredictedAt
) -> None:
    show_prediction(a_source, predicted_at(80.0))
    a_sweep.put(predicted_at(80.0), has_surfaces=False)
    show_prediction(a_source, predicted_at(81.0))
    assert a_sweep.ages_years == (*AGES_YEARS, 80.0)


def test_what_passes_a_kept_age_is_shown_and_leaves_it_as_it_was(
    a_source: Any, a_sweep: AgeSequence, predicted_at: PredictedAt
) -> None:
    age = AGES_YEARS[5]
    kept = replace(predicted_at(age), image_kind="warped")
    other = replace(predicted_at(66.0), age_years=age, image_kind="plain")
    a_sweep.put(kept, has_surfaces=False)
    for _ in range(2):
        assert shows(show_prediction(a_source, other), other)
        assert a_sweep.shown_age_years == age
        assert (a_sweep.ages_years, a_sweep.image_kind_at(age)) == (AGES_YEARS, "warped")
    assert segment_ids(show_prediction(a_source, replace(other, labels=None)).segmentation) == ()
    assert shows(a_sweep.select(age), kept)
    assert a_sweep.browser.GetNumberOfItems() == len(AGES_YEARS), "no toolbar steps to what passed there"
    show_prediction(a_source, predicted_at(80.0))
    assert a_sweep.ages_years == AGES_YEARS
    assert a_sweep.browser.GetNumberOfItems() == len(AGES_YEARS) + 1, "what passed is still there"
    assert shows(a_sweep.select(age), kept)


def test_an_age_put_while_another_picture_of_it_passes_is_the_one_kept(
    a_source: Any, a_sweep: AgeSequence, predicted_at: PredictedAt
) -> None:
    age = AGES_YEARS[5]
    show_prediction(a_source, replace(predicted_at(66.0), age_years=age))
    new = replace(predicted_at(48.0), age_years=age)
    assert shows(a_sweep.put(new, has_surfaces=False), new)
    show_prediction(a_source, predicted_at(80.0))
    assert shows(a_sweep.select(age), new)
    assert a_sweep.ages_years == AGES_YEARS


def test_each_age_says_which_kind_of_image_it_is(
    a_source: Any, a_sweep: AgeSequence, predicted_at: PredictedAt
) -> None:
    first, second, third = AGES_YEARS[:3]
    a_sweep.put(replace(predicted_at(first), image_kind="warped"), has_surfaces=False)
    a_sweep.put(replace(predicted_at(second), image_kind="plain"), has_surfaces=False)
    assert [a_sweep.image_kind_at(age) for age in (first, second, third)] == ["warped", "plain", ""]
    for age, kind, words in (
        (first, "warped", "predicted, last scan, moved ("),
        (second, "plain", "predicted, as decoded ("),
        (third, None, "predicted ("),
        (first, "warped", "predicted, last scan, moved ("),
    ):
        node = a_sweep.select(age).image
        assert node.GetAttribute(IMAGE_KIND) == kind
        assert words in node.GetName()
    show_prediction(a_source, replace(predicted_at(80.0), image_kind="plain"))
    assert a_sweep.image_kind_at(80.0) is None, "it only passes"


def test_the_slider_alone_piles_nothing_up(host: Host, a_source: Any, predicted_at: PredictedAt) -> None:
    show_prediction(a_source, predicted_at(50.0))
    before = host.scene.GetNumberOfNodes()
    for age in (51.0, 49.0, 52.0, 52.0):
        assert shows(show_prediction(a_source, predicted_at(age)), predicted_at(age))
    assert host.scene.GetNumberOfNodes() == before
    assert AgeSequence(a_source).ages_years == ()
    assert AgeSequence(a_source).browser.GetNumberOfItems() == 1


def test_an_age_without_measurement_shows_no_segmentation_of_another(
    a_source: Any, a_sweep: AgeSequence, predicted_at: PredictedAt
) -> None:
    nodes = show_prediction(a_source, replace(predicted_at(80.0), labels=None))
    assert segment_ids(nodes.segmentation) == ()
    a_sweep.put(replace(predicted_at(AGES_YEARS[3]), labels=None))
    assert segment_ids(a_sweep.select(AGES_YEARS[3]).segmentation) == ()
    assert shows(a_sweep.select(AGES_YEARS[2]), predicted_at(AGES_YEARS[2]))


def test_removed_ages_are_gone_and_the_others_whole(a_sweep: AgeSequence, predicted_at: PredictedAt) -> None:
    a_sweep.select(AGES_YEARS[-1])
    for age in (AGES_YEARS[-1], AGES_YEARS[0], AGES_YEARS[7], 99.0):
        a_sweep.remove(age)
    left = (*AGES_YEARS[1:7], *AGES_YEARS[8:-1])
    assert a_sweep.ages_years == left
    assert a_sweep.shown_age_years == left[-1]
    assert all(shows(a_sweep.select(age), predicted_at(age)) for age in left)
    assert {sequence.GetNumberOfDataNodes() for sequence in a_sweep._sequences} == {len(left)}


def test_the_last_age_removed_ends_the_sweep(a_source: Any, predicted_at: PredictedAt) -> None:
    sweep = AgeSequence(a_source)
    sweep.put(predicted_at(50.0), has_surfaces=False)
    sweep.remove(50.0)
    assert sweep.ages_years == ()
    assert sweep.browser is None


def test_a_cleared_sweep_can_be_made_again(
    host: Host, a_source: Any, a_sweep: AgeSequence, predicted_at: PredictedAt
) -> None:
    before = host.scene.GetNumberOfNodes()
    a_sweep.clear()
    assert (a_sweep.ages_years, a_sweep.browser) == ((), None)
    for age in AGES_YEARS:
        a_sweep.put(predicted_at(age), has_surfaces=False)
    assert host.scene.GetNumberOfNodes() == before
    assert all(shows(a_sweep.select(age), predicted_at(age)) for age in AGES_YEARS)


def test_an_age_that_is_not_there_is_refused(a_sweep: AgeSequence) -> None:
    with pytest.raises(InputError, match="Age 99 is not in the sweep"):
        a_sweep.select(99.0)


def test_surfaces_stay_with_their_age(a_source: Any, predicted_at: PredictedAt) -> None:
    sweep = AgeSequence(a_source)
    for age in (50.0, 60.0):
        sweep.put(predicted_at(age))
    volumes_mm3 = []
    for age in (50.0, 60.0, 50.0):
        nodes = sweep.select(age)
        surface = nodes.segmentation.GetClosedSurfaceInternalRepresentation("freesurfer-4")
        assert surface is not None, "the surface vanished when the age changed"
        volumes_mm3.append(np.prod(np.diff(np.reshape(surface.GetBounds(), (3, 2)), axis=1)))
    assert volumes_mm3[0] == volumes_mm3[2]
    assert volumes_mm3[1] > 1.3 * volumes_mm3[0]


def test_how_the_user_shows_a_structure_stays_through_the_ages(
    a_source: Any, a_sweep: AgeSequence, predicted_at: PredictedAt
) -> None:
    display = a_sweep.select(AGES_YEARS[0]).segmentation.GetDisplayNode()
    display.SetSegmentVisibility("freesurfer-4", False)
    display.SetSegmentOpacity3D("freesurfer-3", 0.7)
    a_sweep.put(replace(predicted_at(AGES_YEARS[1]), labels=None))
    a_sweep.select(AGES_YEARS[2])
    show_prediction(a_source, predicted_at(80.0))
    assert not display.GetSegmentVisibility("freesurfer-4")
    assert display.GetSegmentOpacity3D("freesurfer-3") == 0.7


def test_an_age_lies_under_the_transform_that_its_source_has_by_now(
    host: Host, a_source: Any, a_sweep: AgeSequence, predicted_at: PredictedAt
) -> None:
    a_sweep.select(AGES_YEARS[0])
    transform = host.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    for wanted in (transform.GetID(), None):
        a_source.SetAndObserveTransformNodeID(wanted)
        for nodes in (a_sweep.select(AGES_YEARS[1]), show_prediction(a_source, predicted_at(80.0))):
            assert nodes.image.GetTransformNodeID() == wanted
            assert nodes.segmentation.GetTransformNodeID() == wanted


def test_predicted_nodes_that_were_deleted_come_back_as_the_first_ones(
    host: Host, a_source: Any, a_sweep: AgeSequence, predicted_at: PredictedAt
) -> None:
    first = a_sweep.select(AGES_YEARS[0])
    opacity = first.segmentation.GetDisplayNode().GetOpacity2DFill()
    for node in (first.image, first.segmentation):
        host.scene.RemoveNode(node)
    transform = host.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    a_source.SetAndObserveTransformNodeID(transform.GetID())
    again = a_sweep.select(AGES_YEARS[1])
    assert shows(again, predicted_at(AGES_YEARS[1]))
    assert {again.image, again.segmentation} <= set(owned_nodes(a_source))
    assert a_sweep.shown_age_years == AGES_YEARS[1]
    assert again.image.GetTransformNodeID() == again.segmentation.GetTransformNodeID() == transform.GetID()
    assert again.image.GetDisplayNode().GetWindow() == a_source.GetDisplayNode().GetWindow()
    assert again.segmentation.GetDisplayNode().GetOpacity2DFill() == opacity


def test_two_forecasts_in_one_scene_do_not_touch(
    source_of: Callable[..., Any], a_real_scan: Any, predicted_at: PredictedAt
) -> None:
    first, second = (AgeSequence(source_of(a_real_scan, name)) for name in ("sub-01", "sub-02"))
    first.put(predicted_at(50.0), has_surfaces=False)
    second.put(predicted_at(60.0), has_surfaces=False)
    assert (first.ages_years, second.ages_years) == ((50.0,), (60.0,))
    assert shows(first.select(50.0), predicted_at(50.0))
    assert not set(owned_nodes(first._source)) & set(owned_nodes(second._source))
