"""People measured without any image: their volumes are what a test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from MRExtrapLib.evaluation.evaluation import Evaluation
from MRExtrapLib.evaluation.results import CARRIED_FORWARD, Estimate, Mixtures, PersonResult
from MRExtrapLib.evaluation.trials import Design, trials_of
from MRExtrapLib.forecast.engine import EngineIdentity

REGIONS = ("hippocampus", "ventricles", "gray_matter", "white_matter")
LEVEL_ML = np.array([7.0, 30.0, 600.0, 450.0])
MEAN_RATE = np.array([-0.02, 0.05, -0.006, -0.004])
"""Share of the volume a year."""

MakePeople = Callable[..., list[PersonResult]]


def measured(
    name: str,
    ages_years: Sequence[float],
    volumes_ml: np.ndarray,
    true_ml: np.ndarray | None = None,
    diagnosis: str | None = None,
) -> PersonResult:
    """A person whose volumes (visits, regions) are these; the reconstruction loses nothing."""
    observed = tuple(dict(zip(REGIONS, map(float, row), strict=True)) for row in volumes_ml)
    true = None if true_ml is None else tuple(dict(zip(REGIONS, map(float, r), strict=True)) for r in true_ml)
    trials = trials_of(ages_years, Design())
    ends = (observed[0], {r: (observed[0][r] + observed[-1][r]) / 2 for r in REGIONS}, observed[-1])
    return PersonResult(
        schema=PersonResult.SCHEMA,
        key="",
        participant=name,
        sex=None,
        diagnosis=diagnosis,
        ages_years=tuple(ages_years),
        scans=tuple(f"{name}_{index}" for index in range(len(ages_years))),
        observed_ml=observed,
        reconstructed_ml=observed,
        true_ml=true,
        reconstruction_psnr_db=(None,) * len(ages_years),
        estimates=tuple(Estimate(CARRIED_FORWARD, trial, observed[trial.last]) for trial in trials),
        mixtures=tuple(
            Mixtures(kind, 0, len(ages_years) - 1, (1.0, 0.5, 0.0), ends) for kind in ("plain", "moved")
        ),
        seconds=0.0,
    )


@pytest.fixture
def make_people() -> MakePeople:
    """People whose volumes are lines in age, with as much noise and as many differences as wanted."""

    def made(
        count: int = 12,
        noise: float = 0.0,
        between: float = 0.5,
        offsets: Sequence[float] = (0, 1, 2, 3, 6),
        seed: int = 0,
        has_truth: bool = False,
    ) -> list[PersonResult]:
        generator, people = np.random.default_rng(seed), []
        for number in range(count):
            ages = 70.0 + generator.uniform(0, 5) + np.array(offsets, dtype=float)
            rate = MEAN_RATE * LEVEL_ML * (1 + between * generator.normal(size=4))
            true = LEVEL_ML + np.outer(ages - ages[0], rate)
            seen = true + noise * LEVEL_ML * generator.normal(size=true.shape)
            people.append(measured(f"sub-{number:02d}", ages, seen, true if has_truth else None))
        return people

    return made


def evaluation_of(people: Sequence[PersonResult], **more: object) -> Evaluation:
    """What these people say together, as the default design asks."""
    identity = EngineIdentity("a model", "0" * 64, "own", "cpu")
    return Evaluation("cohort", identity, Design(), tuple(people), {}, **more)


@pytest.fixture
def evaluate() -> Callable[..., Evaluation]:
    """An evaluation of people without any image."""
    return evaluation_of
