"""How straight volumes run along the interpolation of two real scans (the paper's figure 1c and d).

Only pairs whose change exceeds what two scans of an unchanged brain differ by say anything: where nothing
changes, R² is that of noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from MRExtrapLib.evaluation.results import Mixtures, PersonResult
from MRExtrapLib.evaluation.straightness import straightness
from MRExtrapLib.progression.line import fit_line

NOISE_REACH = 1.96 * np.sqrt(2)
"""Standard deviations of one scan that the difference of two unchanged ones exceeds in 5 %."""

STRAIGHT = 0.9
"""R² below it is counted as not straight."""

FEWEST_VISITS = 3
"""Two scans leave no residual about their line."""


@dataclass(frozen=True)
class Bow:
    """A region's volume along an interpolation of one person's first and last scan.

    Attributes:
        kind: of the interpolation, plain or moved.
        r_squared: of volume on α; NaN where nothing changes.
        change_ml: from the first scan to the last, along the line.
        deviation_ml: the largest distance of a mixture from the straight way between both ends.
        exceeds_noise: whether the change is more than noise; None where noise is not known.
        shares: of the change done, at each α from 1 to 0.
        alphas: the mixtures.
    """

    participant: str
    region: str
    kind: str
    r_squared: float
    change_ml: float
    deviation_ml: float
    exceeds_noise: bool | None
    alphas: tuple[float, ...]
    shares: tuple[float, ...]

    @property
    def is_counted(self) -> bool:
        """Whether its R² says something of straightness."""
        return self.exceeds_noise is not False and bool(np.isfinite(self.r_squared))


def volume_noise_ml(people: Sequence[PersonResult]) -> Mapping[str, float]:
    """Region → standard deviation of one scan's reconstructed volume about its person's own line.

    From everyone with three visits or more; empty where there is nobody. Real bending counts as noise.
    """
    squares: dict[str, float] = {}
    freedom = 0
    for one in people:
        if len(one.ages_years) < FEWEST_VISITS:
            continue
        volumes = np.array([[ml[region] for region in one.regions] for ml in one.reconstructed_ml])
        line = fit_line(volumes, one.ages_years)
        freedom += line.degrees_of_freedom
        for region, square in zip(one.regions, np.sum(line.residuals**2, axis=0), strict=True):
            squares[region] = squares.get(region, 0.0) + float(square)
    return {region: float(np.sqrt(square / freedom)) for region, square in squares.items()}


def bows(people: Sequence[PersonResult]) -> tuple[Bow, ...]:
    """Every region of everyone along each kind of interpolation of first and last scan."""
    noise = volume_noise_ml(people)
    return tuple(
        _bow(one.participant, mixtures, region, noise.get(region))
        for one in people
        for mixtures in one.mixtures
        for region in one.regions
    )


def _bow(participant: str, mixtures: Mixtures, region: str, noise_ml: float | None) -> Bow:
    alphas = np.array(mixtures.alphas)
    volumes = np.array([ml[region] for ml in mixtures.volumes_ml])
    ends = np.interp(-alphas, [-alphas[0], -alphas[-1]], [volumes[0], volumes[-1]])
    change = float(volumes[-1] - volumes[0])
    shares = (volumes - volumes[0]) / change if change else np.full(len(volumes), np.nan)
    return Bow(
        participant=participant,
        region=region,
        kind=mixtures.kind,
        r_squared=straightness(tuple(alphas), tuple(volumes)).r_squared,
        change_ml=change,
        deviation_ml=float(np.abs(volumes - ends).max()),
        exceeds_noise=None if noise_ml is None else bool(abs(change) > NOISE_REACH * noise_ml),
        alphas=tuple(map(float, alphas)),
        shares=tuple(map(float, shares)),
    )
