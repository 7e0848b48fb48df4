"""Change and uncertainty maps: the numbers, and scales that mean the same at every age."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from MRExtrapLib.errors import InputError

slicer = pytest.importorskip("slicer", reason="needs Slicer's scene: pip install slicer-core")

from slicer_host import Host  # noqa: E402

from MRExtrapLib.scene.arrays import PlacedArray, Prediction, array_of  # noqa: E402
from MRExtrapLib.scene.maps import (  # noqa: E402
    FULL_AT_PERCENTILE,
    SMALLEST_SHARE,
    forget_scales,
    show_change,
    show_uncertainty,
)

PredictedAt = Callable[[float], Prediction]


def color_at(node: Any, value: float) -> np.ndarray:
    """Red, green and blue that a map gives to a value."""
    display = node.GetDisplayNode()
    low, high = display.GetWindowLevelMin(), display.GetWindowLevelMax()
    colors = display.GetColorNode()
    place = (value - low) / (high - low) * (colors.GetNumberOfColors() - 1)
    rgba = [0.0] * 4
    colors.GetColor(round(np.clip(place, 0, colors.GetNumberOfColors() - 1)), rgba)
    return np.array(rgba[:3])


def test_change_is_predicted_minus_reference(a_source: Any, predicted_at: PredictedAt) -> None:
    now, then = predicted_at(46.0).image, predicted_at(60.0).image
    node = show_change(a_source, then, now, 60.0)
    np.testing.assert_array_equal(array_of(node).voxels, then.voxels - now.voxels)
    assert "change (Predicted, research use, not for diagnosis) [age=60.0years]" in node.GetName()


def test_no_change_is_black_and_both_ways_have_their_colour(a_source: Any, predicted_at: PredictedAt) -> None:
    node = show_change(a_source, predicted_at(60.0).image, predicted_at(46.0).image, 60.0)
    display = node.GetDisplayNode()
    assert display.GetWindowLevelMin() == pytest.approx(-display.GetWindowLevelMax())
    nothing, darker, brighter = (color_at(node, value) for value in (0.0, -1e9, 1e9))
    assert max(nothing) == 0.0
    assert darker[2] > 2 * darker[0]
    assert brighter[0] > 2 * brighter[2]


def test_the_scale_stays_from_age_to_age(host: Host, a_source: Any, predicted_at: PredictedAt) -> None:
    reference = predicted_at(46.0).image
    display = show_change(a_source, predicted_at(60.0).image, reference, 60.0).GetDisplayNode()
    before, nodes = display.GetWindow(), host.scene.GetNumberOfNodes()
    again = show_change(a_source, predicted_at(47.0).image, reference, 47.0).GetDisplayNode()
    assert again is display
    assert again.GetWindow() == before
    assert host.scene.GetNumberOfNodes() == nodes


def test_a_scale_set_where_nothing_changes_is_wide_enough_for_other_ages(
    a_source: Any, predicted_at: PredictedAt
) -> None:
    image = predicted_at(46.0).image
    display = show_change(a_source, image, image, 46.0).GetDisplayNode()
    brightness = np.percentile(image.voxels[image.voxels != 0], FULL_AT_PERCENTILE)
    assert display.GetWindowLevelMax() == pytest.approx(SMALLEST_SHARE * brightness)


def test_nothing_at_all_can_be_shown(a_source: Any, predicted_at: PredictedAt) -> None:
    image = predicted_at(46.0).image
    nothing = PlacedArray(np.zeros_like(image.voxels), image.affine)
    display = show_change(a_source, nothing, nothing, 46.0).GetDisplayNode()
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (-1.0, 1.0)


def test_a_scale_is_the_users_until_it_is_forgotten(a_source: Any, predicted_at: PredictedAt) -> None:
    now, then = predicted_at(46.0).image, predicted_at(60.0).image
    display = show_change(a_source, then, now, 60.0).GetDisplayNode()
    whole = display.GetWindow()
    display.SetWindowLevelMinMax(-1.0, 1.0)
    show_change(a_source, then, now, 60.0)
    assert display.GetWindow() == 2.0
    forget_scales(a_source)
    show_change(a_source, then, now, 60.0)
    assert display.GetWindow() == whole


def test_images_of_different_grids_are_refused(a_source: Any, predicted_at: PredictedAt) -> None:
    image = predicted_at(46.0).image
    moved = PlacedArray(image.voxels, image.affine + np.eye(4)[[3, 3, 3, 0]].T * 2)
    with pytest.raises(InputError, match="different grids"):
        show_change(a_source, moved, image, 46.0)


def test_certain_voxels_are_not_coloured(a_source: Any, predicted_at: PredictedAt) -> None:
    spread = predicted_at(60.0).uncertainty
    assert spread is not None
    node = show_uncertainty(a_source, spread, 60.0)
    np.testing.assert_array_equal(array_of(node).voxels, spread.voxels)
    display = node.GetDisplayNode()
    assert display.GetApplyThreshold()
    assert 0 < display.GetLowerThreshold() < 0.1 * display.GetWindowLevelMax()
    assert display.GetUpperThreshold() > spread.voxels.max()
    assert color_at(node, 1e9)[0] == 1.0
    display.SetApplyThreshold(False)
    show_uncertainty(a_source, spread, 61.0)
    assert not display.GetApplyThreshold(), "the user's own setting was lost"
