"""A finished training run as a model folder."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from numpy.typing import NDArray
from torch import nn

from MRExtrapLib.anatomy.structures import STRUCTURES
from MRExtrapLib.imaging.hashing import sha256_of
from MRExtrapLib.imaging.template import BUNDLED, Template
from MRExtrapLib.model.architectures import spec_of
from MRExtrapLib.model.folder import Model, save_model
from MRExtrapLib.model.integrity import verified_bytes
from MRExtrapLib.model.manifest import CARD_FILE, Manifest, ModelGrid, TrainingRun
from MRExtrapLib.model.segmenter import SegmenterNetwork
from MRExtrapLib.progression.coarse import CoarsePrior
from MRExtrapLib.progression.knowledge import Knowledge, knowledge_text
from MRExtrapLib.progression.prior import Prior
from MRExtrapLib.training.run import versions


@dataclass(frozen=True)
class Provenance:
    """What a model folder tells of the run that made it.

    Attributes:
        name: of the model.
        licence: of its weights, as SPDX writes it.
        command: what was typed.
        data: what it was trained on, in words, one entry a data set.
        seed: of everything random.
        hours: wall time over all sittings.
    """

    name: str
    licence: str
    command: str
    data: tuple[str, ...]
    seed: int
    hours: float

    def run_of(self, network: str) -> TrainingRun:
        """The manifest's entry for one network."""
        return TrainingRun(
            network=network,
            command=self.command,
            data=self.data,
            seed=self.seed,
            duration_hours=round(self.hours, 2),
            machine=_machine(),
            versions=versions(),
        )


def pack_segmenter(
    network: SegmenterNetwork,
    start: Model | None,
    template: Template,
    provenance: Provenance,
    folder: Path,
) -> None:
    """A model folder with a segmenter alone: it measures, and teaches an autoencoder.

    Where an earlier model was refined, the runs that made that one are told too.
    """
    runs, networks = (*_segmenter_runs(start), provenance.run_of("segmenter")), {"segmenter": network}
    save_model(folder, _manifest(template, provenance, runs, networks), networks, _card(provenance, runs))


def pack_autoencoder(
    network: nn.Module, teacher: Model, template: Template, provenance: Provenance, folder: Path
) -> None:
    """A model folder with the autoencoder and the segmenter that stood by its training."""
    runs = (*_segmenter_runs(teacher), provenance.run_of("autoencoder"))
    networks = {"autoencoder": network, "segmenter": teacher.networks["segmenter"]}
    save_model(folder, _manifest(template, provenance, runs, networks), networks, _card(provenance, runs))


def pack_progression(
    prior: Prior | CoarsePrior,
    knowledge: Knowledge | None,
    start: Model,
    provenance: Provenance,
    folder: Path,
) -> None:
    """A model folder with the networks of another as they are, and priors of rates fitted with them."""
    volumes = None if knowledge is None else knowledge_text(knowledge)
    _pack_learned(start, provenance, folder, "progression", prior.tensors(), volumes)


def pack_calibration(knowledge: Knowledge, start: Model, provenance: Provenance, folder: Path) -> None:
    """A model folder with everything of another, and its predicted volumes calibrated."""
    _pack_learned(start, provenance, folder, "calibration", start.progression, knowledge_text(knowledge))


LEARNED_AFTER = {"progression": ("progression", "calibration"), "calibration": ("calibration",)}
"""What a new part makes void: a calibration is of the prior that it was made with."""


def _pack_learned(
    start: Model,
    provenance: Provenance,
    folder: Path,
    part: str,
    progression: Mapping[str, NDArray] | None,
    volumes: str | None,
) -> None:
    void = LEARNED_AFTER[part]
    earlier = tuple(run for run in start.manifest.training if run.network not in void)
    run = provenance.run_of(part)
    manifest = replace(
        start.manifest, name=provenance.name, licence=provenance.licence, training=(*earlier, run)
    )
    card = verified_bytes(start.folder, start.manifest, CARD_FILE).decode("utf-8")
    for section in void:
        card = _without_section(card, section)
    lines = [f"## {part}", "", f"    {run.command}", "", *(f"- {entry}" for entry in run.data), ""]
    card = "\n".join([card.rstrip(), "", *lines])
    save_model(folder, manifest, start.networks, card, _precision_of(start.networks), progression, volumes)


def _without_section(card: str, name: str) -> str:
    """A card without one of its sections, up to the next heading of the same rank."""
    before, heading, section = card.partition(f"## {name}\n")
    _, next_heading, after = section.partition("\n## ")
    return before.rstrip() + "\n" + (f"\n## {after}" if heading and next_heading else "") if heading else card


def _precision_of(networks: Mapping[str, nn.Module]) -> torch.dtype:
    """Half precision where that loses nothing, as with weights that were stored so."""
    weights = [tensor for network in networks.values() for tensor in network.state_dict().values()]
    is_half = all(torch.equal(one.half().float(), one) for one in weights if one.is_floating_point())
    return torch.float16 if is_half else torch.float32


def _segmenter_runs(model: Model | None) -> tuple[TrainingRun, ...]:
    return tuple(run for run in model.manifest.training if run.network == "segmenter") if model else ()


def _manifest(
    template: Template,
    provenance: Provenance,
    runs: Sequence[TrainingRun],
    networks: Mapping[str, nn.Module],
) -> Manifest:
    grid = template.volume.grid
    return Manifest(
        name=provenance.name,
        networks={role: spec_of(network) for role, network in networks.items()},
        grid=ModelGrid(grid.shape, grid.affine.tolist(), template.name, sha256_of(BUNDLED)),
        licence=provenance.licence,
        regions=tuple(structure.name for structure in STRUCTURES),
        training=tuple(runs),
    )


def _card(provenance: Provenance, runs: Sequence[TrainingRun]) -> str:
    lines = [
        f"# {provenance.name}",
        "",
        "For research use, not for diagnosis. Its quality was not measured yet.",
        "",
    ]
    for run in runs:
        lines += [
            f"## {run.network}",
            "",
            f"    {run.command}",
            "",
            f"{run.duration_hours} h on {run.machine}.",
            "",
        ]
        lines += [*(f"- {entry}" for entry in run.data), ""]
    return "\n".join(lines)


def _machine() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{torch.get_num_threads()} CPU threads, {platform.machine()}"
