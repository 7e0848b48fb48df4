"""Scores and their intervals: closed forms, limits, and what a known distribution must give."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import integrate, stats

from MRExtrapLib.evaluation.answers import Answer, Answers
from MRExtrapLib.evaluation.findings import _verdict
from MRExtrapLib.evaluation.scoring import (
    bootstrap,
    difference,
    mean_of,
    score,
    slope_of,
    unit_crps,
)
from MRExtrapLib.progression.student import LEVELS

COVERAGE_TOLERANCE = 0.025
"""Three standard errors of a share of one half among 4000."""


def an_answer(**facts: object) -> Answer:
    known = {
        "participant": "sub-1",
        "sex": None,
        "diagnosis": None,
        "age_years": 72.0,
        "method": "MRExtrap, Bayes",
        "inputs": 2,
        "most_inputs": 2,
        "pair": "2→3",
        "span_years": 1.0,
        "horizon_years": 3.0,
        "region": "hippocampus",
        "last_ml": 7.0,
        "observed_ml": 6.5,
        "brain_ml": 1400.0,
        "true_change_ml": None,
        "reconstructed_change_ml": -0.4,
        "predicted_ml": 6.6,
        "spread_ml": 0.2,
        "freedom": np.inf,
        "psnr_db": None,
        "ssim": None,
        "dice": None,
    }
    return Answer(**(known | facts))


def people(observed: Sequence[float], **facts: object) -> Answers:
    return Answers(
        tuple(
            an_answer(participant=f"sub-{i}", observed_ml=float(ml), **facts) for i, ml in enumerate(observed)
        )
    )


@pytest.mark.parametrize("freedom", [np.inf, 2.0, 5.0, 30.0])
@pytest.mark.parametrize("z", [-1.7, 0.0, 0.4, 3.0])
def test_the_crps_is_its_integral(z: float, freedom: float) -> None:
    law = stats.norm if np.isinf(freedom) else stats.t(freedom)
    below, _ = integrate.quad(lambda x: law.cdf(x) ** 2, -np.inf, z)
    above, _ = integrate.quad(lambda x: law.sf(x) ** 2, z, np.inf)
    assert unit_crps(np.array([z]), freedom)[0] == pytest.approx(below + above, abs=1e-6)


def test_answers_without_an_interval_are_counted_apart() -> None:
    silent = an_answer(participant="sub-9", observed_ml=6.6, spread_ml=None)
    found = score(Answers((*people([6.5, 6.6, 6.7]).rows, silent)))
    assert (found.people, found.answers, found.intervals) == (4, 4, 3)


def test_one_degree_of_freedom_has_no_crps() -> None:
    assert np.isnan(unit_crps(np.array([0.3]), 1.0)[0])


@pytest.mark.parametrize("freedom", [np.inf, 3.0])
def test_coverage_of_a_known_law_is_its_level(freedom: float) -> None:
    law = stats.norm if np.isinf(freedom) else stats.t(freedom)
    drawn = 6.6 + 0.2 * law.rvs(size=4000, random_state=1)
    coverage = score(people(drawn, freedom=freedom)).coverage
    for level in LEVELS:
        assert coverage[level].value == pytest.approx(level, abs=COVERAGE_TOLERANCE)
        assert coverage[level].low < level < coverage[level].high


def test_the_interval_of_a_constant_is_that_constant() -> None:
    found = mean_of(people([6.5] * 5), np.full(5, 0.25))
    assert (found.low, found.value, found.high) == (0.25, 0.25, 0.25)


def test_two_people_have_no_interval() -> None:
    found = mean_of(people([6.0, 7.0]), np.array([0.0, 1.0]))
    assert found.value == 0.5
    assert not found.is_bounded


def test_the_interval_of_a_mean_is_that_of_the_normal_limit() -> None:
    values = np.random.default_rng(0).normal(size=400)
    found = mean_of(people(values), values)
    half = 1.96 * values.std() / np.sqrt(400)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.1)


def test_scans_of_one_person_are_drawn_together() -> None:
    """Ten copies of each person's answer make the interval no narrower."""
    values = np.random.default_rng(0).normal(size=30)
    once = people(values)
    often = Answers(once.rows * 10)
    one, ten = mean_of(once, values), mean_of(often, np.tile(values, 10))
    assert (ten.low, ten.high) == pytest.approx((one.low, one.high))


def test_a_method_that_predicts_twice_the_change_has_slope_one_half() -> None:
    change = np.random.default_rng(0).normal(size=20)
    assert slope_of(people(change), 2 * change, change).value == pytest.approx(0.5)


def test_no_change_predicted_has_no_slope_and_no_direction() -> None:
    found = score(people([6.5, 6.6, 6.8], predicted_ml=7.0, spread_ml=None))
    assert not found.calibration_slope.is_known
    assert not found.sign_share.is_known
    assert found.coverage == {}
    assert found.error_ml.value == pytest.approx(np.mean([0.5, 0.4, 0.2]))


def test_truth_judges_changes_and_the_segmenter_judges_intervals() -> None:
    (one,) = people([6.5], true_change_ml=-0.4).rows
    assert one.error_ml == pytest.approx(0.0)
    assert score(people([9.9] * 3, true_change_ml=-0.4)).coverage[0.95].value == 0.0


def test_a_method_compared_with_itself_differs_by_nothing() -> None:
    same = people(np.linspace(6, 7, 10))
    gap, p = difference(same, same)
    assert (gap.low, gap.value, gap.high) == (0.0, 0.0, 0.0)
    assert np.isnan(p)


def test_a_difference_that_chance_may_give_is_not_told() -> None:
    """Five people who all miss less are too few for Wilcoxon's signed ranks, clear as the mean looks."""
    ours = people(np.linspace(6.5, 6.6, 5))
    theirs = people(np.linspace(6.5, 6.6, 5), predicted_ml=7.0)
    gap, p = difference(ours, theirs)
    assert gap.high < 0 < p
    assert "not told apart" in _verdict(ours, theirs, "a rival")


def test_only_trials_that_both_answered_are_compared() -> None:
    many, few = people(np.linspace(6, 7, 10)), people([6.0, 6.5, 7.0], predicted_ml=9.0)
    gap, _ = difference(many, few)
    shared = [
        abs(6.6 - ml) - abs(9.0 - other)
        for ml, other in zip(np.linspace(6, 7, 10), (6.0, 6.5, 7.0), strict=False)
    ]
    assert gap.value == pytest.approx(np.mean(shared))


def test_intervals_are_those_of_another_bootstrap() -> None:
    sums = np.random.default_rng(0).uniform([5, 1], [9, 3], size=(40, 2))

    def ratio(total: np.ndarray, count: np.ndarray, axis: int) -> np.ndarray:
        return total.sum(axis=axis) / count.sum(axis=axis)

    other = stats.bootstrap(
        tuple(sums.T), ratio, paired=True, method="percentile", random_state=np.random.default_rng(1)
    ).confidence_interval
    found = bootstrap(sums, np.divide)
    assert (found.low, found.high) == pytest.approx((other.low, other.high), rel=0.02)


def test_the_same_draws_give_the_same_interval() -> None:
    sums = np.random.default_rng(0).uniform(1, 2, size=(9, 2))
    assert bootstrap(sums, np.divide) == bootstrap(sums, np.divide)


def test_an_error_counts_in_shares_of_the_region_and_of_the_brain() -> None:
    found = score(people([6.5, 6.5, 6.5], last_ml=7.0, predicted_ml=6.64, brain_ml=1400.0))
    assert found.error_percent.value == pytest.approx(2.0)
    assert found.error_percent_of_brain.value == pytest.approx(0.01)
    assert not score(people([6.5, 6.5], brain_ml=None)).error_percent_of_brain.is_known


def test_people_simulated_of_one_scan_are_drawn_together() -> None:
    apart = people(np.linspace(6.0, 7.0, 12))
    alike = Answers(
        tuple(
            an_answer(participant=f"sub-{i // 4}sim{i % 4}", observed_ml=row.observed_ml)
            for i, row in enumerate(apart.rows)
        )
    )
    assert alike.families == ("sub-0", "sub-1", "sub-2")
    found, loose = (score(answers).error_ml for answers in (alike, apart))
    assert found.value == pytest.approx(loose.value)
    assert found.high - found.low > loose.high - loose.low
