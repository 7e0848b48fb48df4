"""An evaluation of a whole cohort: everyone measured in parallel, then what they say together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from MRExtrapLib.cohort.crew import Crew, Failure, Recipe, work_through
from MRExtrapLib.errors import InputError
from MRExtrapLib.evaluation.evaluation import Evaluation, LeftOut
from MRExtrapLib.evaluation.parts import Kept
from MRExtrapLib.evaluation.people import cohort_roster
from MRExtrapLib.evaluation.person import Desk, evaluate_person, read_portraits
from MRExtrapLib.evaluation.results import PersonResult
from MRExtrapLib.evaluation.trials import Design
from MRExtrapLib.evaluation.truth import read_truth
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.progress import Progress, silent
from MRExtrapLib.training.people import PersonScans, Roster, is_among, participant_of
from MRExtrapLib.training.split import PARTS, read_split


@dataclass(frozen=True)
class Evaluating:
    """The work on one person: an evaluation at its desk."""

    desk: Desk

    def __call__(self, person: PersonScans, engine: Engine) -> PersonResult:
        """The person's result, which then lies in the folder."""
        return evaluate_person(person, engine, self.desk)


@dataclass(frozen=True, eq=False)
class Evaluated:
    """An evaluation, and how much of it this run did.

    Attributes:
        evaluation: of everyone.
        measured: participants that this run worked on; all others were there before.
        failures: who is left out, with what a person who mends needs.
    """

    evaluation: Evaluation
    measured: tuple[str, ...]
    failures: tuple[Failure, ...]


def evaluate_cohort(
    cohort: Path,
    out: Path,
    recipe: Recipe,
    design: Design,
    crew: Crew,
    split: Path | None = None,
    progress: Progress = silent,
) -> Evaluated:
    """Measures who is missing in `out`, and sums up everyone.

    Args:
        cohort: a BIDS tree with sessions and ages.
        out: exists; open it with `growing_folder`.
        recipe: opens the engine, here and in each worker.
        design: what is tried on each person.
        crew: who works.
        split: JSON of train, validation and test subjects; only those of the test are evaluated.
        progress: hears of each person.

    Raises:
        InputError: nobody can be evaluated.
    """
    roster, untested = cohort_roster(cohort), ""
    if split is not None:
        roster, untested = _tested(roster, split)
    people = roster.people
    desk, engine = Desk(out, design, read_truth(cohort)), recipe.open()
    found = {person.name: desk.finished(person, engine) for person in people}
    missing = [person for person in people if found[person.name] is None]
    outcome = work_through(missing, Evaluating(desk), recipe, crew, progress)
    results = {result.participant: result for result in outcome.results}
    results |= {result.participant: result for result in found.values() if result is not None}
    in_order = [results[name] for name in map(participant_of, people) if name in results]
    failures = (*outcome.failures, *(Failure(name, why) for name, why in roster.absent.items()))
    evaluation = Evaluation(
        cohort=cohort.resolve().name,
        identity=engine.identity,
        design=design,
        people=tuple(in_order),
        portraits={one.participant: read_portraits(desk.portraits_file(one.participant)) for one in in_order},
        sameness=_kept(desk.sameness, in_order),
        wide=_kept(desk.wide, in_order),
        failures=tuple(LeftOut(one.name, one.reason) for one in failures),
        notes=(*roster.unused, *filter(None, [untested, _met_words(people, engine)]), *engine.notices.words),
        volumes_words=engine.telling_words,
    )
    return Evaluated(evaluation, tuple(one.participant for one in outcome.results), failures)


def _met_words(people: Sequence[PersonScans], engine: Engine) -> str:
    """A sentence on those who test what they taught; nothing where there are none."""
    known = engine.knowledge
    met = (*known.learners, *known.calibrators) if known else ()
    count = sum(is_among(one.name, met) for one in people)
    if not count:
        return ""
    return (
        f"{count} of {len(people)} people taught or calibrated the model, or are copies of who did: it looks "
        "better than it is of others."
    )


def _kept(read: Callable[[str], Kept | None], people: Sequence[PersonResult]) -> dict[str, Kept]:
    """A part of each person's evaluation, of those who have it."""
    found = {one.participant: read(one.participant) for one in people}
    return {name: part for name, part in found.items() if part is not None}


def _tested(roster: Roster, file: Path) -> tuple[Roster, str]:
    """Those whom the split tests, and a sentence on how many others there are; nothing where there are none.

    Raises:
        InputError: it tests nobody who can be evaluated.
    """
    split = read_split(file)
    part_of = {name: split.part_of(name) for name in (*(one.name for one in roster.people), *roster.absent)}
    tested = tuple(one for one in roster.people if part_of[one.name] == "test")
    if not tested:
        people = roster.people
        msg = f"{file} names none of these {len(people)} people as test, such as {people[0].name}."
        raise InputError(msg)
    absent = {name: why for name, why in roster.absent.items() if part_of[name] == "test"}
    return replace(roster, people=tested, absent=absent), _untested_words(Counter(part_of.values()), file)


def _untested_words(counts: Counter[str], file: Path) -> str:
    """How many people of each other part a split leaves aside."""
    others = [f"{counts[part]} for {part}" for part in PARTS if part != "test" and counts[part]]
    if not others:
        return ""
    kept = counts.total() - counts["test"]
    return (
        f"{kept} of {counts.total()} people of the cohort are not in it, as {file.name} does not test them: "
        f"it keeps {' and '.join(others)}."
    )
