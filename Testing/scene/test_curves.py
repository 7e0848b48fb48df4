"""A region's curve in numbers; needs no scene."""

from __future__ import annotations

from dataclasses import replace

import pytest

from MRExtrapLib.errors import InputError
from MRExtrapLib.scene.curves import held_out_years, volume_curve
from MRExtrapLib.worker.results import Loaded, RegionVolume, VisitEntry

ML = 1e-9
"""Sums of a few volumes."""


def rows(*predicted_years: float, reconstructed_off_ml: float = 0.5) -> list[RegionVolume]:
    """One ml a year from 10 ml at 70; scans at 70, 72 and 74."""
    made = []
    for age in (70.0, 72.0, 74.0):
        made.append(RegionVolume("observed", age, "ventricles", age - 60))
        made.append(RegionVolume("reconstructed", age, "ventricles", age - 60 - reconstructed_off_ml))
    made += [
        RegionVolume("predicted", age, "ventricles", age - 60, age - 61, age - 59) for age in predicted_years
    ]
    return made


def test_line_and_extrapolation_meet_at_the_outer_scans() -> None:
    curve = volume_curve("ventricles", rows(68.0, 71.0, 76.0))
    assert [age for age, _ in curve.fitted] == [70.0, 71.0, 72.0, 74.0]
    assert [age for age, _ in curve.before] == [68.0, 70.0]
    assert [age for age, _ in curve.after] == [74.0, 76.0]
    assert curve.before[-1] == curve.fitted[0]
    assert curve.after[0] == curve.fitted[-1]


def test_the_reconstructions_own_bias_does_not_bend_the_line() -> None:
    curve = volume_curve("ventricles", rows(68.0, 76.0, reconstructed_off_ml=3.0))
    for age, ml in (*curve.before, *curve.fitted, *curve.after):
        assert ml == pytest.approx(age - 60, abs=ML)


def test_a_held_out_scan_lies_beyond_the_line() -> None:
    curve = volume_curve("ventricles", rows(74.0), held_out_years=74.0)
    assert curve.held_out == ((74.0, 14.0),)
    assert [age for age, _ in curve.observed] == [70.0, 72.0]
    assert [age for age, _ in curve.after] == [72.0, 74.0]
    assert curve.before == ()


def test_bounds_are_there_where_they_are_known() -> None:
    known = volume_curve("ventricles", rows(76.0, 75.0))
    assert known.low == ((75.0, 14.0), (76.0, 15.0))
    assert known.high == ((75.0, 16.0), (76.0, 17.0))
    unknown = [RegionVolume("predicted", 76.0, "ventricles", 16.0)]
    assert volume_curve("ventricles", [*rows(), *unknown]).low == ()


def test_without_predictions_nothing_is_extrapolated() -> None:
    curve = volume_curve("ventricles", rows())
    assert (curve.before, curve.after) == ((), ())
    assert len(curve.fitted) == 3


def test_an_endless_interval_does_not_set_the_range() -> None:
    wide = RegionVolume("predicted", 76.0, "ventricles", 16.0, -400.0, 400.0)
    assert volume_curve("ventricles", [*rows(), wide]).range_ml == (10.0, 16.0)


def test_a_region_that_nobody_measured_is_refused() -> None:
    with pytest.raises(InputError, match="'spleen' was measured in no scan; choose one of: ventricles"):
        volume_curve("spleen", rows(76.0))


def test_the_held_out_age_is_that_of_its_visit() -> None:
    visits = tuple(VisitEntry(f"ses-{age:g}", "", age) for age in (70.0, 72.0, 74.0))
    loaded = Loaded(
        subject="subject-1",
        visits=visits,
        reference=1,
        held_out=2,
        method="bayes",
        model="a model",
        segmenter="own",
        device="cpu",
        volumes=(),
        trusted_years=(67.0, 77.0),
        uncertainty="",
        data_weight=None,
        image_kind="plain",
        warnings=(),
    )
    assert held_out_years(loaded) == 74.0
    assert held_out_years(replace(loaded, held_out=None)) is None
