"""Numbers of the state as the panel words them."""

from __future__ import annotations

from MRExtrapPanel.state import PanelState, VolumeLine, region_words
from MRExtrapPanel.translation import tr as _

WARNING = "⚠ "


def volume_cells(line: VolumeLine) -> tuple[str, str, str, str, str]:
    """A region's row in words; what was not measured stays empty."""

    def ml(value: float | None) -> str:
        return "" if value is None else f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"

    change = line.change_percent
    percent = "" if change is None else f"{change:+.1f} %"
    has_interval = line.low_ml is not None and line.high_ml is not None
    interval = f"{ml(line.low_ml)} – {ml(line.high_ml)}" if has_interval else ""
    words = region_words(line.region).capitalize()
    return words, ml(line.last_ml), ml(line.predicted_ml), percent, interval


def trust_words(state: PanelState) -> str:
    """Where the slider stands, against the scans and the years that the line is trusted for."""
    if state.person is None:
        return _("This age is shown first, once Apply is done.")
    low, high = state.person.trusted_years
    if not state.is_trusted:
        words = _("Beyond {low:.1f} to {high:.1f} years, for which a line through these scans is trusted.")
        return WARNING + words.format(low=low, high=high)
    ages = ", ".join(f"{visit.age_years:.1f}" for visit in state.person.visits)
    words = _("Scans at {ages}; trusted from {low:.1f} to {high:.1f} years.")
    return words.format(ages=ages, low=low, high=high)
