"""What a training step costs where the C library keeps freed memory, and where it gives it back.

    python Testing/benchmarks/training.py [--steps 8]

A step is the segmenter's, forward and back, on a crop of 128 mm of noise. Each way has a process of its own,
as memory that was once kept stays kept; they take turns, twice. Medians and their ratio are printed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

import torch

from MRExtrapLib.model.device import on_device, pick_device
from MRExtrapLib.model.memory import keep_freed_memory
from MRExtrapLib.model.segmenter import WINDOW, SegmenterConfig, SegmenterNetwork

ROUNDS = 2
WARM_UP_STEPS = 2


def step_seconds(steps: int) -> list[float]:
    """Seconds of each of so many steps, after a few that are not counted."""
    device = pick_device("cpu").torch
    network = on_device(SegmenterNetwork(SegmenterConfig()), device)
    image = torch.rand(1, 1, WINDOW, WINDOW, WINDOW)
    taken = []
    for _ in range(WARM_UP_STEPS + steps):
        started = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16):
            logits = network(image)
        logits.float().square().mean().backward()
        taken.append(time.perf_counter() - started)
    return taken[WARM_UP_STEPS:]


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--only", choices=("kept", "given-back"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        if arguments.only == "kept":
            keep_freed_memory()
        print(*step_seconds(arguments.steps))
        return
    seconds: dict[str, list[float]] = {"kept": [], "given-back": []}
    for _ in range(ROUNDS):
        for way, taken in seconds.items():
            command = [sys.executable, __file__, "--steps", str(arguments.steps), "--only", way]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            taken += map(float, said.split())
    kept, given_back = (statistics.median(taken) for taken in seconds.values())
    print(f"a step: {kept:.2f} s kept, {given_back:.2f} s given back, ratio {kept / given_back:.2f}")


if __name__ == "__main__":
    main()
