"""A cohort's latents, made once and kept, and the prior of rates that they teach.

Each person's scans are conformed together, measured and encoded. What was conformed lies in the run's folder
under the hash of scans and segmenter, the latents under that of all weights too: a second sitting goes on
where the first was interrupted, and with a new autoencoder it only encodes.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.volume import Voxels
from MRExtrapLib.model.folder import Model
from MRExtrapLib.model.manifest import weights_file
from MRExtrapLib.progress import Progress, silent
from MRExtrapLib.progression.calibrating import calibrate
from MRExtrapLib.progression.cohort import Cohort, Participant
from MRExtrapLib.progression.crossfit import cross_fitted_cases
from MRExtrapLib.progression.knowledge import Knowledge
from MRExtrapLib.progression.learning import Lesson, MeasuredPerson, learn
from MRExtrapLib.progression.line import Latent, Latents
from MRExtrapLib.progression.response import KnownChange, Response, Telling
from MRExtrapLib.progression.subject_prior import pooled
from MRExtrapLib.progression.volumes import Millilitres
from MRExtrapLib.simulation.sources import SIMULATED
from MRExtrapLib.training.people import PersonScans, families_of, is_simulated, key_of, person_key
from MRExtrapLib.training.scans import (
    OwnShares,
    ScanMaker,
    kept_own_shares,
    kept_scans,
    read_kept,
    read_volumes,
)

PEOPLE_COLUMNS = ("participant", "scans", "first_age", "last_age", "sex", "diagnosis")


@dataclass(frozen=True, eq=False)
class LatentMaker:
    """How one person's scans become latents.

    Attributes:
        scans: conforms and measures them.
        encode: voxels on the template's grid → latent.
        fingerprint: of the weights that do it; other weights make other latents.
        own_shares: what is seen of a known change of each person's first scan; nobody looks if left out.
    """

    scans: ScanMaker
    encode: Callable[[Voxels], Latent]
    fingerprint: str
    own_shares: OwnShares | None = None


def fingerprint_of(model: Model) -> str:
    """The hash of everything that latents depend on: all of the model's weights.

    A new card or measured figure changes nothing of the latents, and none need be made again.
    """
    hashes = [model.manifest.files[weights_file(role)] for role in sorted(model.networks)]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Encoded:
    """A cohort as the model knows it.

    Attributes:
        latents: of everyone; on disk, read in pieces.
        volumes_ml: of everyone in the same order, region → ml of each scan.
        own_shares: likewise, region → what is seen of a known change of the first scan; or nothing.
        left_out: sentences on who is not among them.
    """

    latents: Cohort
    volumes_ml: tuple[tuple[Mapping[str, float], ...], ...]
    own_shares: tuple[Mapping[str, float], ...]
    left_out: tuple[str, ...]


def encoded_cohort(
    people: Sequence[PersonScans], maker: LatentMaker, run: Path, progress: Progress = silent
) -> Encoded:
    """Everyone's latents and volumes, made where no earlier sitting made them.

    Args:
        people: of one or several trees.
        maker: of the model that the prior is for.
        run: folder of `scans/` (conformed) and `latents/`, (n, C, D, H, W) float32 a person.
        progress: hears of each person.

    Raises:
        InputError: nobody's scans could be used.
    """
    members, volumes, shares, left_out = [], [], [], []
    for number, one in enumerate(people):
        progress(number / len(people), f"encoding {one.name}")
        try:
            files = kept_scans(one, maker.scans, run / "scans")
        except InputError as error:
            left_out.append(f"{one.name}: {error}")
            continue
        latents = _latents(one, maker, run / "latents", files)
        members.append(Participant(one.name, one.ages_years, latents, one.covariates))
        volumes.append(tuple(read_volumes(file) for file in files))
        shares.append(kept_own_shares(files[0], maker.own_shares) if maker.own_shares else {})
    if not members:
        why = left_out[0] if left_out else "nobody has two scans with ages."
        msg = f"Nobody's scans can be used to fit a prior: {why}"
        raise InputError(msg)
    progress(1.0, "encoded")
    return Encoded(Cohort(tuple(members)), tuple(volumes), tuple(shares), tuple(left_out))


def known_changes(
    encoded: Encoded, people: Sequence[PersonScans], truth: Mapping[str, Sequence[Millilitres]]
) -> list[KnownChange]:
    """From one scan to a later one, of everyone whose true volumes are known.

    Args:
        encoded: the cohort, its volumes as they are seen.
        people: at least everyone of it.
        truth: person's name → true volumes of each scan.
    """
    by_name, families = {one.name: one for one in people}, families_of(one.name for one in people)
    changes = []
    for one, seen, shares in zip(encoded.latents.people, encoded.volumes_ml, encoded.own_shares, strict=True):
        if one.name in truth:
            first, last = _alike(by_name[one.name].paths)
            true = truth[one.name]
            ends = (seen[first], seen[last]), (true[first], true[last])
            changes.append(KnownChange(families[one.name], *ends, {} if first else shares))
    return changes


def _alike(paths: Sequence[Path]) -> tuple[int, int]:
    """The first and the last scan of one kind: the real one among simulated ones is sharper than they are."""
    made = [index for index, path in enumerate(paths) if SIMULATED in path.name]
    return (made[0], made[-1]) if len(made) > 1 else (0, len(paths) - 1)


def told_by(encoded: Encoded, response: Response | None) -> Encoded:
    """The cohort, each person's volumes as they are told."""
    told = []
    for seen, shares in zip(encoded.volumes_ml, encoded.own_shares, strict=True):
        telling = Telling(seen[0], response.of(shares) if response else None)
        told.append(tuple(map(telling.told, seen)))
    return replace(encoded, volumes_ml=tuple(told))


def measured_people(encoded: Encoded) -> list[MeasuredPerson]:
    """Everyone's volumes, as the prior of volumes is fitted on."""
    families = families_of(one.name for one in encoded.latents.people)
    return [
        MeasuredPerson(
            name=one.name,
            ages_years=tuple(one.ages_years),
            volumes_ml=volumes,
            covariates=one.covariates,
            pooled=tuple(pooled(latent) for latent in one.latents),
            family=families[one.name],
        )
        for one, volumes in zip(encoded.latents.people, encoded.volumes_ml, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class LearnedVolumes:
    """What a cohort taught about volumes.

    Attributes:
        knowledge: for the model.
        lesson: how sure of it these people make us.
        uncalibrated: why nobody calibrated it, in one sentence; nothing where somebody did.
    """

    knowledge: Knowledge
    lesson: Lesson
    uncalibrated: str = ""


def learned_volumes(encoded: Encoded, response: Response | None = None) -> LearnedVolumes:
    """The prior of a cohort's volumes, calibrated by cross-fitting where people are enough for it.

    `response` is of them all, also where cross-fitting leaves some out.

    Args:
        encoded: volumes as they are seen.
        response: by which they are told, and which goes along.
    """
    people = measured_people(told_by(encoded, response))
    lesson = learn(people)
    are_simulated = all(is_simulated(one.name) for one in people)
    met = tuple(sorted({person_key(one.name) for one in people}))
    knowledge = Knowledge(lesson.prior, are_simulated=are_simulated, response=response, learners=met)
    try:
        calibration = calibrate(cross_fitted_cases(people), are_simulated=are_simulated)
    except InputError as error:  # so few that a fold less teaches nothing: intervals then stay uncalibrated
        return LearnedVolumes(knowledge, lesson, str(error))
    return LearnedVolumes(replace(knowledge, calibration=calibration, calibrators=met), lesson)


def write_people(cohort: Cohort, path: Path) -> None:
    """Whom the prior was fitted on, as TSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, delimiter="\t")
        table.writerow(PEOPLE_COLUMNS)
        for one in cohort.people:
            first, last = min(one.ages_years), max(one.ages_years)
            known = (one.covariates.sex or "n/a", one.covariates.diagnosis or "n/a")
            table.writerow((one.name, len(one.ages_years), f"{first:.3f}", f"{last:.3f}", *known))


def count_words(cohort: Cohort) -> Mapping[str, str]:
    """Dataset → 'so many people, so many scans', for the model's record."""
    counts: dict[str, tuple[int, int]] = {}
    for one in cohort.people:
        people, scans = counts.get(one.name.split("/")[0], (0, 0))
        counts[one.name.split("/")[0]] = (people + 1, scans + len(one.ages_years))
    return {name: f"{people} people, {scans} scans" for name, (people, scans) in counts.items()}


def _latents(one: PersonScans, maker: LatentMaker, folder: Path, files: Sequence[Path]) -> Latents:
    """(n, C, D, H, W) float32 of a person, mapped from disk."""
    key = key_of(
        maker.fingerprint, *(file.name for file in files)
    )  # their names tell how they were conformed
    kept = folder / f"{one.name.replace('/', '_')}_{key}.npy"
    if not kept.exists():
        latents = np.stack([maker.encode(read_kept(file).voxels) for file in files]).astype(np.float32)
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(".part.npy")
        np.save(unfinished, latents)
        unfinished.replace(kept)
    return np.load(kept, mmap_mode="r")
