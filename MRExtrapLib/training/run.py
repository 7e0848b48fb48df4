"""A training run that may be interrupted at any moment and goes on where it was.

The folder of a run holds `state.pt` (networks, optimisers, step; replaced as a whole), `metrics.csv`,
TensorBoard events and `run.json` (configuration, seed, versions, seconds spent).
"""

from __future__ import annotations

import csv
import json
import os
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from torch import distributed, nn
from torch.utils.tensorboard import SummaryWriter

from MRExtrapLib import __version__
from MRExtrapLib.errors import InputError

Trained = nn.Module | torch.optim.Optimizer
"""What a checkpoint is made of."""


def versions() -> dict[str, str]:
    """Package → version, for the record."""
    return {"mrextrap": __version__, "torch": torch.__version__, "python": platform.python_version()}


def rank() -> int:
    """This process's number among those of `torchrun` (0 when alone)."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def world_size() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def join_processes() -> None:
    """Meets the other processes when `torchrun` started us; each takes a GPU of its own, if there are any."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or distributed.is_initialized():
        return
    has_gpus = torch.cuda.is_available()
    if has_gpus:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if has_gpus else "gloo")


@contextmanager
def one_after_the_first() -> Iterator[None]:
    """Lets the first process do alone what leaves files, and the others then find those files.

    An error of the first process ends the others too, when `torchrun` sees it.
    """
    if rank() > 0:
        distributed.barrier()
    yield
    if rank() == 0 and world_size() > 1:
        distributed.barrier()


def average_gradients(network: nn.Module) -> None:
    """Gives every process the mean of all processes' gradients, for a network outside of DDP."""
    for parameter in network.parameters() if world_size() > 1 else ():
        if parameter.grad is not None:
            distributed.all_reduce(parameter.grad)
            parameter.grad /= world_size()


@dataclass
class Run:
    """The folder of one training run and how far it has come."""

    folder: Path
    configuration: Mapping[str, object]
    seconds: float = 0.0
    step: int = 0
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        record = self.folder / "run.json"
        if record.exists():
            earlier = json.loads(record.read_text(encoding="utf-8"))
            if earlier["configuration"] != json.loads(json.dumps(self.configuration)):
                msg = f"{self.folder} holds a run with other options; give the same options, or another -o."
                raise InputError(msg)
            self.seconds = earlier["seconds"]

    @property
    def seconds_spent(self) -> float:
        """Wall time over all sittings."""
        return self.seconds + time.monotonic() - self.started

    def restore(self, parts: Mapping[str, Trained]) -> None:
        """Puts networks and optimisers back as `save` left them, if it ever ran."""
        path = self.folder / "state.pt"
        if path.exists():
            state = torch.load(path, map_location="cpu", weights_only=True)
            self.step = state["step"]
            for name, part in parts.items():
                part.load_state_dict(state[name])

    def save(self, parts: Mapping[str, Trained]) -> None:
        """Writes everything that `restore` needs, whole or not at all.

        Raises:
            InputError: a weight is not finite; what was saved before stays.
        """
        if rank() != 0:
            return
        for name, part in parts.items():
            if isinstance(part, nn.Module) and not _is_finite(part):
                msg = (
                    f"The training has diverged: the {name}'s weights are not finite at step {self.step}. "
                    f"{self.folder} keeps what was saved before; give a lower --learning-rate and another -o."
                )
                raise InputError(msg)
        unfinished = self.folder / "state.pt.part"
        torch.save(
            {"step": self.step, **{name: part.state_dict() for name, part in parts.items()}}, unfinished
        )
        unfinished.replace(self.folder / "state.pt")
        self._record()

    def _record(self) -> None:
        record = {
            "configuration": self.configuration,
            "step": self.step,
            "seconds": round(self.seconds_spent, 1),
            "versions": versions(),
        }
        unfinished = self.folder / "run.json.part"
        unfinished.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(self.folder / "run.json")

    def log(self, metrics: Mapping[str, float]) -> None:
        """One line of metrics.csv and one point on every TensorBoard curve."""
        if rank() != 0:
            return
        path = self.folder / "metrics.csv"
        row = {"step": self.step, "seconds": round(self.seconds_spent, 1), "name": "", "value": 0.0}
        is_new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if is_new:
                writer.writeheader()
            writer.writerows(row | {"name": name, "value": f"{value:.6g}"} for name, value in metrics.items())
        for name, value in metrics.items():
            self._curves.add_scalar(name, value, self.step)

    @cached_property
    def _curves(self) -> SummaryWriter:
        return SummaryWriter(str(self.folder / "curves"))


def _is_finite(network: nn.Module) -> bool:
    values = (value for value in network.state_dict().values() if value.is_floating_point())
    return all(bool(torch.isfinite(value).all()) for value in values)
