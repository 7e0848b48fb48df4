"""What measured people teach of rates of volumes: of all such people, of each by one scan, how they grow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.progression.acceleration import Bend, Miss, fit_acceleration
from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.dispersion import Differing, fit_factor, fit_power, rate_ratio
from MRExtrapLib.progression.posterior import total_variances
from MRExtrapLib.progression.subject_prior import (
    Example,
    Foretelling,
    Pooled,
    fit_subject_prior,
    signs_of,
)
from MRExtrapLib.progression.timing import timing_of
from MRExtrapLib.progression.volumes import FLUID, VolumePrior, fit_volume_prior, units_of, volume_table
from MRExtrapLib.progression.wandering import Watched, fit_share


@dataclass(frozen=True)
class MeasuredPerson:
    """One person's regional volumes, and what else of the scans may foretell rates.

    Attributes:
        name: of the person; those of one brain share `family`.
        ages_years: (n,) of the scans, ascending.
        volumes_ml: (n,) region → ml.
        covariates: at the middle of the scans.
        pooled: (n,) latents of the scans, pooled.
        family: whom the person must not be parted from; the name by default.
    """

    name: str
    ages_years: tuple[float, ...]
    volumes_ml: tuple[Mapping[str, float], ...]
    covariates: Covariates
    pooled: tuple[Pooled, ...]
    family: str = ""

    @property
    def kin(self) -> str:
        """The family, or the name of who has none."""
        return self.family or self.name

    @property
    def row(self) -> tuple[str, tuple[float, ...], tuple[Mapping[str, float], ...], Covariates]:
        """As a prior of volumes is fitted on."""
        return self.name, self.ages_years, self.volumes_ml, self.covariates


@dataclass(frozen=True)
class Lesson:
    """What was learned, and how sure that is.

    Attributes:
        prior: of volumes.
        foretelling: how well one scan foretold a person's own rates.
        bend: how rates of the ventricles grow. Tissue stays on straight lines: of it less is known, and in
            cohorts simulated of one real scan each that scan, sharper than all others, mimics a bend.
    """

    prior: VolumePrior
    foretelling: Foretelling
    bend: Bend

    @property
    def words(self) -> tuple[str, ...]:
        """What was learned beside mean rates, a sentence each."""
        prior, fluid = self.prior, [region for region in self.prior.regions if FLUID in region]
        wander = _named(prior.regions, 100 * prior.wandering, ".0f")
        spread = _named(prior.regions, prior.dispersion, "g")
        return (
            self.foretelling.words,
            self.bend.words(fluid),
            f"Paces wander, by % a year of the variance of paces among people: {wander}."
            if wander
            else "No region's pace wanders for sure.",
            f"Rates of people differ in proportion to a power of their mean: {spread}."
            if spread
            else "Rates of people differ as much whatever their mean, as far as these people tell.",
        )


def learn(people: Sequence[MeasuredPerson]) -> Lesson:
    """What the volumes of these people teach.

    Raises:
        InputError: too few people with scans at several ages, or nothing to judge noise by.
    """
    straight = _dispersed(fit_volume_prior([one.row for one in people]), people)
    foretelling = fit_subject_prior(
        [_example(one, straight) for one in people if timing_of(one.ages_years[1:] or (0.0,)).information > 0]
    )
    fluid = _fluid(straight)
    bend = fit_acceleration([miss for one in people for miss in _misses(one, straight, fluid)], len(fluid))
    acceleration, wandering = np.zeros((2, len(straight.regions)))
    acceleration[fluid] = bend.acceleration
    bent = replace(straight, acceleration=acceleration)
    if len(fluid):  # the whole comes first; its parts wander by the same share, and go on adding up
        wandering[fluid] = fit_share([_watched(one, bent, int(fluid[0])) for one in people])
    return Lesson(replace(bent, subject=foretelling.prior, wandering=wandering), foretelling, bend)


def _dispersed(volumes: VolumePrior, people: Sequence[MeasuredPerson]) -> VolumePrior:
    """The same prior, its spread of the ventricles' rates a power of their mean where these people show it.

    Of tissue's rates, which are shares of the person's own, twenty-eight families showed no such thing. Whose
    diagnosis is not known tells nothing: how such people differ is another question.
    """
    fluid = _fluid(volumes)
    if not len(fluid):
        return volumes
    telling = [
        one for one in people if one.covariates.diagnosis and timing_of(one.ages_years).information > 0
    ]
    differing = [_differing(one, volumes) for one in telling]
    variance, power = np.array(volumes.prior.residual_variance), np.zeros(len(volumes.regions))
    first = int(fluid[0])  # the whole comes first, and its parts take its power
    power[fluid] = fit_power([one[first] for one in differing], float(variance[first]))
    for region in map(int, fluid):
        own = [one[region] for one in differing]
        variance[region] *= fit_factor(own, float(variance[region]), float(power[region]))
    return replace(volumes, prior=replace(volumes.prior, residual_variance=variance), dispersion=power)


def _differing(person: MeasuredPerson, volumes: VolumePrior) -> tuple[Differing, ...]:
    """(regions,) how a person's own rates differ from those of such people."""
    timing, prior = timing_of(person.ages_years), volumes.prior
    table = volume_table(person.volumes_ml, volumes.regions)
    own = timing.contrast @ (table / units_of(table, volumes.unit_ml)) / np.sqrt(timing.information)
    mean = prior.row(person.covariates) @ prior.mean_rate
    ratio = rate_ratio(prior, person.covariates)
    noise = total_variances(prior)[1] / timing.information
    each = zip((own - mean).tolist(), ratio.tolist(), noise.tolist(), strict=True)
    return tuple(Differing(person.kin, *one) for one in each)


def _fluid(volumes: VolumePrior) -> NDArray[np.intp]:
    return np.flatnonzero([FLUID in region for region in volumes.regions])


def _named(regions: Sequence[str], values: NDArray, digits: str) -> str:
    """Those that are not nil, with their regions."""
    each = zip(regions, values, strict=True)
    return ", ".join(f"{region.replace('_', ' ')} {value:{digits}}" for region, value in each if value)


def _misses(person: MeasuredPerson, volumes: VolumePrior, regions: NDArray[np.intp]) -> Iterator[Miss]:
    """Every later scan of a person, as the straight lines through two or more scans before it miss it."""
    table = volume_table(person.volumes_ml, volumes.regions)
    for target in range(2, len(person.ages_years)):
        for first in range(target - 1):
            ages = person.ages_years[first:target]
            about = replace(person.covariates, age_years=fmean(ages))
            line = volumes.line(person.volumes_ml[first:target], ages, about)
            age, posterior = person.ages_years[target], line.posterior
            stated = np.sqrt(posterior.variance(age, of_a_new_scan=True))
            bend = posterior.data_weight() * posterior.timing.bend(age) / stated
            missed = table[target] / line.unit_ml - posterior.at(age)
            bent, expected = posterior.rate * bend, line.expected.rate * bend
            yield Miss(person.kin, (missed / stated)[regions], bent[regions], expected[regions])


def _watched(person: MeasuredPerson, volumes: VolumePrior, region: int) -> Watched:
    """A person's scans of one region, beside what such people's pace is known to be."""
    line = volumes.line(person.volumes_ml, person.ages_years, person.covariates)
    among_people = float(line.posterior.prior.residual_variance[region])
    ages = np.asarray(person.ages_years)
    return Watched(person.kin, line.scans[:, region], ages, line.pace(region), among_people)


def _example(person: MeasuredPerson, volumes: VolumePrior) -> Example:
    """The first scan's signs, beside how much faster than such people the person changed after it.

    The first scan has no part in the rate: its noise would be in both, and seem to foretell.
    """
    timing, prior = timing_of(person.ages_years[1:]), volumes.prior_of(person.covariates)
    table = volume_table(person.volumes_ml[1:], volumes.regions)
    table = table / units_of(table, volumes.unit_ml)
    row = prior.row(person.covariates)
    rate, noise = total_variances(prior)
    return Example(
        family=person.kin,
        row=row,
        signs=signs_of(person.pooled[0], person.volumes_ml[0], volumes.regions),
        excess=timing.contrast @ table / np.sqrt(timing.information) - row @ prior.mean_rate,
        certainty=1.0 / (rate + noise / timing.information),
    )
