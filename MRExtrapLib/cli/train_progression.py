"""`mrextrap train progression`: what a cohort teaches about rates of change, in a model folder."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from MRExtrapLib.cli.arguments import add_engine
from MRExtrapLib.cli.bar import progress_on

if TYPE_CHECKING:
    from MRExtrapLib.forecast.engine import EngineIdentity
    from MRExtrapLib.model.folder import Model
    from MRExtrapLib.progression.cohort import Cohort
    from MRExtrapLib.progression.fitting import PriorFitting
    from MRExtrapLib.progression.prior import Prior
    from MRExtrapLib.progression.response import Response
    from MRExtrapLib.training.packing import Provenance
    from MRExtrapLib.training.people import PersonScans
    from MRExtrapLib.training.progression import Encoded, LearnedVolumes

ENCODED = 0.9
"""Share of the time before fitting begins."""

TWO_SCANS_TWO_YEARS_APART = 2.0
"""S of the commonest question, in years²."""


def add_parser(parts: argparse._SubParsersAction) -> None:
    """Adds `progression` to what can be trained."""
    parser = parts.add_parser("progression", help="the prior of rates, on a cohort of repeated scans")
    cohort_help = "BIDS trees with ages in sessions.tsv; sex and diagnosis from participants.tsv help"
    parser.add_argument("cohort", nargs="+", type=Path, metavar="COHORT", help=cohort_help)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="RUN", help="folder of the run; keeps latents"
    )
    parser.add_argument(
        "--split", type=Path, help="JSON of train/validation/test subjects; only those who train are used"
    )
    parser.add_argument("--factors", type=int, metavar="K", help="patterns of change (default 10)")
    parser.add_argument("--noise-factors", type=int, metavar="M", help="patterns of noise (default 5)")
    step_help = "latent elements along each side of the boxes that the prior is stored on (default 4)"
    parser.add_argument("--step", type=int, default=4, help=step_help)
    parser.add_argument("--iterations", type=int, help="of fitting, at most (default 30)")
    curvature_help = "share of itself that a rate changes in a year, one SD (default 0.1)"
    parser.add_argument("--curvature", dest="curvature_per_year", type=float, help=curvature_help)
    add_engine(parser)
    parser.add_argument("--name", default="my-model", help="of the model folder that is made")
    parser.add_argument("--licence", help="of the model, as SPDX writes it; that of --model by default")
    parser.set_defaults(run=run, no_cache=True)  # a run keeps its latents itself


def run(arguments: argparse.Namespace) -> int:
    """Runs `mrextrap train progression`."""
    from MRExtrapLib.evaluation.visits import own_shares_of, scan_maker
    from MRExtrapLib.model.catalogue import find_model
    from MRExtrapLib.model.folder import load_model
    from MRExtrapLib.progress import part_of
    from MRExtrapLib.progression.coarse import fit_coarse_prior
    from MRExtrapLib.training.packing import pack_progression
    from MRExtrapLib.training.progression import (
        LatentMaker,
        encoded_cohort,
        fingerprint_of,
        learned_volumes,
        write_people,
    )

    started, fitting = time.monotonic(), _fitting(arguments)
    model = load_model(find_model(arguments.model))
    learners, engine = _learners(arguments), arguments.open_engine(arguments)
    fingerprint = fingerprint_of(model) + engine.identity.segmenter
    own_shares = own_shares_of(engine) if learners.true_ml or engine.asks_own_shares else None
    maker = LatentMaker(scan_maker(engine), engine.codec.encode, fingerprint, own_shares)
    with progress_on(sys.stderr) as progress:
        encoded = encoded_cohort(learners.people, maker, arguments.output, part_of(progress, 0.0, ENCODED))
        _tell(encoded.left_out)
        _tell_not_tried(encoded, own_shares is not None)
        cohort = encoded.latents
        coarse = fit_coarse_prior(cohort, fitting, arguments.step, part_of(progress, ENCODED, 1.0))
    response = _response(learners, encoded, model, engine.identity)
    learned = learned_volumes(encoded, response)
    write_people(cohort, arguments.output / "people.tsv")
    provenance = _provenance(arguments, model, cohort, (time.monotonic() - started) / 3600)
    pack_progression(coarse, learned.knowledge, model, provenance, arguments.output / "model")
    _tell_learned(coarse.spread(), cohort, learned)
    print(f"The model that holds the prior is {arguments.output / 'model'}.")
    return 0


@dataclass(frozen=True, eq=False)
class _Learners:
    """Of whom is learned, and what the tables beside them tell of their true volumes."""

    people: Sequence[PersonScans]
    true_ml: Mapping[str, Sequence[Mapping[str, float]]]


def _learners(arguments: argparse.Namespace) -> _Learners:
    """Everyone who may teach; whatever is wrong with them or the tables is said before hours of encoding."""
    from MRExtrapLib.evaluation.truth import truth_of
    from MRExtrapLib.progression.fitting import check_ages
    from MRExtrapLib.training.people import find_people
    from MRExtrapLib.training.split import learners_of, read_split

    people, left_out = find_people(arguments.cohort)
    _tell(left_out)
    if arguments.split:
        people, held_out = learners_of(people, read_split(arguments.split))
        _tell(held_out)
    check_ages([one.ages_years for one in people])
    return _Learners(people, truth_of(people, arguments.cohort))


def _response(
    learners: _Learners, encoded: Encoded, model: Model, identity: EngineIdentity
) -> Response | None:
    """How much of a change is seen: by these people where their true volumes are known, else by the model."""
    from MRExtrapLib.progression.knowledge import parse_knowledge
    from MRExtrapLib.progression.response import learn_response
    from MRExtrapLib.training.progression import known_changes

    learned = learn_response(known_changes(encoded, learners.people, learners.true_ml))
    if learned or model.volumes is None or identity.segmenter != "own":  # another sees another share
        return learned
    return parse_knowledge(model.volumes, model.name).response


def _tell_not_tried(encoded: Encoded, is_asked: bool) -> None:
    missing = [
        one.name for one, own in zip(encoded.latents.people, encoded.own_shares, strict=True) if not own
    ]
    if is_asked and missing:
        names = ", ".join(missing)
        print(f"A known change could not be tried on the first scan of {names}.", file=sys.stderr)


def _tell(left_out: Sequence[str]) -> None:
    for sentence in left_out:
        print(f"left out: {sentence}", file=sys.stderr)


def _tell_learned(prior: Prior, cohort: Cohort, learned: LearnedVolumes) -> None:
    from MRExtrapLib.progression.posterior import mean_data_weight

    knowledge, lesson = learned.knowledge, learned.lesson
    weight = mean_data_weight(prior, TWO_SCANS_TWO_YEARS_APART)
    print(f"{len(cohort.people)} people, {len(prior.factors)} patterns of change and")
    print(f"{len(prior.noise_factors)} of noise; two scans two years apart weigh {weight:.2f} of 1.")
    if knowledge.response:
        print(knowledge.response.words)
    print("\n".join(lesson.words))
    if knowledge.calibration:
        print(f"Intervals of volumes are calibrated by cross-fitting, {knowledge.calibration.cases} cases.")
    else:
        why = f"with some people kept apart to test them: {learned.uncalibrated}"
        print(f"Intervals of volumes stay uncalibrated; {why}")


def _fitting(arguments: argparse.Namespace) -> PriorFitting:
    from MRExtrapLib.progression.fitting import PriorFitting

    names = ("factors", "noise_factors", "iterations", "curvature_per_year")
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    return PriorFitting(**given)


def _provenance(arguments: argparse.Namespace, model: Model, cohort: Cohort, hours: float) -> Provenance:
    from MRExtrapLib.training.packing import Provenance
    from MRExtrapLib.training.progression import count_words

    return Provenance(
        name=arguments.name,
        licence=arguments.licence or model.manifest.licence,
        command=shlex.join(["mrextrap", *sys.argv[1:]]),
        data=tuple(f"{dataset}: {words}" for dataset, words in count_words(cohort).items()),
        seed=0,
        hours=hours,
    )
