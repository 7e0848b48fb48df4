"""The participant level of a BIDS App: everyone in a tree forecast, each person written whole."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from MRExtrapLib.anatomy.borders import NAMING
from MRExtrapLib.cohort.crew import Crew, Outcome, Recipe, work_through
from MRExtrapLib.cohort.derivatives import has_files, record_file, write_derivatives
from MRExtrapLib.errors import InputError
from MRExtrapLib.evaluation.people import people_of
from MRExtrapLib.forecast.anchoring import DEFAULT_IMAGE, SHOWING, ImageKind
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.pipeline import prepare
from MRExtrapLib.forecast.subject import DIRECTIONS, Method, Request, Subject, Visit
from MRExtrapLib.imaging.conform import CONFORMING
from MRExtrapLib.imaging.reading import read_scan
from MRExtrapLib.imaging.writing import whole_folder
from MRExtrapLib.progress import Progress, silent
from MRExtrapLib.training.people import PersonScans, key_of, participant_of, scan_hashes

LAYOUT = 3
"""Of a person's derivatives; those of another layout are made anew."""


@dataclass(frozen=True)
class Order:
    """What is forecast for each person.

    Attributes:
        bids: the tree that the scans lie in.
        out: of the derivatives.
        years_ahead: of the last scan, each above zero.
        method: None takes the model's own best.
        directions: that uncertainties are decoded along.
        image: the kind of predicted image.

    Raises:
        InputError: no year to predict, one that is not ahead, or no direction.
    """

    bids: Path
    out: Path
    years_ahead: tuple[float, ...] = (1.0, 3.0)
    method: Method | None = None
    directions: int = DIRECTIONS
    image: ImageKind = DEFAULT_IMAGE

    def __post_init__(self) -> None:
        if not self.years_ahead or not all(0 < years < 100 for years in self.years_ahead):
            shown = " ".join(f"{years:g}" for years in self.years_ahead) or "none"
            msg = f"The years ahead are {shown}; give one or more, each above 0."
            raise InputError(msg)
        if self.directions < 1:
            msg = f"No uncertainty is decoded along {self.directions} directions; give 1 or more."
            raise InputError(msg)

    def key(self, person: PersonScans, engine: Engine) -> str:
        """Of all that a person's forecast depends on."""
        facts = (
            LAYOUT,
            person.ages_years,
            person.covariates,
            person.diagnoses,
            self.years_ahead,
            self.method,
            self.directions,
            self.image,
        )
        identity = engine.identity
        making = (CONFORMING, NAMING, *engine.measuring, SHOWING)
        return key_of(
            *scan_hashes(person), *facts, identity.knowledge_fingerprint, identity.fingerprint, *making
        )

    def is_done(self, person: PersonScans, engine: Engine) -> bool:
        """Whether an earlier run forecast the same, and all that it wrote is still there."""
        file = record_file(self.out, participant_of(person))
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
            return has_files(record, file.parent) and bool(record["key"] == self.key(person, engine))
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def __call__(self, person: PersonScans, engine: Engine) -> str:
        """Forecasts a person and writes the derivatives; gives the participant."""
        subject = subject_of(person)
        last = subject.ages_years[-1]
        ages_years = tuple(last + years for years in self.years_ahead)
        request = Request(ages_years, self.method, directions=self.directions, image=self.image)
        prepared = prepare(subject, request, engine)
        made = prepared.forecast([prepared.predict(age) for age in request.ages_years])
        now = prepared.predict(last, has_spread=False, image="plain")  # its volumes alone are told
        participant = participant_of(person)
        with whole_folder(self.out / participant) as folder:
            write_derivatives(made, now, participant, self.bids, self.key(person, engine), folder)
        return participant


@dataclass(frozen=True)
class Forecasts:
    """What a run did.

    Attributes:
        outcome: participants forecast now, and failures.
        found: participants that were there before.
        left_out: sentences on scans and people that could not be used.
        notices: of the engine, what a reader must know of all forecasts alike.
    """

    outcome: Outcome[str]
    found: tuple[str, ...]
    left_out: tuple[str, ...]
    notices: tuple[str, ...] = ()


def forecast_cohort(
    order: Order, recipe: Recipe, crew: Crew, labels: Iterable[str] = (), progress: Progress = silent
) -> Forecasts:
    """Forecasts who is missing in the order's folder.

    Args:
        order: what and where.
        recipe: opens the engine, here and in each worker.
        crew: who works.
        labels: participants to forecast, with or without `sub-`; everyone by default.
        progress: hears of each person.

    Raises:
        InputError: nobody to forecast, or a participant that is not there.
    """
    people, left_out = people_of(order.bids, fewest_scans=1)
    people = _chosen(people, [f"sub-{label.removeprefix('sub-')}" for label in labels])
    engine = recipe.open()
    missing = [person for person in people if not order.is_done(person, engine)]
    outcome = work_through(missing, order, recipe, crew, progress)
    found = tuple(participant_of(person) for person in people if person not in missing)
    return Forecasts(outcome, found, tuple(left_out), engine.notices.words)


def subject_of(person: PersonScans) -> Subject:
    """The person as a forecast wants it; reads the scans."""
    visits = tuple(
        Visit(read_scan(path, age), age) for path, age in zip(person.paths, person.ages_years, strict=True)
    )
    return Subject(visits)


def _chosen(people: Sequence[PersonScans], wanted: Sequence[str]) -> list[PersonScans]:
    if not wanted:
        return list(people)
    there = {participant_of(person) for person in people}
    absent = [name for name in wanted if name not in there]
    if absent:
        msg = f"{absent[0]} is not in the cohort, or has no scan with a known age; leave it out."
        raise InputError(msg)
    return [person for person in people if participant_of(person) in wanted]
