"""What commands share that work on many people: who works, and how each process opens the engine."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from MRExtrapLib.errors import InputError

if TYPE_CHECKING:
    from MRExtrapLib.cohort.crew import Crew, Failure
    from MRExtrapLib.forecast.engine import Engine


@dataclass(frozen=True)
class EngineRecipe:
    """An engine by its names, to be opened wherever the work is done.

    Attributes:
        model: the model's folder: workers may run where a name or a relative path means another.
        model_sha256: of the model's manifest: a worker that outlives a run opens a retrained model anew.
    """

    opener: Callable[[argparse.Namespace], Engine]
    model: str
    device: str
    segmenter: str
    no_cache: bool
    model_sha256: str

    def open(self) -> Engine:
        """The engine."""
        return self.opener(
            argparse.Namespace(
                model=self.model, device=self.device, segmenter=self.segmenter, no_cache=self.no_cache
            )
        )


def recipe_of(arguments: argparse.Namespace) -> EngineRecipe:
    """How to open the engine that the arguments name, also by workers in another folder.

    Raises:
        ModelError: there is no such model.
    """
    from MRExtrapLib.imaging.hashing import sha256_of
    from MRExtrapLib.model.catalogue import find_model
    from MRExtrapLib.model.manifest import MANIFEST_FILE

    folder = find_model(arguments.model).absolute()
    return EngineRecipe(
        arguments.open_engine,
        str(folder),
        arguments.device,
        arguments.segmenter,
        arguments.no_cache,
        sha256_of(folder / MANIFEST_FILE),
    )


def add_crew(parser: argparse.ArgumentParser) -> None:
    """Adds --workers and --scheduler."""
    who = parser.add_mutually_exclusive_group()
    who.add_argument(
        "--workers", type=int, metavar="N", help="processes on this computer (default: one for every 4 cores)"
    )
    who.add_argument(
        "--scheduler", metavar="ADDRESS", help="a Dask scheduler whose workers see the same files"
    )


def crew_of(arguments: argparse.Namespace) -> Crew:
    """Who works."""
    from MRExtrapLib.cohort.crew import Crew

    return Crew(arguments.workers, arguments.scheduler)


def tell_failures(failures: Iterable[Failure], is_verbose: bool) -> None:
    """A line for each person who could not be worked on, with where it failed if asked."""
    for one in failures:
        print(f"Warning: {one.name} is left out: {one.reason}", file=sys.stderr)
        if is_verbose and one.detail:
            print(one.detail, file=sys.stderr)


def refuse_among_scans(cohort: Path, out: Path) -> None:
    """Results do not lie among scans, except where BIDS has a place for them."""
    inside = out.relative_to(cohort.resolve()).parts if out.is_relative_to(cohort.resolve()) else ()
    if out == cohort.resolve() or (inside and inside[0] != "derivatives"):
        msg = f"{out} lies among the scans of {cohort}; write beside it, or into {cohort / 'derivatives'}."
        raise InputError(msg)
