"""One region's volumes against age, in numbers: points, line, bounds, and what lies beyond the scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from MRExtrapLib.errors import InputError
from MRExtrapLib.worker.results import Loaded, RegionVolume

Point = tuple[float, float]
"""Age in years, volume in ml."""

OBSERVED, PREDICTED = "observed", "predicted"
"""Kinds of a RegionVolume."""


@dataclass(frozen=True)
class VolumeCurve:
    """The volumes of one region, in the order of age.

    Attributes:
        observed: the scans that the forecast rests on.
        held_out: the scan kept back as truth, if one was.
        within: what was predicted from the first to the last of those scans.
        before, after: what was extrapolated, and the predicted point that joins it to the rest.
        low, high: bounds that hold 95 %, at the ages where they are known.
    """

    region: str
    observed: tuple[Point, ...]
    held_out: tuple[Point, ...]
    within: tuple[Point, ...]
    before: tuple[Point, ...]
    after: tuple[Point, ...]
    low: tuple[Point, ...]
    high: tuple[Point, ...]

    @property
    def range_ml(self) -> tuple[float, float]:
        """The least and the greatest volume of points and line; intervals of two scans would be endless."""
        parts = (self.observed, self.held_out, self.within, self.before, self.after)
        volumes = [ml for part in parts for _, ml in part]
        return min(volumes), max(volumes)


def volume_curve(
    region: str, rows: Sequence[RegionVolume], held_out_years: float | None = None
) -> VolumeCurve:
    """A region's curve from the worker's rows.

    The line joins what was predicted, and no scan: drawn through those it would hide how far they scatter.

    Args:
        rows: of any regions and kinds.
        held_out_years: the age of the scan that the forecast does not rest on.

    Raises:
        InputError: the region was observed in no scan.
    """
    of_region = [row for row in rows if row.region == region]
    observed = _points(of_region, OBSERVED)
    known = tuple(point for point in observed if point[0] != held_out_years)
    if not known:
        there = ", ".join(dict.fromkeys(row.region for row in rows if row.kind == OBSERVED)) or "none"
        msg = f"The region {region!r} was measured in no scan; choose one of: {there}."
        raise InputError(msg)
    first, last = known[0][0], known[-1][0]
    predicted = [row for row in of_region if row.kind == PREDICTED]
    line = _points(predicted, PREDICTED)
    within = [point for point in line if first <= point[0] <= last]
    earlier = [point for point in line if point[0] < first]
    later = [point for point in line if point[0] > last]
    return VolumeCurve(
        region=region,
        observed=known,
        held_out=tuple(point for point in observed if point[0] == held_out_years),
        within=tuple(within),
        before=(*earlier, *within[:1]) if earlier else (),
        after=(*(within or earlier)[-1:], *later) if later else (),
        low=tuple(sorted((row.age_years, row.low_ml) for row in predicted if row.low_ml is not None)),
        high=tuple(sorted((row.age_years, row.high_ml) for row in predicted if row.high_ml is not None)),
    )


def held_out_years(loaded: Loaded) -> float | None:
    """The age of a loaded person's held-out scan, if there is one."""
    return None if loaded.held_out is None else loaded.visits[loaded.held_out].age_years


def _points(rows: Sequence[RegionVolume], kind: str) -> tuple[Point, ...]:
    return tuple(sorted((row.age_years, row.volume_ml) for row in rows if row.kind == kind))
