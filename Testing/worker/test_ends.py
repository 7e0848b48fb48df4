"""However a worker ends, nothing of it stays: no process, no folder, no half-written export."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from MRExtrapLib.worker.client import Listener
from MRExtrapLib.worker.local import ChildProcess, LocalWorker
from MRExtrapLib.worker.protocol import LOST, PROTOCOL_VERSION
from MRExtrapLib.worker.requests import Export, Hello, Load, ScanInput, Shutdown
from MRExtrapLib.worker.session import PREFIX, Session, new_session_path, remove_stale_sessions

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")

PATIENCE_S = 60.0
KILLS = 3
LONGEST_LIFE_S = {"starting": 2.0, "writing": 0.5}
"""Cover importing and loading of the fake worker, and its export."""

Scans = tuple[ScanInput, ...]
CommandOf = Callable[..., list[str]]
StartWorker = Callable[..., AbstractContextManager[LocalWorker]]


@pytest.fixture
def session(tmp_path: Path) -> Path:
    return new_session_path(tmp_path)


def until(is_true: Callable[[], bool]) -> None:
    """Waits for it, but not for ever."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def greeted(command: list[str], session: Path) -> LocalWorker:
    worker = LocalWorker(ChildProcess(command), session)
    worker.answer(Hello(PROTOCOL_VERSION))
    assert session.is_dir()
    return worker


def exporting(worker: LocalWorker, scans: Scans, out: Path) -> list:
    """Sets a worker on a long export; what is heard of its failure is added to the list."""
    failed: list = []
    client = worker.client
    client.ask(Load(scans), Listener(failed=failed.append))
    client.ask(Export("subject-1", tuple(range(60, 90)), str(out)), Listener(failed=failed.append))
    return failed


def test_a_shutdown_ends_it_well(command_of: CommandOf, session: Path) -> None:
    worker = greeted(command_of(session), session)
    worker.answer(Shutdown())
    assert worker.process.popen.wait(PATIENCE_S) == 0
    assert not session.exists()


def test_a_closed_input_ends_it_in_the_middle_of_its_work(
    command_of: CommandOf, session: Path, scans: Scans, tmp_path: Path
) -> None:
    worker = greeted(command_of(session, "--pause", "0.02"), session)
    exporting(worker, scans, tmp_path / "out")
    until(lambda: any(path.name.endswith(".unfinished") for path in tmp_path.iterdir()))
    worker.process.popen.stdin.close()
    assert worker.process.popen.wait(PATIENCE_S) == 1
    assert list(tmp_path.iterdir()) == []


def test_work_that_does_not_come_to_a_stop_is_cut_off(
    command_of: CommandOf, session: Path, scans: Scans, tmp_path: Path
) -> None:
    worker = greeted(command_of(session, "--pause", "30"), session)
    exporting(worker, scans, tmp_path / "out")
    time.sleep(1.0)
    worker.process.popen.stdin.close()
    assert worker.process.popen.wait(PATIENCE_S / 2) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_polite_kill_leaves_nothing(command_of: CommandOf, session: Path) -> None:
    worker = greeted(command_of(session), session)
    worker.process.popen.terminate()
    assert worker.process.popen.wait(PATIENCE_S) == 130
    assert not session.exists()


def test_the_parents_death_ends_it_even_while_its_input_stays_open(
    command_of: CommandOf, session: Path
) -> None:
    parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    worker = greeted(command_of(session, parent_pid=parent.pid), session)
    parent.kill()
    parent.wait()
    assert worker.process.popen.wait(PATIENCE_S) == 1
    assert not session.exists()


def test_a_host_killed_at_once_leaves_no_orphan(command_of: CommandOf, session: Path, tmp_path: Path) -> None:
    told = tmp_path / "pid"
    host = f"""
import os, pathlib, signal, subprocess, time
words = {command_of(session)!r}
words[-1] = str(os.getpid())
worker = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
while not os.path.exists({str(session)!r}):
    time.sleep(0.02)
pathlib.Path({str(told)!r}).write_text(str(worker.pid))
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", host], check=False, timeout=PATIENCE_S)
    assert done.returncode == -signal.SIGKILL
    pid = int(told.read_text())
    until(lambda: not is_running(pid) or is_zombie(pid))
    until(lambda: not session.exists())


def is_zombie(pid: int) -> bool:
    """Dead, but nobody has asked how; an init that never asks is not ours to mend."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


@pytest.mark.parametrize("while_it_is", LONGEST_LIFE_S)
@pytest.mark.parametrize("seed", range(KILLS))
def test_killed_at_a_random_moment_it_leaves_nothing(
    command_of: CommandOf, session: Path, scans: Scans, tmp_path: Path, while_it_is: str, seed: int
) -> None:
    worker = LocalWorker(ChildProcess(command_of(session, "--pause", "0.01")), session)
    worker.client.greet(Listener())
    failed = exporting(worker, scans, tmp_path / "out")
    if while_it_is == "writing":
        until(lambda: any(path.name.endswith(".unfinished") for path in tmp_path.iterdir()))
    time.sleep(np.random.default_rng(seed).uniform(0, LONGEST_LIFE_S[while_it_is]))
    worker.process.popen.kill()
    while not worker.client.is_over:
        worker.listen()
    assert {one.kind for one in failed} <= {LOST}
    assert [path.name for path in tmp_path.iterdir()] == ([] if failed else ["out"])
    assert not is_running(worker.process.popen.pid)
    worker.close()


def test_a_killed_worker_is_followed_by_one_that_works(start_worker: StartWorker, scans: Scans) -> None:
    with start_worker() as worker:
        worker.process.popen.kill()
        until(lambda: worker.process.popen.poll() is not None)
        failed: list = []
        worker.client.ask(Load(scans), Listener(failed=failed.append))
        while not failed:
            worker.listen()
        worker.client.ask(Load(scans), Listener(failed=failed.append))
        assert [one.kind for one in failed] == [LOST, LOST]
    with start_worker() as worker:
        assert worker.answer(Load(scans)).subject


def test_what_a_killed_pair_left_is_swept_by_the_next(tmp_path: Path) -> None:
    old, young, foreign = tmp_path / f"{PREFIX}old", tmp_path / f"{PREFIX}young", tmp_path / "old"
    for folder in (old, young, foreign):
        folder.mkdir()
        (folder / "in-use").touch()
    for folder in (old, foreign):
        os.utime(folder, (0, 0))
    with Session(tmp_path / f"{PREFIX}mine").open() as mine:
        os.utime(mine.folder, (0, 0))
        remove_stale_sessions(tmp_path)
        assert mine.folder.exists()
        assert young.exists()
        assert foreign.exists()
        assert not old.exists()
