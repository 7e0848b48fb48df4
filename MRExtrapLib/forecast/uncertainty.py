"""How far a scan at the predicted age may differ from the prediction, from the scatter of the scans.

The line's residuals span a few directions of the latent space. Each is decoded one standard deviation to
both sides of the prediction; half the difference is, to first order, what that direction does to the image
and to each volume. Directions are independent, so their squares add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.result import Observation
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.progress import Progress, silent
from MRExtrapLib.progression.line import LatentLine

CONFIDENCE = 0.95
"""Share of new scans whose volume should fall between `low_ml` and `high_ml`."""

HOW_IT_WAS_MADE = (
    "One standard deviation of where a scan taken at that age would fall: the scatter of the scans about "
    "their line, decoded along the directions of the residuals (linearised). "
    "Intervals hold 95 % (Student's t)."
)

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


def words_for(line: LatentLine) -> str:
    """How the uncertainty is made, or why there is none."""
    return HOW_IT_WAS_MADE if line.degrees_of_freedom > 0 else WHY_THERE_IS_NONE


def spread_at(
    age_years: float,
    line: LatentLine,
    observations: Sequence[Observation],
    engine: Engine,
    progress: Progress = silent,
) -> Spread | None:
    """The spread of the prediction for an age; None where the line leaves none to judge (two scans).

    A region's variance has two parts: the latents' scatter, decoded, and the scatter of what the
    reconstruction misses of each observed volume.
    """
    freedom = line.degrees_of_freedom
    if freedom < 1:
        return None
    centre = line.at(age_years)
    scale = np.sqrt(line.variance_factor(age_years, of_a_new_scan=True))
    image_variance = np.zeros(engine.template.volume.shape, dtype=np.float32)
    variance_ml2 = _missed_variance_ml2(observations)
    directions = scale * line.scatter_directions()
    for k, direction in enumerate(directions):
        progress(k / len(directions), f"uncertainty at age {age_years:.2f}, direction {k + 1}")
        above, below = engine.decode(centre + direction), engine.decode(centre - direction)
        image_variance += ((above.voxels - below.voxels) / 2.0) ** 2
        above_ml, below_ml = engine.measure(above).volumes_ml, engine.measure(below).volumes_ml
        for region in variance_ml2:
            variance_ml2[region] += ((above_ml[region] - below_ml[region]) / 2.0) ** 2
    return Spread(
        image=engine.template.volume.with_voxels(np.sqrt(image_variance)),
        volumes_ml={region: float(np.sqrt(variance)) for region, variance in variance_ml2.items()},
        reach=float(stats.t.ppf((1.0 + CONFIDENCE) / 2.0, freedom)),
    )


def _missed_variance_ml2(observations: Sequence[Observation]) -> dict[str, float]:
    """Per region, the variance of a new scan's observed − reconstructed volume about the mean of these."""
    n = len(observations)
    return {
        region: (1.0 + 1.0 / n) * float(np.var(missed, ddof=1))
        for region, missed in missed_ml(observations).items()
    }


def missed_ml(observations: Sequence[Observation]) -> dict[str, list[float]]:
    """Per region, observed − reconstructed volume of each visit: the reconstruction's own bias."""
    regions = observations[0].observed_ml
    return {
        region: [seen.observed_ml[region] - seen.reconstructed_ml[region] for seen in observations]
        for region in regions
    }
