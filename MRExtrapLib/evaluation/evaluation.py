"""An evaluation as a whole: what everyone's results say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from MRExtrapLib.anatomy.regions import MAIN_REGIONS
from MRExtrapLib.errors import InputError
from MRExtrapLib.evaluation.answers import Answer, Answers, answers_by, answers_of, grouped
from MRExtrapLib.evaluation.identity import Portrait, Retrieval, retrieve
from MRExtrapLib.evaluation.linearity import Bow, bows
from MRExtrapLib.evaluation.results import (
    BAYES,
    CARRIED_FORWARD,
    LINEAR,
    METHODS,
    Estimate,
    PersonResult,
)
from MRExtrapLib.evaluation.sameness import Sameness
from MRExtrapLib.evaluation.span import WideResult
from MRExtrapLib.evaluation.trials import Design, stretch_of
from MRExtrapLib.evaluation.volume_lines import volume_estimates
from MRExtrapLib.forecast.engine import EngineIdentity
from MRExtrapLib.progression.line import FEWEST_SCANS


@dataclass(frozen=True)
class LeftOut:
    """A scan, a person or a method that is not in the figures, and why, in one sentence."""

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Everyone's results, and what was asked.

    Attributes:
        cohort: its name.
        identity: of the model.
        design: what was tried on each.
        people: who could be evaluated, by name.
        portraits: participant → name → portrait.
        sameness: participant → what is left of the person in a prediction.
        wide: participant → what is predicted from the first and the last scan alone.
        failures: who could not be, for want of ages or scans, or because the work on them failed.
        notes: what a reader must know of the cohort, in sentences.
        volumes_words: how volumes are told; nothing where they are told as they are seen.
    """

    cohort: str
    identity: EngineIdentity
    design: Design
    people: tuple[PersonResult, ...]
    portraits: Mapping[str, Mapping[str, Portrait]]
    failures: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    volumes_words: str = ""
    sameness: Mapping[str, Sameness] = field(default_factory=dict)
    wide: Mapping[str, WideResult] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.people:
            why = f" The first: {self.failures[0].name}: {self.failures[0].reason}" if self.failures else ""
            msg = f"Nobody of {self.cohort} could be evaluated.{why}"
            raise InputError(msg)

    @cached_property
    def _on_volumes(self) -> tuple[dict[str, tuple[Estimate, ...]], str]:
        return volume_estimates(self.people, {name: one.trials for name, one in self.wide.items()})

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """Of every method, about every region, in every trial of nested inputs."""
        nested = {
            name: [one for one in estimates if not one.trial.has_gaps]
            for name, estimates in self._on_volumes[0].items()
        }
        return answers_of(self.people, nested)

    @cached_property
    def wide_answers(self) -> tuple[Answer, ...]:
        """Of every method, about every region, in every trial from the first and the last scan alone."""
        on_volumes = self._on_volumes[0]
        estimates = {
            name: (*one.estimates, *(e for e in on_volumes.get(name, ()) if e.trial.has_gaps))
            for name, one in self.wide.items()
        }
        return answers_by(self.people, estimates)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know, in sentences."""
        return (*self.notes, *([self._on_volumes[1]] if self._on_volumes[1] else []))

    @cached_property
    def regions(self) -> tuple[str, ...]:
        """That were measured, the main ones first."""
        there = dict.fromkeys(answer.region for answer in self.answers)
        return (*(r for r in MAIN_REGIONS if r in there), *(r for r in there if r not in MAIN_REGIONS))

    @property
    def main_regions(self) -> tuple[str, ...]:
        """Those of the main regions that were measured."""
        return tuple(region for region in MAIN_REGIONS if region in self.regions)

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """That answered anything, in the order of tables."""
        there = {answer.method for answer in self.answers}
        return tuple(method for method in METHODS if method in there)

    @property
    def shown_method(self) -> str | None:
        """The model's own best: Bayes where it holds a prior."""
        return next((method for method in (BAYES, LINEAR) if method in self.methods), None)

    @property
    def has_truth(self) -> bool:
        """Whether true changes are known of anyone."""
        return any(person.true_ml is not None for person in self.people)

    @cached_property
    def bows(self) -> tuple[Bow, ...]:
        """Linearity of the interpolation of everyone's first and last scan."""
        return bows(self.people)

    @cached_property
    def compared(self) -> tuple[Answer, ...]:
        """Answers that knew all scans before the target, and that every method gave.

        A line of one's own needs two scans, so trials with one scan count only where there are no others.
        """
        chosen = [answer for answer in self.answers if answer.inputs == answer.most_inputs]
        return tuple(with_two_scans(chosen))

    @cached_property
    def fullest(self) -> dict[tuple[str | int, ...], Answers]:
        """(method, region) → answers that are compared."""
        return grouped(self.compared, "method", "region")

    def retrievals(self) -> dict[str, Retrieval]:
        """Method → how well its predicted brains find their own person; empty with one person alone."""
        found = {}
        for method in (CARRIED_FORWARD, BAYES, LINEAR):
            with_it = [one for one in self.portraits.values() if method in one]
            if len(with_it) > 1:
                found[method] = retrieve([one[method] for one in with_it], [one["scan"] for one in with_it])
        return found


def with_two_scans(answers: Sequence[Answer]) -> Sequence[Answer]:
    """Those answers that knew two scans or more; all where there is none."""
    return [answer for answer in answers if answer.inputs >= FEWEST_SCANS] or answers


def nested_answers(evaluation: Evaluation, most: int) -> Sequence[Answer]:
    """Answers of trials whose last input and target have at least so many scans before them.

    Cut at that number of inputs, every number has the same subjects and targets.
    """
    return [one for one in evaluation.answers if one.most_inputs >= most and one.inputs <= most]


def widest_nesting(evaluation: Evaluation, stretch: str = "") -> int:
    """The largest number of inputs that at least half of all people reach who were asked.

    Args:
        evaluation: of whom.
        stretch: of the horizon; of any where none is named. Nobody asked reach 0.
    """
    asked = [
        [len(t.inputs) for t in one.trials if stretch in ("", stretch_of(one.horizon_years(t)))]
        for one in evaluation.people
    ]
    numbers = sorted((max(inputs) for inputs in asked if inputs), reverse=True)
    return numbers[(len(numbers) + 1) // 2 - 1] if numbers else 0
