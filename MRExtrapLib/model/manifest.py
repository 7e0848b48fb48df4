"""model.json: what a model is, where it works, where it comes from and how good it was measured to be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from MRExtrapLib.errors import InputError, ModelError
from MRExtrapLib.imaging.intensity import IntensityContract
from MRExtrapLib.imaging.volume import Grid
from MRExtrapLib.model.typed_json import Json, from_json, parse_json, to_json

SCHEMA_VERSION = 1
MANIFEST_FILE = "model.json"
CARD_FILE = "MODEL_CARD.md"
PROGRESSION_FILE = "progression.safetensors"
"""The prior of rates, where a model holds one: named arrays that the room `progression` understands."""

VOLUMES_FILE = "volumes.json"
"""What a model knows of regional volumes and their intervals, where it does; read by `progression` too."""

KNOWLEDGE_FILES = (PROGRESSION_FILE, VOLUMES_FILE)
"""What predictions rest on beside networks."""

ROLES = ("autoencoder", "segmenter")
"""The networks a model may hold; each lies in `<role>.safetensors`."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PLAIN_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class NetworkSpec:
    """Which architecture a network has, and how it is configured.

    The configuration stays as JSON holds it: its class lies beside the network, and whoever only wants to
    list models need not load torch. `architectures.build` reads it strictly.
    """

    architecture: str
    config: Mapping[str, object]


@dataclass(frozen=True)
class ModelGrid:
    """The grid that the networks work on: that of a template.

    Attributes:
        shape: voxels along each axis.
        affine: 4×4, voxel index → RAS+ mm.
        template: the name of the template that scans are brought to.
        template_sha256: hash of its file; empty where the template was not at hand.
    """

    shape: tuple[int, int, int]
    affine: tuple[tuple[float, float, float, float], ...]
    template: str
    template_sha256: str = ""

    def __post_init__(self) -> None:
        try:
            _ = self.grid
        except (InputError, ValueError) as error:
            msg = f"The model's grid cannot be: {error}"
            raise ModelError(msg) from error

    @property
    def grid(self) -> Grid:
        """The same as a `Grid`."""
        return Grid(self.shape, self.affine)  # type: ignore[arg-type]  # any nested sequence will do


@dataclass(frozen=True)
class TrainingRun:
    """How one network came to be: enough to do it again.

    Attributes:
        network: "autoencoder" or "segmenter"; "progression" for priors, "calibration" for their intervals.
        command: what was typed.
        data: what it was trained on, in words, one entry a data set.
        seed: of everything random; None where it is unknown.
        duration_hours: wall time; None where it is unknown.
        machine: in words, such as "2 CPU cores".
        versions: package → version.
        notes: anything else worth knowing.
    """

    network: str
    command: str
    data: tuple[str, ...] = ()
    seed: int | None = None
    duration_hours: float | None = None
    machine: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    notes: str = ""


@dataclass(frozen=True)
class Measurement:
    """One figure of measured quality, and on what it was measured.

    Attributes:
        quantity: such as "Dice, hippocampus" or "PSNR inside the brain".
        value: the mean.
        unit: such as "dB"; empty for a share.
        data: such as "29 held-out subjects, heads_2mm".
    """

    quantity: str
    value: float
    unit: str = ""
    data: str = ""


@dataclass(frozen=True)
class Source:
    """Something the model was made from: its name, its licence, where it is to be had."""

    name: str
    licence: str
    reference: str = ""


@dataclass(frozen=True)
class Manifest:
    """Everything model.json says, valid once built.

    Attributes:
        name: what the user calls the model.
        networks: role ("autoencoder", "segmenter") → architecture and configuration.
        grid: where the networks work.
        licence: of the weights, as SPDX writes it.
        intensity: how intensities must have been normalised.
        regions: names of the segmenter's channels, background first; empty without a segmenter.
        training: one run a network.
        quality: measured figures.
        sources: data and weights that went into it.
        files: name → sha256 of every file of the folder beside model.json.
        description: one sentence for a list.
        schema_version: of this layout.

    Raises:
        ModelError: a value that makes no sense, said in one sentence.
    """

    name: str
    networks: Mapping[str, NetworkSpec]
    grid: ModelGrid
    licence: str
    intensity: IntensityContract = field(default_factory=IntensityContract)
    regions: tuple[str, ...] = ()
    training: tuple[TrainingRun, ...] = ()
    quality: tuple[Measurement, ...] = ()
    sources: tuple[Source, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        if self.schema_version != SCHEMA_VERSION:
            raise ModelError(_unknown_schema(self.schema_version))
        checked_name(self.name)
        strangers = set(self.networks) - set(ROLES)
        if not self.networks or strangers:
            msg = f"A model holds an {' or a '.join(ROLES)}, not {', '.join(sorted(strangers)) or 'nothing'}."
            raise ModelError(msg)
        for name, sha256 in self.files.items():
            _check_file(name, sha256)


def weights_file(role: str) -> str:
    """The file that holds a network's weights.

    >>> weights_file("segmenter")
    'segmenter.safetensors'
    """
    return f"{role}.safetensors"


def checked_name(name: str) -> str:
    """A model's name, refused unless it can name a folder on every system.

    Raises:
        ModelError: anything but letters, digits, dots, hyphens and underscores.
    """
    if not _NAME.fullmatch(name):
        msg = (
            f"{name!r} cannot name a model; use up to 64 letters, digits, dots, hyphens and underscores, "
            "beginning with a letter or digit."
        )
        raise ModelError(msg)
    return name


def parse_manifest(text: str | bytes, source: str) -> Manifest:
    """The manifest that a model.json holds.

    Args:
        text: its content, UTF-8.
        source: what to call it in messages.

    Raises:
        ModelError: not JSON, another schema version, an unknown or missing key, or a wrong type.
    """
    content = parse_json(text, source)
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version is None:
        msg = f"{source} says no schema_version; it is not the manifest of an MRExtrap model."
        raise ModelError(msg)
    if type(version) is not int or version != SCHEMA_VERSION:
        msg = f"{source}: {_unknown_schema(version)}"
        raise ModelError(msg)
    return from_json(Manifest, content, source)


def manifest_text(manifest: Manifest) -> str:
    """The content of model.json, the schema version first."""
    content = to_json(manifest)
    ordered = {"schema_version": manifest.schema_version, **(content if isinstance(content, dict) else {})}
    return json.dumps(ordered, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _unknown_schema(version: Json) -> str:
    return (
        f"the model's schema version is {json.dumps(version)}, but this MRExtrap reads version "
        f"{SCHEMA_VERSION}; update MRExtrap, or import the model again."
    )


def _check_file(name: str, sha256: str) -> None:
    if not _PLAIN_FILE.fullmatch(name) or name == MANIFEST_FILE:
        msg = f"A model's manifest lists the file {name!r}, which is not a plain name of a file beside it."
        raise ModelError(msg)
    if not _SHA256.fullmatch(sha256):
        msg = f"The manifest gives {sha256!r} for {name}, which is not a sha256 in hexadecimal."
        raise ModelError(msg)
