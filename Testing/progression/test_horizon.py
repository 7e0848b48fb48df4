"""What is said about ages far from the scans."""

from __future__ import annotations

import pytest

from MRExtrapLib.progression.horizon import horizon_warnings, line_warnings, weight_warnings

AGES = (70.0, 74.0)
"""A span of four years carries six."""


@pytest.mark.parametrize("age", [64.0, 70.0, 72.0, 80.0])
def test_ages_within_the_horizon_pass_in_silence(age: float) -> None:
    assert horizon_warnings(age, AGES) == ()


@pytest.mark.parametrize(("age", "side"), [(80.1, "after the last"), (63.9, "before the first")])
def test_ages_beyond_the_horizon_are_warned_about_on_either_side(age: float, side: str) -> None:
    (words,) = horizon_warnings(age, AGES)
    assert side in words
    assert "6.0 years" in words


def test_scans_close_together_still_carry_three_years() -> None:
    assert horizon_warnings(73.5, (70.0, 70.5)) == ()
    assert horizon_warnings(73.6, (70.0, 70.5)) != ()


def test_two_scans_are_said_to_be_few() -> None:
    assert "two scans 4.00 years apart" in line_warnings(AGES)[0]
    assert line_warnings((70.0, 72.0, 74.0)) == ()


@pytest.mark.parametrize("is_least_squares", [True, False])
def test_weak_scans_are_told_with_their_weight(is_least_squares: bool) -> None:
    (words,) = weight_warnings(0.31, is_least_squares)
    assert "0.31" in words
    assert weight_warnings(0.5, is_least_squares) == ()
