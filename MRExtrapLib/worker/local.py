"""A worker as a child process of a host that has no event loop: scripts, the viewer, tests."""

from __future__ import annotations

import contextlib
import queue
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from MRExtrapLib.errors import MRExtrapError
from MRExtrapLib.progress import Progress, silent
from MRExtrapLib.worker import requests
from MRExtrapLib.worker.client import Client, Listener, worker_command, worker_environment
from MRExtrapLib.worker.protocol import PROTOCOL_VERSION, Failed
from MRExtrapLib.worker.requests import Arguments
from MRExtrapLib.worker.results import Predicted, Result
from MRExtrapLib.worker.session import new_session_path

CHUNK_BYTES = 1 << 16
PATIENCE_S = 3.0
"""For a worker to end when asked, and again when told."""


class WorkerFailure(MRExtrapError):  # noqa: N818   # its name in the protocol
    """A request that came to nothing; its words are the sentence for the panel."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.sentence)
        self.failed = failed


class ChildProcess:
    """A running worker, and what it has said so far."""

    def __init__(self, command: Sequence[str], log: IO[bytes] | None = None) -> None:
        self.popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            bufsize=0,
            env=worker_environment(),
        )
        self._said: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._listen, name="worker's words", daemon=True).start()

    def write(self, data: bytes) -> None:
        """Hands bytes to the worker."""
        stdin = self.popen.stdin
        rest = memoryview(data)
        while stdin is not None and rest:
            rest = rest[stdin.write(rest) or 0 :]

    def read(self, timeout_s: float | None) -> bytes | None:
        """What it has said since: empty when it has ended, None when it said nothing for so long."""
        try:
            return self._said.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def end(self) -> None:
        """Waits for its end, then asks the system for it, then insists."""
        if self.popen.stdin is not None:
            with contextlib.suppress(OSError):
                self.popen.stdin.close()
        for insist in (lambda: None, self.popen.terminate, self.popen.kill):
            insist()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(PATIENCE_S)
                return

    def _listen(self) -> None:
        stdout = self.popen.stdout
        while stdout is not None and (data := stdout.read(CHUNK_BYTES)):
            self._said.put(data)
        self._said.put(b"")


class LocalWorker:
    """A worker whose answers are waited for."""

    def __init__(self, process: ChildProcess, session: Path) -> None:
        self.process = process
        self.client = Client(process, session)

    def answer(
        self, arguments: Arguments, progress: Progress = silent, parts: list[Predicted] | None = None
    ) -> Result:
        """The result of a request; its parts are added to the list as they come.

        Raises:
            WorkerFailure: why there is none.
        """
        answered: list[Result | Failed] = []
        heard = [] if parts is None else parts
        self.client.ask(arguments, Listener(answered.append, answered.append, progress, heard.append))
        while not answered:
            self.listen()
        if isinstance(answered[0], Failed):
            raise WorkerFailure(answered[0])
        return answered[0]

    def listen(self, timeout_s: float | None = None) -> bool:
        """Hears what the worker says next; False when it said nothing for so long."""
        data = self.process.read(timeout_s)
        if data:
            self.client.feed(data)
        elif data is not None:
            self.process.end()
            self.client.ended(f"its exit code was {self.process.popen.returncode}")
        return data is not None

    def close(self) -> None:
        """Ends the worker, politely first, and leaves nothing of it."""
        if self.process.popen.poll() is None:
            self.client.ask(requests.Shutdown())
        self.process.end()
        self.client.ended()


@contextlib.contextmanager
def local_worker(command: Sequence[str] | None = None, session: Path | None = None) -> Iterator[LocalWorker]:
    """A greeted worker that ends with the block.

    Args:
        command: starts it; must name the session. By default that of this installation.
        session: its folder.

    Raises:
        WorkerFailure: it does not start, or speaks another version.
    """
    session = session or new_session_path()
    worker = LocalWorker(ChildProcess(command or worker_command(session)), session)
    try:
        worker.answer(requests.Hello(PROTOCOL_VERSION))
        yield worker
    finally:
        worker.close()
