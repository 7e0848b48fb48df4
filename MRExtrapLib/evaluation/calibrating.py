"""What a forecast misses on people who taught the prior nothing: the cases that calibrate its intervals."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from MRExtrapLib.errors import ModelError
from MRExtrapLib.evaluation.trials import Design, Trial, trials_of
from MRExtrapLib.evaluation.visits import Visit, kept_visits
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.uncertainty import unbiased_ml
from MRExtrapLib.imaging.conform import united_brain
from MRExtrapLib.imaging.writing import whole_file
from MRExtrapLib.progression.calibration import Case
from MRExtrapLib.progression.horizon import years_outside
from MRExtrapLib.progression.likeness import Likeness, likeness
from MRExtrapLib.progression.posterior import posterior_rate
from MRExtrapLib.progression.subject_prior import pooled
from MRExtrapLib.training.people import PersonScans

DESIGN = Design(has_all_pairs=True, directions=0)
"""Every last scan with every later one: of few visits, horizons between them would else teach nothing."""


@dataclass(frozen=True)
class Tried:
    """One person's cases, how well the autoencoder gives back each scan (PSNR in dB), and its volumes."""

    name: str
    cases: tuple[Case, ...]
    psnr_db: tuple[float, ...]
    volumes_ml: tuple[Mapping[str, float], ...]


@dataclass(frozen=True)
class Trying:
    """The work on one person: every trial predicted by the line through volumes and by the decoded image.

    Attributes:
        folder: keeps conformed and encoded scans.
        design: what is tried.
    """

    folder: Path
    design: Design = DESIGN

    def __call__(self, person: PersonScans, engine: Engine) -> Tried:
        """The person's cases.

        Raises:
            ModelError: the model holds no priors.
            InputError: a scan cannot be used.
        """
        visits = kept_visits(person, engine, self.folder)
        cases = [
            case
            for trial in trials_of(person.ages_years, self.design)
            for case in cases_of(person, visits, trial, engine)
        ]
        psnrs = tuple(visit.psnr_db for visit in visits)
        return Tried(person.name, tuple(cases), psnrs, tuple(visit.observed_ml for visit in visits))


def cases_of(person: PersonScans, visits: Sequence[Visit], trial: Trial, engine: Engine) -> Iterator[Case]:
    """Every region of one trial, as a forecast from its inputs alone would predict it before calibration.

    Raises:
        ModelError: the model holds no priors.
    """
    if engine.prior is None or engine.knowledge is None:
        msg = f"The model {engine.identity.model} holds no priors to calibrate; train progression first."
        raise ModelError(msg)
    inputs, about = [visits[index] for index in trial.inputs], person.known_at(trial.inputs)
    ages, age = [person.ages_years[index] for index in trial.inputs], person.ages_years[trial.target]
    latents = posterior_rate(np.stack([visit.latent for visit in inputs]), ages, engine.prior, about)
    volume = engine.decode(latents.at(age), united_brain([visit.brain for visit in inputs]))
    decoded = unbiased_ml(visits[0].telling.told(engine.volumes_ml(volume)), inputs)
    volumes_ml, signs = [visit.observed_ml for visit in inputs], [pooled(visit.latent) for visit in inputs]
    line = engine.knowledge.prior.line(volumes_ml, ages, about, signs)
    came, on_line, spread = visits[trial.target].observed_ml, line.at(age), line.spread(age)
    for region in line.regions:
        yield Case(
            person=person.name,
            region=region,
            inputs=len(inputs),
            horizon_years=years_outside(age, ages),
            observed_ml=came[region],
            line_ml=on_line[region],
            decoded_ml=decoded[region],
            spread_ml=spread[region],
        )


def likeness_of(tried: Sequence[Tried]) -> Likeness | None:
    """What these people's scans look like to the model; None where fewer than two of them tell."""
    return likeness([psnr for one in tried for psnr in one.psnr_db], [one.volumes_ml for one in tried])


def write_cases(cases: Iterable[Case], path: Path) -> None:
    """All cases as CSV, so that a calibration can be made again and looked into."""
    with whole_file(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [field.name for field in fields(Case)])
        table.writeheader()
        table.writerows(asdict(case) for case in cases)
