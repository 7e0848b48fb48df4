"""One person's part of an evaluation: visits kept, every trial answered, the way between two scans walked."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from MRExtrapLib.anatomy.borders import NAMING
from MRExtrapLib.evaluation.identity import Portrait, portrait_of
from MRExtrapLib.evaluation.images import Bench, Predicted, image_estimates
from MRExtrapLib.evaluation.parts import read_part, write_part
from MRExtrapLib.evaluation.results import (
    BAYES,
    CARRIED_FORWARD,
    LINEAR,
    Millilitres,
    Mixtures,
    PersonResult,
)
from MRExtrapLib.evaluation.sameness import Sameness, sameness_of
from MRExtrapLib.evaluation.span import WideResult, wide_result_of
from MRExtrapLib.evaluation.trials import Design, Trial, trials_of
from MRExtrapLib.evaluation.truth import Truth, true_volumes
from MRExtrapLib.evaluation.visits import kept_visits
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.passage import MixtureKind, Passage
from MRExtrapLib.imaging.conform import CONFORMING, united_brain
from MRExtrapLib.imaging.intensity import IntensityContract
from MRExtrapLib.imaging.volume import Voxels
from MRExtrapLib.imaging.writing import whole_file
from MRExtrapLib.progress import Progress, part_of, silent
from MRExtrapLib.progression.interpolation import even_alphas
from MRExtrapLib.progression.line import FEWEST_SCANS
from MRExtrapLib.training.people import PersonScans, key_of, participant_of, scan_hashes

KEPT, ANSWERED, MIXED, RETURNED = 0.35, 0.75, 0.85, 0.9
"""Shares of the time after the visits are kept, the trials, the interpolation, and the way back."""

SHOWN = (BAYES, LINEAR)
"""The model's methods, the better first: whose prediction is looked for among all people."""


@dataclass(frozen=True)
class Desk:
    """What one person's evaluation is made with, whoever it is.

    Attributes:
        folder: of the whole evaluation; holds `people/` and `visits/`.
        design: what is tried.
        truth: true volumes, where the cohort is simulated.
    """

    folder: Path
    design: Design
    truth: Truth

    def result_file(self, participant: str) -> Path:
        """Where a person's result lies."""
        return self.folder / "people" / f"{participant}.json"

    def portraits_file(self, participant: str) -> Path:
        """Where a person's portraits lie."""
        return self.folder / "people" / f"{participant}_portraits.npz"

    def sameness_file(self, participant: str) -> Path:
        """Where it lies what is left of a person in a prediction."""
        return self.folder / "people" / f"{participant}_sameness.json"

    def sameness(self, participant: str) -> Sameness | None:
        """What is left of a person in a prediction, where an earlier run looked."""
        return read_part(Sameness, self.sameness_file(participant))

    def wide_file(self, participant: str) -> Path:
        """Where it lies what is predicted from a person's first and last scan alone."""
        return self.folder / "people" / f"{participant}_wide.json"

    def wide(self, participant: str) -> WideResult | None:
        """What is predicted from a person's first and last scan alone, where an earlier run asked."""
        return read_part(WideResult, self.wide_file(participant))

    def finished(self, person: PersonScans, engine: Engine) -> PersonResult | None:
        """An earlier run's result, where it answers the same question and nothing else of it is missing."""
        found = self.measured(person, engine)
        is_whole = found is not None and self.has_sameness(found) and self.has_wide(found)
        return found if is_whole else None

    def has_sameness(self, result: PersonResult) -> bool:
        """Whether the way back was looked for, for the same question."""
        sameness = self.sameness(result.participant)
        return sameness is not None and sameness.key == result.key

    def has_wide(self, result: PersonResult) -> bool:
        """Whether the wide trials were asked, for the same question."""
        wide = self.wide(result.participant)
        return wide is not None and wide.key == result.key

    def measured(self, person: PersonScans, engine: Engine) -> PersonResult | None:
        """An earlier run's result, where it answers the same question."""
        participant = participant_of(person)
        found = read_part(PersonResult, self.result_file(participant))
        if found is None or not self.portraits_file(participant).is_file():
            return None
        return found if found.key == self.key(person, engine) else None

    def key(self, person: PersonScans, engine: Engine) -> str:
        """Of all that a person's result depends on."""
        facts = (person.ages_years, person.covariates, person.diagnoses, self.design, self.true_ml(person))
        identity = engine.identity
        making = (CONFORMING, NAMING, IntensityContract(), *engine.measuring)
        return key_of(
            *scan_hashes(person), *facts, identity.knowledge_fingerprint, identity.fingerprint, *making
        )

    def true_ml(self, person: PersonScans) -> tuple[Millilitres, ...] | None:
        """The true volumes of each visit; None unless they are known of all."""
        return true_volumes(person, self.truth)


def evaluate_person(
    person: PersonScans, engine: Engine, desk: Desk, progress: Progress = silent
) -> PersonResult:
    """Everything measured of one person, written into the folder of the evaluation.

    An earlier run's result is taken where scans, ages, model and design are the same.

    Raises:
        InputError: a scan cannot be used.
    """
    started = time.monotonic()
    found = desk.finished(person, engine)
    if found is not None:
        return found
    visits = kept_visits(person, engine, desk.folder / "visits", part_of(progress, 0.0, KEPT))
    bench = Bench(person, visits, engine, desk.design)
    result = desk.measured(person, engine) or _measured(bench, desk, started, progress)
    if not desk.has_sameness(result):
        progress(MIXED, "looking for the way back")
        write_part(_sameness(bench, result.key), desk.sameness_file(result.participant))
    if not desk.has_wide(result):
        progress(RETURNED, "predicting from the first and the last scan")
        write_part(wide_result_of(bench, result.key), desk.wide_file(result.participant))
    return result


def _sameness(bench: Bench, key: str) -> Sameness:
    """Of the longest horizon's prediction, from two scans or more where there are."""
    trials = trials_of(bench.person.ages_years, bench.design)
    with_a_line = tuple(trial for trial in trials if len(trial.inputs) >= FEWEST_SCANS)
    return sameness_of(bench, _portrayed(bench, with_a_line or trials), key)


def _measured(bench: Bench, desk: Desk, started: float, progress: Progress) -> PersonResult:
    """The person's result and portraits, which then lie in the folder."""
    person, engine, visits = bench.person, bench.engine, bench.visits
    predicted = _answers(bench, part_of(progress, KEPT, ANSWERED))
    mixtures = _mixtures(bench, part_of(progress, ANSWERED, MIXED))
    participant = participant_of(person)
    result = PersonResult(
        schema=PersonResult.SCHEMA,
        key=desk.key(person, engine),
        participant=participant,
        sex=person.covariates.sex,
        diagnosis=person.covariates.diagnosis,
        ages_years=person.ages_years,
        scans=tuple(path.name for path in person.paths),
        observed_ml=tuple(dict(visit.observed_ml) for visit in visits),
        reconstructed_ml=tuple(dict(visit.reconstructed_ml) for visit in visits),
        true_ml=desk.true_ml(person),
        reconstruction_psnr_db=tuple(_finite(visit.psnr_db) for visit in visits),
        estimates=tuple(one.estimate for one in predicted),
        mixtures=mixtures,
        seconds=round(time.monotonic() - started, 3),
    )
    desk.result_file(participant).parent.mkdir(parents=True, exist_ok=True)
    _write_portraits(_portraits(bench, predicted), desk.portraits_file(participant))
    write_part(result, desk.result_file(participant))
    return result


def read_portraits(file: Path) -> Mapping[str, Portrait]:
    """Portraits by name: `scan`, and each method that predicted it."""
    with np.load(file, allow_pickle=False) as packed:
        return {name: packed[name].astype(np.float32) for name in packed.files}


def _answers(bench: Bench, progress: Progress) -> list[Predicted]:
    """Every method's answer to every trial; images are let go where no portrait will be made of them."""
    trials = trials_of(bench.person.ages_years, bench.design)
    portrayed, answers = _portrayed(bench, trials), []
    for index, trial in enumerate(trials):
        progress(index / len(trials), f"predicting visit {trial.target + 1} from {len(trial.inputs)}")
        for one in image_estimates(bench, trial):
            nothing = np.zeros((0, 0, 0), dtype=np.float32)
            answers.append(one if trial == portrayed else Predicted(one.estimate, nothing))
    return answers


def _portrayed(bench: Bench, trials: tuple[Trial, ...]) -> Trial:
    """The trial whose images are looked for: the longest horizon, and of its trials the most inputs."""
    ages = bench.person.ages_years
    return max(trials, key=lambda trial: (ages[trial.target] - ages[trial.last], len(trial.inputs)))


def _portraits(bench: Bench, predicted: list[Predicted]) -> dict[str, Portrait]:
    """Of the real scan at the target, of the last scan carried forward, and of the model's prediction."""
    shown = {one.estimate.method: one for one in predicted if one.voxels.size}
    target = next(iter(shown.values())).estimate.trial.target
    found = {"scan": _portrait(bench, bench.visits[target].voxels)}
    best = next((shown[method] for method in SHOWN if method in shown), None)
    for one in (shown[CARRIED_FORWARD], best):
        if one is not None:
            found[one.estimate.method] = _portrait(bench, one.voxels)
    return found


def _portrait(bench: Bench, voxels: Voxels) -> Portrait:
    return portrait_of(bench.engine.template.volume.with_voxels(voxels))


def _write_portraits(portraits: Mapping[str, Portrait], file: Path) -> None:
    packed = io.BytesIO()
    np.savez_compressed(packed, **{name: one.astype(np.float16) for name, one in portraits.items()})  # type: ignore[arg-type]
    with whole_file(file) as unfinished:
        unfinished.write_bytes(packed.getvalue())


def _mixtures(bench: Bench, progress: Progress) -> tuple[Mixtures, ...]:
    """Volumes along both ways from the first to the last visit; their ends are known already."""
    alphas = [float(alpha) for alpha in even_alphas(bench.design.steps)]
    first, last = bench.visits[0], bench.visits[-1]
    passage = Passage(first.latent, last.latent, united_brain([first.brain, last.brain]), bench.engine)
    ways = []
    for way, kind in enumerate(get_args(MixtureKind)):
        between: list[Mapping[str, float]] = []
        for index, alpha in enumerate(alphas[1:-1]):
            progress((way + index / len(alphas)) / 2, f"interpolating, {kind}, alpha {alpha:.2f}")
            mixed_ml = bench.engine.volumes_ml(passage.at(alpha, kind))
            between.append(dict(bench.telling.told(mixed_ml)))
        volumes = (dict(first.reconstructed_ml), *between, dict(last.reconstructed_ml))
        ways.append(Mixtures(kind, 0, len(bench.visits) - 1, tuple(alphas), volumes))
    return tuple(ways)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
