"""The age slider and what follows it: decodes on demand, newest age first, and shows what has come.

While one picture is being made only the newest wish waits. What was decoded once is shown again without
asking. Once the slider rests, its age is measured too; a new wish gives that measurement up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from numpy.typing import NDArray

from MRExtrapLib.worker.client import Listener
from MRExtrapLib.worker.protocol import CANCELLED, LOST, Failed
from MRExtrapLib.worker.requests import Interpolate, Predict, Release, ShowVisit
from MRExtrapLib.worker.results import (
    Interpolated,
    Loaded,
    Predicted,
    RegionVolume,
    Result,
    VisitShown,
)
from MRExtrapPanel.board import Board
from MRExtrapPanel.talk import Talk
from MRExtrapPanel.wishes import (
    AtAge,
    Between,
    LatestWins,
    Seen,
    Shown,
    Wish,
    key_of,
    nearest_visit,
    next_request,
)

MOST_IMAGES = 24
"""Decoded ages kept; at 1 mm each takes some 30 MB of the session folder."""

REST_S = 0.8
"""How long the slider rests before its age is measured."""

VoxelsOf = Callable[..., NDArray]
Later = Callable[[float, Callable[[], None]], None]
"""Does something after so many seconds; Qt's single-shot timer."""


@dataclass(frozen=True)
class Picture:
    """What the views shall show.

    Attributes:
        wish: what it is.
        image: of the age, or of the mixture.
        beside: the reconstruction that change is taken from, or the nearest real scan; None otherwise.
    """

    wish: Wish
    image: Predicted | Interpolated
    beside: VisitShown | None = None


class Stage(Protocol):
    """The views and the scene; Slicer's writes MRML nodes."""

    def begin(self, person: Loaded, scans: tuple[str, ...]) -> None:
        """A new person, whose visits are these scans of the host."""
        ...

    def show(self, picture: Picture, voxels_of: VoxelsOf) -> None:
        """A picture in the views."""
        ...

    def draw(self, rows: tuple[RegionVolume, ...], age_years: float) -> None:
        """Volumes over age, and where the slider stands."""
        ...

    def keep(self, frames: tuple[Predicted, ...], voxels_of: VoxelsOf) -> None:
        """A sweep that shall be stepped through without the worker."""
        ...


class Looking:
    """What is shown of the person who is loaded."""

    def __init__(self, board: Board, talk: Talk, stage: Stage, later: Later) -> None:
        self._board = board
        self._talk = talk
        self._stage = stage
        self._later = later
        self._person: Loaded | None = None
        self._seen = Seen()
        self._wishes: LatestWins[Wish] = LatestWins()
        self._request: int | None = None
        self._can_be_given_up = False
        self._rests = 0

    @property
    def seen(self) -> Seen:
        """What has been answered of this person."""
        return self._seen

    def begin(self, person: Loaded, scans: tuple[str, ...]) -> None:
        """Somebody else is loaded, whose visits are these scans of the host."""
        self.forget()
        self._person = person
        self._stage.begin(person, scans)

    def forget(self) -> None:
        """Nobody is loaded any more."""
        self._person, self._seen, self._wishes = None, Seen(), LatestWins()
        self._request = None
        self._rests += 1
        self._board.change(is_decoding=False, on_screen_years=None, warnings=(), predicted=())

    def want(self, wish: Wish) -> None:
        """Shows it as soon as it can be had; an older wish that waits is dropped."""
        if self._person is None:
            return
        self._rests += 1
        was_idle = self._wishes.running is None
        self._wishes = self._wishes.wanting(wish)
        if was_idle:
            self._go_on()
        elif self._can_be_given_up and self._request is not None:
            self._talk.cancel(self._request)

    def add(self, asked: Predict | ShowVisit | Interpolate, answer: Result) -> None:
        """An answer, whoever asked for it."""
        self._seen = self._seen.with_answer(asked, answer)
        if isinstance(answer, Predicted) and answer.volumes:
            others = tuple(
                row
                for row in self._board.state.predicted
                if key_of(row.age_years) != key_of(answer.age_years)
            )
            self._board.change(predicted=(*others, *answer.volumes))
        most = max(MOST_IMAGES, len(self._board.state.sweep.ages_years) + 2)
        self._seen, files = self._seen.without_oldest(most)
        if files and self._talk.is_running:
            self._talk.ask(Release(files=files), Listener())

    def keep_sweep(self, ages_years: tuple[float, ...]) -> None:
        """Gives a finished sweep to the scene."""
        frames = tuple(self._seen.predicted[key_of(age)] for age in ages_years)
        self._stage.keep(frames, self._talk.client.voxels)

    def draw(self) -> None:
        """Draws the volumes known so far."""
        if self._person is not None:
            state = self._board.state
            self._stage.draw((*self._person.volumes, *state.predicted), state.age_years)

    def _go_on(self) -> None:
        """Asks for what the wish under way still lacks, or shows it, even if a newer one waits already."""
        while self._person is not None and (wish := self._wishes.running) is not None:
            asked = next_request(wish, self._seen, self._person)
            if asked is not None:
                self._ask(asked)
                return
            self._wishes = self._wishes.finished()  # first, so that a picture that fails blocks nothing
            self._show(wish)
        self._board.change(is_decoding=False)

    def _ask(self, asked: Predict | ShowVisit | Interpolate) -> None:
        person = self._person
        self._can_be_given_up = isinstance(asked, Predict) and asked.is_measured
        self._board.change(is_decoding=True)

        def done(answer: Result) -> None:
            if person is self._person:
                self._request = None
                self.add(asked, answer)
                self._go_on()

        def failed(why: Failed) -> None:
            if person is self._person:
                self._request = None
                self._failed(why)

        self._request = self._talk.ask(asked, Listener(done=done, failed=failed))

    def _failed(self, why: Failed) -> None:
        self._wishes = self._wishes.finished()
        if why.kind not in (CANCELLED, LOST):  # of a lost worker the control is told as well
            self._board.change(problem=why.sentence)
        self._go_on()

    def _show(self, wish: Wish) -> None:
        if isinstance(wish, Between):
            self._stage.show(Picture(wish, self._seen.between[wish]), self._talk.client.voxels)
            return
        assert self._person is not None
        predicted = self._seen.predicted[key_of(wish.age_years)]
        beside = None
        if wish.shown is Shown.CHANGE:
            beside = self._seen.visits[self._person.reference, "reconstructed"]
        if wish.shown is Shown.SIDE_BY_SIDE:
            beside = self._seen.visits[nearest_visit(wish.age_years, self._person), "observed"]
        self._stage.show(Picture(wish, predicted, beside), self._talk.client.voxels)
        warnings = predicted.warnings
        if wish.shown is Shown.UNCERTAINTY and predicted.uncertainty is None:
            warnings = (*warnings, f"No uncertainty can be shown: {self._person.uncertainty}.")
        self._board.change(on_screen_years=predicted.age_years, warnings=warnings)
        self.draw()
        if not predicted.volumes and self._board.state.playing is None:
            self._measure_after_rest(wish)

    def _measure_after_rest(self, wish: AtAge) -> None:
        token = self._rests

        def measure() -> None:
            is_still_there = token == self._rests and self._person is not None
            if is_still_there and self._board.state.work is None:
                self.want(replace(wish, is_measured=True))

        self._later(REST_S, measure)
