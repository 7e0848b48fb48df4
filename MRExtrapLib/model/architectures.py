"""Which architectures there are, each with the class that configures it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import nn

from MRExtrapLib.errors import ModelError
from MRExtrapLib.model.autoencoder import Autoencoder, AutoencoderConfig
from MRExtrapLib.model.manifest import NetworkSpec
from MRExtrapLib.model.monai_autoencoder import MonaiAutoencoder, MonaiAutoencoderConfig
from MRExtrapLib.model.segmenter import SegmenterConfig, SegmenterNetwork
from MRExtrapLib.model.typed_json import from_json, to_json

LatentNetwork: TypeAlias = Autoencoder | MonaiAutoencoder
"""Encodes an image to mean and log-variance of a latent, decodes a latent to an image."""


@dataclass(frozen=True)
class Architecture:
    """A network's class, the frozen dataclass that configures it, and the part that it can play."""

    role: str
    config: type[Any]
    network: Callable[[Any], nn.Module]


ARCHITECTURES: Mapping[str, Architecture] = {
    "mrextrap-autoencoder": Architecture("autoencoder", AutoencoderConfig, Autoencoder),
    "monai-autoencoder-kl": Architecture("autoencoder", MonaiAutoencoderConfig, MonaiAutoencoder),
    "mrextrap-segmenter": Architecture("segmenter", SegmenterConfig, SegmenterNetwork),
}
"""The name that model.json gives → what it stands for. A new architecture is one more line here."""


def build(role: str, spec: NetworkSpec) -> nn.Module:
    """An untrained network of the architecture and configuration that a manifest names.

    The global random state is left as it was: loading a model changes no experiment.

    Raises:
        ModelError: an unknown architecture, one for another role, or a configuration that does not fit it.
    """
    known = {name: one for name, one in ARCHITECTURES.items() if one.role == role}
    if spec.architecture not in known:
        msg = f"{spec.architecture!r} is no architecture of an {role}; known are {', '.join(known)}."
        raise ModelError(msg)
    architecture = known[spec.architecture]
    config = from_json(architecture.config, to_json(spec.config), f"The configuration of the {role}")
    with torch.random.fork_rng(devices=[]):
        try:
            return architecture.network(config).eval()
        except (ValueError, TypeError, RuntimeError, ZeroDivisionError) as error:
            msg = f"The configuration of the {role} makes no network: {error}"
            raise ModelError(msg) from error


def spec_of(network: nn.Module) -> NetworkSpec:
    """What a manifest says of a network: the inverse of `build`.

    Raises:
        ModelError: a network of a class that is not among the architectures.
    """
    for name, architecture in ARCHITECTURES.items():
        if type(network) is architecture.network:
            config = to_json(network.config)
            return NetworkSpec(name, config if isinstance(config, dict) else {})
    msg = f"{type(network).__name__} is not among the architectures {', '.join(ARCHITECTURES)}."
    raise ModelError(msg)
