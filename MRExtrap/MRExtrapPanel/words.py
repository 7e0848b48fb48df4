"""Numbers of the state as the panel words them."""

from __future__ import annotations

from MRExtrapPanel.left_out import LeftOutLine
from MRExtrapPanel.regions import region_words
from MRExtrapPanel.state import PanelState, VolumeLine
from MRExtrapPanel.translation import tr as _

WARNING = "⚠ "


def volume_cells(line: VolumeLine) -> tuple[str, str, str, str, str]:
    """A region's row in words; what was not measured stays empty."""
    return _cells(line, line.last_ml, line.change_percent)


def left_out_cells(line: LeftOutLine) -> tuple[str, str, str, str, str]:
    """A region's row of the scan that was left out: in the scan, predicted, error, interval."""
    return _cells(line, line.seen_ml, line.error_percent)


def _cells(
    line: VolumeLine | LeftOutLine, first_ml: float | None, percent: float | None
) -> tuple[str, str, str, str, str]:
    def ml(value: float | None) -> str:
        return "" if value is None else f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"

    has_interval = line.low_ml is not None and line.high_ml is not None
    interval = f"{ml(line.low_ml)} – {ml(line.high_ml)}" if has_interval else ""
    words = region_words(line.region).capitalize()
    change = "" if percent is None else f"{percent:+.1f} %"
    return words, ml(first_ml), ml(line.predicted_ml), change, interval


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
