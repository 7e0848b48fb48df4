"""The subject-specific prior: kept where one scan foretells rates, and only there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from MRExtrapLib.errors import ModelError
from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.knowledge import Knowledge, knowledge_text, parse_knowledge
from MRExtrapLib.progression.learning import MeasuredPerson, learn
from MRExtrapLib.progression.subject_prior import POOLED, pooled
from MRExtrapLib.progression.volumes import VolumePrior

REGIONS = ("hippocampus", "ventricles", "gray_matter")
LEVEL_ML = np.array([7.0, 20.0, 620.0])
AGES = (70.0, 72.0, 72.1, 74.0)


def a_person(
    number: int,
    generator: np.random.Generator,
    by_share: float = 0.0,
    by_latent: float = 0.0,
    by_oddness: float = 0.0,
) -> MeasuredPerson:
    """The hippocampus shrinks the faster, the smaller it is among the regions, the brighter its latent, or
    the farther that is from the middle.
    """
    signs = generator.normal(size=2)
    level = LEVEL_ML * np.exp(np.array([-0.1 * signs[0], 0.0, 0.0]))
    told = by_share * signs[0] + by_latent * signs[1] + by_oddness * (np.abs(signs[1]) - 0.8)
    rate = np.array([-0.02 - 0.01 * told, 0.0, -0.005]) * level
    rate = rate + np.array([0.0, 1.5, 0.0])
    table = level + np.outer(np.array(AGES) - AGES[0], rate) * (1 + 0.2 * generator.normal())
    table = table * (1 + 0.004 * generator.normal(size=table.shape))
    scans = tuple(dict(zip(REGIONS, map(float, row), strict=True)) for row in table)
    seen = np.array([signs[1], *generator.normal(size=5)])
    return MeasuredPerson(f"p{number}", AGES, scans, Covariates(72.0), tuple(seen for _ in AGES))


def cohort(count: int, seed: int, **effects: float) -> list[MeasuredPerson]:
    generator = np.random.default_rng(seed)
    return [a_person(number, generator, **effects) for number in range(count)]


def first_scan_errors(people: list[MeasuredPerson], prior: VolumePrior) -> np.ndarray:
    """Of the hippocampus at the last scan, predicted from the first alone."""
    return np.array(
        [
            prior.line(one.volumes_ml[:1], one.ages_years[:1], one.covariates, one.pooled[:1]).at(74.0)[
                "hippocampus"
            ]
            - one.volumes_ml[-1]["hippocampus"]
            for one in people
        ]
    )


@pytest.mark.parametrize(
    ("effects", "reading"), [({"by_share": 1.0}, "shares"), ({"by_latent": 1.0}, "latent")]
)
def test_what_a_scan_foretells_makes_new_people_predictable(effects: dict[str, float], reading: str) -> None:
    lesson = learn(cohort(60, 0, **effects))
    prior, foretelling = lesson.prior, lesson.foretelling
    assert prior.subject is not None
    assert prior.subject.reading == reading
    assert foretelling.gain > 2 * foretelling.gain_error > 0
    people = cohort(60, 1, **effects)
    alone = first_scan_errors(people, replace(prior, subject=None))
    assert np.mean(first_scan_errors(people, prior) ** 2) < 0.6 * np.mean(alone**2)


def test_a_network_learns_what_no_line_can_tell() -> None:
    lesson = learn(cohort(90, 0, by_oddness=2.0))
    subject = lesson.prior.subject
    assert subject is not None
    assert subject.hidden is not None
    assert "kept: a small network on its latent" in lesson.foretelling.words
    people = cohort(60, 1, by_oddness=2.0)
    alone = first_scan_errors(people, replace(lesson.prior, subject=None))
    assert np.mean(first_scan_errors(people, lesson.prior) ** 2) < 0.8 * np.mean(alone**2)
    back = parse_knowledge(knowledge_text(Knowledge(lesson.prior)), "volumes.json").prior
    assert first_scan_errors(people, back) == pytest.approx(first_scan_errors(people, lesson.prior), abs=1e-3)
    with pytest.raises(ModelError, match="fit it again"):
        replace(subject, hidden=subject.hidden[:-1])


def test_where_scans_foretell_nothing_covariates_stay_alone() -> None:
    kept = [learn(cohort(30, seed)).prior.subject is not None for seed in range(12)]
    assert sum(kept) <= 2


def test_too_few_people_are_not_asked() -> None:
    lesson = learn([replace(one, family="one brain") for one in cohort(20, 3, by_share=1.0)])
    prior, foretelling = lesson.prior, lesson.foretelling
    assert prior.subject is None
    assert foretelling.words.startswith("What one scan foretells was not judged: 1 families came thrice")


def test_it_survives_the_file_it_is_kept_in() -> None:
    people = cohort(40, 4, by_latent=1.0)
    prior = learn(people).prior
    back = parse_knowledge(knowledge_text(Knowledge(prior)), "volumes.json").prior
    assert back.subject is not None
    assert first_scan_errors(people, back) == pytest.approx(first_scan_errors(people, prior), abs=1e-4)


def test_signs_of_another_model_are_refused() -> None:
    people = cohort(40, 4, by_latent=1.0)
    prior = learn(people).prior
    one = people[0]
    with pytest.raises(ModelError, match="fit it again"):
        prior.line(one.volumes_ml[:1], one.ages_years[:1], one.covariates, (np.zeros(7),))
    with pytest.raises(ModelError, match="was given 0"):
        prior.line(one.volumes_ml[:1], one.ages_years[:1], one.covariates)


def test_pooling_keeps_the_mean_of_each_large_box() -> None:
    latent = np.zeros((2, POOLED * 2, POOLED, POOLED), dtype=np.float32)
    latent[1, :POOLED] = 3.0
    assert pooled(latent).tolist() == [0.0, 0.0, 3.0, 0.0]
