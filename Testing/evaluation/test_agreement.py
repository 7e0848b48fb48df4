"""Laws of volume agreement and of straightness."""

from __future__ import annotations

import numpy as np
import pytest

from MRExtrapLib.errors import InputError
from MRExtrapLib.evaluation.agreement import agreement
from MRExtrapLib.evaluation.straightness import straightness

ROUNDING = 1e-9
VOLUMES_ML = np.array([5.2, 7.9, 6.4, 8.8])
ALPHAS = np.linspace(0, 1, 11)


def test_equal_volumes_agree_without_bias() -> None:
    same = agreement(VOLUMES_ML, VOLUMES_ML)
    assert (same.bias_percent, same.spread_percent, same.count) == (0.0, 0.0, 4)
    assert same.correlation == pytest.approx(1.0)


@pytest.mark.parametrize("factor", [0.8, 1.05, 2.0])
def test_a_constant_factor_is_bias_without_spread(factor: float) -> None:
    found = agreement(VOLUMES_ML, factor * VOLUMES_ML)
    assert found.bias_percent == pytest.approx(100 * (factor - 1), abs=ROUNDING)
    assert found.spread_percent == pytest.approx(0, abs=ROUNDING)
    assert found.correlation == pytest.approx(1.0)


def test_units_do_not_matter() -> None:
    measured = VOLUMES_ML + np.array([0.1, -0.2, 0.3, 0.0])
    in_ml, in_mm3 = agreement(VOLUMES_ML, measured), agreement(1000 * VOLUMES_ML, 1000 * measured)
    assert in_mm3.bias_percent == pytest.approx(in_ml.bias_percent)
    assert in_mm3.correlation == pytest.approx(in_ml.correlation)


def test_two_subjects_do_not_correlate() -> None:
    assert np.isnan(agreement([5.0, 6.0], [5.1, 6.2]).correlation)


@pytest.mark.parametrize(("reference", "measured"), [([], []), ([1.0], [1.0, 2.0]), ([0.0], [1.0])])
def test_what_cannot_be_compared_is_refused(reference: list[float], measured: list[float]) -> None:
    with pytest.raises(InputError):
        agreement(reference, measured)


def test_a_line_is_straight_with_its_change() -> None:
    found = straightness(ALPHAS, 8.0 - 2.0 * ALPHAS)
    assert found.r_squared == pytest.approx(1.0, abs=ROUNDING)
    assert found.change_percent == pytest.approx(-25.0, abs=ROUNDING)


def test_a_bend_is_less_straight() -> None:
    bends = [straightness(ALPHAS, 8.0 - ALPHAS + bend * ALPHAS**2).r_squared for bend in (0.0, 0.3, 0.9)]
    assert bends[0] > bends[1] > bends[2]


def test_straightness_is_the_squared_correlation() -> None:
    volumes = np.exp(-ALPHAS) + 0.01 * np.sin(9 * ALPHAS)
    expected = np.corrcoef(ALPHAS, volumes)[0, 1] ** 2
    assert straightness(ALPHAS, volumes).r_squared == pytest.approx(expected, abs=ROUNDING)


def test_the_direction_does_not_matter() -> None:
    volumes = np.exp(-ALPHAS)
    forth, back = straightness(ALPHAS, volumes), straightness(1 - ALPHAS, volumes)
    assert forth.r_squared == pytest.approx(back.r_squared, abs=ROUNDING)


def test_a_volume_that_stays_has_no_straightness() -> None:
    assert np.isnan(straightness(ALPHAS, np.full(11, 4.0)).r_squared)


def test_two_points_are_refused() -> None:
    with pytest.raises(InputError, match="3 volumes"):
        straightness([0.0, 1.0], [1.0, 2.0])
