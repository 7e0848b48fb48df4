"""Subjects drawn around the published rates."""

from __future__ import annotations

import numpy as np
import pytest

from MRExtrapLib.errors import InputError
from MRExtrapLib.simulation.profiles import PROFILES, SubjectRates, draw_subject, typical_subject

SUBJECTS = 2000
STANDARD_ERRORS = 5


@pytest.mark.parametrize("diagnosis", ["CN", "MCI", "AD"])
def test_the_mean_of_many_subjects_is_the_published_rate(diagnosis: str) -> None:
    rng, profile = np.random.default_rng(0), PROFILES[diagnosis]
    drawn = [draw_subject(profile, rng).percent_per_year["hippocampus"] for _ in range(SUBJECTS)]
    published = profile.percent_per_year["hippocampus"]
    tolerance = STANDARD_ERRORS * published.spread / np.sqrt(SUBJECTS)
    assert np.mean(drawn) == pytest.approx(published.mean, abs=tolerance)


def test_disease_ages_every_region_faster() -> None:
    people = [typical_subject(PROFILES[diagnosis]) for diagnosis in ("CN", "MCI", "AD")]
    for region in people[0].percent_per_year:
        losses = [-person.percent_per_year[region] for person in people]
        assert losses == sorted(losses)


def ventricles_ml(person: SubjectRates, *years: float) -> list[float]:
    return [20 * np.exp(person.log_changes(t, 20.0)["ventricles"]) for t in years]


def test_ventricles_follow_one_parabola_through_the_scan() -> None:
    person = SubjectRates({}, ventricles_ml_per_year=2.0, ventricles_ml_per_year2=0.3)
    ml = ventricles_ml(person, -2, -1, 0, 1, 2)
    assert ml[2] == pytest.approx(20.0)
    assert np.diff(ml, 2) == pytest.approx(0.3)


def test_ventricles_stay_positive_long_ago_and_never_shrink() -> None:
    ml = ventricles_ml(typical_subject(PROFILES["AD"]), -40, -20, -8, -4, -2, -1, 0)
    assert ml[0] > 0
    assert np.all(np.diff(ml) >= 0)


def test_before_the_turn_of_their_parabola_ventricles_stand_still() -> None:
    slow = SubjectRates({}, ventricles_ml_per_year=0.1, ventricles_ml_per_year2=0.1)
    ml = ventricles_ml(slow, -3, -2, -1, 0)
    assert ml[:2] == pytest.approx(ml[2:3] * 2)
    assert ml[2] == pytest.approx(20.0 - 0.05)


def test_far_back_ventricles_shrink_without_a_jump() -> None:
    person = SubjectRates({}, ventricles_ml_per_year=5.0)
    ml = np.array(ventricles_ml(person, *np.arange(-4, 0.01, 0.1)))
    assert np.all(np.diff(ml) > 0.15)
    assert np.abs(np.diff(ml, 2)).max() < 0.03


def test_atrophy_comes_together() -> None:
    rng = np.random.default_rng(0)
    people = [draw_subject(PROFILES["MCI"], rng) for _ in range(SUBJECTS)]
    hippocampus = [person.percent_per_year["hippocampus"] for person in people]
    ventricles = [person.ventricles_ml_per_year for person in people]
    assert np.corrcoef(hippocampus, ventricles)[0, 1] < -0.4


def test_a_brain_without_ventricles_is_refused() -> None:
    with pytest.raises(InputError, match="ventricles hold 0 ml"):
        typical_subject(PROFILES["CN"]).log_changes(1.0, 0.0)
