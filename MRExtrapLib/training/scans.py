"""People's scans on the template's grid, measured: made once and kept, whatever autoencoder comes.

Conforming is the slow part of everything that learns from or is tried on a cohort (15 s a scan on one core,
where encoding takes less than one). It rests on the segmenter alone, so its results are kept apart from
latents: a new autoencoder encodes again, and conforms nothing.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.anatomy.borders import NAMING
from MRExtrapLib.imaging.conform import CONFORMING, ConformedVisit
from MRExtrapLib.imaging.intensity import IntensityContract
from MRExtrapLib.imaging.reading import read_scan
from MRExtrapLib.imaging.volume import Volume, Voxels
from MRExtrapLib.imaging.writing import whole_file
from MRExtrapLib.progress import Progress, part_of, silent
from MRExtrapLib.simulation.known_change import LAW
from MRExtrapLib.training.people import PersonScans, key_of, participant_of, scan_hashes

CONFORMED = 0.8
"""Share of the time after conforming all scans of a person; then they are measured."""


OwnShares = Callable[[Voxels], Mapping[str, float]]
"""Voxels on the template's grid → what is seen of a known change of them, region → share."""


class Segmented(Protocol):
    """Labels of a volume and the regions' volumes in ml."""

    @property
    def labels(self) -> NDArray[np.int16]:
        """(X, Y, Z) FreeSurfer label numbers."""
        ...

    @property
    def volumes_ml(self) -> Mapping[str, float]:
        """Region → ml."""
        ...


@dataclass(frozen=True, eq=False)
class ScanMaker:
    """How one person's scans are conformed and measured.

    Attributes:
        conform: one person's volumes → the same on the template's grid.
        measure: a volume there → labels and volumes.
        fingerprint: of the segmenter that does it; another makes other scans.
    """

    conform: Callable[[Sequence[Volume]], Sequence[ConformedVisit]]
    measure: Callable[[Volume], Segmented]
    fingerprint: str


@dataclass(frozen=True, eq=False)
class KeptScan:
    """One scan on the template's grid.

    Attributes:
        voxels: (X, Y, Z) float32; float16 on disk (steps of 1/2048 near 1, below a scan's noise).
        brain: (X, Y, Z) mask.
        labels: (X, Y, Z) FreeSurfer numbers that the segmenter finds in it.
        observed_ml: region → ml.
    """

    voxels: Voxels
    brain: NDArray[np.bool_]
    labels: NDArray[np.int16]
    observed_ml: Mapping[str, float]


def kept_scans(
    person: PersonScans, maker: ScanMaker, folder: Path, progress: Progress = silent
) -> tuple[Path, ...]:
    """The files of a person's conformed scans, in order of age: found, or made and kept.

    All scans of a person are conformed together, as a forecast conforms them, so each file's name rests on
    all; `read_kept` reads one.

    Args:
        person: scans and ages.
        maker: of the model.
        folder: of everyone's scans.
        progress: hears of each scan.

    Raises:
        InputError: a scan cannot be used.
    """
    hashes = scan_hashes(person)
    key = key_of(maker.fingerprint, CONFORMING, NAMING, IntensityContract(), *hashes)
    files = tuple(folder / f"{participant_of(person)}_{one[:12]}_{key}.npz" for one in hashes)
    if not all(file.is_file() for file in files):
        volumes = [read_scan(path).volume for path in person.paths]
        progress(0.0, f"conforming {person.name}")
        conformed = maker.conform(volumes)
        folder.mkdir(parents=True, exist_ok=True)  # not before, so that a cancelled run leaves nothing
        for index, (file, one) in enumerate(zip(files, conformed, strict=True)):
            part_of(progress, CONFORMED, 1.0)(index / len(files), f"measuring {person.name}")
            _write(one, maker.measure(one.volume), file)
    return files


def read_kept(file: Path) -> KeptScan:
    """The scan that `kept_scans` keeps in a file."""
    with np.load(file, allow_pickle=False) as packed:
        return KeptScan(
            packed["voxels"].astype(np.float32), packed["brain"], packed["labels"], _volumes_of(packed)
        )


def read_volumes(file: Path) -> dict[str, float]:
    """The volumes alone of a kept scan, in ml by region."""
    with np.load(file, allow_pickle=False) as packed:
        return _volumes_of(packed)


def kept_own_shares(file: Path, own_shares: OwnShares) -> Mapping[str, float]:
    """What is seen of a known change of a kept scan: region → share, measured once and kept beside it."""
    kept = file.with_name(f"{file.stem}_own-shares-{key_of(LAW)}.json")
    if not kept.is_file():
        shares = own_shares(read_kept(file).voxels)
        with whole_file(kept) as unfinished:
            unfinished.write_text(json.dumps(dict(shares), indent=1), encoding="utf-8")
    return json.loads(kept.read_text(encoding="utf-8"))


def _volumes_of(packed: Mapping[str, NDArray]) -> dict[str, float]:
    return dict(zip(map(str, packed["regions"]), map(float, packed["observed_ml"]), strict=True))


def _write(one: ConformedVisit, segmented: Segmented, file: Path) -> None:
    """The scan as a compressed .npz, which appears whole."""
    packed = io.BytesIO()
    np.savez_compressed(
        packed,
        voxels=one.volume.voxels.astype(np.float16),
        brain=one.brain,
        labels=np.asarray(segmented.labels, dtype=np.int16),
        regions=np.array(list(segmented.volumes_ml)),
        observed_ml=np.array(list(segmented.volumes_ml.values()), dtype=np.float64),
    )
    with whole_file(file) as unfinished:
        unfinished.write_bytes(packed.getvalue())
