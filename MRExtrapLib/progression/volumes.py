"""What other people's regional volumes teach of this person's: the Bayesian line, on volumes.

Latents know where a brain changes, volumes by how much: a few numbers a scan, whose noise is known. Tissue
loses a share of itself each year whatever its size, ventricles gain millilitres whatever theirs (Jack 2009
reports them so): tissue is therefore counted in units of the person's own mean, ventricles in the cohort's.
Prior and posterior are those of `prior` and `posterior`, with regions in the place of latent elements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError, ModelError
from MRExtrapLib.progression.acceleration import LARGEST, bent_years
from MRExtrapLib.progression.cohort import Cohort, Participant
from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.dispersion import POWERS, rate_ratio
from MRExtrapLib.progression.fitting import PriorFitting, fit_prior
from MRExtrapLib.progression.posterior import Posterior, posterior_rate, total_variances
from MRExtrapLib.progression.prior import Prior
from MRExtrapLib.progression.subject_prior import Pooled, SubjectPrior, mean_signs, signs_of
from MRExtrapLib.progression.wandering import SHARES, Pace, added_by_drift, wandered

Array = NDArray[np.float64]

Millilitres = Mapping[str, float]
"""Region → ml."""

FLUID = "ventricles"
"""In the name of regions that grow in millilitres; all others shrink in shares of themselves."""

VOLUME_FITTING = PriorFitting(factors=0, noise_factors=0, iterations=500, tolerance=1e-5)
"""Each region by itself. On twenty simulated people, cross-validated, a pattern of change that regions share
made the ventricles' error from one scan 3.8 ml where it was 3.4, and a pattern of noise changed nothing."""

LEAST_ML = 1e-3
"""No region counts as smaller: an empty one would divide by zero."""


@dataclass(frozen=True, eq=False)
class VolumePrior:
    """What is known of the rates of regional volumes.

    Attributes:
        regions: in the order of the prior's elements.
        unit_ml: (regions,) in which the prior counts; 0 where it is the person's own mean volume.
        prior: of rates in these units per year.
        subject: by how much one scan foretells other rates than those of such people; None where it does not.
        acceleration: (regions,) share of itself by which a rate grows in a year; none if left out.
        wandering: (regions,) share of the variance of rates among people by which a person's own rate wanders
            in a year; none if left out.
        dispersion: (regions,) power of the mean rate by which rates spread among people; none if left out.

    Raises:
        ModelError: not one unit, element, acceleration, share and power a region.
    """

    regions: tuple[str, ...]
    unit_ml: Array
    prior: Prior
    subject: SubjectPrior | None = None
    acceleration: Array = field(default_factory=lambda: np.zeros(0))
    wandering: Array = field(default_factory=lambda: np.zeros(0))
    dispersion: Array = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        for name in ("unit_ml", "acceleration", "wandering", "dispersion"):
            given = np.asarray(getattr(self, name), dtype=np.float64)
            is_left_out = name != "unit_ml" and not given.size
            object.__setattr__(self, name, np.zeros(len(self.regions)) if is_left_out else given)
        bends = (self.acceleration, self.wandering, self.dispersion)
        shapes = (self.unit_ml.shape, *(bend.shape for bend in bends), self.prior.latent_shape)
        fits = set(shapes) == {(len(self.regions),)} and bool(np.all(self.unit_ml >= 0))
        if not fits:
            msg = (
                f"The prior of volumes has {len(self.regions)} regions, but units, accelerations, shares "
                f"that wander, powers and elements {', '.join(map(str, shapes))}, which do not fit; fit it "
                "again."
            )
            raise ModelError(msg)
        _check("acceleration", self.acceleration, (-LARGEST, LARGEST))
        _check("share", self.wandering, SHARES)
        _check("power", self.dispersion, POWERS)

    def prior_of(self, covariates: Covariates) -> Prior:
        """The prior of such people, who differ by as much as their mean rates say."""
        widened = rate_ratio(self.prior, covariates) ** (2 * self.dispersion)
        return replace(self.prior, residual_variance=self.prior.residual_variance * widened)

    def line(
        self,
        volumes_ml: Sequence[Millilitres],
        ages_years: Sequence[float],
        covariates: Covariates,
        pooled: Sequence[Pooled] = (),
    ) -> VolumeLine:
        """A person's volumes at every age, from any number of scans.

        Args:
            volumes_ml: one a scan, as they are told.
            ages_years: one a scan.
            covariates: of the person.
            pooled: one a scan, its latent's `pooled`; needed where the prior is subject-specific.

        Raises:
            InputError: no scan, not one age a scan, or a region that was not measured.
            ModelError: pooled latents of another shape than the prior's, or none.
        """
        table = volume_table(volumes_ml, self.regions)
        unit_ml = units_of(table, self.unit_ml)
        of_such = prior = self.prior_of(covariates)
        if self.subject is not None:
            if len(pooled) != len(volumes_ml):
                msg = (
                    f"The subject-specific prior reads {len(volumes_ml)} scans, and was given {len(pooled)}."
                )
                raise ModelError(msg)
            signs = mean_signs(
                [signs_of(*scan, self.regions) for scan in zip(pooled, volumes_ml, strict=True)]
            )
            prior = prior.shifted(self.subject.shift(signs, prior.row(covariates)))
        posterior = posterior_rate(table / unit_ml, ages_years, prior, covariates)
        # the same person before any of these scans was compared with another
        middle = [posterior.mean_age_years]
        alone = posterior_rate((table / unit_ml).mean(axis=0)[None], middle, of_such, covariates)
        return VolumeLine(
            regions=self.regions,
            unit_ml=unit_ml,
            posterior=posterior,
            expected=alone,
            acceleration=self.acceleration,
            wandering=self.wandering,
            scans=table / unit_ml,
            mean_rate=prior.row(covariates) @ prior.mean_rate,
        )


@dataclass(frozen=True, eq=False)
class VolumeLine:
    """A person's regional volumes as a line in age, bent where change is known to speed up or to wander.

    Attributes:
        regions: in the order of arrays.
        unit_ml: (regions,) in which the posteriors count.
        posterior: of scans and prior together.
        expected: of the prior alone, for a person of this size.
        acceleration: (regions,) share of itself by which a rate grows in a year.
        wandering: (regions,) share of the variance of rates by which a rate wanders in a year.
        scans: (n, regions) volumes in these units.
        mean_rate: (regions,) of such people, by what a first scan foretells too, in these units a year.
    """

    regions: tuple[str, ...]
    unit_ml: Array
    posterior: Posterior
    expected: Posterior
    acceleration: Array
    wandering: Array
    scans: Array
    mean_rate: Array

    def calm(self) -> VolumeLine:
        """The same line, keeping to its path."""
        return replace(self, wandering=np.zeros_like(self.wandering))

    def straight(self) -> VolumeLine:
        """The same line, bent by nothing."""
        nothing = np.zeros_like(self.acceleration)
        return replace(self, acceleration=nothing, wandering=nothing)

    def level(self) -> dict[str, float]:
        """Region → ml, the mean of the scans."""
        return self._named(self.posterior.level)

    def at(self, age_years: float) -> dict[str, float]:
        """Region → ml at an age; never below zero."""
        straight, rate, timing = self.posterior.at(age_years), self.posterior.rate, self.posterior.timing
        ahead_years = np.array([bent_years(timing, age_years, share) for share in self._acceleration])
        drifted, _ = self._drifted(age_years)
        return self._named(np.maximum(straight + rate * ahead_years + drifted, 0.0))

    def spread(self, age_years: float) -> dict[str, float]:
        """Region → one standard deviation in ml of a new scan's volume about the line, uncalibrated."""
        variance = self.posterior.variance(age_years, of_a_new_scan=True)
        return self._named(np.sqrt(variance + self._drifted(age_years)[1]))

    def rate(self) -> tuple[dict[str, float], dict[str, float]]:
        """Region → this person's mean ml a year over the scans, and one standard deviation of it."""
        return self._named(self.posterior.rate), self._named(np.sqrt(self.posterior.rate_variance()))

    def expected_rate(self) -> tuple[dict[str, float], dict[str, float]]:
        """Region → ml a year of such people, and one standard deviation among them."""
        return self._named(self.expected.rate), self._named(np.sqrt(self.expected.rate_variance()))

    def data_weight(self) -> dict[str, float]:
        """Region → how much the scans count in its rate against the prior, 0 to 1."""
        return {
            region: float(weight)
            for region, weight in zip(self.regions, self.posterior.data_weight(), strict=True)
        }

    def scan_noise(self) -> dict[str, float]:
        """Region → one standard deviation in ml by which two scans of one brain scatter, each of them."""
        prior = self.posterior.prior
        variance = prior.noise_variance + np.sum(np.square(prior.noise_factors), axis=0)
        return self._named(np.sqrt(variance))

    @property
    def _acceleration(self) -> Array:
        """(regions,) that of this person's line: by as much as the scans count in its rate."""
        return self.acceleration * self.posterior.data_weight()

    def pace(self, region: int) -> Pace:
        """What is known of a region's pace before these scans."""
        prior = self.posterior.prior
        rate, noise = (float(variance[region]) for variance in total_variances(prior))
        drift = float(self.wandering[region] * prior.residual_variance[region])
        return Pace(float(self.mean_rate[region]), rate, noise, float(self._acceleration[region]), drift)

    def scatter(self, region: int) -> Array:
        """(n, n) covariance in ml² of what scans leave of the line: their noise, and wandering."""
        pace, years = self.pace(region), self.posterior.ages_years - self.posterior.ages_years.min()
        covariance = pace.noise * np.eye(len(years)) + pace.drift * wandered(years, years)
        return covariance * self.unit_ml[region] ** 2

    def _drifted(self, age_years: float) -> tuple[Array, Array]:
        """What wandering adds to the line at an age (regions,), and to its variance; of one day's scans 0."""
        added = np.zeros((2, len(self.regions)))
        ages, tells = self.posterior.ages_years, self.posterior.timing.information > 0
        for region in map(int, np.flatnonzero(self.wandering) if tells else ()):
            added[:, region] = added_by_drift(self.scans[:, region], ages, age_years, self.pace(region))
        return added[0], added[1]

    def _named(self, values: NDArray) -> dict[str, float]:
        return {
            region: float(value) for region, value in zip(self.regions, values * self.unit_ml, strict=True)
        }


def fit_volume_prior(
    people: Sequence[tuple[str, Sequence[float], Sequence[Millilitres], Covariates]],
    fitting: PriorFitting = VOLUME_FITTING,
) -> VolumePrior:
    """The rates of a cohort's volumes.

    Args:
        people: name, ages, volumes of each scan, and covariates of each.
        fitting: how.

    Raises:
        InputError: too few people with scans at several ages, or nothing to judge noise by.
    """
    if not people:
        msg = "Rates are learned from people, and there are none."
        raise InputError(msg)
    regions = tuple(
        region
        for region in people[0][2][0]
        if all(scan.get(region, 0.0) > 0.0 for _, _, scans, _ in people for scan in scans)
    )
    tables = [volume_table(scans, regions) for _, _, scans, _ in people]
    mean_ml = np.mean([table.mean(axis=0) for table in tables], axis=0)
    unit_ml = np.where([FLUID in region for region in regions], mean_ml, 0.0)
    members = tuple(
        Participant(name, ages, table / units_of(table, unit_ml), covariates)
        for (name, ages, _, covariates), table in zip(people, tables, strict=True)
    )
    return VolumePrior(regions, unit_ml, fit_prior(Cohort(members), fitting))


def _check(what: str, values: Array, tried: Sequence[float]) -> None:
    wrong = values[~((values >= tried[0]) & (values <= tried[-1]))]
    if len(wrong):
        bounds = f"{tried[0]:g} and {tried[-1]:g}"
        msg = f"The {what} {wrong[0]:g} of a region is not between {bounds}; fit it again."
        raise ModelError(msg)


def volume_table(volumes_ml: Sequence[Millilitres], regions: Sequence[str]) -> Array:
    """(scans, regions) ml.

    Raises:
        InputError: a region that was not measured in some scan.
    """
    for scan in volumes_ml:
        absent = [region for region in regions if region not in scan]
        if absent:
            msg = f"The {absent[0]} was not measured, but the prior knows it; use the model's own segmenter."
            raise InputError(msg)
    return np.array([[scan[region] for region in regions] for scan in volumes_ml], dtype=np.float64)


def units_of(table: Array, unit_ml: Array) -> Array:
    """(regions,) in which a person's volumes are counted."""
    return np.where(unit_ml > 0, unit_ml, np.maximum(table.mean(axis=0), LEAST_ML))
