"""A cohort that teaches a prior of volumes and calibrates it too: each person by a prior that never saw them.

Where people are few, a calibration cohort of their own would cost the prior a third of them. Here the cohort
is parted into folds; everyone in a fold is predicted by the prior that all other folds teach, and what that
misses calibrates the intervals. The decoded image takes no part: its prior knows everyone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import fmean

from MRExtrapLib.progression.calibration import Case
from MRExtrapLib.progression.horizon import years_outside
from MRExtrapLib.progression.learning import MeasuredPerson, learn
from MRExtrapLib.progression.line import SAME_AGE_YEARS
from MRExtrapLib.progression.volumes import VolumePrior

FOLDS = 8
"""Each prior then knows seven people of eight, hardly fewer than the one that is kept."""


def cross_fitted_cases(people: Sequence[MeasuredPerson], folds: int = FOLDS) -> tuple[Case, ...]:
    """What priors miss of people whom they never saw; those of one family are in one fold.

    Raises:
        InputError: too few people are left when a fold is taken away.
    """
    families = list(dict.fromkeys(one.kin for one in people))
    fold_of = {family: number % folds for number, family in enumerate(families)}
    cases: list[Case] = []
    for fold in range(min(folds, len(families))):
        left = [one for one in people if fold_of[one.kin] == fold]
        prior = learn([one for one in people if fold_of[one.kin] != fold]).prior
        cases += [case for one in left for case in volume_cases(one, prior)]
    return tuple(cases)


def volume_cases(person: MeasuredPerson, prior: VolumePrior) -> Iterator[Case]:
    """Every later scan predicted from each scan before it, and from two, three, … up to that one."""
    ages = person.ages_years
    for target in range(1, len(ages)):
        for last in range(target):
            if ages[target] - ages[last] < SAME_AGE_YEARS:
                continue
            for first in range(last, -1, -1):
                inputs = slice(first, last + 1)
                yield from _cases(person, prior, inputs, target)


def _cases(person: MeasuredPerson, prior: VolumePrior, inputs: slice, target: int) -> Iterator[Case]:
    ages, age = person.ages_years[inputs], person.ages_years[target]
    about = replace(person.covariates, age_years=fmean(ages))
    line = prior.line(person.volumes_ml[inputs], ages, about, person.pooled[inputs])
    at, spread = line.at(age), line.spread(age)
    for region in line.regions:
        yield Case(
            person=person.name,
            region=region,
            inputs=len(ages),
            horizon_years=years_outside(age, ages),
            observed_ml=person.volumes_ml[target][region],
            line_ml=at[region],
            decoded_ml=at[region],
            spread_ml=spread[region],
            family=person.kin,
        )
