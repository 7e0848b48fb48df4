"""How far a scan at the predicted age may differ from the prediction.

Where it may fall spans a few directions of the latent space: those of the line's residuals, or those of the
Bayesian posterior. Each is decoded one standard deviation to both sides of the prediction; half the
difference is, to first order, what that direction does to the image and to each volume. Directions are
independent, so their squares add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.subject import DIRECTIONS
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.progress import Progress, silent
from MRExtrapLib.progression.line import LatentLine, Latents
from MRExtrapLib.progression.posterior import Posterior
from MRExtrapLib.progression.response import Telling
from MRExtrapLib.progression.student import reach

PersonLine: TypeAlias = LatentLine | Posterior
"""A person's latent at every age, by least squares or with a prior."""


class Measured(Protocol):
    """A visit whose volumes were measured as observed and as reconstructed."""

    @property
    def observed_ml(self) -> Mapping[str, float]:
        """Region → ml."""
        ...

    @property
    def reconstructed_ml(self) -> Mapping[str, float]:
        """Region → ml, by the same segmenter."""
        ...


CONFIDENCE = 0.95
"""Share of new scans whose volume should fall between `low_ml` and `high_ml`."""

HOW_IT_WAS_MADE = (
    "One standard deviation of where a scan taken at that age would fall: the scatter of the scans about "
    "their line, decoded along the directions of the residuals (linearised). "
    "Intervals hold 95 % (Student's t)."
)

HOW_BAYES_MADE_IT = (
    "One standard deviation of where a scan taken at that age would fall: the posterior of rate and level, "
    "the noise of a scan, and bending beyond a straight line, decoded along the strongest common directions "
    "and one random mixture of all others (linearised)."
)

DECODED_INTERVALS = "Intervals hold 95 % (normal), uncalibrated."

RANDOM_SEED = 20240
"""Of the random mixture: the same forecast has the same intervals, whatever the age asked for."""

BLUR_VOXELS = 2.0
"""A random mixture says where variance lies only on average over a neighbourhood of this width."""

WHY_THERE_IS_NONE = (
    "None: two scans lie exactly on their line and leave nothing to judge an uncertainty by; "
    "give at least three."
)


@dataclass(frozen=True, eq=False)
class Spread:
    """One standard deviation of a predicted image and of its volumes, and how far 95 % reach.

    Attributes:
        image: standard deviation of the intensities, on the template's grid.
        volumes_ml: standard deviation per region.
        reach: how many standard deviations to each side hold 95 %; 12.7 for three scans, 2 for many.
    """

    image: Volume
    volumes_ml: Mapping[str, float]
    reach: float

    def interval_ml(self, region: str, volume_ml: float) -> tuple[float, float]:
        """The 95 % interval of a region's volume; a volume is never below zero."""
        half_ml = self.reach * self.volumes_ml[region]
        return max(volume_ml - half_ml, 0.0), volume_ml + half_ml


def words_for(line: PersonLine, volumes: str = DECODED_INTERVALS) -> str:
    """How the uncertainty is made, or why there is none; of a posterior also how intervals of volumes are."""
    if isinstance(line, Posterior):
        return f"{HOW_BAYES_MADE_IT} {volumes}"
    return HOW_IT_WAS_MADE if line.degrees_of_freedom > 0 else WHY_THERE_IS_NONE


@dataclass(frozen=True, eq=False)
class _Directions:
    """Independent directions of one standard deviation, and how many of those hold 95 % to each side."""

    latents: Latents
    reach: float
    is_last_random: bool


def _directions(age_years: float, line: PersonLine, count: int) -> _Directions | None:
    """Where a new scan at an age may fall from the prediction; None where nothing tells (two scans)."""
    if isinstance(line, Posterior):
        generator = np.random.default_rng(RANDOM_SEED)
        latents = line.directions(age_years, count, generator, of_a_new_scan=True)
        return _Directions(latents, float(reach(CONFIDENCE, np.inf)), True)
    freedom = line.degrees_of_freedom
    if freedom < 1:
        return None
    scale = np.sqrt(line.variance_factor(age_years, of_a_new_scan=True))
    return _Directions(scale * line.scatter_directions(), float(reach(CONFIDENCE, freedom)), False)


def spread_at(
    age_years: float,
    line: PersonLine,
    observations: Sequence[Measured],
    engine: Engine,
    progress: Progress = silent,
    count: int = DIRECTIONS,
    has_volumes: bool = True,
    *,
    inside: NDArray[np.bool_],
    telling: Telling,
) -> Spread | None:
    """The spread of the prediction for an age; None where the line leaves none to judge (two scans).

    A region's variance has two parts: the latents' spread, decoded, and the scatter of what the
    reconstruction misses of each observed volume.

    Args:
        age_years: the age.
        line: the person's latents.
        observations: that it was fitted on.
        engine: decodes and measures.
        progress: hears of each direction.
        count: directions of a Bayesian line; one by least squares has as many as its scans leave.
        has_volumes: False where volumes are known better from elsewhere, and measuring can be spared.
        inside: (X, Y, Z) where any visit has brain.
        telling: how the person's volumes are told.
    """
    found = _directions(age_years, line, count)
    if found is None:
        return None
    centre = line.at(age_years)
    image_variance = np.zeros(engine.template.volume.shape, dtype=np.float32)
    variance_ml2 = _missed_variance_ml2(observations)
    for k, direction in enumerate(found.latents):
        progress(k / len(found.latents), f"uncertainty at age {age_years:.2f}, direction {k + 1}")
        above, below = (engine.decode(centre + step, inside) for step in (direction, -direction))
        is_random = found.is_last_random and k == len(found.latents) - 1
        image_variance += _squared(above.voxels - below.voxels, is_random)
        if not has_volumes:
            continue
        above_ml, below_ml = (telling.told(engine.volumes_ml(one)) for one in (above, below))
        for region in variance_ml2:
            variance_ml2[region] += ((above_ml[region] - below_ml[region]) / 2.0) ** 2
    return Spread(
        image=engine.template.volume.with_voxels(np.sqrt(image_variance)),
        volumes_ml={region: float(np.sqrt(variance)) for region, variance in variance_ml2.items()},
        reach=found.reach,
    )


def _squared(difference: NDArray[np.float32], is_random: bool) -> NDArray[np.float32]:
    """The variance that a direction brings to each voxel; of a random one, its average around the voxel."""
    square = (difference / 2.0) ** 2
    return ndimage.gaussian_filter(square, BLUR_VOXELS) if is_random else square


def _missed_variance_ml2(observations: Sequence[Measured]) -> dict[str, float]:
    """Per region, the variance of a new scan's observed − reconstructed volume about the mean of these.

    One scan alone tells nothing of it; the latents' spread, which is far larger then, stands alone.
    """
    n = len(observations)
    if n < 2:
        return dict.fromkeys(observations[0].observed_ml, 0.0)
    return {
        region: (1.0 + 1.0 / n) * float(np.var(missed, ddof=1))
        for region, missed in missed_ml(observations).items()
    }


def unbiased_ml(decoded_ml: Mapping[str, float], observations: Sequence[Measured]) -> dict[str, float]:
    """Region → ml of a prediction: volume decoded + mean over visits of (observed − reconstructed)."""
    missed = missed_ml(observations)
    return {region: max(ml + fmean(missed[region]), 0.0) for region, ml in decoded_ml.items()}


def missed_ml(observations: Sequence[Measured]) -> dict[str, list[float]]:
    """Per region, observed − reconstructed volume of each visit: the reconstruction's own bias."""
    regions = observations[0].observed_ml
    return {
        region: [seen.observed_ml[region] - seen.reconstructed_ml[region] for seen in observations]
        for region in regions
    }
