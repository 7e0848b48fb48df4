"""What measured people teach of rates of regional volumes: of all such people, and of each by one scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.posterior import total_variances
from MRExtrapLib.progression.subject_prior import (
    Example,
    Foretelling,
    Pooled,
    fit_subject_prior,
    signs_of,
)
from MRExtrapLib.progression.timing import timing_of
from MRExtrapLib.progression.volumes import VolumePrior, fit_volume_prior, units_of, volume_table


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


def learn(people: Sequence[MeasuredPerson]) -> tuple[VolumePrior, Foretelling]:
    """The prior of these people's volumes, and how well one scan foretold a person's own rates.

    Raises:
        InputError: too few people with scans at several ages, or nothing to judge noise by.
    """
    prior = fit_volume_prior([one.row for one in people])
    foretelling = fit_subject_prior(
        [_example(one, prior) for one in people if timing_of(one.ages_years[1:] or (0.0,)).information > 0]
    )
    return replace(prior, subject=foretelling.prior), foretelling


def _example(person: MeasuredPerson, volumes: VolumePrior) -> Example:
    """The first scan's signs, beside how much faster than such people the person changed after it.

    The first scan has no part in the rate: its noise would be in both, and seem to foretell.
    """
    timing, prior = timing_of(person.ages_years[1:]), volumes.prior
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
