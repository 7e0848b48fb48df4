"""Time and memory of encode, decode, segment and a whole forecast, against MONAI's AutoencoderKL.

    python Testing/benchmarks/run.py [--quick] [--only slab slider …] [--model DIR] [-o OUT.json]

The peer is the configuration that published brain models use: channels 64, 128, 128, 128, two residual
blocks, four latent channels, no attention; untrained, since weights do not change the time. It runs in
float32, as people run it on a processor, and in bfloat16 with channels last, the fairer row. Both sides
decode to, and encode from, the same 160×192×160 image with the same number of threads; each from the
latents that its own architecture has.

Every measurement is a fresh process of its own, and the sides take turns, so that another load on the
computer meets both alike. Times are medians over rounds; a short task is called several times in a round,
after one warm-up. Memory is what the calls need on top of imports, network and input; the whole process is
given too. Without --model the bundled model is taken; where there is none, an untrained network, and no
forecast. --quick halves every axis (an eighth of the voxels): minutes become seconds, ratios shrink.

Full size wants 12 GB of memory for the peer, and a quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

FULL, QUICK = (160, 192, 160), (80, 96, 80)
CALLS = {
    "encode, MRExtrap": 5,
    "decode, MRExtrap": 5,
    "three slabs, MRExtrap": 5,
    "slider step, MRExtrap": 5,
    "segment, MRExtrap": 2,
    "volumes alone, MRExtrap": 2,
}
"""Timed calls in a round, after one warm-up. The others take long at full size: one call, cold."""

NEVER_WARM = ("forecast of two scans, MRExtrap",)
"""Loading and reading belong to it."""

GROUPS = {
    "decode": ("decode, MRExtrap", "decode, MONAI float32", "decode, MONAI bfloat16"),
    "slab": ("three slabs, MRExtrap",),
    "slider": ("slider step, MRExtrap",),
    "warp": ("warped image, MRExtrap",),
    "encode": ("encode, MRExtrap", "encode, MONAI float32", "encode, MONAI bfloat16"),
    "segment": ("segment, MRExtrap",),
    "volumes": ("volumes alone, MRExtrap",),
    "forecast": ("forecast of two scans, MRExtrap",),
}
"""Operation → its sides, ours first; they take turns in this order."""

MEASURE = Path(__file__).with_name("measure.py")
REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Setting:
    """What all sides share.

    Attributes:
        shape: of the image.
        rounds: in which the sides take turns.
        threads: of every process.
        model: folder of trained weights for our side, or None.
        is_quick: the peer, too, gets a warm-up: its calls are short enough for one to count.
    """

    shape: tuple[int, ...]
    rounds: int
    threads: int
    model: Path | None
    is_quick: bool

    def arguments_of(self, task: str) -> list[str]:
        """For `measure.py`."""
        is_warm = task in CALLS or (self.is_quick and task not in NEVER_WARM)
        arguments = [task, "--shape", *map(str, self.shape), "--threads", str(self.threads)]
        arguments += ["--calls", str(CALLS.get(task, 1)), *(["--warm-up"] if is_warm else [])]
        return arguments + (["--model", str(self.model)] if self.model else [])


@dataclass(frozen=True)
class Measurement:
    """One task over all rounds.

    Attributes:
        seconds: of every timed call.
        memory_mb: largest need of a round above what was there before.
        process_mb: largest size of the whole process.
    """

    seconds: tuple[float, ...]
    memory_mb: float
    process_mb: float

    @property
    def median_seconds(self) -> float:
        """What is compared."""
        return median(self.seconds)


def measured(task: str, setting: Setting) -> dict:
    """One round of one task, in a fresh process.

    Raises:
        RuntimeError: the process failed; its last words are in the message.
    """
    command = [sys.executable, str(MEASURE), *setting.arguments_of(task)]
    threads = {"OMP_NUM_THREADS": str(setting.threads)}
    environment = {**os.environ, **threads, "PYTHONPATH": str(REPOSITORY)}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1]
        msg = f"{task} failed: {last}"
        raise RuntimeError(msg)
    return json.loads(ended.stdout.strip().splitlines()[-1])


def run_all(groups: Sequence[str], setting: Setting) -> dict[str, Measurement]:
    """Every task of the groups, the sides of each taking turns."""
    found: dict[str, list[dict]] = {}
    for group in groups:
        for number in range(1, setting.rounds + 1):
            for task in GROUPS[group]:
                one = measured(task, setting)
                print(f"round {number}: {task}: {median(one['seconds']):.2f} s", file=sys.stderr, flush=True)
                found.setdefault(task, []).append(one)
    return {
        task: Measurement(
            tuple(second for one in ones for second in one["seconds"]),
            max(one["memory_mb"] for one in ones),
            max(one["process_mb"] for one in ones),
        )
        for task, ones in found.items()
    }


def ratios(found: Mapping[str, Measurement]) -> dict[str, dict[str, float]]:
    """Peer's task → how many times its time and memory ours has it better."""
    compared = {}
    for tasks in GROUPS.values():
        ours = found.get(tasks[0])
        for peer in tasks[1:] if ours else ():
            compared[peer] = {
                "times_faster": found[peer].median_seconds / ours.median_seconds,
                "times_less_memory": found[peer].memory_mb / max(ours.memory_mb, 1.0),
                "times_smaller_process": found[peer].process_mb / ours.process_mb,
            }
    return compared


def report(found: Mapping[str, Measurement]) -> str:
    """Ratios first, then every task."""
    lines = [
        f"{peer}: MRExtrap is {one['times_faster']:.0f} times faster and needs "
        f"1/{one['times_less_memory']:.0f} of the memory (whole process 1/{one['times_smaller_process']:.1f})"
        for peer, one in ratios(found).items()
    ]
    lines += [
        *([""] if lines else []),
        "| task | median s | fastest | slowest | memory MB | whole process MB |",
    ]
    lines += ["|---|---:|---:|---:|---:|---:|"]
    lines += [
        f"| {task} | {one.median_seconds:.3f} | {min(one.seconds):.3f} | {max(one.seconds):.3f} "
        f"| {one.memory_mb:.0f} | {one.process_mb:.0f} |"
        for task, one in found.items()
    ]
    return "\n".join(lines)


def bundled_model() -> Path | None:
    """The model that comes with the package, when one does."""
    sys.path.insert(0, str(REPOSITORY))
    from MRExtrapLib.errors import ModelError
    from MRExtrapLib.model.catalogue import find_model

    try:
        return find_model()
    except ModelError:
        return None


def main(arguments: Sequence[str] | None = None) -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="80×96×80, one round")
    parser.add_argument("--shape", type=int, nargs=3, metavar=("X", "Y", "Z"), help="multiples of 8")
    parser.add_argument("--only", nargs="+", choices=sorted(GROUPS), help="all if left out")
    parser.add_argument("--rounds", type=int, help="3, or 1 with --quick")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", type=Path, help="model folder; the bundled one if left out")
    parser.add_argument("-o", "--output", type=Path, help="JSON of all figures")
    asked = parser.parse_args(arguments)
    setting = Setting(
        shape=tuple(asked.shape or (QUICK if asked.quick else FULL)),
        rounds=asked.rounds or (1 if asked.quick else 3),
        threads=asked.threads,
        model=asked.model or bundled_model(),
        is_quick=asked.quick,
    )
    groups = [group for group in asked.only or GROUPS if group != "forecast" or setting.model]
    found = run_all(groups, setting)
    print(report(found))
    if asked.output:
        about = {"shape": setting.shape, "rounds": setting.rounds, "threads": setting.threads}
        about |= {"machine": platform.machine(), "is_trained": setting.model is not None}
        content = {"ratios": ratios(found), "about": about}
        content["tasks"] = {name: asdict(one) for name, one in found.items()}
        asked.output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
