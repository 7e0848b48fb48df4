"""Real workers in processes of their own, and a person's scans for them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from fakes import AFFINE, fake_voxels

from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.imaging.writing import write_nifti
from MRExtrapLib.worker.local import LocalWorker, WorkerFailure, local_worker
from MRExtrapLib.worker.requests import Load, ScanInput
from MRExtrapLib.worker.session import new_session_path

SCRIPT = Path(__file__).with_name("fake_worker.py")

AGES_YEARS = (70.0, 72.0, 74.0)

CommandOf = Callable[..., list[str]]
StartWorker = Callable[..., AbstractContextManager[LocalWorker]]
FailureOf = Callable[[LocalWorker, object], tuple[str, str]]


def worker_words(session: Path, *options: str, parent_pid: int | None = None) -> list[str]:
    """What starts a fake worker."""
    parent = str(os.getpid() if parent_pid is None else parent_pid)
    return [
        sys.executable,
        str(SCRIPT),
        *options,
        "worker",
        "--session",
        str(session),
        "--parent",
        parent,
    ]


@pytest.fixture(scope="session")
def command_of() -> CommandOf:
    """What starts a fake worker: `command_of(session, "--pause", "0.1", parent_pid=…)`."""
    return worker_words


@pytest.fixture(scope="session")
def start_worker(tmp_path_factory: pytest.TempPathFactory) -> StartWorker:
    """`with start_worker("--pause", "0.1") as worker`."""
    parent = tmp_path_factory.mktemp("sessions")

    @contextmanager
    def started(*options: str) -> Iterator[LocalWorker]:
        session = new_session_path(parent)
        with local_worker(worker_words(session, *options), session) as worker:
            yield worker
        assert not session.exists()

    return started


@pytest.fixture(scope="session")
def scans(tmp_path_factory: pytest.TempPathFactory) -> tuple[ScanInput, ...]:
    """Three scans of a person, with their ages."""
    folder = tmp_path_factory.mktemp("scans")
    found = []
    for seed, age in enumerate(AGES_YEARS):
        path = folder / f"visit{seed}.nii.gz"
        write_nifti(Volume(fake_voxels(seed), AFFINE), path)
        found.append(ScanInput(str(path), age))
    return tuple(found)


@pytest.fixture(scope="session")
def failure_of() -> FailureOf:
    """`failure_of(worker, asked)`: of what kind a refusal is, and its sentence."""

    def told_by(worker: LocalWorker, asked: object) -> tuple[str, str]:
        with pytest.raises(WorkerFailure) as told:
            worker.answer(asked)
        return told.value.failed.kind, told.value.failed.sentence

    return told_by


@pytest.fixture(scope="module")
def worker(start_worker: StartWorker) -> Iterator[LocalWorker]:
    """A greeted worker, shared by the tests of a file."""
    with start_worker() as one:
        yield one


@pytest.fixture(scope="module")
def subject(worker: LocalWorker, scans: tuple[ScanInput, ...]) -> str:
    """The name of a person loaded in it."""
    return worker.answer(Load(scans)).subject


@pytest.fixture
def slow_worker(start_worker: StartWorker) -> Iterator[LocalWorker]:
    """One whose decoding takes a while."""
    with start_worker("--pause", "0.05") as one:
        yield one
