"""A person's visits as the model sees them, made once and kept on disk.

Conforming is the costly part of an evaluation; every number of inputs, baseline and horizon draws on what is
kept here, and so does the next autoencoder. All visits of a person are conformed together, as a forecast
conforms them; a later visit thus shares with earlier ones the position (rigid) and the brightness scale, and
nothing of its anatomy.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.forecast.engine import DECODING, Engine
from MRExtrapLib.forecast.reconstruction import psnr_db
from MRExtrapLib.imaging.volume import Voxels
from MRExtrapLib.imaging.writing import whole_file
from MRExtrapLib.progress import Progress, part_of, silent
from MRExtrapLib.progression.line import Latent
from MRExtrapLib.progression.response import Telling
from MRExtrapLib.training.people import PersonScans, key_of
from MRExtrapLib.training.scans import (
    KeptScan,
    OwnShares,
    ScanMaker,
    kept_own_shares,
    kept_scans,
    read_kept,
    read_volumes,
)

CONFORMED = 0.7
"""Share of the time after conforming all visits of a person."""


@dataclass(frozen=True, eq=False)
class Encoded:
    """What the autoencoder makes of a visit.

    Attributes:
        latent: (C, D, H, W) float32.
        reconstructed_ml: region → ml of the reconstruction.
        psnr_db: of the reconstruction, inside the brain.
    """

    latent: Latent
    reconstructed_ml: Mapping[str, float]
    psnr_db: float


@dataclass(frozen=True, eq=False)
class Visit:
    """One visit on the template's grid.

    Attributes:
        scan: conformed and measured.
        encoded: by the model.
        telling: how its volumes are told.
    """

    scan: KeptScan
    encoded: Encoded
    telling: Telling

    @property
    def latent(self) -> Latent:
        """(C, D, H, W) float32."""
        return self.encoded.latent

    @property
    def voxels(self) -> Voxels:
        """(X, Y, Z) the conformed scan."""
        return self.scan.voxels

    @property
    def brain(self) -> NDArray[np.bool_]:
        """(X, Y, Z) mask."""
        return self.scan.brain

    @property
    def labels(self) -> NDArray[np.int16]:
        """(X, Y, Z) FreeSurfer numbers that the segmenter finds in the scan."""
        return self.scan.labels

    @property
    def observed_ml(self) -> Mapping[str, float]:
        """Region → ml of the scan."""
        return self.scan.observed_ml

    @property
    def reconstructed_ml(self) -> Mapping[str, float]:
        """Region → ml of its reconstruction."""
        return self.encoded.reconstructed_ml

    @property
    def psnr_db(self) -> float:
        """Of the reconstruction, inside the brain."""
        return self.encoded.psnr_db


def scan_maker(engine: Engine) -> ScanMaker:
    """How the engine conforms and measures scans."""
    return ScanMaker(engine.conform, engine.measure, engine.identity.segmenter_fingerprint)


def own_shares_of(engine: Engine) -> OwnShares:
    """What the engine sees of a known change of voxels on the template's grid."""
    return lambda voxels: engine.own_shares(engine.template.volume.with_voxels(voxels))


def kept_telling(first: Path, engine: Engine) -> Telling:
    """How the volumes of a person are told whose first scan is kept in this file."""
    own_shares = kept_own_shares(first, own_shares_of(engine)) if engine.asks_own_shares else {}
    return engine.telling(read_volumes(first), own_shares)


def kept_visits(
    person: PersonScans, engine: Engine, folder: Path, progress: Progress = silent
) -> tuple[Visit, ...]:
    """A person's visits in order of age: read where an earlier run kept them, else made and kept.

    Volumes are told beside those of the first visit, and by what is seen of a known change of it where the
    model asks (`Engine.telling`).

    Args:
        person: scans and ages.
        engine: conforms, encodes and measures.
        folder: of everyone's visits; a file's name tells person, scan, and what else it depends on.
        progress: hears of each visit.

    Raises:
        InputError: a scan cannot be used.
    """
    files = kept_scans(person, scan_maker(engine), folder, part_of(progress, 0.0, CONFORMED))
    telling = kept_telling(files[0], engine)
    visits = []
    for index, file in enumerate(files):
        progress(CONFORMED + (1 - CONFORMED) * index / len(files), f"encoding visit {index + 1}")
        scan = read_kept(file)
        visits.append(_told(scan, _kept_encoded(scan, engine, file), telling))
    return tuple(visits)


def _told(scan: KeptScan, encoded: Encoded, telling: Telling) -> Visit:
    """The visit with its volumes as they are told; on disk they lie as they are seen."""
    return Visit(
        replace(scan, observed_ml=telling.told(scan.observed_ml)),
        replace(encoded, reconstructed_ml=telling.told(encoded.reconstructed_ml)),
        telling,
    )


def _kept_encoded(scan: KeptScan, engine: Engine, scan_file: Path) -> Encoded:
    """What the model makes of a scan, kept beside it under the hash of the model's weights."""
    key = key_of(engine.identity.fingerprint, DECODING)
    file = scan_file.with_name(f"{scan_file.stem}_encoded-{key}.npz")
    if not file.is_file():
        latent = np.asarray(engine.encode(engine.template.volume.with_voxels(scan.voxels)), dtype=np.float32)
        reconstructed = engine.decode(latent, scan.brain)
        psnr = psnr_db(scan.voxels, reconstructed.voxels, scan.brain)
        write_encoded(Encoded(latent, engine.volumes_ml(reconstructed), psnr), file)
    return read_encoded(file)


def write_encoded(encoded: Encoded, file: Path) -> None:
    """The latent and what it decodes to as a compressed .npz, which appears whole."""
    packed = io.BytesIO()
    np.savez_compressed(
        packed,
        latent=encoded.latent,
        psnr_db=np.float64(encoded.psnr_db),
        regions=np.array(list(encoded.reconstructed_ml)),
        reconstructed_ml=np.array(list(encoded.reconstructed_ml.values()), dtype=np.float64),
    )
    with whole_file(file) as unfinished:
        unfinished.write_bytes(packed.getvalue())


def read_encoded(file: Path) -> Encoded:
    """What `write_encoded` wrote."""
    with np.load(file, allow_pickle=False) as packed:
        regions, volumes = map(str, packed["regions"]), map(float, packed["reconstructed_ml"])
        return Encoded(packed["latent"], dict(zip(regions, volumes, strict=True)), float(packed["psnr_db"]))
