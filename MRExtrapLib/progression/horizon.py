"""How far a line through a person's scans may be trusted, in words a reader cannot miss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SHORTEST_HORIZON_YEARS = 3.0
"""Even scans close together carry this far before we warn."""

HORIZON_PER_SPAN = 1.5
"""Beyond 1.5 times the scans' own span the chord's curvature error outgrows what it predicts: ventricles
and hippocampus accelerate in disease (Leung 2013)."""

FAIR_DATA_WEIGHT = 0.5
"""Below it a person's scans say less about the rate than what is known of other people."""

THE_REST = "the rest is what is known of such people."


def horizon_years(ages_years: Sequence[float]) -> float:
    """How many years outside the scans a straight line is trusted: max(3, 1.5 × span).

    >>> horizon_years([70.0, 71.0]), horizon_years([70.0, 74.0])
    (3.0, 6.0)
    """
    span = max(ages_years) - min(ages_years)
    return max(SHORTEST_HORIZON_YEARS, HORIZON_PER_SPAN * span)


def years_outside(age_years: float, ages_years: Sequence[float]) -> float:
    """How many years an age lies before the first or after the last scan; 0 between them.

    >>> years_outside(75.0, [70.0, 72.0]), years_outside(71.0, [70.0, 72.0])
    (3.0, 0.0)
    """
    return max(age_years - max(ages_years), min(ages_years) - age_years, 0.0)


def horizon_warnings(age_years: float, ages_years: Sequence[float]) -> tuple[str, ...]:
    """One sentence when the age lies beyond the horizon of the scans, before or after; else none."""
    outside, horizon = years_outside(age_years, ages_years), horizon_years(ages_years)
    if outside <= horizon:
        return ()
    side = "after the last" if age_years > max(ages_years) else "before the first"
    return (
        f"Age {age_years:.2f} lies {outside:.1f} years {side} scan, beyond the {horizon:.1f} years that a "
        "line through these scans is trusted for; change that speeds up otherwise than expected is missed.",
    )


def line_warnings(ages_years: Sequence[float]) -> tuple[str, ...]:
    """One sentence when the line rests on two scans only, so that their noise is its slope."""
    if len(ages_years) > 2:
        return ()
    span = max(ages_years) - min(ages_years)
    return (
        f"The line rests on two scans {span:.2f} years apart: it passes through both, their noise becomes "
        "its slope, and no uncertainty can be judged; a third scan would help.",
    )


def weight_warnings(data_weight: float, is_least_squares: bool) -> tuple[str, ...]:
    """One sentence when the scans weigh less than the prior in a person's rate; else none.

    Args:
        data_weight: S/(S + σ²/τ²), 0 to 1.
        is_least_squares: the line ignores the prior, so that noise becomes its slope.
    """
    if data_weight >= FAIR_DATA_WEIGHT:
        return ()
    if is_least_squares:
        return (
            f"These scans weigh only {data_weight:.2f} of 1 in the person's rate: least squares mostly "
            "follows their noise, and often does worse than no change; the Bayesian method would not.",
        )
    return (f"The person's own scans weigh {data_weight:.2f} of 1 in the rate; {THE_REST}",)


def volume_weight_warnings(data_weights: Mapping[str, float]) -> tuple[str, ...]:
    """One sentence on regions in whose rates the scans weigh less than the prior; else none.

    Args:
        data_weights: region → S/(S + σ²/τ²), 0 to 1.
    """
    weak = [
        f"{weight:.2f} of 1 in that of {region.replace('_', ' ')}"
        for region, weight in data_weights.items()
        if weight < FAIR_DATA_WEIGHT
    ]
    return (f"Of rates the person's own scans weigh {', '.join(weak)}; {THE_REST}",) if weak else ()
