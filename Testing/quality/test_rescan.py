"""What is told of a brain that is scanned again, on volumes that are known."""

from __future__ import annotations

import pytest
from quality.rescan import REGIONS, Watched, rescan_table, seen_table


def volumes(scale: float) -> dict[str, float]:
    return {region: scale * (10.0 + number) for number, region in enumerate(REGIONS)}


def a_person(*seen_scales: float) -> Watched:
    """Truly 1 % smaller after two years, seen as given and told twice as much; two visits are weeks apart."""
    true, told = (1.0, 0.99, 0.99), [1 + 2 * (scale - 1) for scale in seen_scales]
    kinds = (seen_scales, seen_scales, told, true)
    return Watched((70.0, 72.0, 72.1), *([volumes(s) for s in kind] for kind in kinds))


def test_only_visits_weeks_apart_are_rescans_and_what_changed_is_taken_away():
    (pair,) = a_person(1.0, 0.98, 0.98 * 1.004).rescans()
    assert pair == pytest.approx([0.4] * len(REGIONS))


def test_the_share_seen_is_of_everybodys_change_together():
    people = [a_person(1.0, 0.99, 0.990), a_person(1.0, 1.0, 1.0)]
    lines = seen_table(people).splitlines()
    assert lines[0] == "2 people from first to last visit"
    assert all(
        line.endswith("| -1.00 | -0.50 | -1.00 | 50 | 0.50 | 0.50 | 1.00 |")
        for line in lines[-len(REGIONS) :]
    )


def test_a_cohort_without_rescans_says_so():
    apart = Watched((70.0, 72.0), *[[volumes(1.0)] * 2] * 4)
    assert "Nobody has two visits" in rescan_table([apart])
