"""Small models, untrained: what they say is noise, but every byte of them is real."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from MRExtrapLib.model.autoencoder import Autoencoder, AutoencoderConfig
from MRExtrapLib.model.catalogue import Catalogue
from MRExtrapLib.model.folder import save_model
from MRExtrapLib.model.manifest import Manifest, Measurement, ModelGrid, NetworkSpec, Source, TrainingRun
from MRExtrapLib.model.segmenter import SegmenterConfig, SegmenterNetwork

IDENTITY = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))


@pytest.fixture
def a_manifest() -> Manifest:
    """Everything a manifest can say, but for networks and files, which saving fills in."""
    return Manifest(
        name="tiny",
        networks={"autoencoder": NetworkSpec("mrextrap-autoencoder", {})},
        grid=ModelGrid((16, 16, 16), IDENTITY, "a template", "0" * 64),
        licence="Apache-2.0",
        regions=("background", "brain"),
        training=(
            TrainingRun("autoencoder", "mrextrap train", ("brains",), 7, 0.5, "2 cores", {"torch": "2"}),
        ),
        quality=(Measurement("PSNR inside the brain", 28.5, "dB", "8 held-out subjects"),),
        sources=(Source("brains", "CC0-1.0", "https://example.org/brains"),),
        description="A model for tests.",
    )


@pytest.fixture
def tiny_networks() -> dict[str, nn.Module]:
    """Both networks, as small as they get."""
    torch.manual_seed(0)
    return {
        "autoencoder": Autoencoder(AutoencoderConfig(widths=(4, 8), blocks=(1, 1))),
        "segmenter": SegmenterNetwork(SegmenterConfig(structures=2, widths=(4, 8))),
    }


@pytest.fixture
def a_tiny_model(tmp_path: Path, a_manifest: Manifest, tiny_networks: dict[str, nn.Module]) -> Path:
    """A valid model folder."""
    folder = tmp_path / "tiny"
    save_model(folder, a_manifest, tiny_networks, "# tiny\n")
    return folder


@pytest.fixture
def a_catalogue(tmp_path: Path) -> Catalogue:
    """A catalogue of two folders of its own, both still missing."""
    return Catalogue(tmp_path / "bundled", tmp_path / "person" / "models")


@pytest.fixture
def rewrite(a_tiny_model: Path) -> Callable[..., None]:
    """Changes model.json of the tiny model: `rewrite(licence="MIT")`."""

    def changed(**values: object) -> None:
        path = a_tiny_model / "model.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return changed


@pytest.fixture
def replace_file(a_tiny_model: Path, rewrite: Callable[..., None]) -> Callable[[str, bytes], None]:
    """Gives a file of the tiny model other content, and model.json the hash of it: a forger's work."""

    def replaced(name: str, content: bytes) -> None:
        (a_tiny_model / name).write_bytes(content)
        files = json.loads((a_tiny_model / "model.json").read_text())["files"]
        rewrite(files=files | {name: hashlib.sha256(content).hexdigest()})

    return replaced
