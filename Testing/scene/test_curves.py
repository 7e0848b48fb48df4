"""A region's curve in numbers; needs no scene."""

from __future__ import annotations

from dataclasses import replace

import pytest

from MRExtrapLib.errors import InputError
from MRExtrapLib.scene.curves import held_out_years, volume_curve
from MRExtrapLib.worker.results import Loaded, RegionVolume, VisitEntry


def rows(*predicted_years: float) -> list[RegionVolume]:
    """One ml a year from 10 ml at 70; scans at 70, 72 and 74."""
    made = []
    for age in (70.0, 72.0, 74.0):
        made.append(RegionVolume("observed", age, "ventricles", age - 60))
        made.append(RegionVolume("reconstructed", age, "ventricles", age - 60.5))
    made += [
        RegionVolume("predicted", age, "ventricles", age - 60, age - 61, age - 59) for age in predicted_years
    ]
    return made


def test_line_and_extrapolation_meet_where_something_is_predicted() -> None:
    curve = volume_curve("ventricles", rows(68.0, 71.0, 73.0, 76.0))
    assert [age for age, _ in curve.within] == [71.0, 73.0]
    assert [age for age, _ in curve.before] == [68.0, 71.0]
    assert [age for age, _ in curve.after] == [73.0, 76.0]
    outside = volume_curve("ventricles", rows(68.0, 76.0))
    assert (outside.before, outside.within) == (((68.0, 8.0),), ())
    assert outside.after == ((68.0, 8.0), (76.0, 16.0))


def test_the_line_says_what_is_predicted_however_the_scans_scatter() -> None:
    noisy = [
        replace(row, volume_ml=row.volume_ml + 2.0)
        if row.age_years == 72.0 and row.kind != "predicted"
        else row
        for row in rows(68.0, 72.0, 76.0)
    ]
    curve = volume_curve("ventricles", noisy)
    assert curve.observed[1] == (72.0, 14.0)
    assert {*curve.before, *curve.within, *curve.after} == {(68.0, 8.0), (72.0, 12.0), (76.0, 16.0)}


def test_a_held_out_scan_lies_beyond_the_line() -> None:
    curve = volume_curve("ventricles", rows(74.0), held_out_years=74.0)
    assert curve.held_out == ((74.0, 14.0),)
    assert [age for age, _ in curve.observed] == [70.0, 72.0]
    assert curve.after == ((74.0, 14.0),)
    assert (curve.before, curve.within) == ((), ())


def test_bounds_are_there_where_they_are_known() -> None:
    known = volume_curve("ventricles", rows(76.0, 75.0))
    assert known.low == ((75.0, 14.0), (76.0, 15.0))
    assert known.high == ((75.0, 16.0), (76.0, 17.0))
    unknown = [RegionVolume("predicted", 76.0, "ventricles", 16.0)]
    assert volume_curve("ventricles", [*rows(), *unknown]).low == ()


def test_without_predictions_there_is_no_line() -> None:
    curve = volume_curve("ventricles", rows())
    assert (curve.before, curve.within, curve.after) == ((), (), ())
    assert len(curve.observed) == 3


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
