"""How much memory a network's work takes, how much there is, and what to do when it was too little."""

from __future__ import annotations

import ctypes
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import torch

from MRExtrapLib.model.device import Device, cpu

Tell: TypeAlias = Callable[[str], None]
"""Hears a sentence for the user."""

USABLE = 0.7
"""Share of the free memory that an estimate may fill: others want some, too."""

SHRINKING = 8
"""Pieces hold so many times less after memory ran out: half along each axis."""

MOST_SHRINKINGS = 2
"""Pieces of a sixty-fourth; if even these do not fit, memory is not what is lacking."""

MEMORY_TABLE = Path("/proc/meminfo")


M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Of glibc's mallopt(3)."""


def keep_freed_memory() -> None:
    """Lets the C library keep for the next step what a step gives back; other systems go on as they are.

    glibc hands every large tensor's pages back to the system and asks for them anew, zeroed: on a CPU that is
    a fifth of a training step (`Testing/benchmarks/training.py`). The process never shrinks again, which
    suits a run and not a program that waits for its user.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, -1)


def free_bytes(device: Device) -> int | None:
    """Memory that a device has left; None where the system does not tell."""
    if device.torch.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device.torch)
        kept = torch.cuda.memory_reserved(device.torch) - torch.cuda.memory_allocated(device.torch)
        return int(free + kept)
    if device.torch.type == "mps":
        most = getattr(torch.mps, "recommended_max_memory", None)
        return None if most is None else int(most() - torch.mps.driver_allocated_memory())
    if not MEMORY_TABLE.exists():
        return None
    lines = MEMORY_TABLE.read_text(encoding="ascii", errors="ignore").splitlines()
    kibibytes = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), None)
    return None if kibibytes is None else 1024 * int(kibibytes)


def log(words: str) -> None:
    """Tells the log, where nobody else listens."""
    logging.getLogger(__name__).warning(words)


@dataclass
class Footing:
    """Where a network works, and how small the pieces must be; every step back is said, and kept.

    Attributes:
        device: in use.
        can_divide: whether the network can work in pieces at all.
        tell: hears of each step back.
    """

    device: Device
    can_divide: bool
    tell: Tell
    shrinkings: int = field(default=0, init=False)

    def usable_bytes(self, free: int | None, needed: int) -> float:
        """What a piece may take, of what is free, when the whole work needs so much."""
        usable = float("inf") if free is None else USABLE * free
        return min(usable, needed / SHRINKING**self.shrinkings) if self.shrinkings else usable

    def step_back(self) -> bool:
        """After memory ran out: smaller pieces, then the processor; False when nothing is left to try."""
        here = self.device.torch.type
        if self.can_divide and self.shrinkings < MOST_SHRINKINGS:
            self.shrinkings += 1
            self.tell(f"The memory of the {here} device did not suffice; the work goes on in smaller pieces.")
            return True
        if here != "cpu":
            self.device, self.shrinkings = cpu(), 0
            self.tell(
                f"The memory of the {here} device did not suffice; work goes on, slower, on the processor."
            )
            return True
        return False
