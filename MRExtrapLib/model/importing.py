"""A published MONAI AutoencoderKL becomes one of our model folders.

Weights are read without unpickling code. What MONAI's Generative Models package called differently is renamed
by MONAI itself. Such a model has no segmenter; measuring falls back on the bundled one.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from MRExtrapLib.errors import InputError, ModelError
from MRExtrapLib.imaging.hashing import sha256_of
from MRExtrapLib.imaging.volume import Grid
from MRExtrapLib.model.architectures import build
from MRExtrapLib.model.catalogue import Catalogue
from MRExtrapLib.model.folder import fill, parse_weights, save_model
from MRExtrapLib.model.manifest import Manifest, ModelGrid, NetworkSpec, Source, TrainingRun, checked_name
from MRExtrapLib.model.monai_autoencoder import MonaiAutoencoder, MonaiAutoencoderConfig
from MRExtrapLib.model.typed_json import Json, from_json, parse_json, to_json

BUNDLE_KEYS = ("autoencoder_def", "network_def")
"""Where MONAI bundles describe an autoencoder."""

FIXED_ARGUMENTS: Mapping[str, int] = {"spatial_dims": 3, "in_channels": 1, "out_channels": 1}
WEIGHTLESS_ARGUMENTS = ("use_checkpoint", "use_flash_attention")
"""Arguments that change how MONAI computes, not what."""

WRAPPERS = ("state_dict", "model_state_dict", "autoencoder_state_dict", "autoencoder", "model", "network")
"""Keys under which training scripts save the weights beside optimisers and counters."""

PREFIXES = ("module.", "_orig_mod.", "autoencoder.", "model.", "network.")
"""What wrapping a network (in several GPUs, a compiler, a trainer) puts before every name."""

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class ImportRequest:
    """What to import, and what it cannot say of itself.

    Attributes:
        state: PyTorch or safetensors file of weights.
        config: JSON of MONAI's constructor arguments, or a MONAI bundle's configuration.
        name: of the new model.
        grid: that the autoencoder was trained on.
        licence: of the weights, as SPDX writes it.
    """

    state: Path
    config: Path
    name: str
    grid: ModelGrid
    licence: str = "unknown"


def import_monai(request: ImportRequest, catalogue: Catalogue) -> Path:
    """Install the model that a request describes, whole or not at all, and give its folder.

    Weights keep the float32 precision they came in, so outputs are those of MONAI's own network.

    Raises:
        InputError: a file is missing.
        ModelError: the configuration is not of a 3D AutoencoderKL, the weights are not of it or cannot be
            read safely, or the name is taken.
    """
    folder = catalogue.free_folder(checked_name(request.name))
    config = read_config(request.config)
    spec = NetworkSpec("monai-autoencoder-kl", _object(to_json(config), "config"))
    network = build("autoencoder", spec)
    if not isinstance(network, MonaiAutoencoder):
        msg = f"{type(network).__name__} is no MONAI autoencoder."
        raise TypeError(msg)
    put_weights(network, read_state(request.state))
    save_model(folder, _manifest(request, spec), {"autoencoder": network}, _card(request), torch.float32)
    return folder


def read_config(path: Path) -> MonaiAutoencoderConfig:
    """What MONAI's constructor arguments, or a bundle's `autoencoder_def` or `network_def`, describe.

    Raises:
        InputError: the file cannot be read.
        ModelError: it describes something other than a 3D AutoencoderKL with one channel in and out.
    """
    content = _object(parse_json(_bytes(path), str(path)), str(path))
    key = next((key for key in BUNDLE_KEYS if key in content), None)
    described = content if key is None else _object(content[key], f"{path}: {key}")
    arguments = {
        name: _resolved(value, content, f"{path}: {name}")
        for name, value in described.items()
        if not name.startswith("_")  # a bundle's own notes
    }
    _check_kind(described, arguments, path)
    if "num_channels" in arguments:  # the name in the Generative Models package
        arguments["channels"] = arguments.pop("num_channels")
    arguments = {n: v for n, v in arguments.items() if n not in (*FIXED_ARGUMENTS, *WEIGHTLESS_ARGUMENTS)}
    levels = arguments.get("channels", [0] * len(MonaiAutoencoderConfig.channels))
    if type(arguments.get("num_res_blocks")) is int and isinstance(levels, list):
        arguments["num_res_blocks"] = [arguments["num_res_blocks"]] * len(levels)
    return from_json(MonaiAutoencoderConfig, arguments, str(path))


def read_state(path: Path) -> Weights:
    """The named weights in a PyTorch or safetensors file, out of whatever wraps them.

    Raises:
        InputError: the file cannot be read.
        ModelError: it holds code, or no named weights.
    """
    content = _bytes(path)
    if content[8:9] == b"{":
        return _unwrapped(parse_weights(content, str(path)), path)
    try:
        with warnings.catch_warnings(action="ignore"):  # a refusal is one sentence, ours
            # weights_only: a pickle that would run code is refused before it runs
            saved = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        msg = (
            f"{path} holds more than weights, perhaps code, and was not loaded; "
            "save the network's state_dict() or a safetensors file."
        )
        raise ModelError(msg) from error
    except (RuntimeError, EOFError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        msg = f"{path} is neither a PyTorch nor a safetensors file of weights; download it again."
        raise ModelError(msg) from error
    return _unwrapped(saved, path)


def put_weights(network: MonaiAutoencoder, weights: Weights) -> None:
    """Fill a network with MONAI's weights, by today's names or by those of the Generative Models package.

    Raises:
        ModelError: weights are missing, unknown or of another shape.
    """
    inner = network.network
    if weights.keys() <= inner.state_dict().keys():
        fill(inner, weights, "autoencoder")
        return
    old = dict(weights)
    for parameter in inner.parameters():  # what MONAI's renaming leaves alone then shows
        torch.nn.init.constant_(parameter, float("nan"))
    try:
        inner.load_old_state_dict(old)
    except (KeyError, RuntimeError) as error:
        msg = f"The weights are not of the configured autoencoder: {str(error).splitlines()[-1].strip()}."
        raise ModelError(msg) from error
    left_over = sorted(old)
    untouched = sorted(
        name for name, tensor in inner.state_dict().items() if not torch.isfinite(tensor).all()
    )
    if left_over or untouched:
        words = f"{left_over[0]} is unknown" if left_over else f"{untouched[0]} is missing or not finite"
        msg = f"The weights are not of the configured autoencoder: {words}."
        raise ModelError(msg)


def grid_of(
    template: Grid, shape: tuple[int, int, int] | None = None, spacing_mm: float | None = None
) -> Grid:
    """A grid around the template's centre, RAS, with its shape and spacing unless others are given.

    >>> template = Grid((160, 192, 160), np.eye(4))
    >>> grid_of(template, (80, 96, 80), 2.0).affine[:3, 3].tolist()
    [0.5, 0.5, 0.5]
    """
    shape = shape or template.shape
    spacing = np.full(3, spacing_mm) if spacing_mm is not None else np.array(template.spacing_mm)
    if not (spacing > 0).all():
        msg = f"A spacing of {spacing_mm:g} mm is impossible; give a positive number."
        raise InputError(msg)
    centre = template.affine @ [*((np.array(template.shape) - 1) / 2), 1.0]
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = centre[:3] - spacing * (np.array(shape) - 1) / 2
    return Grid(shape, affine)


def model_grid(grid: Grid, template: str, template_file: Path) -> ModelGrid:
    """A grid as a manifest says it, with the template it belongs to."""
    affine = from_json(tuple[tuple[float, float, float, float], ...], grid.affine.tolist(), "affine")
    return ModelGrid(grid.shape, affine, template, sha256_of(template_file))


def _check_kind(described: Mapping[str, Json], arguments: Mapping[str, Json], path: Path) -> None:
    target = str(described.get("_target_", "AutoencoderKL"))
    if target.split(".")[-1] != "AutoencoderKL":
        msg = f"{path} describes a {target}; only MONAI's AutoencoderKL can be imported."
        raise ModelError(msg)
    for name, needed in FIXED_ARGUMENTS.items():
        if arguments.get(name, needed) != needed:
            msg = f"{path} says {name} {arguments[name]}, but MRExtrap needs {name} {needed}."
            raise ModelError(msg)


def _resolved(value: Json, bundle: Mapping[str, Json], place: str) -> Json:
    """A bundle's `@name` looked up; its `$expressions` are code and stay unread."""
    if isinstance(value, str) and value.startswith("@") and value[1:] in bundle:
        value = bundle[value[1:]]
    if isinstance(value, str) and value[:1] in "$@":
        msg = f"{place} is {value!r}, an expression that is not evaluated; write its value instead."
        raise ModelError(msg)
    return value


def _unwrapped(saved: object, path: Path) -> Weights:
    while isinstance(saved, Mapping) and (key := next((k for k in WRAPPERS if _is_wrapper(saved, k)), None)):
        saved = saved[key]
    is_named = isinstance(saved, Mapping) and all(isinstance(name, str) for name in saved)
    if not isinstance(saved, Mapping) or not is_named or not saved:
        msg = f"{path} holds no named weights; save the network's state_dict()."
        raise ModelError(msg)
    strangers = [name for name, value in saved.items() if not isinstance(value, Tensor)]
    if strangers:
        msg = f"{path} holds {strangers[0]!r}, which is no weight; save the network's state_dict() alone."
        raise ModelError(msg)
    weights = {name: t.float() if t.is_floating_point() else t for name, t in saved.items()}
    while prefix := next((p for p in PREFIXES if all(name.startswith(p) for name in weights)), ""):
        weights = {name.removeprefix(prefix): tensor for name, tensor in weights.items()}
    return weights


def _is_wrapper(saved: Mapping, key: str) -> bool:
    return isinstance(saved.get(key), Mapping)


def _manifest(request: ImportRequest, spec: NetworkSpec) -> Manifest:
    sha256 = sha256_of(request.state)
    command = (
        f"mrextrap models import {request.state.name} --config {request.config.name} --name {request.name}"
    )
    return Manifest(
        name=request.name,
        networks={"autoencoder": spec},
        grid=request.grid,
        licence=request.licence,
        training=(TrainingRun("autoencoder", command, notes="Trained elsewhere; imported."),),
        sources=(Source(request.state.name, request.licence, f"sha256 {sha256}"),),
        description="MONAI AutoencoderKL, imported; no segmenter of its own.",
    )


def _card(request: ImportRequest) -> str:
    return (
        f"# {request.name}\n\n"
        f"A MONAI AutoencoderKL imported from `{request.state.name}` with `{request.config.name}`.\n\n"
        f"- Licence of the weights: {request.licence}\n"
        f"- Grid: {request.grid.shape}, template {request.grid.template}\n"
        "- It has no segmenter of its own, and its quality was not measured here.\n\n"
        "For research use, not for diagnosis.\n"
    )


def _object(value: Json, place: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        msg = f"{place} must be a JSON object of constructor arguments."
        raise ModelError(msg)
    return value


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}); check the path."
        raise InputError(msg) from error
