"""The baselines on volumes, on people whose volumes are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from MRExtrapLib.evaluation.answers import answers_of, grouped
from MRExtrapLib.evaluation.results import CARRIED_FORWARD, MIXED, POPULATION, VOLUME_LINE
from MRExtrapLib.evaluation.scoring import score
from MRExtrapLib.evaluation.volume_lines import volume_estimates
from MRExtrapLib.progression.student import LEVELS

ROUNDING_ML = 1e-9
"""Of hundreds of millilitres in float64."""

COVERAGE_TOLERANCE = 0.04
"""Three standard errors of a share of 0.8 among 900 answers."""


def answers(people):
    return answers_of(people, volume_estimates(people)[0])


def test_least_squares_is_right_where_volumes_are_lines(make_people) -> None:
    found = [one for one in answers(make_people()) if one.method == VOLUME_LINE]
    assert len(found) > 100
    assert max(abs(one.error_ml) for one in found) < ROUNDING_ML


def test_carrying_the_last_forward_misses_exactly_the_change(make_people) -> None:
    found = [one for one in answers(make_people(noise=0.01)) if one.method == CARRIED_FORWARD]
    assert found
    for one in found:
        assert one.error_ml == pytest.approx(-one.observed_change_ml, abs=ROUNDING_ML)


def test_where_all_change_alike_the_population_slope_is_right(make_people) -> None:
    found = [one for one in answers(make_people(between=0.0)) if one.method == POPULATION]
    assert found
    # the EM holds effects of covariates back by one person in twelve
    assert max(abs(one.error_ml) / one.last_ml for one in found) < 1e-3


def test_the_mixed_model_is_better_than_either_part_on_noisy_volumes(make_people) -> None:
    people = make_people(count=60, noise=0.01, between=0.7)
    by_method = grouped((a for a in answers(people) if a.inputs == 2), "method", "region")
    for region in ("hippocampus", "gray_matter"):
        errors = {m: score(by_method[m, region]).error_ml.value for m in (MIXED, VOLUME_LINE, POPULATION)}
        assert errors[MIXED] == min(errors.values())


def test_intervals_of_the_mixed_model_hold_what_they_claim(make_people) -> None:
    people = make_people(count=300, noise=0.01)
    found = grouped((a for a in answers(people) if a.inputs == a.most_inputs), "method", "region")
    coverage = score(found[MIXED, "hippocampus"]).coverage
    for level in LEVELS:
        assert coverage[level].value == pytest.approx(level, abs=COVERAGE_TOLERANCE)


def test_nobody_is_judged_by_a_fit_that_knew_them(make_people) -> None:
    """Another volume in a person's last scan changes nothing of what is predicted for that person."""
    people = make_people(noise=0.01)
    first = people[0]
    last = dict(first.observed_ml[-1], hippocampus=9.9)
    moved = replace(first, observed_ml=(*first.observed_ml[:-1], last))
    before, after = (volume_estimates([one, *people[1:]])[0][first.participant] for one in (first, moved))
    assert {one.method for one in before} == {VOLUME_LINE, POPULATION, MIXED}
    assert before == after


def test_too_few_people_are_told_and_least_squares_goes_on(make_people) -> None:
    estimates, words = volume_estimates(make_people(count=4))
    assert "at least 8 people" in words
    assert {one.method for found in estimates.values() for one in found} == {VOLUME_LINE}


def test_one_person_alone_is_told_too(make_people) -> None:
    estimates, words = volume_estimates(make_people(count=1))
    assert "other people" in words
    assert np.all([one.method == VOLUME_LINE for one in estimates["sub-00"]])
