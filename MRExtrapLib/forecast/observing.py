"""Visits as the model sees them, and the lines through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.reconstruction import psnr_db
from MRExtrapLib.forecast.result import LeftOutRow, Observation
from MRExtrapLib.forecast.subject import FEWEST_OF_METHOD, Method, Subject, Visit
from MRExtrapLib.forecast.uncertainty import PersonLine, unbiased_ml
from MRExtrapLib.forecast.volumes import PersonVolumes, person_volumes
from MRExtrapLib.imaging.conform import ConformedVisit, united_brain
from MRExtrapLib.progress import Progress, part_of, silent
from MRExtrapLib.progression.knowledge import Knowledge
from MRExtrapLib.progression.likeness import Unlikeness
from MRExtrapLib.progression.line import fit_line
from MRExtrapLib.progression.posterior import posterior_rate
from MRExtrapLib.progression.response import Telling

CONFORMED, OBSERVED = 0.5, 0.7
"""Shares of the time, measured with two scans and one predicted age, after conforming and after encoding."""


def observe(
    visits: Sequence[Visit],
    engine: Engine,
    progress: Progress = silent,
    telling: Telling | None = None,
) -> tuple[Observation, ...]:
    """The visits of one person as the model sees them: conformed together, encoded, decoded, measured.

    Args:
        visits: youngest first.
        engine: that does it.
        progress: hears of each visit.
        telling: how volumes are told; beside the first of these visits by default, and by what is seen of a
            known change of it where the model asks.
    """
    volumes = [visit.scan.volume for visit in visits]
    conformed = engine.conform(volumes, part_of(progress, 0.0, CONFORMED / OBSERVED))
    observations = []
    for index, (visit, one) in enumerate(zip(visits, conformed, strict=True)):
        fraction = (CONFORMED + (OBSERVED - CONFORMED) * index / len(visits)) / OBSERVED
        progress(fraction, f"encoding {visit.scan.name}")
        observations.append(observe_one(visit, one, engine))
    first = observations[0]
    if telling is None and engine.asks_own_shares:
        progress(1.0, f"changing {first.visit.scan.name} by a known amount")
    beside = telling or engine.telling_beside(first.conformed.volume, first.observed_ml)
    return tuple(_told(seen, beside) for seen in observations)


def observe_one(visit: Visit, conformed: ConformedVisit, engine: Engine) -> Observation:
    """A conformed visit encoded, decoded again, and both measured by the same segmenter; told as seen."""
    latent = engine.encode(conformed.volume)
    reconstructed = engine.decode(latent, conformed.brain)
    seen = engine.measure(conformed.volume)
    return Observation(
        visit=visit,
        conformed=conformed,
        latent=latent,
        reconstructed=reconstructed,
        observed_ml=seen.volumes_ml,
        reconstructed_ml=engine.volumes_ml(reconstructed),
        labels=seen.labels,
        telling=Telling(seen.volumes_ml),
    )


def _told(seen: Observation, telling: Telling) -> Observation:
    return replace(
        seen,
        observed_ml=telling.told(seen.observed_ml),
        reconstructed_ml=telling.told(seen.reconstructed_ml),
        telling=telling,
    )


def brain_of(observations: Sequence[Observation]) -> NDArray[np.bool_]:
    """(X, Y, Z) where any of these visits has brain."""
    return united_brain([seen.conformed.brain for seen in observations])


def fitted(method: Method, known: Subject, observations: Sequence[Observation], engine: Engine) -> PersonLine:
    """The person's latent at every age, by the method, from the visits that are known."""
    latents = np.stack([seen.latent for seen in observations])
    if method == "bayes" and engine.prior is not None:
        return posterior_rate(latents, known.ages_years, engine.prior, known.covariates)
    return fit_line(latents, known.ages_years)


def volumes_of(
    method: Method, known: Subject, observations: Sequence[Observation], engine: Engine
) -> PersonVolumes | None:
    """The line through the person's volumes, and a scan's noise about it; None where the model knows none.

    Bent and wandering as the cohort's are; of least squares straight, as it forecasts.
    """
    found = person_volumes(observations, known.ages_years, known.covariates, engine.knowledge)
    return replace(found, line=found.line.straight()) if found and method == "linear" else found


def left_out_rows(
    method: Method, known: Subject, observations: Sequence[Observation], engine: Engine
) -> tuple[LeftOutRow, ...]:
    """Each known visit's volumes as all the others predict them; none where too few would be left.

    The visits stay conformed together: one that is left out shares position and brightness scale with the
    others, and tells them nothing of how its anatomy differs; sizes go on being told beside the first scan.
    """
    if len(known.visits) <= FEWEST_OF_METHOD[method]:
        return ()
    visits = range(len(observations))
    return tuple(row for index in visits for row in rows_without(index, method, known, observations, engine))


def rows_without(
    index: int, method: Method, known: Subject, observations: Sequence[Observation], engine: Engine
) -> tuple[LeftOutRow, ...]:
    """One visit's volumes as all the others predict them.

    Raises:
        InputError: too few others for the method.
    """
    count, fewest = len(observations), FEWEST_OF_METHOD[method]
    if count <= fewest:
        msg = (
            f"Leaving a scan out leaves {count - 1} of {count}, but the {method} method needs {fewest}; "
            "add another scan."
        )
        raise InputError(msg)
    others, rest = known.without(index), [*observations[:index], *observations[index + 1 :]]
    left, age = observations[index], observations[index].visit.age_years
    decoded = engine.decode(fitted(method, others, rest, engine).at(age), brain_of(rest))
    telling = observations[0].telling
    decoded_ml = unbiased_ml(telling.told(engine.volumes_ml(decoded)), rest)
    volumes = volumes_of(method, others, rest, engine) if method == "bayes" else None
    stated = volumes.at(age, decoded_ml) if volumes else None
    return tuple(
        LeftOutRow(
            age,
            region,
            left.observed_ml[region],
            predicted_ml,
            *(stated.interval_ml(region) if stated else (None, None)),
        )
        for region, predicted_ml in (stated.volumes_ml if stated else decoded_ml).items()
    )


def scan_warnings(observations: Sequence[Observation], knowledge: Knowledge | None) -> tuple[str, ...]:
    """What a reader must know of the scans: how they conformed, and whether the model knows such brains."""
    words = [f"{seen.visit.scan.name}: {words}" for seen in observations for words in seen.conformed.warnings]
    if knowledge and knowledge.likeness:
        for seen in observations:
            about = (seen.visit.scan.name, _psnr_db(seen), seen.observed_ml)
            words += knowledge.likeness.warnings(*about, knowledge.calibrated_by)
    return tuple(words)


def unlikeness_of(observations: Sequence[Observation], knowledge: Knowledge | None) -> tuple[Unlikeness, ...]:
    """Of each scan; empty where the model knows no calibration's scans."""
    if knowledge is None or knowledge.likeness is None:
        return ()
    return tuple(knowledge.likeness.unlikeness(_psnr_db(seen), seen.observed_ml) for seen in observations)


def _psnr_db(seen: Observation) -> float:
    """Of the reconstruction, inside the brain."""
    visit = seen.conformed
    return psnr_db(visit.volume.voxels, seen.reconstructed.voxels, visit.brain)
