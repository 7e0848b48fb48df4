"""`mrextrap simulate`: real scans aged with known truth, as a longitudinal cohort."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from MRExtrapLib.cli.arguments import SCAN_HELP, ScanArgument, add_engine, add_output, parse_scan
from MRExtrapLib.cli.bar import progress_on
from MRExtrapLib.errors import InputError

if TYPE_CHECKING:
    from MRExtrapLib.imaging.volume import Volume
    from MRExtrapLib.progress import Progress
    from MRExtrapLib.simulation.cohort import Outcome, Workshop
    from MRExtrapLib.simulation.plan import CohortPlan, Person
    from MRExtrapLib.simulation.sources import Source
    from MRExtrapLib.simulation.subject import Labelling

VISITS = 3
"""As many, a year apart, where nothing is said."""

FINEST_MM, COARSEST_MM = 0.3, 10.0
"""Widths of voxels that T1 scans have."""

READING_SHARE = 0.05
"""Of the time goes into a first look at all scans."""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds `simulate` to the command line."""
    parser = subparsers.add_parser("simulate", help="age real scans with known truth: a longitudinal cohort")
    scan_help = (
        f"{SCAN_HELP}, with the age in years where no table tells it; or a folder (BIDS or plain) of "
        "*_T1w.nii.gz, of which each subject's first is taken. X_dseg.nii.gz (FreeSurfer numbers) beside "
        "X_T1w.nii.gz is used; else the model's segmenter labels the scan"
    )
    parser.add_argument("sources", nargs="+", metavar="SCAN[@AGE]|DIR", help=scan_help)
    add_output(parser, "folder to write, a BIDS tree; a second run adds the subjects that it lacks")
    parser.add_argument(
        "--profile",
        choices=("CN", "MCI", "AD", "mixed"),
        default="mixed",
        help="whose published rates each subject's are drawn around (default: mixed, each as likely)",
    )
    times = parser.add_mutually_exclusive_group()
    times.add_argument("--visits", type=int, metavar="N", help=f"a year apart, from 0 (default {VISITS})")
    times.add_argument(
        "--years",
        nargs="+",
        type=float,
        metavar="Y",
        help="of the visits, relative to the scan: 0 is the scan itself, -2 two years before it",
    )
    parser.add_argument(
        "--scan-anew",
        action="store_true",
        help="the visit at 0, too, is a scan made anew, so that no visit of a cohort that teaches or tests a "
        "model is unlike the others (default: the real scan is kept; nothing without a visit at 0)",
    )
    parser.add_argument("--subjects", type=int, metavar="N", help="default: one of each scan")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    parser.add_argument(
        "--spacing", nargs=3, type=float, metavar="MM", help="voxels of the visits; default: the scan's own"
    )
    add_engine(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs `mrextrap simulate`."""
    from MRExtrapLib.imaging.writing import growing_folder
    from MRExtrapLib.progress import part_of
    from MRExtrapLib.simulation.cohort import make_cohort, missing_people
    from MRExtrapLib.simulation.plan import check_ages, plan_people

    plan, out = _plan(arguments), arguments.output.resolve()
    with progress_on(sys.stderr) as progress:
        sources = _sources(arguments.sources, out, part_of(progress, 0.0, READING_SHARE))
        people = plan_people(sources, arguments.subjects)
        check_ages(people, plan)
        with growing_folder(out):
            workshop = _workshop(arguments, missing_people(people, plan, out), progress)
            outcome = make_cohort(people, plan, out, workshop, part_of(progress, READING_SHARE, 1.0))
    _tell(outcome, {words for source in sources for words in source.warnings}, arguments.output)
    return 0


def _plan(arguments: argparse.Namespace) -> CohortPlan:
    from MRExtrapLib.simulation.acquisition import Protocol
    from MRExtrapLib.simulation.plan import MOST_VISITS, CohortPlan

    visits = VISITS if arguments.visits is None else arguments.visits
    if not 2 <= visits <= MOST_VISITS:
        msg = f"--visits {visits} makes no series; give 2 to {MOST_VISITS}, or --years."
        raise InputError(msg)
    years = tuple(map(float, range(visits))) if arguments.years is None else tuple(arguments.years)
    protocol = Protocol(spacing_mm=_spacing_mm(arguments.spacing) if arguments.spacing else None)
    return CohortPlan(years, arguments.profile, arguments.seed, protocol, arguments.scan_anew)


def _spacing_mm(given: Sequence[float]) -> tuple[float, float, float]:
    x, y, z = given
    if not all(FINEST_MM <= width <= COARSEST_MM for width in given):
        shown = f"--spacing {x:g} {y:g} {z:g}"
        msg = f"{shown} makes no voxels; give three widths of {FINEST_MM:g} to {COARSEST_MM:g} mm."
        raise InputError(msg)
    return x, y, z


def _sources(texts: Sequence[str], out: Path, progress: Progress) -> tuple[Source, ...]:
    """The scans that the command line names; those of a folder without an age are told and left out."""
    from MRExtrapLib.simulation.sources import open_source

    wanted = [one for text in texts for one in _named(parse_scan(text), out)]
    sources: list[Source] = []
    for index, scan in enumerate(wanted):
        progress(index / len(wanted), f"looking at {scan.path.name}")
        sources.append(open_source(scan.path, scan.age_years))
    if len(wanted) == len(texts):  # each was named by the user, so each must have an age
        return tuple(sources)
    ageless = [source for source in sources if source.age_years is None]
    if len(ageless) == len(sources):
        msg = f"No scan's age is known, such as that of {ageless[0].path}; add participants.tsv, or @AGE."
        raise InputError(msg)
    if ageless:
        words = f"Warning: {len(ageless)} without a known age left out: {ageless[0].path}"
        print(words + (" and others." if len(ageless) > 1 else "."), file=sys.stderr)
    return tuple(source for source in sources if source.age_years is not None)


def _named(scan: ScanArgument, out: Path) -> list[ScanArgument]:
    """The scans of a folder, or the scan itself (which a DICOM folder is too)."""
    from MRExtrapLib.simulation.sources import find_scans

    is_folder = scan.age_years is None and scan.path.is_dir()
    found = [ScanArgument(path, None) for path in find_scans(scan.path, out)] if is_folder else []
    return found or [scan]


def _workshop(arguments: argparse.Namespace, missing: Sequence[Person], progress: Progress) -> Workshop:
    """With what the missing people are made; the model is opened only where labels must be found."""
    from MRExtrapLib.imaging.rigid import inverse
    from MRExtrapLib.imaging.volume import Volume
    from MRExtrapLib.report.ageing import draw_ageing
    from MRExtrapLib.simulation.cohort import Workshop
    from MRExtrapLib.simulation.subject import Labelling

    if all(person.source.labels_path for person in missing):
        return Workshop(_no_labels_needed, "", draw_ageing)
    progress(READING_SHARE, "loading the model")
    engine = arguments.open_engine(arguments)

    def find_labels(scan: Volume) -> Labelling:
        (conformed,) = engine.conform([scan])
        likeliest, drawn = engine.segmenter.label(conformed.volume)
        affine = inverse(conformed.scan_to_template) @ conformed.volume.affine
        return Labelling(scan.with_voxels(conformed.restore_labels(likeliest)), Volume(drawn, affine))

    identity = engine.identity
    words = f"{identity.model} ({identity.segmenter} segmenter), weighed by their shares of a voxel"
    return Workshop(find_labels, words, draw_ageing)


def _no_labels_needed(scan: Volume) -> Labelling:
    msg = f"A scan of shape {scan.shape} has lost the labels beside it; start again."
    raise InputError(msg)


def _tell(outcome: Outcome, warnings: set[str], out: Path) -> None:
    for words in sorted(warnings):
        print(f"Warning: {words}", file=sys.stderr)
    for one in outcome.left_out:
        print(f"Warning: {one.participant_id} is left out: {one.reason}", file=sys.stderr)
    before = f", {len(outcome.found)} were there before" if outcome.found else ""
    print(f"{len(outcome.made)} simulated subjects were made{before}; the cohort lies in {out}")
    print("Its follow-ups are SIMULATED: nobody aged as they show. README.md there tells the files.")
