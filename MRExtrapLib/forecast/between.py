"""The brain between two scans of one person: Dec(α·z1 + (1 − α)·z2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError
from MRExtrapLib.forecast.engine import Engine, EngineIdentity
from MRExtrapLib.forecast.measuring import write_table
from MRExtrapLib.forecast.output import write_segmentation
from MRExtrapLib.forecast.provenance import registration_record, result_record, scan_record, write_record
from MRExtrapLib.forecast.result import Labels
from MRExtrapLib.imaging.conform import ConformedVisit, united_brain
from MRExtrapLib.imaging.scan import Scan
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.imaging.writing import write_nifti
from MRExtrapLib.progress import Progress, part_of, silent
from MRExtrapLib.progression.interpolation import even_alphas, mix_latents
from MRExtrapLib.progression.line import Latent

COLUMNS = ("alpha", "region", "volume_ml")
CONFORMED = 0.6
"""Share of the time after conforming both scans."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """The brain decoded at one mixing weight, on the template's grid; α = 1 is the first scan."""

    alpha: float
    volume: Volume
    labels: Labels
    volumes_ml: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Interpolation:
    """Mixtures of two scans of one person, from the first to the second."""

    scans: tuple[Scan, Scan]
    conformed: tuple[ConformedVisit, ...]
    mixtures: tuple[Mixture, ...]
    engine: EngineIdentity


def interpolate(
    scans: Sequence[Scan], steps: int, engine: Engine, progress: Progress = silent
) -> Interpolation:
    """The brain at `steps` even mixtures of two scans' latents, both ends included.

    Raises:
        InputError: not two scans, or a number of steps that makes no series.
    """
    alphas = even_alphas(steps)
    if len(scans) != 2:
        msg = f"An interpolation lies between two scans, not {len(scans)}."
        raise InputError(msg)
    first, second = scans
    conformed = engine.conform([first.volume, second.volume], part_of(progress, 0.0, CONFORMED))
    ends = [engine.encode(one.volume) for one in conformed]
    inside = united_brain([one.brain for one in conformed])
    mixtures = []
    for index, alpha in enumerate(alphas):
        progress(CONFORMED + (1.0 - CONFORMED) * index / steps, f"decoding alpha {alpha:.2f}")
        mixtures.append(mix(ends[0], ends[1], float(alpha), engine, inside))
    return Interpolation((first, second), conformed, tuple(mixtures), engine.identity)


def mix(first: Latent, second: Latent, alpha: float, engine: Engine, inside: NDArray[np.bool_]) -> Mixture:
    """The brain decoded at one mixture of two latents, segmented and measured; `inside` is that of both."""
    volume = engine.decode(mix_latents(first, second, alpha), inside)
    segmented = engine.measure(volume)
    return Mixture(alpha, volume, segmented.labels, segmented.volumes_ml)


def write_interpolation(interpolation: Interpolation, folder: Path) -> None:
    """`interpolated_alpha-A.AAA_T1w.nii.gz` and its segmentation on the second scan's grid, and tables."""
    reference = interpolation.conformed[-1]
    rows: list[tuple[str, ...]] = []
    for mixture in interpolation.mixtures:
        stem = folder / f"interpolated_alpha-{mixture.alpha:.3f}"
        image = reference.restore(mixture.volume)
        words = f"MRExtrap: INTERPOLATED, alpha {mixture.alpha:.3f}, not acquired"
        write_nifti(image, stem.with_name(f"{stem.name}_T1w.nii.gz"), description=words)
        write_segmentation(reference.restore_labels(mixture.labels), image.affine, stem)
        rows += [(f"{mixture.alpha:.6f}", region, f"{ml:.3f}") for region, ml in mixture.volumes_ml.items()]
    write_table(folder / "volumes.csv", COLUMNS, rows)
    inputs = [
        scan_record(scan, scan.age_years)
        | {"registration": registration_record(one), "warnings": list(scan.warnings)}
        for scan, one in zip(interpolation.scans, interpolation.conformed, strict=True)
    ]
    record = result_record("interpolate", interpolation.engine) | {"inputs": inputs}
    write_record(record, folder / "interpolate.json")
