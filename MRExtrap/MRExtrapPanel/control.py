"""What the panel's buttons do: hand scans to the worker, follow its progress, give up, start over.

Nothing here knows Qt or Slicer; scans, stage, worker and clock are handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from MRExtrapLib.errors import MRExtrapError
from MRExtrapLib.worker import requests
from MRExtrapLib.worker.client import Listener
from MRExtrapLib.worker.protocol import CANCELLED, LOST, Failed
from MRExtrapLib.worker.requests import Arguments, Export, Models, Predict, Read, Release, ScanInput
from MRExtrapLib.worker.results import (
    Exported,
    Greeting,
    Loaded,
    ModelTable,
    Predicted,
    Result,
    VisitTable,
)
from MRExtrapPanel.answered import compared, filled, held_out_visit
from MRExtrapPanel.board import Board
from MRExtrapPanel.choices import Choices
from MRExtrapPanel.looking import Looking
from MRExtrapPanel.state import Sweep, Work
from MRExtrapPanel.talk import Talk
from MRExtrapPanel.visits import VisitTable as Table
from MRExtrapPanel.wishes import AtAge, Between, Shown, key_of

LOADED = 0.85
"""Share of an Apply's time before the first age is predicted."""

STOPPED = "Stopped; press Apply to start again."
AGAIN = "The worker ended in the middle of its work; press Apply to start it again."


class Scans(Protocol):
    """The host's scans as files."""

    def inputs(self, table: Table, folder: Path) -> tuple[ScanInput, ...]:
        """Each scan's own file, or what is written of it into the folder.

        Raises:
            InputError: a scan that is gone, or has no image.
        """
        ...


class Control:
    """The panel without its looks."""

    def __init__(self, board: Board, talk: Talk, scans: Scans, looking: Looking) -> None:
        self.board = board
        self._talk = talk
        self._scans = scans
        self._looking = looking
        self._request: int | None = None
        self._is_stopping = False
        self._has_models = False

    def change_table(self, table: Table) -> None:
        """Other scans or ages."""
        self.board.change(table=table, problem="", done="")

    def choose(self, choices: Choices) -> None:
        """Other choices."""
        self.board.change(choices=choices, problem="", done="")

    def apply_or_cancel(self) -> None:
        """The one big button."""
        if self.board.state.work is not None:
            self.cancel()
        elif not self.board.state.obstacle:
            self._begin("starting")
            self._load(has_last_held_out=False, then=self._loaded)

    def cancel(self) -> None:
        """Gives up what is under way; asked a second time, ends the worker at once."""
        work = self.board.state.work
        if work is None:
            return
        if work.is_cancelling or self._request is None:
            self._is_stopping = True
            self._talk.end(at_once=True)
            self._lose(STOPPED)
            self._is_stopping = False
            return
        self.board.change(work=replace(work, is_cancelling=True))
        self._talk.cancel(self._request)

    def set_age(self, age_years: float) -> None:
        """The slider, or a click on the curve."""
        age = key_of(age_years)
        if age == self.board.state.age_years and self.board.state.on_screen_years == age:
            return
        self.board.change(age_years=age, problem="", done="")
        self._look()

    def set_shown(self, shown: Shown) -> None:
        """What is shown of an age."""
        self.board.change(shown=shown, problem="")
        self._look()

    def interpolate(self, first: int, second: int, alpha: float) -> None:
        """A mixture of two visits."""
        person = self.board.state.person
        if person is not None and self.board.state.can_look and first != second:
            self._looking.want(Between(first, second, round(alpha, 2)))

    def fill_ages(self) -> None:
        """Reads the scans whose age nobody has told: files, and the sessions.tsv beside them."""
        state = self.board.state
        unknown = tuple(visit for visit in state.table.visits if visit.age_years is None)
        if not unknown or state.work is not None or state.missing:
            return
        self._begin("reading the scans")

        def read(greeting: Greeting) -> None:
            inputs = self._inputs(Table(unknown), greeting)
            if inputs is not None:
                self._ask(Read(inputs), done, 0.0, 1.0)

        def done(answer: Result) -> None:
            assert isinstance(answer, VisitTable)
            table = self.board.state.table
            for visit, entry in zip(unknown, answer.visits, strict=True):
                table = table.changed(visit.scan, lambda one, entry=entry: filled(one, entry))
            self._end(table=table)

        self._talk.when_greeted(self._met(read), self._failed)

    def hold_out_last(self) -> None:
        """Predicts the last scan from the others, and compares."""
        if self.board.state.can_hold_out:
            self._begin("leaving out the last scan")
            self._load(has_last_held_out=True, then=self._held_out)

    def play(self) -> None:
        """Runs through the ages, made first where they are not there yet; pressed again, it stands still."""
        state = self.board.state
        if state.playing is not None:
            self.board.change(playing=None)
        elif state.can_look and state.person is not None and (ages := state.sweep.ages_years):
            if state.swept == ages and all(key_of(age) in self._looking.seen.predicted for age in ages):
                self.board.change(playing=0)
                return
            self._begin("predicting all ages")
            asked = requests.Sweep(state.person.subject, ages, is_measured=True)
            self._ask(asked, lambda _: self._swept(ages), 0.0, 1.0, part=self._one_of_sweep)

    def next_frame(self) -> None:
        """The next age of a sweep that is being played; after the last one it stands still."""
        state = self.board.state
        if state.playing is None:
            return
        if state.playing >= len(state.swept):
            self.board.change(playing=None)
            return
        age = state.swept[state.playing]
        self.board.change(playing=state.playing + 1)
        self.set_age(age)

    def export(self, folder: Path, ages_years: tuple[float, ...]) -> None:
        """Writes everything about these ages into a folder that is made for it."""
        person = self.board.state.person
        if person is None or not self.board.state.can_look:
            return
        self._begin("exporting")

        def done(answer: Result) -> None:
            assert isinstance(answer, Exported)
            self._end(done=f"{len(answer.files)} files were written to {answer.folder}.")

        self._ask(Export(person.subject, ages_years, str(folder)), done, 0.0, 1.0)

    def worker_lost(self) -> None:
        """The worker ended without being asked to."""
        if not self._is_stopping:
            self._lose(AGAIN)

    def close(self) -> None:
        """Scene or module are going: the worker ends, and nobody is loaded."""
        self._is_stopping = True
        self._talk.end(at_once=True)
        self._is_stopping = False
        self._lose("")

    def _look(self) -> None:
        state = self.board.state
        if state.can_look:
            self._looking.want(AtAge(state.age_years, state.shown))

    def _load(self, has_last_held_out: bool, then: Callable[[Loaded], None]) -> None:
        table, choices = self.board.state.table, self.board.state.choices

        def load(greeting: Greeting) -> None:
            inputs = self._inputs(table, greeting)
            if inputs is not None:
                asked = choices.to_load(inputs, has_last_held_out)
                self._ask(asked, then, 0.0, LOADED)  # type: ignore[arg-type]  # of a load comes a Loaded

        self._talk.when_greeted(self._met(load), self._failed)

    def _met(self, then: Callable[[Greeting], None]) -> Callable[[Greeting], None]:
        """Does it unless it was cancelled meanwhile, and asks for the models where they are not known yet."""

        def greeted(greeting: Greeting) -> None:
            if not self._has_models:
                self._talk.ask(Models(), Listener(done=self._models))
            if self.board.state.work is not None:
                then(greeting)

        return greeted

    def _models(self, answer: Result) -> None:
        assert isinstance(answer, ModelTable)
        self._has_models = True
        self.board.change(models=answer.models)

    def _inputs(self, table: Table, greeting: Greeting) -> tuple[ScanInput, ...] | None:
        try:
            return self._scans.inputs(table, Path(greeting.session))
        except MRExtrapError as error:
            self._end(problem=str(error))
            return None

    def _loaded(self, loaded: Loaded) -> None:
        state = self.board.state
        if state.person is not None:
            self._talk.ask(Release(state.person.subject), Listener())
        low, high = loaded.trusted_years
        age = min(max(state.age_years, low), high) if state.person is None else state.age_years
        self._looking.begin(loaded, state.table.scans)
        self.board.change(
            person=loaded,
            made_of=(state.table, state.choices),
            age_years=key_of(age),
            swept=(),
            held_out=None,
            sweep=state.sweep if state.person else Sweep.beyond(loaded),
        )
        asked = Predict(loaded.subject, key_of(age), is_measured=True)

        def done(answer: Result) -> None:
            self._looking.add(asked, answer)
            self._end()
            self._look()

        self._ask(asked, done, LOADED, 1.0)

    def _held_out(self, loaded: Loaded) -> None:
        age = held_out_visit(loaded).age_years or 0.0

        def done(answer: Result) -> None:
            assert isinstance(answer, Predicted)
            check = compared(loaded, answer)
            self._talk.ask(Release(loaded.subject), Listener())
            self._end(held_out=check, done=check.sentence)

        self._ask(Predict(loaded.subject, age, is_measured=True), done, LOADED, 1.0)

    def _one_of_sweep(self, part: Predicted) -> None:
        person = self.board.state.person
        if person is not None:
            self._looking.add(Predict(person.subject, part.age_years, is_measured=True), part)

    def _swept(self, ages: tuple[float, ...]) -> None:
        self._looking.keep_sweep(ages)
        self._end(swept=ages, playing=0)

    def _begin(self, words: str) -> None:
        self._request = None
        self.board.change(work=Work(0.0, words.capitalize()), problem="", done="", playing=None)

    def _end(self, **fields: object) -> None:
        self._request = None
        self.board.change(work=None, **fields)

    def _ask(
        self,
        asked: Arguments,
        done: Callable[[Result], None],
        start: float,
        end: float,
        part: Callable[[Predicted], None] = lambda part: None,
    ) -> None:
        """Asks for something whose progress fills this share of the bar."""

        def progress(fraction: float, words: str) -> None:
            work = self.board.state.work
            if work is not None:
                at = max(work.fraction, start + (end - start) * fraction)
                self.board.change(work=replace(work, fraction=at, words=words.capitalize()))

        self._request = self._talk.ask(asked, Listener(done, self._failed, progress, part))

    def _failed(self, why: Failed) -> None:
        if why.kind == LOST:
            self._lose(STOPPED if self._is_stopping else AGAIN)
        else:
            self._end(**({"done": "Cancelled."} if why.kind == CANCELLED else {"problem": why.sentence}))

    def _lose(self, sentence: str) -> None:
        """No worker, and so nobody loaded; the scene keeps what it shows."""
        self._looking.forget()
        fields = {"done": sentence} if sentence == STOPPED else {"problem": sentence}
        self._end(person=None, made_of=None, swept=(), playing=None, **fields)
