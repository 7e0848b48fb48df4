"""`mrextrap train calibration`: intervals that hold, learned from people who taught the prior nothing."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from MRExtrapLib.cli.arguments import add_engine
from MRExtrapLib.cli.bar import progress_on
from MRExtrapLib.cli.crew import add_crew, crew_of, recipe_of, tell_failures
from MRExtrapLib.errors import InputError, ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from MRExtrapLib.model.folder import Model
    from MRExtrapLib.progression.calibration import Case
    from MRExtrapLib.progression.knowledge import Knowledge
    from MRExtrapLib.training.packing import Provenance
    from MRExtrapLib.training.people import PersonScans


def add_parser(parts: argparse._SubParsersAction) -> None:
    """Adds `calibration` to what can be trained."""
    parser = parts.add_parser(
        "calibration", help="intervals that hold, on people who taught the prior nothing"
    )
    cohort_help = "BIDS trees of other people than the prior's, with ages in sessions.tsv"
    parser.add_argument("cohort", nargs="+", type=Path, metavar="COHORT", help=cohort_help)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="RUN", help="folder of the run; keeps scans"
    )
    parser.add_argument(
        "--split", type=Path, help="JSON of train/validation/test subjects; only validation is used"
    )
    add_crew(parser)
    add_engine(parser)
    parser.add_argument("--name", help="of the model folder that is made; that of --model by default")
    parser.set_defaults(run=run, no_cache=True)  # a run keeps its latents itself


def run(arguments: argparse.Namespace) -> int:
    """Runs `mrextrap train calibration`."""
    from MRExtrapLib.cohort.crew import work_through
    from MRExtrapLib.evaluation.calibrating import Trying, likeness_of, write_cases
    from MRExtrapLib.model.catalogue import find_model
    from MRExtrapLib.model.folder import load_model
    from MRExtrapLib.progression.calibrating import calibrate
    from MRExtrapLib.progression.knowledge import parse_knowledge
    from MRExtrapLib.training.packing import pack_calibration
    from MRExtrapLib.training.people import families_of, is_simulated, person_key

    started, model = time.monotonic(), load_model(find_model(arguments.model))
    if model.volumes is None or model.progression is None:
        msg = f"The model {model.name} holds no priors to calibrate; run train progression first."
        raise ModelError(msg)
    known = parse_knowledge(model.volumes, model.name)
    people = _people(arguments, known)
    arguments.output.mkdir(parents=True, exist_ok=True)
    with progress_on(sys.stderr) as progress:
        trying = Trying(arguments.output.resolve() / "scans")
        outcome = work_through(people, trying, recipe_of(arguments), crew_of(arguments), progress)
    tell_failures(outcome.failures, arguments.verbose)
    families = families_of(one.name for one in outcome.results)
    cases = [replace(case, family=families[one.name]) for one in outcome.results for case in one.cases]
    write_cases(cases, arguments.output / "cases.csv")
    calibration = calibrate(cases, are_simulated=all(map(is_simulated, families)))
    met = tuple(sorted({person_key(one.name) for one in outcome.results}))
    knowledge = replace(
        known, calibration=calibration, calibrators=met, likeness=likeness_of(outcome.results)
    )
    taught = {one.name for one in outcome.results}
    told = [one for one in people if one.name in taught]
    provenance = _provenance(arguments, model, told, (time.monotonic() - started) / 3600)
    pack_calibration(knowledge, model, provenance, arguments.output / "model")
    _tell(knowledge)
    _tell_coverage(cases)
    print(f"The calibrated model is {arguments.output / 'model'}.")
    return 0


def _people(arguments: argparse.Namespace, known: Knowledge) -> list[PersonScans]:
    """All that may calibrate: nobody whom the prior knows, on whom it looks surer than it is."""
    from MRExtrapLib.evaluation.people import people_of
    from MRExtrapLib.training.people import is_among, require_own_names
    from MRExtrapLib.training.split import read_split

    require_own_names(arguments.cohort)
    found = [people_of(folder) for folder in arguments.cohort]
    for words in (words for _, left_out in found for words in left_out):
        print(f"left out: {words}", file=sys.stderr)
    people = [person for some, _ in found for person in some]
    if arguments.split:
        split = read_split(arguments.split)
        people = [person for person in people if split.part_of(person.name) == "validation"]
    learners = [person for person in people if is_among(person.name, known.learners)]
    for person in learners:
        print(f"left out: {person.name} taught the prior, which is surer of them.", file=sys.stderr)
    strangers = [person for person in people if person not in learners]
    if not strangers:
        msg = f"Nobody is left to calibrate on: {_nobody_words(arguments.split, len(learners))}."
        raise InputError(msg)
    return strangers


def _nobody_words(split: Path | None, learners: int) -> str:
    """Why nobody is left, of whom so many are left out as they taught the prior, and what to do."""
    give = "give people with two or more scans and ages"
    if learners:
        return f"all {learners} taught the prior, which is calibrated by cross-fitting already; give others"
    if split:
        return f"{split} names nobody of these cohorts as validation; {give}"
    return f"all are left out; {give}"


def _tell(knowledge: Knowledge) -> None:
    from MRExtrapLib.progression.calibration import HORIZONS_YEARS

    calibration, likeness = knowledge.calibration, knowledge.likeness
    if calibration is None:
        return
    print(f"{calibration.people} people, {calibration.cases} cases.")
    horizons = ", ".join(f"{years:g}" for years in HORIZONS_YEARS)
    print(f"{'region':>14}{'image, 1 scan':>15}{'more':>6}   widths at {horizons} years,")
    print(f"{'':>38}times those of one, two, more scans (degrees of freedom)")
    for region in _main(calibration.regions):
        one = calibration.regions[region]
        widths = " ".join(f"{scale:5.2f}" for scale in one.scales)
        tails = " ".join(f"{tail.factor:.2f} ({tail.freedom:g})" for tail in one.tails)
        print(f"{region:>14}{one.image_weights[0]:15.2f}{one.image_weights[1]:6.2f}   {widths} × {tails}")
    if likeness:
        print(f"Scans are given back at {likeness.mean_db:.1f} ± {likeness.spread_db:.1f} dB.")


def _tell_coverage(cases: Sequence[Case]) -> None:
    from MRExtrapLib.progression.coverage import held_out_coverage
    from MRExtrapLib.progression.student import LEVELS

    try:
        coverage = held_out_coverage(cases)
    except InputError as error:
        print(error)
        return
    print("Each person held out in turn, their scans lie inside the intervals of")
    print(f"{'':>14}{'scans':>6}" + "".join(f"{level:8.0%}" for level in LEVELS))
    for region in _main(coverage):
        for count, shares in coverage[region].items():
            name, words = (f"{count}", "") if count else ("all", region)
            print(f"{words:>14}{name:>6}" + "".join(f"{share:8.0%}" for share in shares.values()))


def _main(regions: Iterable[str]) -> Sequence[str]:
    from MRExtrapLib.anatomy.regions import MAIN_REGIONS

    there = set(regions)
    return [region for region in MAIN_REGIONS if region in there]


def _provenance(
    arguments: argparse.Namespace, model: Model, people: Sequence[PersonScans], hours: float
) -> Provenance:
    from MRExtrapLib.training.packing import Provenance

    scans = sum(len(one.ages_years) for one in people)
    folders = ", ".join(folder.resolve().name for folder in arguments.cohort)
    return Provenance(
        name=arguments.name or model.name,
        licence=model.manifest.licence,
        command=shlex.join(["mrextrap", *sys.argv[1:]]),
        data=(f"{folders}: {len(people)} people, {scans} scans",),
        seed=0,
        hours=hours,
    )
