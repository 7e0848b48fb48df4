"""One scan, or many unrelated ones: measured, and reconstructed by the autoencoder."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from MRExtrapLib.anatomy.structures import Labels
from MRExtrapLib.forecast.engine import Engine, EngineIdentity
from MRExtrapLib.forecast.output import write_segmentation
from MRExtrapLib.forecast.provenance import (
    registration_record,
    result_record,
    scan_record,
    warnings_of,
    write_record,
)
from MRExtrapLib.imaging.conform import ConformedVisit
from MRExtrapLib.imaging.scan import Scan
from MRExtrapLib.progress import Progress, part_of, silent

COLUMNS = ("scan", "age_years", "region", "volume_ml")


@dataclass(frozen=True, eq=False)
class MeasuredScan:
    """A scan's segmentation on its own grid, and its volumes.

    Attributes:
        name: of its files; the scan's own, told apart where two share one.
        volumes_ml: region → ml.
    """

    name: str
    scan: Scan
    conformed: ConformedVisit
    labels: Labels
    volumes_ml: Mapping[str, float]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know of the scan, in sentences that name it."""
        return tuple(f"{self.name}: {words}" for words in warnings_of(self.scan, self.conformed))


def measure(scans: Sequence[Scan], engine: Engine, progress: Progress = silent) -> Iterator[MeasuredScan]:
    """Each scan conformed by itself and measured, one after the other; they may be of different people."""
    for index, (name, scan) in enumerate(zip(file_names(scans), scans, strict=True)):
        step = part_of(progress, index / len(scans), (index + 1) / len(scans))
        step(0.0, f"measuring {name}")
        (conformed,) = engine.conform([scan.volume], part_of(step, 0.0, 0.8))
        segmented, labels = engine.measure_scan(conformed)
        yield MeasuredScan(name, scan, conformed, labels, segmented.volumes_ml)


def write_measurements(
    measured: Iterable[MeasuredScan], identity: EngineIdentity, folder: Path
) -> tuple[str, ...]:
    """`<scan>_dseg.nii.gz` with its labels TSV for each scan, `volumes.csv`, and `measure.json`.

    Returns:
        What a reader must know of the scans, in sentences.
    """
    rows, inputs = [], []
    warnings: list[str] = []
    for one in measured:
        write_segmentation(one.labels, one.scan.volume.affine, folder / one.name)
        inputs.append(input_record(one))
        warnings += one.warnings
        rows += [(one.name, age_cell(one.scan), region, f"{ml:.3f}") for region, ml in one.volumes_ml.items()]
    write_table(folder / "volumes.csv", COLUMNS, rows)
    write_record(result_record("measure", identity) | {"inputs": inputs}, folder / "measure.json")
    return tuple(warnings)


def input_record(one: MeasuredScan) -> dict:
    """A measured scan's provenance."""
    return scan_record(one.scan, one.scan.age_years) | {
        "output_name": one.name,
        "registration": registration_record(one.conformed),
        "warnings": list(warnings_of(one.scan, one.conformed)),
    }


def age_cell(scan: Scan) -> str:
    """The scan's age for a table, empty when it is not known."""
    return "" if scan.age_years is None else f"{scan.age_years:.3f}"


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A CSV of named columns."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(rows)


def file_names(scans: Sequence[Scan]) -> tuple[str, ...]:
    """A name for each scan's files: its own; where two share it, with the folder's before; then numbered.

    Names that differ in case alone count as shared: on many disks they are one file.
    """
    own = [scan.name.casefold() for scan in scans]
    wide = [
        scan.name if own.count(key) == 1 else f"{scan.source.resolve().parent.name}_{scan.name}"
        for scan, key in zip(scans, own, strict=True)
    ]
    keys = [name.casefold() for name in wide]
    return tuple(
        name if keys.count(key) == 1 else f"{name}_{keys[: index + 1].count(key)}"
        for index, (name, key) in enumerate(zip(wide, keys, strict=True))
    )
