"""A model and the folder that holds it: loaded only when every byte is the expected one, saved whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, cast

import safetensors.numpy
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor, nn

from MRExtrapLib.errors import ModelError
from MRExtrapLib.imaging.volume import Grid
from MRExtrapLib.imaging.writing import whole_folder
from MRExtrapLib.model.architectures import LatentNetwork, build, spec_of
from MRExtrapLib.model.integrity import read_manifest, verified_bytes
from MRExtrapLib.model.manifest import (
    CARD_FILE,
    MANIFEST_FILE,
    PROGRESSION_FILE,
    VOLUMES_FILE,
    Manifest,
    manifest_text,
    weights_file,
)
from MRExtrapLib.model.segmenter import SegmenterNetwork

Parsed = TypeVar("Parsed")

_OTHER_FORMATS = {b"PK\x03\x04": "a zip archive", b"\x80": "a pickle", b"\x1f\x8b": "a gzip file"}
"""How files that are taken for weights begin; a PyTorch checkpoint is one of the first two."""


@dataclass(frozen=True, eq=False)
class Model:
    """A loaded model: frozen networks in float32, in evaluation mode, on the CPU.

    Attributes:
        manifest: everything model.json says.
        folder: where it lies.
        sha256: hash of model.json, and with it of the whole model.
        networks: role → network.
        progression: name → array of the prior of rates, as stored; None where the model holds none.
        volumes: what it knows of regional volumes, as JSON; None where it knows nothing.
    """

    manifest: Manifest
    folder: Path
    sha256: str
    networks: Mapping[str, nn.Module]
    progression: Mapping[str, NDArray] | None = None
    volumes: bytes | None = None

    @property
    def name(self) -> str:
        """What the user calls it."""
        return self.manifest.name

    @property
    def grid(self) -> Grid:
        """The grid that the networks work on."""
        return self.manifest.grid.grid

    @property
    def template(self) -> str:
        """The name of the template that scans are brought to."""
        return self.manifest.grid.template

    @property
    def autoencoder(self) -> LatentNetwork:
        """The network between images and latents.

        Raises:
            ModelError: the model has none.
        """
        if "autoencoder" not in self.networks:
            msg = f"The model {self.name} has no autoencoder: it measures but cannot predict; choose another."
            raise ModelError(msg)
        return cast("LatentNetwork", self.networks["autoencoder"])

    @property
    def segmenter(self) -> SegmenterNetwork | None:
        """The segmentation network, or None where another model's must do."""
        return cast("SegmenterNetwork | None", self.networks.get("segmenter"))


def load_model(folder: Path) -> Model:
    """The model of a folder, after every file's sha256 and every weight's shape was checked.

    Half-precision weights become float32. Nothing is ever unpickled.

    Raises:
        ModelError: a file is missing or changed, the manifest says something unknown, or weights do not fit.
    """
    folder = Path(folder)
    manifest, sha256 = read_manifest(folder)
    contents = {name: verified_bytes(folder, manifest, name) for name in manifest.files}
    networks = {}
    for role, spec in manifest.networks.items():
        network = build(role, spec)
        name = weights_file(role)
        fill(network, parse_weights(contents[name], str(folder / name)), role)
        networks[role] = network.requires_grad_(False)
    prior = contents.get(PROGRESSION_FILE)
    progression = None if prior is None else parse_arrays(prior, str(folder / PROGRESSION_FILE))
    return Model(manifest, folder, sha256, networks, progression, contents.get(VOLUMES_FILE))


def verify(folder: Path) -> Manifest:
    """The manifest of a folder that would load: hashes, architectures, shapes.

    Raises:
        ModelError: it would not.
    """
    return load_model(folder).manifest


def save_model(
    folder: Path,
    manifest: Manifest,
    networks: Mapping[str, nn.Module],
    card: str,
    stored_as: torch.dtype = torch.float16,
    progression: Mapping[str, NDArray] | None = None,
    volumes: str | bytes | None = None,
) -> Manifest:
    """Write a model folder, whole or not at all, and give the manifest as written.

    The manifest's `networks` and `files` are filled in here, whatever they held.

    Args:
        folder: where; an earlier model that we wrote there is replaced.
        manifest: everything else that model.json shall say.
        networks: role → network of a known architecture.
        card: the text of MODEL_CARD.md.
        stored_as: precision of the weights in the files.
        progression: the arrays of a prior of rates, stored as they are.
        volumes: what is known of regional volumes, as JSON.

    Raises:
        ModelError: a network of no known architecture, or weights that the precision cannot hold.
        InputError: the folder holds something else, cannot be written, or the disk is full.
    """
    contents = {weights_file(role): _packed(network, role, stored_as) for role, network in networks.items()}
    contents[CARD_FILE] = card.encode("utf-8")
    if progression is not None:
        contents[PROGRESSION_FILE] = safetensors.numpy.save(dict(progression))
    if volumes is not None:
        contents[VOLUMES_FILE] = volumes.encode("utf-8") if isinstance(volumes, str) else volumes
    manifest = replace(
        manifest,
        networks={role: spec_of(network) for role, network in networks.items()},
        files={name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    )
    with whole_folder(Path(folder)) as unfinished:
        for name, content in contents.items():
            (unfinished / name).write_bytes(content)
        (unfinished / MANIFEST_FILE).write_text(manifest_text(manifest), encoding="utf-8", newline="\n")
    return manifest


def parse_weights(content: bytes, source: str) -> dict[str, Tensor]:
    """Name → tensor of a safetensors file's content, floating point as float32.

    Raises:
        ModelError: it is not safetensors, whatever it is called; it is never given to a pickle reader.
    """
    weights = _parsed(safetensors.torch.load, content, source)
    return {
        name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in weights.items()
    }


def parse_arrays(content: bytes, source: str) -> dict[str, NDArray]:
    """Name → array of a safetensors file's content, each in its own precision.

    Raises:
        ModelError: it is not safetensors, whatever it is called; it is never given to a pickle reader.
    """
    return _parsed(safetensors.numpy.load, content, source)


def _parsed(load: Callable[[bytes], dict[str, Parsed]], content: bytes, source: str) -> dict[str, Parsed]:
    for beginning, words in _OTHER_FORMATS.items():
        # a safetensors file begins with the length of its header, whose JSON begins at byte 8
        if content.startswith(beginning) and content[8:9] != b"{":
            msg = (
                f"{source} is {words}, not safetensors, and was not opened; "
                "`mrextrap models import` reads weights of PyTorch safely."
            )
            raise ModelError(msg)
    try:
        return load(content)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        msg = f"{source} is not a valid safetensors file ({error}); install the model again."
        raise ModelError(msg) from error


def fill(network: nn.Module, weights: Mapping[str, Tensor], role: str) -> None:
    """Put weights into a network, each where its name and shape say, none left out.

    Raises:
        ModelError: a weight is missing, unknown, of another shape or not finite; the first is named.
    """
    expected = network.state_dict()
    wrong = [f"{name} is missing" for name in expected.keys() - weights.keys()]
    wrong += [f"{name} is unknown" for name in weights.keys() - expected.keys()]
    for name in expected.keys() & weights.keys():
        found, needed = tuple(weights[name].shape), tuple(expected[name].shape)
        if found != needed:
            wrong.append(f"{name} has shape {found} where {needed} is needed")
        elif not bool(torch.isfinite(weights[name]).all()):
            wrong.append(f"{name} holds values that are not finite")
    if wrong:
        more = f", and {len(wrong) - 1} more do not fit" if len(wrong) > 1 else ""
        msg = f"The weights of the {role} are not of its architecture: {min(wrong)}{more}."
        raise ModelError(msg)
    network.load_state_dict(dict(weights), strict=True)


def _packed(network: nn.Module, role: str, stored_as: torch.dtype) -> bytes:
    weights = {
        name: tensor.detach().cpu().to(stored_as if tensor.is_floating_point() else tensor.dtype).contiguous()
        for name, tensor in network.state_dict().items()
    }
    for name, tensor in weights.items():
        if not bool(torch.isfinite(tensor).all()):
            msg = f"The {role}'s weight {name} is not finite as {stored_as}; the training has diverged."
            raise ModelError(msg)
    return safetensors.torch.save(weights)
