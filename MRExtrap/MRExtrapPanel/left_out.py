"""A scan that was left out, and how the others would have predicted it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from MRExtrapPanel.regions import FIRST_REGIONS, rank, region_words
from MRExtrapPanel.translation import tr as _

Place = Literal["first", "between", "last"]

PLACE_WORDS: Mapping[Place, str] = {
    "first": _("back in time"),
    "between": _("in between"),
    "last": _("ahead"),
}
"""In which direction the other scans predict a visit that is left out."""

LEFT_OUT_WORDS: Mapping[Place, str] = {
    "first": _("{scan} (age {age:.1f}) predicted back in time from the later scans: {errors}."),
    "between": _(
        "{scan} (age {age:.1f}) interpolated between the others, which is easier than a forecast: {errors}."
    ),
    "last": _("{scan} (age {age:.1f}) forecast from the earlier scans: {errors}."),
}


@dataclass(frozen=True)
class LeftOutLine:
    """One region of a scan that was left out: in the scan, and as the others predict it, with 95 % bounds."""

    region: str
    seen_ml: float
    predicted_ml: float
    low_ml: float | None = None
    high_ml: float | None = None

    @property
    def error_percent(self) -> float | None:
        """From the scan to the prediction."""
        return 100 * (self.predicted_ml - self.seen_ml) / self.seen_ml if self.seen_ml else None


@dataclass(frozen=True)
class LeftOut:
    """How a scan would have been predicted from all others.

    Attributes:
        name, age_years: of the scan.
        place: where it lies among the others.
        lines: its regions, well-known ones first.
    """

    name: str
    age_years: float
    place: Place
    lines: tuple[LeftOutLine, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", tuple(sorted(self.lines, key=lambda line: rank(line.region))))

    @property
    def sentence(self) -> str:
        """The answer in words."""
        errors = [
            f"{region_words(line.region)} {line.error_percent:+.1f} %"
            for line in self.lines
            if line.region in FIRST_REGIONS and line.error_percent is not None
        ]
        words = LEFT_OUT_WORDS[self.place]
        return words.format(scan=self.name, age=self.age_years, errors=", ".join(errors))


def place_of(visit: int, count: int) -> Place:
    """Where one of so many visits lies among them, youngest first.

    >>> [place_of(visit, 3) for visit in range(3)]
    ['first', 'between', 'last']
    """
    return "first" if visit == 0 else "last" if visit == count - 1 else "between"
