"""The host's end: asks a worker and hears its answers, whoever runs the process.

The client starts nothing and waits for nothing. It writes to a process that the host gives it, and the host
hands it what the process said: Slicer from QProcess's signals, `local` from a subprocess, a test from a list.
It needs the standard library and numpy alone, so Slicer's own process can hold it.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.unfinished import undo_unfinished
from MRExtrapLib.worker import requests
from MRExtrapLib.worker.protocol import (
    FAULT,
    LOST,
    PROTOCOL_VERSION,
    Call,
    Done,
    Event,
    Failed,
    Lines,
    Part,
    Progressed,
    ProtocolError,
    call_line,
    part_of_result,
    read_event,
    result_of,
)
from MRExtrapLib.worker.requests import Arguments
from MRExtrapLib.worker.results import ArrayFile, Predicted, Result
from MRExtrapLib.worker.session import remove_session

ENGINE_FOLDER = Path(__file__).resolve().parents[2]
"""What must be on the worker's PYTHONPATH: the folder that holds MRExtrapLib."""


class WorkerProcess(Protocol):
    """What the client needs of a running worker; QProcess has it already."""

    def write(self, data: bytes) -> object:
        """Hands bytes to the worker's standard input."""
        ...


def _nothing(*_: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Listener:
    """Who hears of a request: any count of `progress` and `part`, then exactly one `done` or `failed`."""

    done: Callable[[Result], None] = _nothing
    failed: Callable[[Failed], None] = _nothing
    progress: Callable[[float, str], None] = _nothing
    part: Callable[[Predicted], None] = _nothing


@dataclass(frozen=True)
class _Asked:
    arguments: Arguments
    listener: Listener


class Client:
    """One worker as its host sees it.

    Args:
        process: takes what is asked; already running, or about to.
        session: the folder given to `worker_command`, tidied up when the worker has ended.
        log: hears what is not for the panel.
    """

    def __init__(self, process: WorkerProcess, session: Path, log: Callable[[str], None] = _nothing) -> None:
        self.session = session
        self._process = process
        self._log = log
        self._lines = Lines()
        self._asked: dict[int, _Asked] = {}
        self._numbers = itertools.count(1)
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Whether the worker has ended."""
        return self._is_over

    @property
    def is_busy(self) -> bool:
        """Whether an answer is still to come."""
        return bool(self._asked)

    def greet(self, listener: Listener) -> int:
        """The handshake, before anything else."""
        return self.ask(requests.Hello(PROTOCOL_VERSION), listener)

    def ask(self, arguments: Arguments, listener: Listener | None = None) -> int:
        """Sends a request and gives its number; the answer comes to the listener, later."""
        number = next(self._numbers)
        asked = _Asked(arguments, listener or Listener())
        if self._is_over:
            asked.listener.failed(Failed(number, LOST, "The worker has ended; start it again."))
            return number
        self._asked[number] = asked
        try:
            self._process.write(call_line(Call(number, arguments)))
        except OSError as error:
            self._log(f"the worker takes no more requests: {error}")  # its end will be told by `ended`
        return number

    def cancel(self, request: int) -> None:
        """Gives a request up: its listener hears `failed`, kind `cancelled`, unless it was done first."""
        if request in self._asked:
            self.ask(requests.Cancel(request))

    def feed(self, data: bytes) -> None:
        """What the worker has said, in whatever pieces it comes."""
        try:
            lines = self._lines.feed(data)
        except ProtocolError as error:
            self._log(str(error))
            return
        for line in lines:
            try:
                event = read_event(line)
            except ProtocolError as error:
                self._log(f"not understood of the worker: {error}")
            else:
                self._hear(event)

    def ended(self, words: str = "") -> None:
        """The worker's process has ended, however: open requests fail, and what it left is taken away."""
        if self._is_over:
            return
        self._is_over = True
        open_requests, self._asked = self._asked, {}
        for asked in open_requests.values():
            if isinstance(asked.arguments, requests.Export):
                undo_unfinished(Path(asked.arguments.folder))
        remove_session(self.session)
        for number, asked in open_requests.items():
            if isinstance(asked.arguments, requests.Shutdown | requests.Cancel):
                continue
            sentence = "The worker ended in the middle of its work; start it again."
            asked.listener.failed(Failed(number, LOST, sentence, words))

    def voxels(self, file: ArrayFile) -> NDArray:
        """An array of the session, mapped into memory: (X, Y, Z), read as it is looked at.

        Its transpose is laid out as a Slicer volume node's array.

        Raises:
            InputError: the file was released already.
        """
        try:
            return np.load(file.path, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError as error:
            msg = f"The array {file.path} was released already; ask for it again."
            raise InputError(msg) from error

    def _hear(self, event: Event) -> None:
        asked = self._asked.get(event.id) if event.id is not None else None
        if asked is None:
            self._log(f"the worker speaks of a request that nobody waits for: {event}")
            return
        listener = asked.listener
        match event:
            case Progressed():
                listener.progress(event.fraction, event.words)
            case Part() | Done():
                self._hear_result(event, asked)
            case Failed():
                self._asked.pop(event.id or 0)
                self._log(event.detail)
                listener.failed(event)

    def _hear_result(self, event: Part | Done, asked: _Asked) -> None:
        if isinstance(event, Done):
            del self._asked[event.id]
        try:
            if isinstance(event, Part):
                part = part_of_result(event.result)
            else:
                result = result_of(asked.arguments, event.result)
        except ProtocolError as error:
            self._asked.pop(event.id, None)
            sentence = "The worker's answer was not understood; install MRExtrap again."
            asked.listener.failed(Failed(event.id, FAULT, sentence, str(error)))
            return
        if isinstance(event, Part):
            asked.listener.part(part)
        else:
            asked.listener.done(result)


def worker_command(session: Path, python: str = sys.executable, parent_pid: int | None = None) -> list[str]:
    """What starts a worker that lives no longer than the parent: this process, unless another is named.

    Run it with `worker_environment`; give it pipes for standard input and output.
    """
    parent = os.getpid() if parent_pid is None else parent_pid
    return [python, "-m", "MRExtrapLib", "worker", "--session", str(session), "--parent", str(parent)]


def worker_environment() -> dict[str, str]:
    """This process's environment, in which the worker's Python also finds MRExtrapLib."""
    before = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(ENGINE_FOLDER), before] if before else [str(ENGINE_FOLDER)])
    return os.environ | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
