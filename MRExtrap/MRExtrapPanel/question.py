"""One open question to the worker: asked, given up, or no longer cared about."""

from __future__ import annotations

from collections.abc import Callable

from MRExtrapLib.worker.client import Listener
from MRExtrapLib.worker.requests import Arguments
from MRExtrapPanel.talk import Talk


class Question:
    """At most one request at a time; only what answers the newest is heard."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._asked: object = None
        self._number: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether an answer is still to come."""
        return self._asked is not None

    def ask(self, arguments: Arguments, listener: Listener) -> None:
        """Asks; an earlier question that is still open is no longer heard of."""
        asked = self._asked = object()
        self._number = None

        def hear(told: Callable, is_last: bool) -> Callable:
            def heard(*words: object) -> None:
                if asked is self._asked:
                    if is_last:
                        self.forget()
                    told(*words)

            return heard

        number = self._talk.ask(
            arguments,
            Listener(
                done=hear(listener.done, True),
                failed=hear(listener.failed, True),
                progress=hear(listener.progress, False),
                part=hear(listener.part, False),
            ),
        )
        if asked is self._asked:  # a worker that is gone has refused already
            self._number = number

    def cancel(self) -> None:
        """Asks the worker to give it up; its refusal is heard."""
        if self._number is not None:
            self._talk.cancel(self._number)

    def forget(self) -> None:
        """Whatever is answered now is not heard."""
        self._asked = self._number = None
