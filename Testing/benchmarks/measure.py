"""One task, timed and weighed in this process alone: `python Testing/benchmarks/measure.py TASK …`.

Prints one line of JSON. Memory is the highest resident size during the calls above the resident size just
before them, when imports, network and input are already there.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Testing is no package: its rooms meet here
from benchmarks.tasks import TASKS

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
RESET_PEAK = "5"
"""What Linux wants written to forget the highest resident size so far."""


def resident_mb() -> float:
    """What this process holds in memory now."""
    return _status_mb("VmRSS")


def peak_mb() -> float:
    """The most it has held since the peak was last forgotten."""
    if STATUS.exists():
        return _status_mb("VmHWM")
    import resource

    per_mb = 1e6 if sys.platform == "darwin" else 1e3  # bytes on macOS, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / per_mb


def forget_peak() -> float:
    """Forgets the peak where the system can, and gives what to count from."""
    try:
        CLEAR.write_text(RESET_PEAK, encoding="ascii")
    except OSError:
        return peak_mb()
    return resident_mb()


def _status_mb(field: str) -> float:
    line = next(line for line in STATUS.read_text(encoding="ascii").splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1e3


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("task", choices=sorted(TASKS))
    parser.add_argument("--shape", type=int, nargs=3, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--calls", type=int, default=1)
    parser.add_argument(
        "--warm-up", action="store_true", help="one call before the clock, as a session has had"
    )
    parser.add_argument("--model", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    work = TASKS[arguments.task](tuple(arguments.shape), arguments.model)
    before_mb = forget_peak()
    if arguments.warm_up:
        work()
    seconds = []
    for _ in range(arguments.calls):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    found = {"seconds": seconds, "memory_mb": peak_mb() - before_mb, "process_mb": peak_mb()}
    print(json.dumps(found | {"pid": os.getpid()}))


if __name__ == "__main__":
    main()
