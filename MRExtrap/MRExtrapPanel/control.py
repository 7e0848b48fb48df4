"""What the panel's buttons do: hand scans to the worker, follow its progress, give up, start over.

Nothing here knows Qt or Slicer; scans, stage, worker and clock are handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from MRExtrapLib.worker.client import Listener
from MRExtrapLib.worker.requests import Export, LeaveOut, Models, Predict, Read, Release, ScanInput
from MRExtrapLib.worker.results import (
    Exported,
    Greeting,
    LeftOut,
    Loaded,
    ModelTable,
    Result,
    VisitTable,
)
from MRExtrapPanel.answered import compared, filled
from MRExtrapPanel.board import Board
from MRExtrapPanel.choices import Choices
from MRExtrapPanel.errand import Errand
from MRExtrapPanel.looking import Looking
from MRExtrapPanel.playing import Playing
from MRExtrapPanel.state import Sweep
from MRExtrapPanel.talk import Talk
from MRExtrapPanel.translation import tr as _
from MRExtrapPanel.visits import VisitTable as Table
from MRExtrapPanel.wishes import key_of

LOADED = 0.85
"""Share of an Apply's time before the first age is predicted."""


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
        self.looking = looking
        self._talk = talk
        self._scans = scans
        self._errand = Errand(board, talk, self._lose)
        self.playing = Playing(board, self._errand, looking)
        self._has_models = False
        talk.lost = self._errand.worker_lost

    def change_table(self, table: Table) -> None:
        """Other scans or ages."""
        self.board.change(table=table, problem="", done="")

    def lose_scans(self, gone: frozenset[str]) -> None:
        """Scans that the host has no more; without the reference scan nothing of the person can be shown."""
        state = self.board.state
        if gone.intersection(state.table.scans):
            self.change_table(state.table.without(gone))
        if state.person is None or state.made_of is None:
            return
        reference = state.made_of[0].visits[state.person.reference]
        if reference.scan in gone:
            words = _("{scan}, on whose grid all is shown, was deleted; press Apply to compute without it.")
            self._errand.stop(problem=words.format(scan=reference.name))

    def choose(self, choices: Choices) -> None:
        """Other choices."""
        self.board.change(choices=choices, problem="", done="")

    def apply_or_cancel(self) -> None:
        """The one big button."""
        if self.board.state.work is not None:
            self._errand.cancel()
        elif not self.board.state.obstacle:
            self._errand.begin(_("Starting"))
            self._load()

    def fill_ages(self) -> None:
        """Reads the scans whose age nobody has told: files, and the sessions.tsv beside them."""
        state = self.board.state
        unknown = tuple(visit for visit in state.table.visits if visit.age_years is None)
        if not unknown or state.work is not None or state.missing:
            return
        self._errand.begin(_("Reading the scans"))

        def read(greeting: Greeting) -> None:
            inputs = self._scans.inputs(Table(unknown), Path(greeting.session))
            self._errand.ask(Read(inputs), done)

        def done(answer: Result) -> None:
            assert isinstance(answer, VisitTable)
            table = self.board.state.table
            for visit, entry in zip(unknown, answer.visits, strict=True):
                table = table.changed(visit.scan, lambda one, entry=entry: filled(one, entry))
            self._errand.end(table=table)

        self._meet(read)

    def leave_out(self, visit: int) -> None:
        """Predicts a visit from all others, and compares; visits count from 0, youngest first."""
        person = self.board.state.person
        if person is None or not self.board.state.can_leave_out:
            return
        self._errand.begin(_("Leaving out one scan"))

        def done(answer: Result) -> None:
            assert isinstance(answer, LeftOut)
            check = compared(person, answer)
            self._errand.end(left_out=check, done=check.sentence)

        self._errand.ask(LeaveOut(person.subject, visit), done)

    def export(self, folder: Path, ages_years: tuple[float, ...]) -> None:
        """Writes everything about these ages into a folder that is made for it."""
        state = self.board.state
        if state.person is None or not state.can_look:
            return
        self._errand.begin(_("Exporting"))

        def done(answer: Result) -> None:
            assert isinstance(answer, Exported)
            words = _("{count} files were written to {folder}.")
            self._errand.end(done=words.format(count=len(answer.files), folder=answer.folder))

        wanted = (str(folder), state.image, state.image_format)
        self._errand.ask(Export(state.person.subject, ages_years, *wanted), done)

    def close(self) -> None:
        """Scene or module are going: the worker ends, and nobody is loaded."""
        self._errand.stop(problem="")

    def _meet(self, then: Callable[[Greeting], None]) -> None:
        """Goes on with a worker, which is asked for the models where they are not known yet."""

        def greeted(greeting: Greeting) -> None:
            if not self._has_models:
                self._talk.ask(Models(), Listener(done=self._models))
            then(greeting)

        self._errand.meet(greeted)

    def _models(self, answer: Result) -> None:
        assert isinstance(answer, ModelTable)
        self._has_models = True
        self.board.change(models=answer.models)

    def _load(self) -> None:
        """Holds on to what it computes with: the table may change meanwhile, as when a scan is deleted."""
        table, choices = self.board.state.table, self.board.state.choices

        def load(greeting: Greeting) -> None:
            inputs = self._scans.inputs(table, Path(greeting.session))
            asked = replace(choices, sex=choices.sex or table.sex).to_load(inputs)
            self._errand.ask(asked, loaded, (0.0, LOADED))

        def loaded(answer: Result) -> None:
            assert isinstance(answer, Loaded)
            if self._errand.is_cancelling:  # asked too late for the worker, which had finished already
                self._talk.ask(Release(answer.subject), Listener())
                self._errand.end(done=_("Cancelled."))
                return
            self._loaded(answer, table, choices)

        self._meet(load)

    def _loaded(self, loaded: Loaded, table: Table, choices: Choices) -> None:
        state = self.board.state
        is_somebody_new = state.made_of is None or not set(table.scans).intersection(state.made_of[0].scans)
        if state.person is not None:
            self._talk.ask(Release(state.person.subject), Listener())
            self._lose()  # first, so that nobody is looked at whom the worker no longer has
        low, high = loaded.trusted_years
        age = min(max(state.age_years, low), high) if is_somebody_new else state.age_years
        self.looking.begin(loaded, table.scans)
        self.board.change(
            person=loaded,
            made_of=(table, choices),
            age_years=key_of(age),
            swept=(),
            left_out=None,
            sweep=Sweep.beyond(loaded) if is_somebody_new else state.sweep,
        )
        asked = Predict(loaded.subject, key_of(age), is_measured=True, image_kind=state.image)

        def done(answer: Result) -> None:
            self.looking.add(asked, answer)
            self._errand.end()
            self.looking.look()

        self._errand.ask(asked, done, (LOADED, 1.0))

    def _lose(self, **fields: object) -> None:
        """Nobody is loaded any more; the scene keeps what it shows."""
        self.looking.forget()
        self.board.change(person=None, made_of=None, swept=(), playing=None, **fields)
