"""Whether three scans or more lie on the line that is forecast along, as far as their noise can tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from MRExtrapLib.progression.noise import line_contrasts
from MRExtrapLib.progression.volumes import Millilitres, VolumeLine, volume_table

BENT_P = 0.01
"""Over all regions together: one straight trajectory in a hundred is called bent."""


def bend_probabilities(
    line: VolumeLine, volumes_ml: Sequence[Millilitres], ages_years: Sequence[float]
) -> dict[str, float]:
    """Region → how likely noise alone puts volumes so far from any such line; empty for two scans.

    Lines are straight, or bent as the cohort's are. The squares of all contrasts that a straight one leaves
    at zero, of what the person's line leaves, in units of a scan's noise (and of wandering, where paces
    wander), follow χ² with as many degrees of freedom as scans are left over.
    """
    contrasts = line_contrasts(ages_years)
    if not len(contrasts):
        return {}
    calm = line.calm()
    on_line = volume_table([calm.at(age) for age in ages_years], line.regions)
    left = contrasts @ (volume_table(volumes_ml, line.regions) - on_line)
    scatters = [contrasts @ line.scatter(region) @ contrasts.T for region in range(len(line.regions))]
    squares = [one @ np.linalg.solve(scatter, one) for one, scatter in zip(left.T, scatters, strict=True)]
    p = stats.chi2.sf(squares, len(contrasts))
    return dict(zip(line.regions, map(float, p), strict=True))


def bend_warnings(
    line: VolumeLine, volumes_ml: Sequence[Millilitres], ages_years: Sequence[float]
) -> tuple[str, ...]:
    """One sentence when some region's volumes leave every straight line by more than noise; else none."""
    found = bend_probabilities(line, volumes_ml, ages_years)
    if not found:
        return ()
    region = min(found, key=lambda one: found[one])
    if found[region] * len(found) >= BENT_P:
        return ()
    return (
        f"The volumes of the {region.replace('_', ' ')} do not lie on a line in age (noise alone would do so "
        f"with p = {found[region]:.1g}): a scan may be wrong, or the change speeds up or slows down, which a "
        "forecast along a line misses.",
    )
