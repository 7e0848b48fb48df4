"""A scan through the autoencoder and back: what the model keeps of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.forecast.engine import Engine, EngineIdentity
from MRExtrapLib.forecast.measuring import MeasuredScan, age_cell, input_record, write_table
from MRExtrapLib.forecast.provenance import result_record, write_record
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.imaging.writing import write_nifti

COLUMNS = ("scan", "kind", "age_years", "region", "volume_ml")


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A measured scan beside its reconstruction.

    Attributes:
        scan: as observed.
        volume: encoded and decoded, on the template's grid.
        volumes_ml: of the reconstruction, by the same segmenter.
        psnr_db: inside the brain, of intensities between 0 and 1.
    """

    scan: MeasuredScan
    volume: Volume
    volumes_ml: Mapping[str, float]
    psnr_db: float


def reconstruct(measured: Iterable[MeasuredScan], engine: Engine) -> Iterator[Reconstruction]:
    """Each measured scan encoded and decoded."""
    for one in measured:
        volume = engine.decode(engine.encode(one.conformed.volume), one.conformed.brain)
        psnr = psnr_db(one.conformed.volume.voxels, volume.voxels, one.conformed.brain)
        yield Reconstruction(one, volume, engine.volumes_ml(volume), psnr)


def psnr_db(truth: NDArray, estimate: NDArray, mask: NDArray[np.bool_]) -> float:
    """Peak signal-to-noise ratio in dB within a mask, for intensities between 0 and 1.

    >>> psnr_db(np.zeros(4), np.full(4, 0.1), np.ones(4, dtype=bool)).__round__(3)
    20.0
    """
    error = np.asarray(truth, dtype=np.float64)[mask] - np.asarray(estimate, dtype=np.float64)[mask]
    mean_square = float(np.mean(error**2)) if error.size else 0.0
    return float("inf") if mean_square == 0.0 else -10.0 * float(np.log10(mean_square))


def write_reconstructions(
    reconstructions: Iterable[Reconstruction], identity: EngineIdentity, folder: Path
) -> tuple[str, ...]:
    """`<scan>_desc-reconstructed_T1w.nii.gz` on each scan's own grid, `volumes.csv`, `reconstruct.json`.

    Returns:
        What a reader must know of the scans, in sentences.
    """
    rows: list[tuple[str, ...]] = []
    inputs = []
    warnings: list[str] = []
    for one in reconstructions:
        name = one.scan.name
        path = folder / f"{name}_desc-reconstructed_T1w.nii.gz"
        restored = one.scan.conformed.restore(one.volume)
        write_nifti(restored, path, description="MRExtrap: RECONSTRUCTED, not acquired")
        psnr = one.psnr_db if np.isfinite(one.psnr_db) else None
        inputs.append(input_record(one.scan) | {"image": path.name, "psnr_brain_db": psnr})
        warnings += one.scan.warnings
        for kind, volumes_ml in (("observed", one.scan.volumes_ml), ("reconstructed", one.volumes_ml)):
            age = age_cell(one.scan.scan)
            rows += [(name, kind, age, region, f"{ml:.3f}") for region, ml in volumes_ml.items()]
    write_table(folder / "volumes.csv", COLUMNS, rows)
    write_record(result_record("reconstruct", identity) | {"inputs": inputs}, folder / "reconstruct.json")
    return tuple(warnings)
