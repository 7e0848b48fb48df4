"""A person's visits as the model sees them, made once and kept on disk.

Conforming and encoding are the costly part of an evaluation; every number of inputs, baseline and horizon
draws on what is kept here. All visits of a person are conformed together, as a forecast conforms them; a
later visit thus shares with earlier ones the position (rigid) and the brightness scale, and nothing of its
anatomy.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.evaluation.people import key_of, participant_of, scan_hashes
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.reconstruction import psnr_db
from MRExtrapLib.imaging.reading import read_scan
from MRExtrapLib.imaging.volume import Voxels
from MRExtrapLib.imaging.writing import whole_file
from MRExtrapLib.progress import Progress, part_of, silent
from MRExtrapLib.progression.line import Latent
from MRExtrapLib.training.progression import PersonScans

CONFORMED = 0.7
"""Share of the time after conforming all visits of a person."""


@dataclass(frozen=True, eq=False)
class Visit:
    """One visit on the template's grid.

    Attributes:
        latent: (C, D, H, W) float32.
        voxels: (X, Y, Z) the conformed scan, float16 on disk (steps of 1/2048 near 1, below a scan's noise).
        brain: (X, Y, Z) mask.
        labels: (X, Y, Z) FreeSurfer numbers that the segmenter finds in it.
        observed_ml, reconstructed_ml: region → ml of the scan and of its reconstruction.
        psnr_db: of the reconstruction, inside the brain.
    """

    latent: Latent
    voxels: Voxels
    brain: NDArray[np.bool_]
    labels: NDArray[np.int16]
    observed_ml: Mapping[str, float]
    reconstructed_ml: Mapping[str, float]
    psnr_db: float


def kept_visits(
    person: PersonScans, engine: Engine, folder: Path, progress: Progress = silent
) -> tuple[Visit, ...]:
    """A person's visits in order of age: read where an earlier run kept them, else made and kept.

    Args:
        person: scans and ages.
        engine: conforms, encodes and measures.
        folder: of everyone's visits; a file's name tells person, scan, and what else it depends on.
        progress: hears of each visit.

    Raises:
        InputError: a scan cannot be used.
    """
    hashes = scan_hashes(person)
    # the visits are conformed together, so each depends on all
    key = key_of(engine.identity.fingerprint, *hashes)
    files = [folder / f"{participant_of(person)}_{one[:12]}_{key}.npz" for one in hashes]
    if not all(file.is_file() for file in files):
        _make(person, engine, files, progress)
    return tuple(read_visit(file) for file in files)


def _make(person: PersonScans, engine: Engine, files: Sequence[Path], progress: Progress) -> None:
    volumes = [read_scan(path).volume for path in person.paths]
    conformed = engine.conform(volumes, part_of(progress, 0.0, CONFORMED))
    files[0].parent.mkdir(parents=True, exist_ok=True)  # not before, so that a cancelled run leaves nothing
    for index, (file, one) in enumerate(zip(files, conformed, strict=True)):
        progress(CONFORMED + (1 - CONFORMED) * index / len(files), f"encoding visit {index + 1}")
        latent = np.asarray(engine.encode(one.volume), dtype=np.float32)
        reconstructed = engine.decode(latent)
        observed = engine.measure(one.volume)
        visit = Visit(
            latent,
            one.volume.voxels,
            one.brain,
            np.asarray(observed.labels, dtype=np.int16),
            observed.volumes_ml,
            engine.measure(reconstructed).volumes_ml,
            psnr_db(one.volume.voxels, reconstructed.voxels, one.brain),
        )
        write_visit(visit, file)


def write_visit(visit: Visit, file: Path) -> None:
    """The visit as a compressed .npz, which appears whole."""
    packed = io.BytesIO()
    np.savez_compressed(
        packed,
        latent=visit.latent,
        voxels=visit.voxels.astype(np.float16),
        brain=visit.brain,
        labels=visit.labels,
        psnr_db=np.float64(visit.psnr_db),
        regions=np.array(list(visit.observed_ml)),
        observed_ml=np.array(list(visit.observed_ml.values()), dtype=np.float64),
        reconstructed_ml=np.array([visit.reconstructed_ml[region] for region in visit.observed_ml]),
    )
    with whole_file(file) as unfinished:
        unfinished.write_bytes(packed.getvalue())


def read_visit(file: Path) -> Visit:
    """The visit that `write_visit` wrote."""
    with np.load(file, allow_pickle=False) as packed:
        regions = [str(region) for region in packed["regions"]]
        observed, reconstructed = (
            dict(zip(regions, map(float, packed[name]), strict=True))
            for name in ("observed_ml", "reconstructed_ml")
        )
        return Visit(
            packed["latent"],
            packed["voxels"].astype(np.float32),
            packed["brain"],
            packed["labels"],
            observed,
            reconstructed,
            float(packed["psnr_db"]),
        )
