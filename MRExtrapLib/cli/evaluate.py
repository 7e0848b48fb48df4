"""`mrextrap evaluate`: how well volumes are predicted on a cohort, against every baseline."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from MRExtrapLib.cli.arguments import add_engine, add_output
from MRExtrapLib.cli.bar import progress_on
from MRExtrapLib.cli.crew import add_crew, crew_of, recipe_of, refuse_among_scans, tell_failures

if TYPE_CHECKING:
    from MRExtrapLib.evaluation.trials import Design

MEASURED = 0.95
"""Share of the time before tables and figures are made."""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds `evaluate` to the command line."""
    parser = subparsers.add_parser("evaluate", help="how well volumes are predicted, against every baseline")
    parser.add_argument(
        "cohort",
        type=Path,
        metavar="COHORT",
        help="a BIDS tree with sessions and ages, as simulate writes it",
    )
    add_output(parser, "folder to write; a second run measures only who is missing")
    parser.add_argument(
        "--split", type=Path, help="JSON of train/validation/test subjects; only the test's are used"
    )
    parser.add_argument(
        "--inputs", type=int, metavar="N", help="scans a prediction rests on, at most (default 6)"
    )
    parser.add_argument(
        "--all-pairs",
        action="store_true",
        help="every last input with every later scan; default: one pair for each stretch of the horizon",
    )
    parser.add_argument(
        "--directions",
        type=int,
        metavar="N",
        help="that intervals are decoded along (default 4; 0: only those that a prior of volumes states)",
    )
    parser.add_argument("--steps", type=int, metavar="N", help="of the interpolation (default 6)")
    add_crew(parser)
    add_engine(parser)
    parser.set_defaults(run=run, no_cache=True)  # an evaluation keeps what it encodes itself


def run(arguments: argparse.Namespace) -> int:
    """Runs `mrextrap evaluate`."""
    from MRExtrapLib.cohort.evaluating import evaluate_cohort
    from MRExtrapLib.evaluation.findings import findings
    from MRExtrapLib.evaluation.output import write_evaluation
    from MRExtrapLib.imaging.writing import growing_folder
    from MRExtrapLib.progress import part_of

    design, crew, out = _design(arguments), crew_of(arguments), arguments.output.resolve()
    refuse_among_scans(arguments.cohort, out)
    with growing_folder(out), progress_on(sys.stderr) as progress:
        progress(0.0, "looking for scans and what was measured before")
        done = evaluate_cohort(
            arguments.cohort,
            out,
            recipe_of(arguments),
            design,
            crew,
            arguments.split,
            part_of(progress, 0.0, MEASURED),
        )
        progress(MEASURED, "making tables and figures")
        write_evaluation(done.evaluation, out)
    for words in done.evaluation.warnings:
        print(f"Warning: {words}", file=sys.stderr)
    tell_failures(done.failures, arguments.verbose)
    before = len(done.evaluation.people) - len(done.measured)
    print(f"Measured now: {len(done.measured)}; there before: {before}; left out: {len(done.failures)}.")
    for words in findings(done.evaluation):
        print(words)
    print(f"The evaluation lies in {arguments.output}; open report.html there.")
    return 0


def _design(arguments: argparse.Namespace) -> Design:
    from MRExtrapLib.evaluation.trials import Design

    names = {"most_inputs": "inputs", "directions": "directions", "steps": "steps"}
    given = {field: getattr(arguments, name) for field, name in names.items()}
    return Design(
        has_all_pairs=arguments.all_pairs, **{field: n for field, n in given.items() if n is not None}
    )
