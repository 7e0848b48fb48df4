"""Coverage cohort by cohort: whom others' calibration misses; cases are read as they were written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from quality.held_out import held_out_shares, read_cases, table

from MRExtrapLib.anatomy.regions import MAIN_REGIONS
from MRExtrapLib.evaluation.calibrating import write_cases
from MRExtrapLib.progression.calibration import Case
from MRExtrapLib.progression.student import LEVELS


@pytest.fixture(scope="module")
def two_cohorts() -> list[Case]:
    """Sixty people missed by about a standard deviation, and three by ten."""
    generator = np.random.default_rng(0)
    return [
        Case(f"{cohort}/p{number}", region, 1, 3.0, size * generator.normal(), 0.0, 0.0, 1.0)
        for cohort, count, size in (("calm", 60, 1.0), ("wild", 3, 10.0))
        for number in range(count)
        for region in MAIN_REGIONS
        for _ in range(4)
    ]


def test_cases_are_read_as_they_were_written(two_cohorts: list[Case], tmp_path: Path) -> None:
    write_cases(two_cohorts, tmp_path / "cases.csv")
    assert read_cases(tmp_path / "cases.csv") == two_cohorts


def test_intervals_hold_as_stated_on_the_many_and_seldom_on_the_few_who_differ(
    two_cohorts: list[Case],
) -> None:
    shares = held_out_shares(two_cohorts)
    for region in MAIN_REGIONS:
        assert shares["calm"][region].shape == (60, len(LEVELS))
        np.testing.assert_allclose(shares["calm"][region].mean(axis=0), LEVELS, atol=0.1)
        assert shares["wild"][region].mean(axis=0)[-1] < 0.6
    assert "| wild | 3 |" in table(shares)
