"""`mrextrap cohort`: forecasts for everyone in a BIDS tree, in the manner of a BIDS App."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from MRExtrapLib.cli.arguments import add_engine, tell_warnings
from MRExtrapLib.cli.bar import progress_on
from MRExtrapLib.cli.crew import add_crew, crew_of, recipe_of, refuse_among_scans, tell_failures
from MRExtrapLib.errors import InputError

if TYPE_CHECKING:
    from MRExtrapLib.cohort.forecasting import Forecasts, Order


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds `cohort` to the command line."""
    parser = subparsers.add_parser("cohort", help="forecast everyone in a BIDS tree (a BIDS App)")
    parser.add_argument("bids_dir", type=Path, metavar="BIDS_DIR", help="a BIDS tree with ages in its tables")
    parser.add_argument(
        "output", type=Path, metavar="OUT_DIR", help="of the derivatives; a second run makes what is missing"
    )
    parser.add_argument(
        "level",
        choices=("participant", "group"),
        help="participant: forecast each person; group: table of the rates of everyone in both folders",
    )
    parser.add_argument(
        "--participant-label",
        "--participant_label",  # as BIDS Apps are called
        nargs="+",
        default=(),
        metavar="LABEL",
        help="only these, with or without sub-",
    )
    parser.add_argument(
        "--years", nargs="+", type=float, metavar="Y", help="ahead of each person's last scan (default 1 3)"
    )
    parser.add_argument(
        "--method",
        choices=("bayes", "linear"),
        help="default: bayes where the model holds a prior, else linear",
    )
    parser.add_argument("--directions", type=int, metavar="N", help="bayes: as in forecast (default 4)")
    parser.add_argument(
        "--image", choices=("plain", "added", "warped"), help="as in forecast (default warped)"
    )
    add_crew(parser)
    add_engine(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs `mrextrap cohort`."""
    if arguments.level == "group":
        return _group(arguments.output, arguments.bids_dir)
    return _participant(arguments)


def _participant(arguments: argparse.Namespace) -> int:
    from MRExtrapLib.cohort.derivatives import left_out_of, write_dataset, write_left_out
    from MRExtrapLib.cohort.forecasting import forecast_cohort
    from MRExtrapLib.imaging.writing import growing_folder

    order, crew = _order(arguments), crew_of(arguments)
    refuse_among_scans(arguments.bids_dir, order.out)
    with growing_folder(order.out), progress_on(sys.stderr) as progress:
        progress(0.0, "looking for scans and what was forecast before")
        done = forecast_cohort(order, recipe_of(arguments), crew, arguments.participant_label, progress)
        if done.outcome.results or done.found:
            write_dataset(order.out, order.bids)
            made = {*done.outcome.results, *done.found}
            forgotten = made if arguments.participant_label else left_out_of(order.out)
            write_left_out(order.out, _reasons(done), forgotten)
    _tell(done, arguments)
    return 0


def _reasons(done: Forecasts) -> dict[str, str]:
    """Participant, or scan without an age → why it is left out."""
    unused = (words.partition(": ") for words in done.left_out)
    reasons = [(name, why) for name, _, why in unused]
    reasons += [(one.name, one.reason) for one in done.outcome.failures]
    return {name.rpartition("/")[2]: why for name, why in reasons}


def _tell(done: Forecasts, arguments: argparse.Namespace) -> None:
    tell_warnings((*done.left_out, *done.notices))
    outcome = done.outcome
    if not outcome.results and not done.found:
        first = outcome.failures[0]
        msg = f"None of {len(outcome.failures)} people could be forecast; {first.name}: {first.reason}"
        raise InputError(msg)
    tell_failures(outcome.failures, arguments.verbose)
    print(f"{len(outcome.results)} people were forecast, {len(done.found)} were there before,", end=" ")
    print(f"{len(outcome.failures)} could not be; the derivatives lie in {arguments.output}")


def _group(out: Path, bids: Path) -> int:
    from MRExtrapLib.cohort.group import SUMMARY, summarise

    group = summarise(out, bids)
    tell_warnings(f"{name} is left out: {bids} no longer holds a scan of theirs." for name in group.gone)
    print(f"The rates of {group.people} people lie in {group.table}, their means in {out / SUMMARY}")
    return 0


def _order(arguments: argparse.Namespace) -> Order:
    from MRExtrapLib.cohort.forecasting import Order

    given = {
        "directions": arguments.directions,
        "image": arguments.image,
        "years_ahead": tuple(sorted(set(arguments.years))) if arguments.years else None,
    }
    return Order(
        bids=arguments.bids_dir,
        out=arguments.output.resolve(),
        method=arguments.method,
        **{name: value for name, value in given.items() if value is not None},
    )
