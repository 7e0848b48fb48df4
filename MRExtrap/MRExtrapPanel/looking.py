"""The age slider and what follows it: decodes on demand, newest age first, and shows what has come.

While one picture is being made only the newest wish waits. What was decoded once is shown again without
asking. A moving slider shows plain decodes. Once it rests, its age is measured, and the kind of image that is
chosen takes the place of the decode; between two visits, one whose borders moved. A new wish gives that up.
"""

from __future__ import annotations

from collections.abc import Callable

from MRExtrapLib.worker.client import Listener
from MRExtrapLib.worker.protocol import CANCELLED, LOST, Failed
from MRExtrapLib.worker.requests import Interpolate, Predict, Release, ShowVisit
from MRExtrapLib.worker.results import Loaded, Predicted, Result, VisitShown
from MRExtrapPanel.board import Board
from MRExtrapPanel.mishap import told
from MRExtrapPanel.picture import Picture, Stage
from MRExtrapPanel.question import Question
from MRExtrapPanel.talk import Talk
from MRExtrapPanel.translation import tr as _
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
    settled,
    wished_image,
)

MOST_IMAGES = 24
"""Decoded ages kept; at 1 mm each takes some 30 MB of the session folder."""

REST_S = 0.8
"""How long the slider rests before its age is measured."""

Later = Callable[[float, Callable[[], None]], None]
"""Does something after so many seconds; Qt's single-shot timer."""


class Looking:
    """What is shown of the person who is loaded."""

    def __init__(self, board: Board, talk: Talk, stage: Stage, later: Later) -> None:
        self._board = board
        self._talk = talk
        self._stage = stage
        self._later = later
        self._question = Question(talk)
        self._person: Loaded | None = None
        self._seen = Seen()
        self._wishes: LatestWins[Wish] = LatestWins()
        self._rests = 0

    @property
    def seen(self) -> Seen:
        """What has been answered of this person."""
        return self._seen

    def begin(self, person: Loaded, scans: tuple[str, ...]) -> None:
        """Somebody else is loaded, whose visits are these scans of the host."""
        self.forget()
        self._stage.begin(person, scans)
        self._person = person

    def forget(self) -> None:
        """Nobody is loaded any more."""
        self._person, self._seen, self._wishes = None, Seen(), LatestWins()
        self._question.forget()
        self._rests += 1
        self._board.change(
            is_decoding=False,
            on_screen_years=None,
            on_screen_image="",
            mixture=None,
            warnings=(),
            predicted=(),
        )

    def set_age(self, age_years: float) -> None:
        """The slider, or a click on the curve."""
        age = key_of(age_years)
        if age == self._board.state.age_years and self._board.state.on_screen_years == age:
            return
        self._board.change(age_years=age, problem="", done="")
        self.look()

    def set_shown(self, shown: Shown) -> None:
        """What is shown of an age."""
        self._board.change(shown=shown, problem="")
        self.look()

    def set_image(self, image: str) -> None:
        """Which kind of predicted image is shown where the slider rests; a sweep must be made anew for it."""
        self._board.change(image=image, swept=(), problem="")
        state = self._board.state
        if state.can_look:
            self.want(settled(self._wish()))

    def interpolate(self, first: int, second: int, alpha: float) -> None:
        """A mixture of two visits."""
        if self._board.state.can_look and first != second:
            self.want(Between(first, second, round(alpha, 2)))

    def look(self) -> None:
        """Shows what slider and buttons say."""
        if self._board.state.can_look:
            self.want(self._wish())

    def want(self, wish: Wish) -> None:
        """Shows it as soon as it can be had; an older wish that waits is dropped."""
        if self._person is None:
            return
        self._rests += 1
        running = self._wishes.running
        self._wishes = self._wishes.wanting(wish)
        if running is None:
            self._go_on()
        elif running.is_settled:
            self._question.cancel()

    def add(self, asked: Predict | ShowVisit | Interpolate, answer: Result) -> None:
        """An answer, whoever asked for it; the files of what it replaces, or is too old, are given back."""
        before = self._seen.files
        most = max(MOST_IMAGES, len(self._board.state.sweep.ages_years) + 2)
        self._seen = self._seen.with_answer(asked, answer).without_oldest(most)
        gone = before - self._seen.files
        if gone and self._talk.is_running:
            self._talk.ask(Release(files=tuple(sorted(gone))), Listener())
        if isinstance(answer, Predicted) and answer.volumes:
            others = tuple(
                row
                for row in self._board.state.predicted
                if key_of(row.age_years) != key_of(answer.age_years)
            )
            self._board.change(predicted=(*others, *answer.volumes))

    def keep_sweep(self, ages_years: tuple[float, ...], image: str) -> None:
        """Gives a finished sweep to the scene."""
        frames = tuple(self._seen.predicted[key_of(age), image] for age in ages_years)
        self._stage.keep(frames, self._talk.client.voxels)

    def draw(self) -> None:
        """Draws the volumes known so far."""
        if self._person is not None:
            state = self._board.state
            self._stage.draw((*self._person.volumes, *state.predicted), state.age_years)

    def _wish(self) -> AtAge:
        state = self._board.state
        return AtAge(state.age_years, state.shown, wished_image(state.shown, state.image))

    def _go_on(self) -> None:
        """Asks for what the wish under way still lacks, or shows it, even if a newer one waits already."""
        while self._person is not None and (wish := self._wishes.running) is not None:
            asked = next_request(wish, self._seen, self._person)
            if asked is not None:
                self._ask(asked)
                return
            self._wishes = self._wishes.finished()  # first, so that a picture that fails blocks nothing
            try:
                self._show(wish)
            except Exception as error:  # raised, it would reach whoever hears the worker, or a slider of Qt
                self._board.change(problem=told(error), playing=None)
        self._board.change(is_decoding=False)

    def _ask(self, asked: Predict | ShowVisit | Interpolate) -> None:
        self._board.change(is_decoding=True)

        def done(answer: Result) -> None:
            self.add(asked, answer)
            self._go_on()

        self._question.ask(asked, Listener(done=done, failed=self._failed))

    def _failed(self, why: Failed) -> None:
        if why.kind == LOST:  # the errand tells of it; whoever asked now would start a new worker
            self._wishes = LatestWins()
            return
        self._wishes = self._wishes.finished()
        if why.kind != CANCELLED:
            self._board.change(problem=why.sentence)
        self._go_on()

    def _show(self, wish: Wish) -> None:
        voxels_of = self._talk.client.voxels
        if isinstance(wish, Between):
            mixture = self._seen.mixture(wish)
            assert mixture is not None
            self._stage.show(Picture(wish, mixture), voxels_of)
            self._board.change(
                on_screen_years=None, on_screen_image=mixture.image_kind, mixture=wish, warnings=()
            )
            self._settle_after_rest(settled(wish))
            return
        predicted = self._seen.at(wish)
        assert predicted is not None
        assert self._person is not None
        self._stage.show(Picture(wish, predicted, self._beside(wish, self._person)), voxels_of)
        warnings = predicted.warnings
        if wish.shown is Shown.UNCERTAINTY and predicted.uncertainty is None:
            words = _("No uncertainty can be shown: {reason}.").format(reason=self._person.uncertainty)
            warnings = (*warnings, words)
        self._board.change(
            on_screen_years=predicted.age_years,
            on_screen_image=predicted.image_kind,
            mixture=None,
            warnings=warnings,
        )
        self.draw()
        if self._board.state.playing is None:
            self._settle_after_rest(settled(wish))

    def _beside(self, wish: AtAge, person: Loaded) -> VisitShown | None:
        """What a picture is compared with, which has been answered already."""
        if wish.shown is Shown.CHANGE:
            return self._seen.visits[person.reference, "reconstructed"]
        if wish.shown is Shown.SIDE_BY_SIDE:
            return self._seen.visits[nearest_visit(wish.age_years, person), "observed"]
        return None

    def _settle_after_rest(self, wish: Wish) -> None:
        is_there = self._seen.mixture(wish) if isinstance(wish, Between) else self._seen.at(wish)
        if is_there is not None:
            return
        token = self._rests

        def settle() -> None:
            is_still_there = token == self._rests and self._person is not None
            if is_still_there and self._board.state.work is None:
                self.want(wish)

        self._later(REST_S, settle)
