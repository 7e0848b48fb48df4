"""For this patient: is a change real, and does it go faster than in such people?

Rates and changes rest on the line through volumes and on what is known of a scan's noise; they need a model
that knows both. Leaving a visit out shows what the forecast would have said of it, had it not been known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from MRExtrapLib.forecast.volumes import CONFIDENCE, PersonVolumes

REACH = float(stats.norm.ppf((1.0 + CONFIDENCE) / 2.0))
"""Standard deviations to each side that hold 95 %."""


@dataclass(frozen=True)
class RegionRate:
    """How fast a region of this person changes, beside people of the same age, sex and diagnosis.

    Attributes:
        ml_per_year: of this person, scans and prior weighed; low and high bound 95 %.
        percent_per_year: the same, in percent of the person's mean volume.
        expected_ml_per_year: of such people; its low and high hold 95 % of them.
        share_slower: of such people change less, or the other way; 0.5 is the middle.
    """

    region: str
    ml_per_year: float
    low_ml_per_year: float
    high_ml_per_year: float
    percent_per_year: float | None
    expected_ml_per_year: float
    expected_low_ml_per_year: float
    expected_high_ml_per_year: float
    share_slower: float


@dataclass(frozen=True)
class RegionChange:
    """An observed change beside what two scans of an unchanged brain differ.

    Attributes:
        change_ml: observed at the later age less observed at the earlier.
        noise_ml: one standard deviation of that difference if nothing had changed.
        probability: that the true change has the direction of the observed one, from these two scans alone
            (flat prior, normal noise): 0.5 tells nothing, 0.975 is what is usually called significant.
        smallest_real_ml: below it, at 95 %, a difference may be noise alone.
    """

    region: str
    from_age_years: float
    to_age_years: float
    change_ml: float
    noise_ml: float
    probability: float
    smallest_real_ml: float


def region_rates(volumes: PersonVolumes) -> tuple[RegionRate, ...]:
    """This person's yearly change in each region, and that of such people."""
    line = volumes.line
    rate, spread = line.rate()
    expected, among = line.expected_rate()
    level = line.level()
    return tuple(
        RegionRate(
            region=region,
            ml_per_year=rate[region],
            low_ml_per_year=rate[region] - REACH * spread[region],
            high_ml_per_year=rate[region] + REACH * spread[region],
            percent_per_year=100.0 * rate[region] / level[region] if level[region] > 0 else None,
            expected_ml_per_year=expected[region],
            expected_low_ml_per_year=expected[region] - REACH * among[region],
            expected_high_ml_per_year=expected[region] + REACH * among[region],
            share_slower=_share_slower(rate[region], expected[region], among[region]),
        )
        for region in line.regions
    )


def _share_slower(rate: float, expected: float, among: float) -> float:
    """How many of such people change less in the direction in which they change on average."""
    if among <= 0:
        return 0.5
    return float(stats.norm.cdf(np.sign(expected or 1.0) * (rate - expected) / among))


def region_changes(
    volumes: PersonVolumes, observed_ml: Sequence[Mapping[str, float]], ages_years: Sequence[float]
) -> tuple[RegionChange, ...]:
    """The change from each visit to the next and, with more than two, from the first to the last."""
    steps = [(index, index + 1) for index in range(len(ages_years) - 1)]
    steps += [(0, len(ages_years) - 1)] if len(ages_years) > 2 else []
    noise = volumes.line.scan_noise()
    return tuple(
        _change(region, ages_years[i], ages_years[j], observed_ml[j][region] - observed_ml[i][region], noise)
        for i, j in steps
        for region in volumes.line.regions
    )


def _change(
    region: str, earlier: float, later: float, change_ml: float, noise: Mapping[str, float]
) -> RegionChange:
    """The change of one region.

    >>> made = _change("hippocampus", 70.0, 71.0, -0.2, {"hippocampus": 0.1})
    >>> round(made.probability, 3), round(made.smallest_real_ml, 3)
    (0.921, 0.277)
    """
    of_difference = float(np.sqrt(2.0)) * noise[region]
    return RegionChange(
        region=region,
        from_age_years=earlier,
        to_age_years=later,
        change_ml=change_ml,
        noise_ml=of_difference,
        probability=float(stats.norm.cdf(abs(change_ml) / of_difference)),
        smallest_real_ml=REACH * of_difference,
    )
