"""Where networks run, and in which precision."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import dtype, nn

from MRExtrapLib.errors import InputError

Network = TypeVar("Network", bound=nn.Module)

CHOICES = ("auto", "cpu", "cuda", "mps")

PROCESSOR = Path("/proc/cpuinfo")
"""Where Linux lists what the processor can do."""


@dataclass(frozen=True)
class Device:
    """A torch device and the number format that is fast on it."""

    torch: torch.device
    precision: dtype

    @property
    def is_reduced(self) -> bool:
        """Whether arithmetic is shorter than float32."""
        return self.precision != torch.float32

    @property
    def words(self) -> str:
        """For a report: 'cpu, bfloat16'."""
        return f"{self.torch.type}, {str(self.precision).removeprefix('torch.')}"


def pick_device(choice: str = "auto") -> Device:
    """The device asked for, or the fastest there is.

    Raises:
        InputError: the device is unknown or this computer has none.
    """
    if choice not in CHOICES:
        msg = f"There is no device '{choice}'; choose one of {', '.join(CHOICES)}."
        raise InputError(msg)
    has = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    kind = next(name for name in ("cuda", "mps", "cpu") if has[name]) if choice == "auto" else choice
    if not has[kind]:
        msg = f"This computer has no {kind} device that torch can use; choose --device cpu, or auto."
        raise InputError(msg)
    if kind == "cpu":
        return cpu()
    return Device(torch.device(kind), {"cuda": torch.float16, "mps": torch.float32}[kind])


def cpu(processor: Path = PROCESSOR) -> Device:
    """The processor, in bfloat16 only where it multiplies it natively; elsewhere it is emulated, and slow."""
    return Device(torch.device("cpu"), torch.bfloat16 if has_native_bf16(processor) else torch.float32)


def has_native_bf16(processor: Path = PROCESSOR) -> bool:
    """Whether this processor has bfloat16 arithmetic (AVX-512 BF16 or AMX; Arm BF16)."""
    if processor.exists():
        words = set(processor.read_text(encoding="utf-8", errors="ignore").split())
        return bool(words & {"avx512_bf16", "amx_bf16", "bf16"})
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(probe and probe())


def on_device(network: Network, device: torch.device) -> Network:
    """The network on a device, its weights laid out channels last, which is 1.2 times faster on a CPU."""
    return network.to(device).to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
