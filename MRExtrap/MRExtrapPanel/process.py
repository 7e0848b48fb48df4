"""The worker as a process of Slicer: QProcess on PythonSlicer, ended for sure."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import qt

from MRExtrapLib.worker.client import worker_command, worker_environment

PATIENCE_MS = 3000
"""How long a worker has to end by itself, and again when told."""


def python_of_slicer() -> str:
    """PythonSlicer, which Slicer puts on the path; this interpreter where there is none, as in tests."""
    return shutil.which("PythonSlicer") or sys.executable


def environment_of_worker() -> qt.QProcessEnvironment:
    """Slicer's own environment, in which MRExtrapLib is found too."""
    environment = qt.QProcessEnvironment()
    for name, value in worker_environment().items():
        environment.insert(name, value)
    return environment


class QtProcess:
    """One process, heard through Qt's event loop; nothing waits for it but its end."""

    def __init__(
        self, command: list[str], heard: Callable[[bytes], None], ended: Callable[[str], None]
    ) -> None:
        self._heard = heard
        self._ended = ended
        self._errors: list[str] = []
        self._process = qt.QProcess()
        self._process.setProcessEnvironment(environment_of_worker())
        self._process.connect("readyReadStandardOutput()", self._hear)
        self._process.connect("readyReadStandardError()", self._hear_errors)
        self._process.connect("finished(int, QProcess::ExitStatus)", self._finished)
        self._process.connect("errorOccurred(QProcess::ProcessError)", self._went_wrong)
        self._process.start(command[0], command[1:])

    def write(self, data: bytes) -> None:
        """Hands bytes to its standard input."""
        self._process.write(data)

    def end(self, at_once: bool) -> None:
        """Closes its input, which ends a worker; insists after a while, or at once."""
        if self._process.state() == qt.QProcess.NotRunning:
            return
        self._process.closeWriteChannel()
        if at_once or not self._process.waitForFinished(PATIENCE_MS):
            kill_tree(int(self._process.processId()))
            self._process.kill()
            self._process.waitForFinished(PATIENCE_MS)

    def _hear(self) -> None:
        self._heard(self._process.readAllStandardOutput().data())

    def _hear_errors(self) -> None:
        words = self._process.readAllStandardError().data().decode(errors="replace").rstrip()
        if words:
            self._errors = [*self._errors, words][-20:]
            logging.info("MRExtrap worker: %s", words)

    def _finished(self, code: int, status: object) -> None:
        self._hear()
        self._hear_errors()
        self._ended(f"exit code {code}; {' '.join(self._errors)[-2000:]}")
        later(0, lambda kept=self: None)  # Qt must not lose a process inside the signal that it has ended

    def _went_wrong(self, error: object) -> None:
        if self._process.state() == qt.QProcess.NotRunning and error == qt.QProcess.FailedToStart:
            self._ended(f"it did not start: {self._process.errorString()}")
            later(0, lambda kept=self: None)


def kill_tree(pid: int) -> None:
    """Kills a process and its children: PythonSlicer is a launcher, whose child does the work.

    On Linux and macOS the worker itself ends as its input closes and its parent goes; on Windows the
    launcher's death alone would leave it computing.
    """
    if pid <= 0:
        return
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(pid)], capture_output=True, check=False)
        return
    for child in _children(pid):
        kill_tree(child)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    """Of a process; none where there is no pgrep to ask: the worker itself then ends with its input."""
    try:
        told = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return []
    return [int(child) for child in told.stdout.split()]


def start_worker(session: Path, heard: Callable[[bytes], None], ended: Callable[[str], None]) -> QtProcess:
    """A worker of this Slicer, which ends with it."""
    return QtProcess(worker_command(session, python_of_slicer()), heard, ended)


def later(seconds: float, action: Callable[[], None]) -> None:
    """Does something after so many seconds of the event loop."""
    qt.QTimer.singleShot(int(seconds * 1000), action)
