"""The resident process: reads requests, works them off one by one, and leaves nothing behind.

The main thread computes. A second one reads, so that a cancel or the host's end is heard in the middle of
a request, whose next word of progress then ends it. A host that is gone waits for nobody: whatever still
computes after a few seconds is cut off, and the session folder goes with it.
"""

from __future__ import annotations

import os
import platform
import queue
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from MRExtrapLib import __version__
from MRExtrapLib.errors import InputError, ModelError, is_out_of_memory
from MRExtrapLib.imaging.unfinished import undo_unfinished
from MRExtrapLib.worker import requests
from MRExtrapLib.worker.channel import Channel
from MRExtrapLib.worker.parent import Parent, watch
from MRExtrapLib.worker.protocol import (
    CANCELLED,
    FAULT,
    INPUT,
    MEMORY,
    MODEL,
    NOT_UNDERSTOOD,
    PROTOCOL_VERSION,
    Call,
    Done,
    Failed,
    Lines,
    Part,
    Progressed,
    ProtocolError,
    read_call,
)
from MRExtrapLib.worker.results import Greeting, Nothing, Predicted, Result
from MRExtrapLib.worker.session import Session, new_session_path, remove_session

if TYPE_CHECKING:
    from MRExtrapLib.worker.answers import Answers, OpenEngine

GRACE_S = 3.0
"""How long the running request has to come to its next word of progress once the host is gone."""

DONE, LOST_PARENT = 0, 1


class Cancelled(Exception):  # noqa: N818   # it is no error
    """The host no longer wants what is being computed."""


class Telling:
    """What a running request says to the host; progress only rises, and hears of a cancel."""

    def __init__(self, request: int, server: Server) -> None:
        self._request = request
        self._server = server
        self._fraction = 0.0

    def progress(self, fraction: float, words: str) -> None:
        """Tells how far it is.

        Raises:
            Cancelled: it shall go no further.
        """
        if self._server.is_unwanted(self._request):
            raise Cancelled
        self._fraction = min(max(fraction, self._fraction), 1.0)
        self._server.channel.send(Progressed(self._request, self._fraction, words))

    def part(self, result: Predicted) -> None:
        """Tells one of several results."""
        self._server.channel.send_result(Part, self._request, result)


class Server:
    """One host's requests, from its first line to its last."""

    def __init__(self, channel: Channel, session: Session, open_engine: OpenEngine) -> None:
        self.channel = channel
        self._session = session
        self._open_engine = open_engine
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._waiting: set[int] = set()
        self._unwanted: set[int] = set()
        self._lock = threading.Lock()
        self._answers: Answers | None = None
        self._is_greeted = False
        self._exporting: Path | None = None
        self._host_is_gone = threading.Event()
        self._is_over = threading.Event()

    def serve(self) -> int:
        """Works until the host says shutdown (0) or is gone (1)."""
        threading.Thread(target=self._listen, name="listener", daemon=True).start()
        try:
            while (call := self._calls.get()) is not None:
                self._work(call)
                if isinstance(call.arguments, requests.Shutdown):
                    return DONE
            return LOST_PARENT
        finally:
            self._is_over.set()

    def is_unwanted(self, request: int) -> bool:
        """Whether a request shall go no further."""
        return self._host_is_gone.is_set() or request in self._unwanted

    def host_is_gone(self) -> None:
        """Ends the running request at its next word, and after a while whatever it still does."""
        if self._host_is_gone.is_set():
            return
        self._host_is_gone.set()
        self._calls.put(None)
        threading.Thread(target=self._cut_off, name="end", daemon=True).start()

    def _cut_off(self) -> None:
        if self._is_over.wait(GRACE_S):
            return
        remove_session(self._session.folder)
        if self._exporting:
            undo_unfinished(self._exporting)
        os._exit(LOST_PARENT)

    def _listen(self) -> None:
        lines = Lines()
        while data := self.channel.read():
            try:
                whole = lines.feed(data)
            except ProtocolError as error:
                self.channel.send(Failed(None, NOT_UNDERSTOOD, str(error)))
                continue
            for line in whole:
                self._hear(line)
        self.host_is_gone()

    def _hear(self, line: bytes) -> None:
        try:
            call = read_call(line)
        except ProtocolError as error:
            self.channel.send(Failed(error.request, NOT_UNDERSTOOD, str(error)))
            return
        if isinstance(call.arguments, requests.Cancel):
            with self._lock:
                if call.arguments.request in self._waiting:
                    self._unwanted.add(call.arguments.request)
            self.channel.send_result(Done, call.id, Nothing())
            return
        with self._lock:
            self._waiting.add(call.id)
        self._calls.put(call)

    def _work(self, call: Call) -> None:
        """Answers one request with exactly one done or failed; the catch-all of this door."""
        try:
            if self.is_unwanted(call.id):
                raise Cancelled
            answer: Done | Failed = self.channel.as_result(Done, call.id, self._answer(call))
        except Cancelled:
            answer = Failed(call.id, CANCELLED, "Cancelled.")
        except Exception as error:
            answer = failure(call.id, error)
            print(answer.detail, file=sys.stderr, flush=True)
        with self._lock:
            self._waiting.discard(call.id)
            self._unwanted.discard(call.id)
        self.channel.send(answer)

    def _answer(self, call: Call) -> Result:
        asked = call.arguments
        if isinstance(asked, requests.Hello):
            return self._greet(asked)
        if not self._is_greeted:
            msg = "The worker has not been greeted; the first request must be hello."
            raise ProtocolError(msg)
        if isinstance(asked, requests.Shutdown | requests.Cancel):
            return Nothing()
        if self._answers is None:
            from MRExtrapLib.worker.answers import Answers  # seconds of imports: the greeting comes before

            self._answers = Answers(self._session, self._open_engine)
        self._exporting = Path(asked.folder) if isinstance(asked, requests.Export) else None
        return self._answers.answer(asked, Telling(call.id, self))

    def _greet(self, asked: requests.Hello) -> Greeting:
        if asked.protocol != PROTOCOL_VERSION:
            msg = (
                f"The host speaks version {asked.protocol} of the worker's protocol, but MRExtrap "
                f"{__version__} speaks {PROTOCOL_VERSION}; install the same MRExtrap for both."
            )
            raise ProtocolError(msg)
        self._is_greeted = True
        python, folder = platform.python_version(), str(self._session.folder)
        return Greeting(PROTOCOL_VERSION, __version__, python, os.getpid(), folder)


def failure(request: int, error: Exception) -> Failed:
    """What went wrong, in one sentence for the panel and at length for the log."""
    detail = "".join(traceback.format_exception(error))
    kinds = ((ProtocolError, NOT_UNDERSTOOD), (InputError, INPUT), (ModelError, MODEL))
    for kind, name in kinds:
        if isinstance(error, kind):
            return Failed(request, name, " ".join(str(error).split()), detail)
    if is_out_of_memory(error):
        sentence = "The memory does not suffice; close other programs, or choose the CPU as device."
        return Failed(request, MEMORY, sentence, detail)
    words = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".: ")
    return Failed(request, FAULT, f"MRExtrap failed ({words}); the log says where.", detail)


def serve(open_engine: OpenEngine, folder: Path | None = None, parent_pid: int | None = None) -> int:
    """Serves the host at standard input and output until it says shutdown or is gone.

    Args:
        open_engine: makes engines.
        folder: the session folder, which must not be there yet; None chooses one.
        parent_pid: the process without which the worker is of no use.

    Returns:
        The exit code: 0 after a shutdown, 1 when the host was gone.
    """
    with Session(folder or new_session_path()).open() as session:
        server = Server(Channel.over_standard_streams(), session, open_engine)
        if parent_pid is not None:
            watch(Parent(parent_pid), server.host_is_gone)
        return server.serve()
