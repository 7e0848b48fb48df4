"""Something that takes a while, with a bar and a Cancel: one at a time, in as many steps as it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from MRExtrapLib.worker.client import Listener
from MRExtrapLib.worker.protocol import CANCELLED, LOST, Failed
from MRExtrapLib.worker.requests import Arguments
from MRExtrapLib.worker.results import Greeting, Predicted, Result
from MRExtrapPanel.board import Board
from MRExtrapPanel.mishap import told
from MRExtrapPanel.question import Question
from MRExtrapPanel.state import Work
from MRExtrapPanel.talk import Talk
from MRExtrapPanel.translation import tr as _


class Errand:
    """What is under way, as the board's `work` shows it.

    Args:
        board: where work, problem and what was done are shown.
        talk: to the worker.
        lose: told that there is no worker any more, by the fields that say so.
    """

    def __init__(self, board: Board, talk: Talk, lose: Callable[..., None]) -> None:
        self._board = board
        self._talk = talk
        self._lose = lose
        self._question = Question(talk)

    @property
    def is_cancelling(self) -> bool:
        """Whether something is under way that the user has given up."""
        work = self._board.state.work
        return work is not None and work.is_cancelling

    def begin(self, words: str) -> None:
        """Something is under way."""
        self._question.forget()
        self._board.change(work=Work(0.0, words), problem="", done="", playing=None)

    def end(self, **fields: object) -> None:
        """It is over, and the board says so with these fields."""
        self._question.forget()
        self._board.change(work=None, **fields)

    def meet(self, then: Callable[[Greeting], None]) -> None:
        """Goes on once a worker is there, unless it was given up meanwhile."""

        def greeted(greeting: Greeting) -> None:
            if self._board.state.work is not None:
                self._guarded(then)(greeting)

        self._talk.when_greeted(greeted, self._failed)

    def ask(
        self,
        asked: Arguments,
        done: Callable[[Result], None],
        share: tuple[float, float] = (0.0, 1.0),
        part: Callable[[Predicted], None] = lambda part: None,
    ) -> None:
        """Asks for the next step, whose progress fills this share of the bar."""
        start, end = share

        def progress(fraction: float, words: str) -> None:
            work = self._board.state.work
            if work is not None:
                at = max(work.fraction, start + (end - start) * fraction)
                self._board.change(work=replace(work, fraction=at, words=words.capitalize()))

        listener = Listener(self._guarded(done), self._failed, progress, self._guarded(part))
        self._question.ask(asked, listener)

    def cancel(self) -> None:
        """Gives up what is under way; asked a second time, ends the worker at once."""
        work = self._board.state.work
        if work is None:
            return
        if work.is_cancelling or not self._question.is_open:
            self.stop(done=_("Stopped; press Apply to start again."))
            return
        self._board.change(work=replace(work, is_cancelling=True))
        self._question.cancel()

    def stop(self, **fields: object) -> None:
        """Ends the worker at once, which is then no news."""
        self.end()
        self._lose(**fields)  # before the worker's end is told to whoever still waits for an answer
        self._talk.end(at_once=True)

    def worker_lost(self, has_answered: bool = True) -> None:
        """The worker ended without being asked to."""
        amid = _("The worker ended in the middle of its work; press Apply to start it again.")
        never = _("The worker did not start; see Check installation under Advanced, then press Apply again.")
        self.end()
        self._lose(problem=amid if has_answered else never)

    def _guarded(self, step: Callable[..., None]) -> Callable[..., None]:
        """A step that ends the errand in words where it fails.

        Raised, the failure would leave the bar standing, and cost what else the worker has just said.
        """

        def taken(answer: object) -> None:
            try:
                step(answer)
            except Exception as error:
                self._question.cancel()
                self.end(problem=told(error))

        return taken

    def _failed(self, why: Failed) -> None:
        if self._board.state.work is None:
            return
        if why.kind == LOST:
            self.worker_lost()
        elif why.kind == CANCELLED:
            self.end(done=_("Cancelled."))
        else:
            self.end(problem=why.sentence)
