"""Play: all ages of the sweep, made once and then run through."""

from __future__ import annotations

from MRExtrapLib.worker.requests import Predict, Sweep
from MRExtrapLib.worker.results import Predicted
from MRExtrapPanel.board import Board
from MRExtrapPanel.errand import Errand
from MRExtrapPanel.looking import Looking
from MRExtrapPanel.translation import tr as _


class Playing:
    """The ages that are being run through."""

    def __init__(self, board: Board, errand: Errand, looking: Looking) -> None:
        self._board = board
        self._errand = errand
        self._looking = looking

    def play(self) -> None:
        """Runs through the ages, made first where they are not there yet; pressed again, it stands still."""
        state = self._board.state
        if state.playing is not None:
            self._board.change(playing=None)
        elif state.can_look and state.person is not None and (ages := state.sweep.ages_years):
            if state.swept == ages and self._looking.seen.has_all(ages, state.image):
                self._board.change(playing=0)
                return
            self._errand.begin(_("Predicting all ages"))
            asked = Sweep(state.person.subject, ages, is_measured=True, image_kind=state.image)
            self._errand.ask(asked, lambda _: self._swept(ages, state.image), part=self._one_of_sweep)

    def next_frame(self) -> None:
        """The next age of a sweep that is being played; after the last one it stands still."""
        state = self._board.state
        if state.playing is None:
            return
        if state.playing >= len(state.swept):
            self._board.change(playing=None)
            return
        age = state.swept[state.playing]
        self._board.change(playing=state.playing + 1)
        self._looking.set_age(age)

    def _one_of_sweep(self, part: Predicted) -> None:
        person, image = self._board.state.person, self._board.state.image
        if person is not None:
            asked = Predict(person.subject, part.age_years, is_measured=True, image_kind=image)
            self._looking.add(asked, part)

    def _swept(self, ages: tuple[float, ...], image: str) -> None:
        self._looking.keep_sweep(ages, image)
        self._errand.end(swept=ages, playing=0)
