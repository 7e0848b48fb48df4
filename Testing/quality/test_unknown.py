"""Coverage of cases that are known, and what is forgotten of a stranger."""

from __future__ import annotations

import pytest
from quality.coverage import coverage_of
from quality.unknown import stranger

from MRExtrapLib.progression.calibration import Calibration, Case, RegionCalibration
from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.training.people import PersonScans

REGIONS = ("hippocampus", "ventricles", "gray_matter", "white_matter")


def test_every_person_counts_once() -> None:
    """Normal intervals of one millilitre: 0.6 lies inside all, 1.2 outside half, 9 outside all."""
    calibration = Calibration(
        dict.fromkeys(REGIONS, RegionCalibration((0.0, 0.0), (1.0,) * 4, 100.0)), 100.0, 9, 9
    )
    missed_ml = {"a": (0.6,), "b": (9.0, 9.0, 9.0), "c": (1.2, 0.6)}
    cases = [
        Case(person, region, 1, 3.0, ml, 0.0, 0.0, 1.0)
        for person, found in missed_ml.items()
        for ml in found
        for region in REGIONS
    ]
    for shares in coverage_of(cases, calibration).values():
        assert shares == pytest.approx([(1 + 0 + 0.5) / 3, 2 / 3, 2 / 3])


def test_age_alone_is_known_of_a_stranger() -> None:
    person = PersonScans("tree/sub-1", (), (70.0, 72.0), Covariates(71.0, "F", "AD"), ("CN", "AD"))
    assert stranger(person).known_at([0, 1]) == Covariates(71.0)
    assert person.known_at([0]) == Covariates(70.0, "F", "CN")
