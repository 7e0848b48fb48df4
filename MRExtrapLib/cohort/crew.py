"""Many people's work shared out among processes by Dask, on this computer or a cluster.

A person is one task. One that fails is named and stops nobody else; the engine is opened once a process.
"""

from __future__ import annotations

import functools
import logging
import os
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import dask
from distributed import Client, Future, LocalCluster, as_completed

from MRExtrapLib.errors import InputError, MRExtrapError
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.progress import Progress, silent
from MRExtrapLib.training.people import PersonScans, participant_of

CORES_PER_WORKER = 4
"""Networks hardly gain from more, and each worker holds a few gigabytes."""

PATIENCE_S = 30
"""For a scheduler to answer."""

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)
"""By which torch, numpy and ITK are told; what the user has set of them stands."""

Result = TypeVar("Result")
Made = TypeVar("Made", covariant=True)


class Recipe(Protocol):
    """How a process opens its engine: hashable, and small enough to be sent."""

    def open(self) -> Engine:
        """The engine."""
        ...


class Work(Protocol[Made]):
    """What is done for one person; it can be sent to another process."""

    def __call__(self, person: PersonScans, engine: Engine) -> Made:
        """The person's result."""
        ...


@dataclass(frozen=True)
class Crew:
    """Who works.

    Attributes:
        workers: processes on this computer; None takes one for every four cores.
        scheduler: address of a Dask scheduler whose workers see the same files; None works on this computer.

    Raises:
        InputError: no worker.
    """

    workers: int | None = None
    scheduler: str | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            msg = f"{self.workers} workers do nothing; give one or more."
            raise InputError(msg)

    @property
    def processes(self) -> int:
        """On this computer."""
        return self.workers or max(_cores() // CORES_PER_WORKER, 1)


@dataclass(frozen=True)
class Failure:
    """A person whose work failed.

    Attributes:
        name: of the person.
        reason: one sentence.
        detail: where it failed, for whoever must mend it.
    """

    name: str
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """What came of everyone's work, both in the order of the people."""

    results: tuple[Result, ...]
    failures: tuple[Failure, ...]


def work_through(
    people: Sequence[PersonScans],
    work: Work[Result],
    recipe: Recipe,
    crew: Crew,
    progress: Progress = silent,
) -> Outcome[Result]:
    """Everyone's results. Nobody to work on needs no worker.

    Raises:
        InputError: the scheduler does not answer.
    """
    if not people:
        return Outcome((), ())
    results: dict[str, Result] = {}
    failures: dict[str, Failure] = {}
    progress(0.0, f"starting on {len(people)} people")
    with _client(crew) as client:
        tasks = {client.submit(_one, work, recipe, person, pure=False): person.name for person in people}
        for done in as_completed(list(tasks)):
            name = tasks[done]
            if done.status == "finished":
                results[name] = done.result()
            else:
                failures[name] = _failure(name, done)
            told = participant_of(next(person for person in people if person.name == name))
            finished = len(results) + len(failures)
            state = "done" if name in results else "failed"
            progress(finished / len(people), f"{told} {state}, {finished} of {len(people)}")
            done.release()
    in_order = [person.name for person in people]
    return Outcome(
        tuple(results[name] for name in in_order if name in results),
        tuple(failures[name] for name in in_order if name in failures),
    )


@contextmanager
def _client(crew: Crew) -> Iterator[Client]:
    """A client of the scheduler, or of processes on this computer that end with it."""
    if crew.scheduler is not None:
        try:
            client = Client(crew.scheduler, timeout=PATIENCE_S)
        except (OSError, ValueError) as error:
            msg = f"The Dask scheduler {crew.scheduler} does not answer ({error}); start it, or leave it out."
            raise InputError(msg) from error
        with client:
            yield client
        return
    threads = max(_cores() // crew.processes, 1)
    settings = {f"distributed.nanny.pre-spawn-environ.{name}": threads for name in THREAD_VARIABLES}
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=crew.processes,
            threads_per_worker=1,
            memory_limit=0,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@functools.lru_cache(maxsize=1)
def _opened(recipe: Recipe) -> Engine:
    """The engine of this process."""
    return recipe.open()


def _one(work: Work[Result], recipe: Recipe, person: PersonScans) -> Result:
    return work(person, _opened(recipe))  # type: ignore[arg-type]  # mypy does not see the __hash__


def _failure(name: str, task: Future) -> Failure:
    error = task.exception()
    detail = "".join(traceback.format_exception(type(error), error, task.traceback()))
    known = isinstance(error, MRExtrapError)
    words = str(error) if known else f"{type(error).__name__}: {error}"
    return Failure(name, " ".join(words.split()) or type(error).__name__, "" if known else detail)


def _cores() -> int:
    """That this process may use."""
    has_affinity = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
