"""What the panel shows, as one frozen value; everything the view needs to know is read off it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from MRExtrapLib.worker.results import Loaded, ModelEntry, RegionVolume
from MRExtrapPanel.choices import (
    DEFAULT_FORMAT,
    DEFAULT_IMAGE,
    FEWEST_SCANS,
    Choices,
    image_words,
    least_scans,
)
from MRExtrapPanel.left_out import LeftOut
from MRExtrapPanel.regions import FIRST_REGIONS, rank
from MRExtrapPanel.translation import tr as _
from MRExtrapPanel.visits import Finding, VisitTable
from MRExtrapPanel.wishes import Between, Shown

MARGIN_YEARS = 5.0
"""How far beyond the trusted years the slider goes; what lies there is marked."""


@dataclass(frozen=True)
class Work:
    """Something that takes a while and can be given up.

    Attributes:
        fraction: 0 to 1, as measured by the worker.
        words: what is being done.
        is_cancelling: whether the user has asked for its end.
    """

    fraction: float
    words: str
    is_cancelling: bool = False


@dataclass(frozen=True)
class VolumeLine:
    """One region for the table: at the last scan, and as predicted (ml); None where it was not measured."""

    region: str
    last_ml: float | None
    predicted_ml: float | None
    low_ml: float | None
    high_ml: float | None

    @property
    def change_percent(self) -> float | None:
        """From the last scan to the prediction."""
        if self.last_ml is None or self.predicted_ml is None or self.last_ml == 0:
            return None
        return 100 * (self.predicted_ml - self.last_ml) / self.last_ml


@dataclass(frozen=True)
class Sweep:
    """Ages to run through, in years."""

    start_years: float = 70.0
    end_years: float = 80.0
    step_years: float = 1.0

    @classmethod
    def beyond(cls, person: Loaded) -> Sweep:
        """From the last scan as far as the line is trusted, in whole years."""
        known = [visit.age_years for visit in person.visits if visit.age_years is not None]
        return cls(float(round(known[person.reference])), float(math.floor(person.trusted_years[1])))

    @property
    def ages_years(self) -> tuple[float, ...]:
        """All of them, both ends included where the step meets the end.

        >>> Sweep(70, 71, 0.5).ages_years
        (70.0, 70.5, 71.0)
        """
        if self.end_years < self.start_years or self.step_years <= 0:
            return ()
        count = int((self.end_years - self.start_years) / self.step_years + 1e-6) + 1
        return tuple(round(self.start_years + index * self.step_years, 2) for index in range(count))


@dataclass(frozen=True)
class PanelState:
    """Everything the panel shows.

    Attributes:
        missing: packages without which no worker starts; None while nobody has looked.
        table, choices: what the next Apply computes with.
        models: as far as known.
        person: who is loaded; None before the first Apply.
        made_of: table and choices of the loaded person.
        age_years, shown: what the slider and the buttons say.
        image: the kind of predicted image for an age at which the slider rests.
        region: whose curve the user wants; see `drawn_region`.
        on_screen_years: the age that is in the views; lags behind while decoding, None for a mixture.
        on_screen_image: the kind of image that is in the views.
        mixture: of two visits, if that is in the views.
        predicted: volumes by age, of all that was measured.
        warnings: about the age on screen.
        work: what is under way; None while idle.
        is_decoding: whether a picture is being made.
        sweep: ages to run through.
        swept: ages whose images lie ready to play; empty before.
        playing: which of `swept` is shown; None when it stands.
        left_out: the check by a scan that the others predict.
        image_format: of exported images.
        problem: the sentence about what failed last.
        done: the sentence about what was done last.
    """

    missing: tuple[str, ...] | None = None
    table: VisitTable = field(default_factory=VisitTable)
    choices: Choices = field(default_factory=Choices)
    models: tuple[ModelEntry, ...] = ()
    person: Loaded | None = None
    made_of: tuple[VisitTable, Choices] | None = None
    age_years: float = 75.0
    shown: Shown = Shown.PREDICTED
    image: str = DEFAULT_IMAGE
    region: str = FIRST_REGIONS[0]
    on_screen_years: float | None = None
    on_screen_image: str = ""
    mixture: Between | None = None
    predicted: tuple[RegionVolume, ...] = ()
    warnings: tuple[str, ...] = ()
    work: Work | None = None
    is_decoding: bool = False
    sweep: Sweep = field(default_factory=Sweep)
    swept: tuple[float, ...] = ()
    playing: int | None = None
    left_out: LeftOut | None = None
    image_format: str = DEFAULT_FORMAT
    problem: str = ""
    done: str = ""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """About the table as it is."""
        return self.table.findings(least_scans(self.choices, self.models))

    @property
    def obstacle(self) -> str:
        """Why Apply cannot be pressed; empty when it can."""
        if self.missing:
            return _("Install what MRExtrap needs first.")
        return next((finding.sentence for finding in self.findings if finding.stops), "")

    @property
    def can_apply(self) -> bool:
        """Whether the button does something: Apply, or Cancel."""
        return self.work is not None or not self.obstacle

    @property
    def apply_words(self) -> str:
        """What the button says."""
        if self.work is None:
            return _("Apply again") if self.person and not self.is_outdated else _("Apply")
        return _("Stop at once") if self.work.is_cancelling else _("Cancel")

    @property
    def is_outdated(self) -> bool:
        """Whether scans, ages or choices were changed since the person was loaded."""
        return self.made_of is not None and self.made_of != (self.table, self.choices)

    @property
    def can_look(self) -> bool:
        """Whether there is somebody to look at."""
        return self.person is not None and self.work is None

    @property
    def can_leave_out(self) -> bool:
        """Whether enough scans would remain without one."""
        person = self.person
        return self.can_look and person is not None and len(person.visits) > FEWEST_SCANS[person.method]

    @property
    def age_range_years(self) -> tuple[float, float]:
        """From where to where the slider goes."""
        if self.person is not None:
            low, high = self.person.trusted_years
            return max(0.0, low - MARGIN_YEARS), min(120.0, high + MARGIN_YEARS)
        ages = self.table.ages_years
        if not ages:
            return 0.0, 120.0
        return max(0.0, ages[0] - 2 * MARGIN_YEARS), min(120.0, ages[-1] + 2 * MARGIN_YEARS)

    @property
    def is_trusted(self) -> bool:
        """Whether the age lies where a line through these scans is trusted."""
        if self.person is None:
            return True
        low, high = self.person.trusted_years
        return low <= self.age_years <= high

    @property
    def status(self) -> str:
        """The one sentence under the button."""
        if self.work is not None:
            words = _("Cancelling; {what}…") if self.work.is_cancelling else "{what}…"
            return words.format(what=self.work.words)
        if self.problem or self.done:
            return self.problem or self.done
        if self.obstacle:
            return self.obstacle
        if self.is_outdated:
            return _("Scans or choices have changed; press Apply to compute with them.")
        if self.person is None:
            return _("Ready: {scans}. Press Apply.").format(scans=_scans(len(self.table)))
        if self.is_decoding:
            return _("Decoding age {age:.1f}…").format(age=self.age_years)
        image = image_words(self.on_screen_image)
        if self.mixture is not None:
            return _mixture_words(self.mixture, self.person, image)
        return _("Age {age:.1f}, predicted; {image}.").format(age=self.age_years, image=image)

    @property
    def notes(self) -> tuple[str, ...]:
        """What else must be known, each once: of the table, of the person, of the age on screen."""
        doubts = tuple(finding.sentence for finding in self.findings if not finding.stops)
        of_person = self.person.warnings if self.person else ()
        return tuple(dict.fromkeys((*self.warnings, *doubts, *of_person)))

    @property
    def is_problem(self) -> bool:
        """Whether the sentence tells of something that went wrong."""
        return self.work is None and bool(self.problem)

    @property
    def volume_lines(self) -> tuple[VolumeLine, ...]:
        """The volume table for the age that the slider stands at, well-known regions first.

        While a mixture of visits is in the views nothing is predicted in it: no age stands beside it.
        """
        if self.person is None:
            return ()
        seen = [row for row in self.person.volumes if row.kind == "observed"]
        last_age = max((row.age_years for row in seen), default=0.0)
        last = {row.region: row.volume_ml for row in seen if row.age_years == last_age}
        predicted = self.predicted if self.mixture is None else ()
        here = {row.region: row for row in predicted if abs(row.age_years - self.age_years) < 0.005}
        regions = sorted({**last, **here}, key=rank)
        return tuple(
            VolumeLine(
                region,
                last.get(region),
                here[region].volume_ml if region in here else None,
                here[region].low_ml if region in here else None,
                here[region].high_ml if region in here else None,
            )
            for region in regions
        )

    @property
    def drawn_region(self) -> str:
        """Whose curve is drawn: the one that is wanted, or the first of a model that does not know it."""
        known = [line.region for line in self.volume_lines]
        return self.region if self.region in known or not known else known[0]


def _mixture_words(mixture: Between, person: Loaded, image: str) -> str:
    first, second = person.visits[mixture.first].name, person.visits[mixture.second].name
    words = _("Between visits: {share:.0%} {first}, the rest {second}; {image}.")
    return words.format(share=mixture.alpha, first=first, second=second, image=image)


def _scans(count: int) -> str:
    return _("one scan") if count == 1 else _("{count} scans").format(count=count)
