"""Where a result comes from: which scans, which model, which software."""

from __future__ import annotations

import dataclasses
import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from MRExtrapLib import __version__
from MRExtrapLib.forecast.engine import EngineIdentity
from MRExtrapLib.imaging.conform import ConformedVisit
from MRExtrapLib.imaging.scan import Scan

Json = Mapping[str, "Json"] | Sequence["Json"] | str | float | int | bool | None

SCHEMA_VERSION = 2
"""Of the JSON files beside results; readers refuse what they do not know."""

RESEARCH_USE = "Research use only, not for diagnosis. Predicted images are computed, not acquired."

PACKAGES = ("torch", "monai", "numpy", "scipy", "nibabel", "SimpleITK", "pydicom", "safetensors")


def software_versions() -> dict[str, str]:
    """The versions that a result depends on, by name."""
    return {"mrextrap": __version__, "python": platform.python_version()} | {
        package: found for package in PACKAGES if (found := _version_of(package))
    }


def _version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def scan_record(scan: Scan, age_years: float | None) -> dict[str, Json]:
    """What identifies a scan: its name, where it lay, its hash, and the age that was used."""
    return {"name": scan.name, "source": str(scan.source), "sha256": scan.sha256, "age_years": age_years}


def warnings_of(scan: Scan, conformed: ConformedVisit) -> tuple[str, ...]:
    """What a reader must know of a scan: of its file, and of how it conformed."""
    return (*scan.warnings, *conformed.warnings)


def registration_record(conformed: ConformedVisit) -> dict[str, Json]:
    """The figures of a scan's registration and whether they are good."""
    quality = conformed.registration
    return dataclasses.asdict(quality) | {"is_good": quality.is_good}


def result_record(kind: str, identity: EngineIdentity) -> dict[str, Json]:
    """The head that every JSON file of ours shares."""
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "notice": RESEARCH_USE,
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": {"name": identity.model, "sha256": identity.model_sha256},
        "segmenter": identity.segmenter,
        "device": identity.device,
        "versions": software_versions(),
    }


def write_record(record: Mapping[str, Json], path: Path) -> None:
    """The record as JSON, readable by eye."""
    path.write_text(json.dumps(record, indent=2, ensure_ascii=False, default=float) + "\n", encoding="utf-8")
