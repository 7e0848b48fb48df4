"""What is measured of one person: every table and figure can be made from it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from MRExtrapLib.evaluation.trials import Trial

Millilitres = Mapping[str, float]
"""Region → ml."""

CARRIED_FORWARD = "last carried forward"
THROUGH_AUTOENCODER = "last through the autoencoder"
POPULATION = "population slope"
VOLUME_LINE = "least squares on volumes"
MIXED = "mixed model on volumes"
VOXELWISE = "voxel-wise line"
LINEAR = "MRExtrap, least squares"
BAYES = "MRExtrap, Bayes"

METHODS = (CARRIED_FORWARD, THROUGH_AUTOENCODER, POPULATION, VOLUME_LINE, MIXED, VOXELWISE, LINEAR, BAYES)
"""In the order of tables: baselines first, the model last."""


@dataclass(frozen=True)
class Similarity:
    """How alike a predicted image and the scan are.

    Attributes:
        psnr_db: inside the brain; None for equal images.
        ssim: inside the brain.
        dice: region → overlap of predicted and real segmentation; regions that neither has are left out.
    """

    psnr_db: float | None
    ssim: float
    dice: Mapping[str, float]


@dataclass(frozen=True)
class Estimate:
    """What a method says of the target of a trial.

    Attributes:
        method: one of `METHODS`.
        trial: inputs and target.
        volumes_ml: region → ml predicted.
        spread_ml: region → one standard deviation of a scan's volume about it; None for a method without.
        freedom: region → degrees of freedom of Student's t; None for a normal distribution.
        similarity: of the images, where it was looked at.
    """

    method: str
    trial: Trial
    volumes_ml: Millilitres
    spread_ml: Millilitres | None = None
    freedom: Mapping[str, float] | None = None
    similarity: Similarity | None = None


@dataclass(frozen=True)
class Mixtures:
    """Volumes along the interpolation of two visits; α = 1 is the first.

    Attributes:
        kind: plain or moved.
        first, last: numbers of the visits.
        alphas: from 1 to 0.
        volumes_ml: one mapping for each α.
    """

    kind: str
    first: int
    last: int
    alphas: tuple[float, ...]
    volumes_ml: tuple[Millilitres, ...]


@dataclass(frozen=True)
class PersonResult:
    """Everything measured of one person.

    Attributes:
        key: of what it depends on: scans, ages, model, design.
        participant: as in `sub-01`.
        ages_years: of the visits, ascending.
        scans: file names.
        observed_ml, reconstructed_ml: one mapping for each visit.
        true_ml: likewise, where a table of a simulated cohort tells it; None elsewhere.
        reconstruction_psnr_db: of each visit; None for an equal image.
        estimates: of the image methods; those on volumes need the whole cohort and come later.
        mixtures: between the first and the last visit, of each kind.
        seconds: that it took, conforming included where it was not kept from before.
    """

    SCHEMA: ClassVar[int] = 5

    schema: int
    key: str
    participant: str
    sex: str | None
    diagnosis: str | None
    ages_years: tuple[float, ...]
    scans: tuple[str, ...]
    observed_ml: tuple[Millilitres, ...]
    reconstructed_ml: tuple[Millilitres, ...]
    true_ml: tuple[Millilitres, ...] | None
    reconstruction_psnr_db: tuple[float | None, ...]
    estimates: tuple[Estimate, ...]
    mixtures: tuple[Mixtures, ...]
    seconds: float

    @property
    def regions(self) -> tuple[str, ...]:
        """Those that were measured."""
        return tuple(self.observed_ml[0])

    def horizon_years(self, trial: Trial) -> float:
        """From the last input to the target."""
        return self.ages_years[trial.target] - self.ages_years[trial.last]

    def span_years(self, trial: Trial) -> float:
        """From the first input to the last."""
        return self.ages_years[trial.last] - self.ages_years[trial.inputs[0]]

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All that were asked, each once."""
        return tuple(dict.fromkeys(one.trial for one in self.estimates))
