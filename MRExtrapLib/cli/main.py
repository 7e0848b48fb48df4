"""The command line: `mrextrap COMMAND …`, one sentence for each error, and the exit codes.

0 done, 2 bad input, 3 model problem, 130 cancelled; 1 is a fault of ours. Nothing heavy is imported here:
each command brings what it needs when it runs.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from MRExtrapLib import __version__
from MRExtrapLib.cli import (
    cohort,
    demo,
    doctor,
    evaluate,
    forecast,
    interpolate,
    measure,
    models,
    simulate,
    train,
    worker,
)
from MRExtrapLib.errors import InputError, ModelError

if TYPE_CHECKING:
    from MRExtrapLib.forecast.engine import Engine

OpenEngine = Callable[[argparse.Namespace], "Engine"]
"""Makes the engine that --model, --device and --segmenter name."""

DONE, FAULT, BAD_INPUT, MODEL_PROBLEM, CANCELLED = 0, 1, 2, 3, 130

COMMANDS = (
    demo,
    forecast,
    interpolate,
    measure,
    simulate,
    train,
    evaluate,
    cohort,
    models,
    worker,
    doctor,
)


class OneSentenceParser(argparse.ArgumentParser):
    """A parser whose errors are one sentence, as all of ours are."""

    def error(self, message: str) -> NoReturn:
        """Raises what the door prints."""
        msg = f"{message[:1].upper()}{message[1:].rstrip('.')}; see {self.prog} --help."
        raise InputError(msg)


def open_engine(arguments: argparse.Namespace) -> Engine:
    """The engine of the model, device and segmenter that the arguments name."""
    from MRExtrapLib.forecast.loading import load_engine
    from MRExtrapLib.model.latent_cache import LatentCache

    latents = None if arguments.no_cache else LatentCache()
    return load_engine(arguments.model, arguments.device, arguments.segmenter, latents)


def build_parser() -> argparse.ArgumentParser:
    """All commands with their arguments."""
    parser = OneSentenceParser(
        prog="mrextrap",
        description="Predicts how one person's brain MRI will look at another age. Research use only.",
    )
    parser.add_argument("--version", action="version", version=f"mrextrap {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(subparsers)
    for one in (parser, *subparsers.choices.values()):
        default = False if one is parser else argparse.SUPPRESS
        one.add_argument("--verbose", action="store_true", default=default, help="show where an error arose")
    return parser


def main(argv: Sequence[str] | None = None, engine_opener: OpenEngine = open_engine) -> int:
    """Runs one command and returns its exit code; the catch-all of this door.

    Args:
        argv: the words after `mrextrap`; those of the process by default.
        engine_opener: makes the engine; a test gives its own.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    _speak_any_letter()
    try:
        with _termination_cancels():
            arguments = build_parser().parse_args(argv, argparse.Namespace(open_engine=engine_opener))
            return arguments.run(arguments) or DONE
    except KeyboardInterrupt:
        return _told("Cancelled; nothing half written is left.", CANCELLED)
    except InputError as error:
        return _told(str(error), BAD_INPUT, "--verbose" in argv)
    except ModelError as error:
        return _told(str(error), MODEL_PROBLEM, "--verbose" in argv)
    except BrokenPipeError:
        return FAULT
    except Exception as error:
        words = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".: ")
        return _told(
            f"MRExtrap failed ({words}); run again with --verbose to see where.", FAULT, "--verbose" in argv
        )


def _told(sentence: str, code: int, with_traceback: bool = False) -> int:
    if with_traceback:
        traceback.print_exc()
    print(f"mrextrap: {' '.join(sentence.split())}", file=sys.stderr)
    return code


@contextlib.contextmanager
def _termination_cancels() -> Iterator[None]:
    """A polite kill ends a command as Ctrl-C does, so that it too leaves nothing half written."""

    def cancel(signal_number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, cancel)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _speak_any_letter() -> None:
    """A console that lacks a letter (− or … on some Windows) shows ? instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
