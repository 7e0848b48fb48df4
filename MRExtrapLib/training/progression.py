"""A cohort's latents, made once and kept, and the prior of rates that they teach.

Each person's scans are conformed together and encoded; the latents lie in the run's folder under the hash of
scans and weights, so that a second sitting goes on where the first was interrupted.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.ages import age_from_bids, diagnosis_from_bids, sex_from_bids
from MRExtrapLib.imaging.conform import ConformedVisit
from MRExtrapLib.imaging.hashing import sha256_of
from MRExtrapLib.imaging.reading import read_scan
from MRExtrapLib.imaging.volume import Volume, Voxels
from MRExtrapLib.model.folder import Model
from MRExtrapLib.model.manifest import weights_file
from MRExtrapLib.progress import Progress, silent
from MRExtrapLib.progression.cohort import Cohort, Participant
from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.line import FEWEST_SCANS, Latent, Latents
from MRExtrapLib.training.brains import find_scans

NOT_RAW = {"derivatives", "sourcedata"}
"""Folders of a BIDS tree whose images are no scans of their own."""

PEOPLE_COLUMNS = ("participant", "scans", "first_age", "last_age", "sex", "diagnosis")


@dataclass(frozen=True, eq=False)
class LatentMaker:
    """How one person's scans become latents.

    Attributes:
        conform: one person's volumes → the same on the template's grid.
        encode: voxels on that grid → latent.
        fingerprint: of the weights that do it; other weights make other latents.
    """

    conform: Callable[[Sequence[Volume]], Sequence[ConformedVisit]]
    encode: Callable[[Voxels], Latent]
    fingerprint: str


@dataclass(frozen=True)
class PersonScans:
    """One person of a BIDS tree: scans in order of age, and what the tables say.

    Attributes:
        name: 'dataset/sub-…'.
        paths: (n,) T1 scans.
        covariates: at the middle of the scans.
        ages_years: (n,) one a scan.
    """

    name: str
    paths: tuple[Path, ...]
    ages_years: tuple[float, ...]
    covariates: Covariates


def fingerprint_of(model: Model) -> str:
    """The hash of everything that latents depend on: all of the model's weights.

    A new card or measured figure changes nothing of the latents, and none need be made again.
    """
    hashes = [model.manifest.files[weights_file(role)] for role in sorted(model.networks)]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def find_people(
    folders: Sequence[Path], fewest_scans: int = FEWEST_SCANS
) -> tuple[list[PersonScans], list[str]]:
    """Everyone in BIDS trees with enough scans whose ages are known, and sentences on what is left out.

    Args:
        folders: BIDS trees; what lies in their derivatives is no scan.
        fewest_scans: with a known age that a person must have.

    Raises:
        InputError: no scan at all, or an age in a table that cannot be.
    """
    found: dict[str, list[Path]] = {}
    for folder in folders:
        for name, path in find_scans(folder):
            if not NOT_RAW & set(path.relative_to(folder).parts):
                found.setdefault(name, []).append(path)
    if not found:
        msg = f"No *_T1w.nii.gz in {', '.join(map(str, folders))}; give BIDS trees that hold T1 scans."
        raise InputError(msg)
    people, left_out = [], []
    for name, paths in found.items():
        ages = {path: age_from_bids(path).age_years for path in paths}
        known = sorted((age, path) for path, age in ages.items() if age is not None)
        ageless = [path.name for path, age in ages.items() if age is None]
        left_out += [f"{scan}: no sessions.tsv gives its age." for scan in ageless]
        if len(known) >= fewest_scans:
            people.append(_person(name, known))
        elif known:
            left_out.append(f"{name}: one scan with an age tells nothing of rates.")
    return people, left_out


def _person(name: str, known: Sequence[tuple[float, Path]]) -> PersonScans:
    ages, paths = tuple(age for age, _ in known), tuple(path for _, path in known)
    facts = Covariates(float(np.mean(ages)), sex_from_bids(paths[0]), diagnosis_from_bids(paths[0]))
    return PersonScans(name, paths, ages, facts)


def encoded_cohort(
    people: Sequence[PersonScans], maker: LatentMaker, cache: Path, progress: Progress = silent
) -> tuple[Cohort, list[str]]:
    """Everyone's latents, from the cache where an earlier sitting made them, and why some could not be made.

    The latents stay on disk and are read in pieces.

    Args:
        people: of one or several trees.
        maker: of the model that the prior is for.
        cache: folder of `<dataset>_<sub>_<hash>.npy`, (n, C, D, H, W) float32 each.
        progress: hears of each person.

    Raises:
        InputError: nobody's scans could be used.
    """
    cache.mkdir(parents=True, exist_ok=True)
    members, left_out = [], []
    for number, one in enumerate(people):
        progress(number / len(people), f"encoding {one.name}")
        try:
            latents = _latents(one, maker, cache)
        except InputError as error:
            left_out.append(f"{one.name}: {error}")
            continue
        members.append(Participant(one.name, one.ages_years, latents, one.covariates))
    if not members:
        why = left_out[0] if left_out else "nobody has two scans with ages."
        msg = f"Nobody's scans can be used to fit a prior: {why}"
        raise InputError(msg)
    progress(1.0, "encoded")
    return Cohort(tuple(members)), left_out


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


def _latents(one: PersonScans, maker: LatentMaker, cache: Path) -> Latents:
    """(n, C, D, H, W) float32 of a person, mapped from disk."""
    hashes = "".join(sha256_of(path) for path in one.paths)
    key = hashlib.sha256(f"{maker.fingerprint}{hashes}".encode()).hexdigest()[:16]
    kept = cache / f"{one.name.replace('/', '_')}_{key}.npy"
    if not kept.exists():
        volumes = [read_scan(path).volume for path in one.paths]
        visits = maker.conform(volumes)
        latents = np.stack([maker.encode(visit.volume.voxels) for visit in visits]).astype(np.float32)
        unfinished = kept.with_suffix(".part.npy")
        np.save(unfinished, latents)
        unfinished.replace(kept)
    return np.load(kept, mmap_mode="r")
