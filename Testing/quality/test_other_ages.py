"""Which visits are asked for, and what a table of them tells."""

from __future__ import annotations

from quality.other_ages import backward_trials, between_trials, table

from MRExtrapLib.anatomy.regions import MAIN_REGIONS
from MRExtrapLib.progression.calibration import Calibration, Case, RegionCalibration


def test_no_visit_predicts_itself_and_the_first_is_predicted_from_later_ones() -> None:
    for visits in (3, 4, 5, 6):
        trials = [one for kind in backward_trials(visits).values() for one in kind]
        assert all(min(one.inputs) > one.target == 0 and max(one.inputs) < visits for one in trials)
        among = [one for kind in between_trials(visits).values() for one in kind]
        assert all(one.inputs[0] < one.target < one.inputs[-1] for one in among)
        assert all(one.target not in one.inputs for one in (*trials, *among))
        assert len(set(among)) == len(among)


def test_a_row_tells_what_is_inside_and_what_is_missed() -> None:
    """Two people, one of whom is missed by 1 ml upwards and one by 9: half lie inside a normal interval."""
    calibration = Calibration(
        dict.fromkeys(MAIN_REGIONS, RegionCalibration((0.0, 0.0), (1.0,) * 4, 100.0)), 100.0, 9, 9
    )
    cases = [
        Case(person, region, 2, 0.0, 10.0, 10.0 + missed, 10.0, 2.0)
        for person, missed in (("a", 1.0), ("b", -9.0))
        for region in MAIN_REGIONS
    ]
    row = table({"between two scans": cases}, calibration).splitlines()[-1]
    assert row.count("50 / 50 / 50; 5.00 (-4.00)") == len(MAIN_REGIONS)
    assert "2, 2" in row
