"""Every method's answer about every region, one line each: what tables and figures are made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.evaluation.results import Estimate, PersonResult
from MRExtrapLib.evaluation.trials import stretch_of
from MRExtrapLib.training.people import family_of

Array = NDArray[np.float64]

AGE_BANDS = (65.0, 75.0, 85.0)
"""Years at the last input that part the groups by age."""


@dataclass(frozen=True)
class Answer:
    """What one method said of one region in one trial, beside what came.

    Attributes:
        participant, sex, diagnosis: whom it is about.
        age_years: at the last input.
        method: as tables call it.
        inputs: how many scans were known.
        most_inputs: how many the fullest trial of the same last input and target knew.
        span_years, horizon_years: of the inputs, and from the last of them to the target.
        last_ml, observed_ml: volume in the last input and in the target, as told.
        brain_ml: whole brain with ventricles in the last input, which stands for the size of the head:
            intracranial volume cannot be measured where scans come stripped. None where either is unknown.
        true_change_ml: from last input to target; None where only the segmenter tells.
        reconstructed_change_ml: between the reconstructions of the two real scans.
        predicted_ml: of the target.
        spread_ml: one standard deviation of a scan about it; None where the method has none.
        freedom: of Student's t; infinite for a normal distribution.
        psnr_db, ssim, dice: likeness of the images; None where it was not looked at.
    """

    participant: str
    sex: str | None
    diagnosis: str | None
    age_years: float
    method: str
    inputs: int
    most_inputs: int
    pair: str
    span_years: float
    horizon_years: float
    region: str
    last_ml: float
    observed_ml: float
    brain_ml: float | None
    true_change_ml: float | None
    reconstructed_change_ml: float
    predicted_ml: float
    spread_ml: float | None
    freedom: float
    psnr_db: float | None
    ssim: float | None
    dice: float | None

    @property
    def observed_change_ml(self) -> float:
        """From last input to target, as told."""
        return self.observed_ml - self.last_ml

    @property
    def change_ml(self) -> float:
        """The change to be predicted: the true one where it is known, else the observed."""
        return self.observed_change_ml if self.true_change_ml is None else self.true_change_ml

    @property
    def predicted_change_ml(self) -> float:
        """From last input to target, as predicted."""
        return self.predicted_ml - self.last_ml

    @property
    def error_ml(self) -> float:
        """Predicted − true change."""
        return self.predicted_change_ml - self.change_ml

    @property
    def off_ml(self) -> float:
        """Predicted − observed volume: what a stated spread speaks of."""
        return self.predicted_ml - self.observed_ml

    @property
    def groups(self) -> Mapping[str, str]:
        """Kind of group → the group that the answer falls in."""
        band = sum(self.age_years >= edge for edge in AGE_BANDS)
        edges = ("below", *(f"{edge:g} to" for edge in AGE_BANDS))
        ends = (*(f"{edge:g}" for edge in AGE_BANDS), "older")
        return {
            "everyone": "everyone",
            "horizon": stretch_of(self.horizon_years),
            "span": stretch_of(self.span_years) if self.inputs > 1 else "one scan",
            "sex": self.sex or "not known",
            "diagnosis": self.diagnosis or "not known",
            "age": f"{edges[band]} {ends[band]}",
        }


def answers_of(
    people: Sequence[PersonResult], on_volumes: Mapping[str, Sequence[Estimate]]
) -> tuple[Answer, ...]:
    """All answers: of the methods that make images and of those on volumes.

    Args:
        people: what was measured of each.
        on_volumes: participant → estimates of the baselines that never look at an image.
    """
    estimates = {one.participant: (*one.estimates, *on_volumes.get(one.participant, ())) for one in people}
    return answers_by(people, estimates)


def answers_by(
    people: Sequence[PersonResult], estimates: Mapping[str, Sequence[Estimate]]
) -> tuple[Answer, ...]:
    """The answers that these estimates give, by participant, and no others."""
    return tuple(
        answer
        for person in people
        for estimate in estimates.get(person.participant, ())
        for answer in _answers(person, estimate)
    )


def _answers(person: PersonResult, estimate: Estimate) -> Iterator[Answer]:
    trial = estimate.trial
    most = max(len(other.inputs) for other in person.trials if other.pair == trial.pair)
    last, target = person.observed_ml[trial.last], person.observed_ml[trial.target]
    last_again, target_again = (person.reconstructed_ml[index] for index in (trial.last, trial.target))
    likeness = estimate.similarity
    for region, predicted_ml in estimate.volumes_ml.items():
        yield Answer(
            participant=person.participant,
            sex=person.sex,
            diagnosis=person.diagnosis,
            age_years=person.ages_years[trial.last],
            method=estimate.method,
            inputs=len(trial.inputs),
            most_inputs=most,
            pair=f"{trial.last + 1}→{trial.target + 1}",
            span_years=person.span_years(trial),
            horizon_years=person.horizon_years(trial),
            region=region,
            last_ml=last[region],
            observed_ml=target[region],
            brain_ml=_brain_ml(last),
            true_change_ml=_true_change(person, trial.last, trial.target, region),
            reconstructed_change_ml=target_again[region] - last_again[region],
            predicted_ml=predicted_ml,
            spread_ml=None if estimate.spread_ml is None else estimate.spread_ml.get(region),
            freedom=(estimate.freedom or {}).get(region, np.inf),
            psnr_db=likeness.psnr_db if likeness else None,
            ssim=likeness.ssim if likeness else None,
            dice=likeness.dice.get(region) if likeness else None,
        )


def _brain_ml(volumes_ml: Mapping[str, float]) -> float | None:
    parts = [volumes_ml.get(region) for region in ("whole_brain", "ventricles")]
    known = [ml for ml in parts if ml is not None]
    return sum(known) if len(known) == len(parts) else None


def _true_change(person: PersonResult, last: int, target: int, region: str) -> float | None:
    if person.true_ml is None or region not in person.true_ml[last] or region not in person.true_ml[target]:
        return None
    return person.true_ml[target][region] - person.true_ml[last][region]


@dataclass(frozen=True, eq=False)
class Answers:
    """Some answers of one method about one region, as columns.

    Attributes:
        rows: the answers.
    """

    rows: tuple[Answer, ...]

    def column(self, name: str) -> Array:
        """(n,) a figure of each answer; NaN where it has none."""
        values = [getattr(row, name) for row in self.rows]
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)

    @cached_property
    def people(self) -> tuple[str, ...]:
        """Whom the answers are about, each once."""
        return tuple(dict.fromkeys(row.participant for row in self.rows))

    @cached_property
    def families(self) -> tuple[str, ...]:
        """The scans that the people were simulated of, each once; of real people the people."""
        return tuple(dict.fromkeys(map(family_of, self.people)))

    def summed(self, *columns: Array) -> Array:
        """(families, columns): each column added up over a family's answers."""
        number = {name: index for index, name in enumerate(self.families)}
        where = [number[family_of(row.participant)] for row in self.rows]
        sums = np.zeros((len(self.families), len(columns)))
        np.add.at(sums, where, np.stack(columns, axis=1))
        return sums


def grouped(answers: Iterable[Answer], *names: str) -> dict[tuple[str | int, ...], Answers]:
    """Answers that share these attributes, together, in the order they come."""
    found: dict[tuple[str | int, ...], list[Answer]] = {}
    for answer in answers:
        found.setdefault(tuple(getattr(answer, name) for name in names), []).append(answer)
    return {key: Answers(tuple(rows)) for key, rows in found.items()}
