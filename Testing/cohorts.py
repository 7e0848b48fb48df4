"""Small cohorts on disk whose change is known, for everything that works on many people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from fakes import AFFINE, SHAPE, fake_engine, fake_knowledge, fake_prior

from MRExtrapLib.errors import InputError
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.imaging.writing import write_nifti
from MRExtrapLib.progression.response import Response
from MRExtrapLib.simulation.bids import write_table

AGES = (0.0, 1.0, 2.0, 5.0)
"""Of the visits, in years since the first."""

RATE = -1.5
"""How much darker every voxel gets in a year, in the scans' own units of 20 to 220."""


@dataclass(frozen=True)
class FakeRecipe:
    """Opens the fake engine, with a prior or without; it may see half of a change and tell it in full.

    Attributes:
        learners: keys of those whom its prior of volumes knows; without it knows nothing of volumes.
    """

    has_prior: bool = True
    kept: float = 0.9
    tells_in_full: bool = False
    learners: tuple[str, ...] = ()

    def open(self) -> Engine:
        engine = fake_engine(kept=self.kept, prior=fake_prior() if self.has_prior else None)
        if not self.tells_in_full and not self.learners:
            return engine
        knowledge = replace(fake_knowledge(), learners=self.learners)
        if self.tells_in_full:
            response = Response(dict.fromkeys(knowledge.prior.regions, 0.5), 20)
            knowledge = replace(knowledge, response=response)
        return replace(engine, knowledge=knowledge)


@dataclass(frozen=True)
class ClosedRecipe:
    """An engine that nobody may open."""

    def open(self) -> Engine:
        msg = "Nothing was left to do, so no engine is needed."
        raise AssertionError(msg)


def write_cohort(
    tree: Path,
    people: int,
    *,
    noise: float = 0.5,
    between: float = 0.3,
    offsets_years: Sequence[float] = AGES,
    has_truth: bool = False,
) -> Path:
    """A BIDS tree of people who darken evenly; volumes of the fake segmenter are then lines in age.

    Args:
        tree: to write.
        people: how many.
        noise: of each voxel of each scan, one standard deviation in the scans' own units.
        between: how rates differ among people.
        offsets_years: of the visits, since the first.
        has_truth: whether a table tells the volumes without noise.
    """
    generator = np.random.default_rng(people)
    participants, truth = [], []
    for number in range(people):
        name = f"sub-{number:02d}"
        diagnosis = "AD" if number % 3 == 0 else "CN"
        participants.append(
            {"participant_id": name, "sex": "F" if number % 2 else "M", "diagnosis": diagnosis}
        )
        level, start = generator.uniform(90, 150, SHAPE), generator.uniform(65, 75)
        rate, sessions = RATE + generator.normal(0, between), []
        for visit, offset in enumerate(offsets_years):
            session = f"ses-{visit}"
            clean = level + offset * rate
            voxels = clean + generator.normal(0, noise, SHAPE)
            path = tree / name / session / "anat" / f"{name}_{session}_T1w.nii.gz"
            path.parent.mkdir(parents=True)
            write_nifti(Volume(voxels.astype(np.float32), AFFINE), path)
            sessions.append({"session_id": session, "age": f"{start + offset:.3f}"})
            truth += _truth_rows(name, session, clean)
        write_table(tree / name / f"{name}_sessions.tsv", sessions)
    write_table(tree / "participants.tsv", participants)
    if has_truth:
        write_table(tree / "truth_volumes.tsv", truth)
    return tree


def _truth_rows(name: str, session: str, voxels: np.ndarray) -> list[dict[str, str]]:
    engine = fake_engine()
    (conformed,) = engine.conform([Volume(voxels.astype(np.float32), AFFINE)])
    volumes = engine.volumes_ml(conformed.volume)
    return [
        {"participant_id": name, "session_id": session, "region": region, "volume_ml": f"{ml:.4f}"}
        for region, ml in volumes.items()
    ]


def refuse(names: Sequence[str], name: str) -> None:
    """Says that a person's scans cannot be used, for those named."""
    if name in names:
        msg = f"The scans of {name} show 12 ml of brain."
        raise InputError(msg)
