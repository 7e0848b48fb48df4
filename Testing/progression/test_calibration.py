"""Tails of each region's own, who judges whom, and what the bundled model says of those who calibrated it."""

from __future__ import annotations

import numpy as np
import pytest

from MRExtrapLib.errors import ModelError
from MRExtrapLib.model.catalogue import find_model
from MRExtrapLib.model.folder import load_model
from MRExtrapLib.progression.calibrating import calibrate
from MRExtrapLib.progression.calibration import COUNTS, Calibration, Case, RegionCalibration, Tails
from MRExtrapLib.progression.coverage import held_out_coverage
from MRExtrapLib.progression.knowledge import parse_knowledge
from MRExtrapLib.progression.student import LEVELS


def cases_of_two_tails(people: range, seed: int) -> list[Case]:
    """One region missed mostly by little and seldom by much, the other as the normal distribution does."""
    generator = np.random.default_rng(seed)
    return [
        Case(f"p{number}", region, 1, 3.0, missed_ml, 0.0, 0.0, 1.0)
        for number in people
        for region, missed_ml in (
            ("ventricles", 2.0 * generator.standard_t(2.0)),
            ("hippocampus", 0.2 * generator.normal()),
        )
    ]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("region", ["ventricles", "hippocampus"])
def test_each_region_has_its_own_tails(region: str, level: float) -> None:
    calibration = calibrate(cases_of_two_tails(range(200), seed=1))
    assert calibration.freedom_of("ventricles", 1) < calibration.freedom_of("hippocampus", 1)
    inside = [
        calibration.holds(case, level)
        for case in cases_of_two_tails(range(200, 2200), seed=2)
        if case.region == region
    ]
    assert np.mean(inside) == pytest.approx(level, abs=0.04)


def cases_by_count(people: range, seed: int) -> list[Case]:
    """From one scan missed by twice what is stated; from three mostly by little and seldom by much."""
    generator = np.random.default_rng(seed)
    return [
        Case(f"p{number}", "hippocampus", inputs, 3.0, missed_ml, 0.0, 0.0, 1.0)
        for number in people
        for inputs, missed_ml in (
            (1, 2.0 * generator.normal()),
            (2, generator.normal()),
            (3, 0.3 * generator.standard_t(3.0)),
            (4, 0.3 * generator.standard_t(3.0)),
        )
    ]


@pytest.mark.parametrize("inputs", [1, 2, 3, 4])
@pytest.mark.parametrize("level", LEVELS)
def test_intervals_hold_from_however_many_scans(inputs: int, level: float) -> None:
    calibration = calibrate(cases_by_count(range(200), seed=1))
    inside = [
        calibration.holds(case, level)
        for case in cases_by_count(range(200, 2200), seed=2)
        if case.inputs == inputs
    ]
    assert np.mean(inside) == pytest.approx(level, abs=0.05)


def test_tails_that_cannot_be_are_refused() -> None:
    with pytest.raises(ModelError, match="2 tails, which cannot be"):
        RegionCalibration((0.0, 0.0), (1.0,) * 4, tails=(Tails(1.0, 7.0),) * 2)


def test_nobody_is_judged_by_what_they_taught() -> None:
    """One person whom everything missed by far is outside, however wide that would make the intervals."""
    cases = [Case(f"p{number}", "hippocampus", 1, 3.0, 0.1, 0.0, 0.0, 1.0) for number in range(5)]
    cases += [Case("far", "hippocampus", 1, 3.0, 1000.0, 0.0, 0.0, 1.0, "kin") for _ in range(3)]
    cases += [Case("farther", "hippocampus", 1, 3.0, 2000.0, 0.0, 0.0, 1.0, "kin")]
    assert held_out_coverage(cases)["hippocampus"][0] == dict.fromkeys(LEVELS, pytest.approx(5 / 6))


def test_regions_of_a_model_calibrated_with_shared_tails_keep_those() -> None:
    shared = Calibration({"hippocampus": RegionCalibration((0.0, 0.0), (1.0, 1.0, 1.0, 1.0))}, 7.0, 20, 100)
    assert shared.freedom_of("hippocampus", 1) == 7.0
    assert shared.spread_ml("hippocampus", 1, 3.0, 2.0) == 2.0


def test_the_bundled_model_says_that_its_people_were_simulated() -> None:
    model = load_model(find_model(None))
    assert model.volumes is not None
    knowledge = parse_knowledge(model.volumes, model.name)
    assert (knowledge.taught_by, knowledge.calibrated_by) == ("simulated people",) * 2
    assert knowledge.calibration is not None
    assert all(len(one.tails) == COUNTS for one in knowledge.calibration.regions.values())
