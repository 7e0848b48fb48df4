"""What a Bayesian forecast says of regional volumes: the line through them, the decoded image, calibrated.

The image line knows where the brain changes; how much, a line through the person's volumes knows better, as
its noise is known region by region. Where a model holds a prior of volumes, the predicted volume lies between
the two, nearer to whichever missed less on the people of the calibration, and its interval is theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.horizon import years_outside
from MRExtrapLib.progression.knowledge import Knowledge
from MRExtrapLib.progression.line import Latent
from MRExtrapLib.progression.student import reach
from MRExtrapLib.progression.subject_prior import pooled
from MRExtrapLib.progression.volumes import VolumeLine

CONFIDENCE = 0.95
"""Share of new scans whose volume should fall between `low_ml` and `high_ml`."""

CALIBRATED = (
    "Volumes: the Bayesian line through the person's volumes{bent}, weighed against the decoded image; 95 % "
    "intervals of a new scan, their width and tails set on {people} other {whom} (Student's t)."
)

UNCALIBRATED = (
    "Volumes: the Bayesian line through the person's volumes{bent}; 95 % intervals of a new scan, "
    "uncalibrated."
)

BENT = ", bent as such people's change speeds up or slows down ({regions})"

WANDERING = ", led by the most recent scans where paces wander ({regions})"


class Seen(Protocol):
    """A visit that was encoded, and whose volumes were measured."""

    @property
    def latent(self) -> Latent:
        """(C, D, H, W)."""
        ...

    @property
    def observed_ml(self) -> Mapping[str, float]:
        """Region → ml, as told."""
        ...


@dataclass(frozen=True, eq=False)
class Statement:
    """Volumes stated for one age.

    Attributes:
        volumes_ml: region → predicted ml.
        spread_ml: region → scale of Student's t in ml; regions that no prior knows are left out.
        freedom: region → its degrees of freedom; infinite for a normal distribution.
    """

    volumes_ml: Mapping[str, float]
    spread_ml: Mapping[str, float]
    freedom: Mapping[str, float]

    def interval_ml(self, region: str, level: float = CONFIDENCE) -> tuple[float, float] | tuple[None, None]:
        """Where this share of new scans' volumes lies, never below zero; nothing where none is known."""
        if region not in self.spread_ml:
            return None, None
        half_ml = float(reach(level, self.freedom[region])) * self.spread_ml[region]
        return max(self.volumes_ml[region] - half_ml, 0.0), self.volumes_ml[region] + half_ml

    def image_warnings(self, age_years: float, decoded_ml: Mapping[str, float]) -> tuple[str, ...]:
        """One sentence when the predicted image shows other volumes than these intervals hold; else none."""
        apart = []
        for region in self.spread_ml:
            low, high = self.interval_ml(region)
            if low is not None and high is not None and not low <= decoded_ml[region] <= high:
                predicted = f"{decoded_ml[region]:.1f} ml for {self.volumes_ml[region]:.1f}"
                apart.append(f"{region.replace('_', ' ')} ({predicted})")
        if not apart:
            return ()
        return (
            f"The image predicted for age {age_years:.2f} shows other volumes than are predicted, beyond "
            f"their intervals: {', '.join(apart)}. Take sizes from the volumes, not from the image.",
        )


@dataclass(frozen=True, eq=False)
class PersonVolumes:
    """A person's volumes as a line in age, and how what it says is mended.

    Attributes:
        line: through the visits' volumes.
        knowledge: of the model.
    """

    line: VolumeLine
    knowledge: Knowledge

    @property
    def words(self) -> str:
        """How the volumes and their intervals are made."""
        calibration, bent = self.knowledge.calibration, self._bent_words
        if calibration is None:
            return UNCALIBRATED.format(bent=bent)
        return CALIBRATED.format(bent=bent, people=calibration.people, whom=self.knowledge.calibrated_by)

    @property
    def _bent_words(self) -> str:
        """What sets the line apart from a straight one; nothing for one scan, which bends nothing."""
        line = self.line
        if line.posterior.timing.information == 0:
            return ""
        bends = ((BENT, line.acceleration), (WANDERING, line.wandering))
        return "".join(words.format(regions=self._where(shares)) for words, shares in bends if shares.any())

    def _where(self, shares: NDArray[np.float64]) -> str:
        """The regions that have a share, in words."""
        named = zip(self.line.regions, shares, strict=True)
        return ", ".join(region.replace("_", " ") for region, share in named if share)

    def at(self, age_years: float, decoded_ml: Mapping[str, float]) -> Statement:
        """What is said of an age, given what the decoded image shows there."""
        on_line, stated = self.line.at(age_years), self.line.spread(age_years)
        calibration = self.knowledge.calibration
        if calibration is None:
            return Statement({**decoded_ml, **on_line}, stated, dict.fromkeys(stated, np.inf))
        ages = self.line.posterior.ages_years.tolist()
        inputs, horizon = len(ages), years_outside(age_years, ages)
        volumes = {
            region: calibration.volume_ml(region, inputs, ml, decoded_ml[region])
            for region, ml in on_line.items()
        }
        spread = {region: calibration.spread_ml(region, inputs, horizon, ml) for region, ml in stated.items()}
        freedom = {region: calibration.freedom_of(region, inputs) for region in stated}
        return Statement({**decoded_ml, **volumes}, spread, freedom)


def person_volumes(
    seen: Sequence[Seen], ages_years: Sequence[float], covariates: Covariates, knowledge: Knowledge | None
) -> PersonVolumes | None:
    """The line through the volumes of these visits; None where the model knows nothing of volumes."""
    if knowledge is None:
        return None
    volumes_ml, latents = [one.observed_ml for one in seen], [pooled(one.latent) for one in seen]
    return PersonVolumes(knowledge.prior.line(volumes_ml, ages_years, covariates, latents), knowledge)
