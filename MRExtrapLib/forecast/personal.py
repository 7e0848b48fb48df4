"""For this patient: is a change real, and does it go faster than in such people?

Rates and changes rest on the line through volumes and on what is known of a scan's noise; they need a model
that knows both. Leaving a visit out shows what the forecast would have said of it, had it not been known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from MRExtrapLib.forecast.subject import Method
from MRExtrapLib.forecast.volumes import CONFIDENCE, PersonVolumes

CHANGES_JUDGED = (
    "A change is judged beside the noise of two scans of one brain by one protocol, as it was among the "
    "{whom} who taught the prior. Scans by two protocols differ by more; where their contrast shows it, no "
    "probability is given."
)

NOISE_OF_SIMULATED = (
    "Whether an observed change is real was judged by the noise of simulated people's scans: two real scans "
    "of an unchanged brain may differ by more, so take its probability for the most that it can be."
)
"""For whoever is told probabilities that rest on no real rescan."""

RATES_STATED: Mapping[Method, str] = {
    "bayes": "Rates and their 95 % bounds are those of the Bayesian line through the person's volumes and of "
    "its prior; other people calibrated the intervals of volumes, not these.",
    "linear": "Rates are least squares through the person's own observed volumes, their 95 % bounds are "
    "Student's t by what these leave of the line; nothing is said of other people, and nothing of two scans.",
}

REACH = float(stats.norm.ppf((1.0 + CONFIDENCE) / 2.0))
"""Standard deviations to each side that hold 95 %."""


@dataclass(frozen=True)
class RegionRate:
    """How fast a region of this person changes, beside people of the same age, sex and diagnosis.

    Attributes:
        ml_per_year: of this person, scans and prior weighed, or by least squares; low and high bound 95 %.
        percent_per_year: the same, in percent of the person's mean volume.
        expected_ml_per_year: of such people; its low and high hold 95 % of them. None, as all that follows,
            by least squares, which knows nobody else.
        share_slower: of such people change less, or the other way; 0.5 is the middle.
        data_weight: how much the scans count in it against what is known of such people, 0 to 1.
    """

    region: str
    ml_per_year: float
    low_ml_per_year: float
    high_ml_per_year: float
    percent_per_year: float | None
    expected_ml_per_year: float | None = None
    expected_low_ml_per_year: float | None = None
    expected_high_ml_per_year: float | None = None
    share_slower: float | None = None
    data_weight: float | None = None


@dataclass(frozen=True)
class RegionChange:
    """An observed change beside what two scans of an unchanged brain differ, if one protocol made both.

    Attributes:
        change_ml: observed at the later age less observed at the earlier.
        noise_ml: one standard deviation of that difference if nothing had changed.
        probability: that the true change has the direction of the observed one, from these two scans alone
            (flat prior, normal noise): 0.5 tells nothing, 0.975 is what is usually called significant. None
            where the two scans' contrast differs by more than age makes it: nobody measured that noise.
        smallest_real_ml: below it, at 95 %, a difference may be noise alone; likewise.
        noise_learned_from: whose scans taught what the noise is: people's, or simulated people's.
    """

    region: str
    from_age_years: float
    to_age_years: float
    change_ml: float
    noise_ml: float
    probability: float | None
    smallest_real_ml: float | None
    noise_learned_from: str


def region_rates(volumes: PersonVolumes) -> tuple[RegionRate, ...]:
    """This person's yearly change in each region, and that of such people."""
    line = volumes.line
    rate, spread = line.rate()
    expected, among = line.expected_rate()
    level, weights = line.level(), line.data_weight()
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
            data_weight=weights[region],
        )
        for region in line.regions
    )


def least_squares_rates(
    observed_ml: Sequence[Mapping[str, float]], ages_years: Sequence[float]
) -> tuple[RegionRate, ...]:
    """The yearly change of each region by least squares; none of two scans, which leave no error to judge.

    Args:
        observed_ml: one mapping a visit.
        ages_years: one a visit, no two alike.

    >>> [rate] = least_squares_rates([{"ventricles": ml} for ml in (20.0, 21.0, 22.0)], [70.0, 71.0, 72.0])
    >>> round(rate.ml_per_year, 3), round(rate.high_ml_per_year, 3), rate.share_slower
    (1.0, 1.0, None)
    """
    freedom = len(ages_years) - 2
    if freedom < 1:
        return ()
    rates = []
    for region in observed_ml[0]:
        volumes = np.array([seen[region] for seen in observed_ml])
        fit = stats.linregress(ages_years, volumes)
        rate, half = float(fit.slope), float(stats.t.ppf((1.0 + CONFIDENCE) / 2.0, freedom) * fit.stderr)
        mean_ml = float(volumes.mean())
        percent = 100.0 * rate / mean_ml if mean_ml > 0 else None
        rates.append(RegionRate(region, rate, rate - half, rate + half, percent))
    return tuple(rates)


def _share_slower(rate: float, expected: float, among: float) -> float:
    """How many of such people change less in the direction in which they change on average."""
    if among <= 0:
        return 0.5
    return float(stats.norm.cdf(np.sign(expected or 1.0) * (rate - expected) / among))


def region_changes(
    volumes: PersonVolumes,
    observed_ml: Sequence[Mapping[str, float]],
    ages_years: Sequence[float],
    are_odd: Sequence[bool],
) -> tuple[RegionChange, ...]:
    """The change from each visit to the next and, with more than two, from the first to the last.

    Args:
        volumes: of the person.
        observed_ml: one mapping a visit.
        ages_years: one a visit.
        are_odd: whether a visit's contrast is unlike the others'.
    """
    steps = [(index, index + 1) for index in range(len(ages_years) - 1)]
    steps += [(0, len(ages_years) - 1)] if len(ages_years) > 2 else []
    noise = volumes.line.scan_noise()
    return tuple(
        RegionChange(
            region,
            ages_years[i],
            ages_years[j],
            *_judged(
                observed_ml[j][region] - observed_ml[i][region], noise[region], are_odd[i] or are_odd[j]
            ),
            noise_learned_from=volumes.knowledge.taught_by,
        )
        for i, j in steps
        for region in volumes.line.regions
    )


def changes_words(volumes: PersonVolumes) -> str:
    """What the probability of a change rests on."""
    return CHANGES_JUDGED.format(whom=volumes.knowledge.taught_by)


def changes_warnings(volumes: PersonVolumes, changes: Sequence[RegionChange]) -> tuple[str, ...]:
    """One sentence where a change was judged by noise that no real scan taught; else none."""
    is_judged = any(change.probability is not None for change in changes)
    return (NOISE_OF_SIMULATED,) if is_judged and volumes.knowledge.are_simulated else ()


def _judged(
    change_ml: float, noise_ml: float, is_odd: bool
) -> tuple[float, float, float | None, float | None]:
    """A change, the noise of a difference, the probability that it is real, and the smallest that would be.

    >>> [round(one, 3) for one in _judged(-0.2, 0.1, is_odd=False)]
    [-0.2, 0.141, 0.921, 0.277]
    """
    of_difference = float(np.sqrt(2.0)) * noise_ml
    if is_odd:
        return change_ml, of_difference, None, None
    probability = float(stats.norm.cdf(abs(change_ml) / of_difference))
    return change_ml, of_difference, probability, REACH * of_difference
