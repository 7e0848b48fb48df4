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
    cases: list[Case] = []
    for left, others in parted([one.kin for one in people], folds):
        prior = learn([people[index] for index in others]).prior
        cases += [case for index in left for case in volume_cases(people[index], prior)]
    return tuple(cases)


def parted(families: Sequence[str], folds: int) -> Iterator[tuple[list[int], list[int]]]:
    """Who is left out, and all others, in each fold of at most so many; those of one family together.

    Args:
        families: of each person.
        folds: as many, or as there are families.

    >>> list(parted(["a", "a", "b"], 8))
    [([0, 1], [2]), ([2], [0, 1])]
    """
    number = {family: index for index, family in enumerate(dict.fromkeys(families))}
    fold_of = [number[family] % folds for family in families]
    for fold in range(min(folds, len(number))):
        left = [index for index, own in enumerate(fold_of) if own == fold]
        yield left, [index for index, own in enumerate(fold_of) if own != fold]


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
