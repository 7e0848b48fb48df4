"""How far a scan is from those that a model was calibrated on: does it know such brains at all?

Two things are looked at: how well the autoencoder gives the scan back, and how large each region is as a
share of the whole brain. Either alone is blind: an autoencoder that hardly compresses gives anything back,
and regions say nothing of a scan's quality. The score is the larger of both, in standard deviations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

WHOLE = "whole_brain"
"""What regions are shares of; a model without it compares none."""

RECONSTRUCTION = "reconstruction"
"""What a score is of, beside the regions."""

UNLIKE_SCORE = 4.0
"""Above it a scan is called unlike: with twenty regions that are normal in the logarithm, one regular scan in
a thousand is."""

LEAST_SPREAD_DB = 0.3
"""Scans of one kind give each other back alike; no smaller difference is worth a warning."""

LEAST_LOG_SPREAD = 0.03
"""Likewise of the logarithm of a share: no region is measured to better than 3 %."""


@dataclass(frozen=True)
class Unlikeness:
    """How far a scan is from those of the calibration, in their standard deviations, and in what.

    Attributes:
        score: above `UNLIKE_SCORE` the scan is called unlike.
        of: `reconstruction`, or the region whose share of the brain is farthest off.
    """

    score: float
    of: str


@dataclass(frozen=True)
class Likeness:
    """What scans of people who trained nothing look like to the model.

    Attributes:
        mean_db, spread_db: PSNR of their reconstruction inside the brain.
        log_shares: region → mean and standard deviation over people of ln(volume / whole brain).
        people, scans: how many.
    """

    mean_db: float
    spread_db: float
    log_shares: Mapping[str, tuple[float, float]]
    people: int
    scans: int

    def scores(self, psnr_db: float, volumes_ml: Mapping[str, float]) -> dict[str, float]:
        """How far a scan is from those, in standard deviations, by each thing that is looked at.

        A reconstruction better than theirs counts as zero.
        """
        worse = max((self.mean_db - psnr_db) / self.spread_db, 0.0)
        found = {RECONSTRUCTION: worse if np.isfinite(psnr_db) else 0.0}
        if volumes_ml.get(WHOLE, 0.0) > 0:
            for region, (mean, spread) in self.log_shares.items():
                share = max(volumes_ml.get(region, 0.0) / volumes_ml[WHOLE], 1e-9)
                found[region] = float(abs(np.log(share) - mean) / spread)
        return found

    def unlikeness(self, psnr_db: float, volumes_ml: Mapping[str, float]) -> Unlikeness:
        """The largest of the scores."""
        found = self.scores(psnr_db, volumes_ml)
        of = max(found, key=lambda one: found[one])
        return Unlikeness(found[of], of)

    def warnings(
        self, name: str, psnr_db: float, volumes_ml: Mapping[str, float], whom: str = "people"
    ) -> tuple[str, ...]:
        """One sentence when a scan is unlike those, of people who are called so; else none."""
        found = self.unlikeness(psnr_db, volumes_ml)
        if found.score <= UNLIKE_SCORE:
            return ()
        seen = (
            "its reconstruction is far worse"
            if found.of == RECONSTRUCTION
            else f"the share of its {found.of.replace('_', ' ')} is far from theirs"
        )
        return (
            f"{name} is unlike the {self.scans} scans of {whom} that the model was calibrated on: {seen} "
            f"({found.score:.1f} standard deviations, {UNLIKE_SCORE:g} are tolerated). Neither forecast nor "
            "interval may hold.",
        )


def likeness(
    psnrs_db: Sequence[float], volumes_ml: Sequence[Sequence[Mapping[str, float]]]
) -> Likeness | None:
    """The likeness of scans to these people's; None where fewer than two people tell.

    Args:
        psnrs_db: of all their scans.
        volumes_ml: each person's scans; a person counts once.
    """
    known = [psnr for psnr in psnrs_db if np.isfinite(psnr)]
    if len(volumes_ml) < 2 or len(known) < 2:
        return None
    regions = [
        region
        for region in volumes_ml[0][0]
        if region != WHOLE
        and all(scan.get(region, 0) > 0 and scan.get(WHOLE, 0) > 0 for one in volumes_ml for scan in one)
    ]
    shares = {}
    for region in regions:
        logs = [np.mean([np.log(scan[region] / scan[WHOLE]) for scan in one]) for one in volumes_ml]
        spread = max(float(np.std(logs, ddof=1)), LEAST_LOG_SPREAD)
        shares[region] = (round(float(np.mean(logs)), 5), round(spread, 5))
    return Likeness(
        mean_db=round(float(np.mean(known)), 3),
        spread_db=round(max(float(np.std(known, ddof=1)), LEAST_SPREAD_DB), 3),
        log_shares=shares,
        people=len(volumes_ml),
        scans=sum(len(one) for one in volumes_ml),
    )
