"""The worker as the panel uses it: started when first needed, greeted, asked, ended, started again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from MRExtrapLib.worker import requests
from MRExtrapLib.worker.client import Client, Listener
from MRExtrapLib.worker.protocol import LOST, Failed
from MRExtrapLib.worker.requests import Arguments
from MRExtrapLib.worker.results import Greeting, Result


class Running(Protocol):
    """A worker process that was started; it ends only once, by `end` or by itself."""

    def write(self, data: bytes) -> object:
        """Hands bytes to its standard input."""
        ...

    def end(self, at_once: bool) -> None:
        """Lets it end after what it was told, or cuts it off."""
        ...


class StartWorker(Protocol):
    """Starts worker processes; Slicer's is made of QProcess."""

    def __call__(
        self, session: Path, heard: Callable[[bytes], None], ended: Callable[[str], None]
    ) -> Running:
        """A process that works in the session folder, and is heard by its output and its end."""
        ...


class Talk:
    """One worker at a time.

    Args:
        start: starts its process.
        new_session: gives a folder that is not there yet.
        log: hears what is not for the panel.
        lost: told when a worker ends by itself, and whether it had ever answered.
    """

    def __init__(
        self,
        start: StartWorker,
        new_session: Callable[[], Path],
        log: Callable[[str], None] = lambda words: None,
        lost: Callable[[bool], None] = lambda has_answered: None,
    ) -> None:
        self._start = start
        self._new_session = new_session
        self._log = log
        self.lost = lost
        self._running: Running | None = None
        self._client: Client | None = None
        self._greeting: Greeting | None = None
        self._waiting: list[tuple[Callable[[Greeting], None], Callable[[Failed], None]]] = []

    @property
    def is_running(self) -> bool:
        """Whether a worker is there."""
        return self._client is not None and not self._client.is_over

    @property
    def greeting(self) -> Greeting | None:
        """What the worker said of itself; None while none has."""
        return self._greeting if self.is_running else None

    @property
    def client(self) -> Client:
        """The host's end of the talk; starts a worker where there is none."""
        if self._client is None or self._client.is_over:
            return self._begin()
        return self._client

    def when_greeted(self, then: Callable[[Greeting], None], failed: Callable[[Failed], None]) -> None:
        """Does something once a worker is there and has said its version."""
        client = self.client
        if self._greeting is not None:
            then(self._greeting)
        elif client.is_over:
            failed(Failed(None, LOST, "it did not start"))  # `lost` has been told
        else:
            self._waiting.append((then, failed))

    def ask(self, arguments: Arguments, listener: Listener) -> int:
        """Asks the worker; the number is for `cancel`."""
        return self.client.ask(arguments, listener)

    def cancel(self, request: int) -> None:
        """Gives a request up."""
        if self.is_running:
            self.client.cancel(request)

    def end(self, at_once: bool = False) -> None:
        """Ends the worker, if there is one; what was open fails."""
        client, running = self._client, self._running
        self._client = self._running = self._greeting = None
        if client is None or running is None or client.is_over:
            return
        if not at_once:
            client.ask(requests.Shutdown())
        running.end(at_once)
        client.ended("the panel ended it")

    def _begin(self) -> Client:
        """A client whose worker was started; it is over already where the start failed at once."""
        session = self._new_session()
        proxy = _Proxy()
        client = Client(proxy, session, self._log)
        self._client, self._greeting = client, None
        self._running = proxy.running = self._start(
            session, client.feed, lambda words: self._ended(client, words)
        )
        client.greet(Listener(done=self._greeted, failed=self._not_greeted))
        return client

    def _ended(self, client: Client, words: str) -> None:
        is_ours, has_answered = client is self._client, self._greeting is not None
        if is_ours:
            self._client = self._running = self._greeting = None
        client.ended(words)
        if is_ours:
            self.lost(has_answered)

    def _greeted(self, greeting: Result) -> None:
        assert isinstance(greeting, Greeting)
        self._greeting = greeting
        waiting, self._waiting = self._waiting, []
        for then, _ in waiting:
            then(greeting)

    def _not_greeted(self, failed: Failed) -> None:
        waiting, self._waiting = self._waiting, []
        for _, tell in waiting:
            tell(failed)


class _Proxy:
    """The client wants its process first, and the process its client's ears: this one knits them together."""

    def __init__(self) -> None:
        self.running: Running | None = None

    def write(self, data: bytes) -> None:
        if self.running is not None:
            self.running.write(data)
