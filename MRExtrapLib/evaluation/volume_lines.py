"""The baselines that never look at an image: lines through regional volumes.

Least squares knows the person alone, the population slope other people alone, and the mixed model weighs
one against the other; it is the rival that embarrasses image models. Mixed model and population slope are the
same prior and posterior as the model's own (`progression`), with regions in the place of latent elements, on
straight lines and with one variance for everyone; they are fitted on everyone but the person they are asked
about and a few others (cross-fitting).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError
from MRExtrapLib.evaluation.results import (
    MIXED,
    POPULATION,
    VOLUME_LINE,
    Estimate,
    Millilitres,
    PersonResult,
)
from MRExtrapLib.evaluation.trials import Trial
from MRExtrapLib.progression.cohort import Cohort, Participant
from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.crossfit import parted
from MRExtrapLib.progression.fitting import PriorFitting, fit_prior
from MRExtrapLib.progression.line import FEWEST_SCANS, LatentLine, fit_line
from MRExtrapLib.progression.posterior import Posterior, posterior_rate
from MRExtrapLib.progression.prior import Prior
from MRExtrapLib.training.people import family_of

MOST_FOLDS = 10
"""Each leaves out a tenth of the people; more folds fit on hardly more."""

REGIONS_ALONE = PriorFitting(
    factors=0, noise_factors=0, iterations=200, tolerance=1e-6, curvature_per_year=0.0
)
"""One mixed model for each region, without patterns that regions share but for a diagnosis nobody told."""


@dataclass(frozen=True, eq=False)
class VolumePrior:
    """What other people's volumes tell of rates.

    Attributes:
        regions: in the order of the prior's elements.
        scale_ml: (regions,) mean volumes; the prior works in shares of them, so that a hippocampus counts as
            much as a brain.
        prior: of rates in these shares per year.
    """

    regions: tuple[str, ...]
    scale_ml: NDArray[np.float64]
    prior: Prior

    def estimates(self, result: PersonResult, trial: Trial) -> Iterator[Estimate]:
        """Population slope and mixed model: the target's volumes, and how far a scan may fall from them."""
        age, prior = result.ages_years[trial.target], self.prior
        # from the last scan alone: where nobody differs from the slope, older scans only say what was
        population = self._line(result, trial.inputs[-1:], _without_people(prior))
        # people do differ from the population's slope: its interval must know, its slope must not
        years = age - population.mean_age_years
        among_people = prior.residual_variance.astype(np.float64) * years**2
        yield self._estimate(POPULATION, trial, population, age, among_people)
        yield self._estimate(MIXED, trial, self._line(result, trial.inputs, prior), age, 0.0 * among_people)

    def _line(self, result: PersonResult, inputs: Sequence[int], prior: Prior) -> Posterior:
        ages = [result.ages_years[index] for index in inputs]
        shares = _volumes(result, inputs, self.regions) / self.scale_ml
        return posterior_rate(shares, ages, prior, Covariates(fmean(ages), result.sex, result.diagnosis))

    def _estimate(
        self, method: str, trial: Trial, line: Posterior, age_years: float, more_variance: NDArray[np.float64]
    ) -> Estimate:
        volumes_ml = np.maximum(line.at(age_years) * self.scale_ml, 0.0)
        spread = np.sqrt(line.variance(age_years, of_a_new_scan=True) + more_variance)
        spread_ml = _named(self.regions, spread * self.scale_ml)
        return Estimate(method, trial, _named(self.regions, volumes_ml), spread_ml)


def fit_volumes(people: Sequence[PersonResult], regions: Sequence[str]) -> VolumePrior:
    """The rates of these people's volumes.

    Raises:
        InputError: too few people with scans at several ages, or nothing to judge noise by.
    """
    if not people:
        msg = "Rates are learned from other people, and there are none."
        raise InputError(msg)
    scale_ml = np.mean(
        [_volumes(one, range(len(one.ages_years)), regions).mean(axis=0) for one in people], axis=0
    )
    members = tuple(
        Participant(
            one.participant,
            one.ages_years,
            _volumes(one, range(len(one.ages_years)), regions) / scale_ml,
            Covariates(fmean(one.ages_years), one.sex, one.diagnosis),
        )
        for one in people
    )
    return VolumePrior(tuple(regions), scale_ml, fit_prior(Cohort(members), REGIONS_ALONE))


def shared_regions(people: Sequence[PersonResult]) -> tuple[str, ...]:
    """Regions that were measured in everyone and are empty in nobody, in the order of the first person's."""
    return tuple(
        region
        for region in people[0].regions
        if all(volumes.get(region, 0.0) > 0.0 for one in people for volumes in one.observed_ml)
    )


def volume_estimates(
    people: Sequence[PersonResult], more_trials: Mapping[str, Sequence[Trial]] | None = None
) -> tuple[dict[str, tuple[Estimate, ...]], str]:
    """Participant → what the lines through volumes say of each of the person's trials.

    Args:
        people: what was measured of each.
        more_trials: participant → trials to answer beside those of the results.

    Returns:
        The estimates, and a sentence where the cohort is too small for those that learn from other people.
    """
    trials = {one.participant: (*one.trials, *(more_trials or {}).get(one.participant, ())) for one in people}
    own = {one.participant: tuple(_own_lines(one, trials[one.participant])) for one in people}
    try:
        learned = _learned(people, trials)
    except InputError as error:
        return own, f"Without population slope and mixed model: {error}"
    return {name: (*estimates, *learned[name]) for name, estimates in own.items()}, ""


def _learned(
    people: Sequence[PersonResult], trials: Mapping[str, Sequence[Trial]]
) -> dict[str, tuple[Estimate, ...]]:
    """Participant → estimates that learn from the people of all other folds; families are in one fold."""
    regions, found = shared_regions(people), {}
    for left, others in parted([family_of(one.participant) for one in people], MOST_FOLDS):
        prior = fit_volumes([people[index] for index in others], regions)
        for one in (people[index] for index in left):
            found[one.participant] = tuple(
                estimate for trial in trials[one.participant] for estimate in prior.estimates(one, trial)
            )
    return found


def _own_lines(result: PersonResult, trials: Sequence[Trial]) -> Iterator[Estimate]:
    """Least squares through the person's own volumes, for trials with two scans or more."""
    regions = result.regions
    for trial in trials:
        if len(trial.inputs) < FEWEST_SCANS:
            continue
        line = fit_line(
            _volumes(result, trial.inputs, regions), [result.ages_years[index] for index in trial.inputs]
        )
        age = result.ages_years[trial.target]
        volumes_ml = _named(regions, np.maximum(line.at(age), 0.0))
        yield Estimate(VOLUME_LINE, trial, volumes_ml, *_spread(line, age, regions))


def _spread(
    line: LatentLine, age_years: float, regions: Sequence[str]
) -> tuple[Millilitres | None, Mapping[str, float] | None]:
    """Standard deviations and degrees of freedom of a new scan's volumes; None where two scans leave none."""
    freedom = line.degrees_of_freedom
    if freedom < 1:
        return None, None
    variance = np.sum(line.residuals**2, axis=0) / freedom
    factor = line.variance_factor(age_years, of_a_new_scan=True)
    return _named(regions, np.sqrt(variance * factor)), dict.fromkeys(regions, float(freedom))


def _without_people(prior: Prior) -> Prior:
    """The same mean rates, from which nobody differs."""
    return replace(prior, residual_variance=np.zeros_like(prior.residual_variance))


def _volumes(result: PersonResult, visits: Sequence[int], regions: Sequence[str]) -> NDArray[np.float64]:
    """(visits, regions) observed ml."""
    return np.array([[result.observed_ml[index][region] for region in regions] for index in visits])


def _named(regions: Sequence[str], values: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(regions, map(float, values), strict=True))
