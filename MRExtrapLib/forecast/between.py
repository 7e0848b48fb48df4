"""The brain between two scans of one person, measured and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from MRExtrapLib.anatomy.structures import Labels
from MRExtrapLib.errors import InputError
from MRExtrapLib.forecast.engine import Engine, EngineIdentity
from MRExtrapLib.forecast.measuring import write_table
from MRExtrapLib.forecast.output import write_segmentation
from MRExtrapLib.forecast.passage import DEFAULT_MIXTURE, MIXTURE_WORDS, MixtureKind, Passage
from MRExtrapLib.forecast.provenance import (
    registration_record,
    result_record,
    scan_record,
    warnings_of,
    write_record,
)
from MRExtrapLib.imaging.conform import ConformedVisit, united_brain
from MRExtrapLib.imaging.scan import Scan
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.imaging.writing import write_nifti
from MRExtrapLib.progress import Progress, part_of, silent
from MRExtrapLib.progression.interpolation import even_alphas
from MRExtrapLib.progression.response import Telling

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
    kind: MixtureKind
    engine: EngineIdentity
    telling: Telling

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know of the scans, in sentences that name them, and of how volumes are told."""
        both = zip(self.scans, self.conformed, strict=True)
        scans = (f"{scan.name}: {words}" for scan, one in both for words in warnings_of(scan, one))
        return (*scans, *self.telling.doubts)


def interpolate(
    scans: Sequence[Scan],
    steps: int,
    engine: Engine,
    progress: Progress = silent,
    kind: MixtureKind = DEFAULT_MIXTURE,
) -> Interpolation:
    """The brain at `steps` even mixtures of two scans, both ends included; volumes told beside the first's.

    Raises:
        InputError: not two scans, or a number of steps that makes no series.
    """
    alphas = even_alphas(steps)
    if len(scans) != 2:
        msg = f"An interpolation lies between two scans, not {len(scans)}."
        raise InputError(msg)
    first, second = scans
    conformed = engine.conform([first.volume, second.volume], part_of(progress, 0.0, CONFORMED))
    beginning = conformed[0].volume
    progress(CONFORMED, f"measuring {first.name}")
    telling = engine.telling_beside(beginning, engine.volumes_ml(beginning))
    ends = [engine.encode(one.volume) for one in conformed]
    passage = Passage(ends[0], ends[1], united_brain([one.brain for one in conformed]), engine)
    mixtures = []
    for index, alpha in enumerate(alphas):
        done, next_done = (CONFORMED + (1.0 - CONFORMED) * (index + i) / steps for i in (0, 1))
        mixtures.append(mix(passage, float(alpha), kind, part_of(progress, done, next_done)))
    told = tuple(replace(one, volumes_ml=telling.told(one.volumes_ml)) for one in mixtures)
    return Interpolation((first, second), conformed, told, kind, engine.identity, telling)


def mix(
    passage: Passage, alpha: float, kind: MixtureKind = DEFAULT_MIXTURE, progress: Progress = silent
) -> Mixture:
    """The brain at one mixing weight, segmented; its volumes as they are seen."""
    volume = passage.at(alpha, kind, progress)
    segmented = passage.engine.measure(volume)
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
        | {"registration": registration_record(one), "warnings": list(warnings_of(scan, one))}
        for scan, one in zip(interpolation.scans, interpolation.conformed, strict=True)
    ]
    kind = interpolation.kind
    record = result_record("interpolate", interpolation.engine) | {
        "inputs": inputs,
        "image_kind": kind,
        "image_is": MIXTURE_WORDS[kind],
        "volumes_are": interpolation.telling.words,
        "doubts": list(interpolation.telling.doubts),
    }
    write_record(record, folder / "interpolate.json")
