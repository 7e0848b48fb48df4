"""What a user of the panel waits for, from the slider to the pixels of three slice views.

    QT_QPA_PLATFORM=offscreen python Testing/benchmarks/panel.py [--steps 8] [--threads 2] [-o OUT.json]

The panel on its stand-in host, Slicer's own scene and slice logics, a worker process with the bundled model,
the sample subject (0.87×0.87×1 mm). A step ends when the three slices of 512×512 that the views would draw
have been resliced and coloured; drawing them in a window has no part in this. Seconds are medians over steps,
each to an age of its own; CPU seconds are of worker and panel together, over all cores, and tell how much of
a wait was due to other load on the computer.

    new age             nothing of it is there: one decode, on the scan's grid, into the scene
    age seen before     its image lies in the session folder
    age of the sweep    it is stored in the scene, as Play leaves it
    new age, measuring  the worker is in the middle of measuring another age
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "MRExtrap"), str(REPOSITORY / "Testing")]
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

SCANS = 3
PATIENCE_S = 1800.0
VIEW_PIXELS = 512
VIEWS = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}
AFTER_LAST_SCAN_YEARS = 1.3
"""Where the first new age lies, which Apply has not shown; the others follow it."""

STEP_YEARS = 0.1
"""Between two of them, which is what the slider tells apart."""

ON_TIME = {"new age": 0.6, "age seen before": 0.1, "age of the sweep": 0.1}
"""Seconds on two free cores that the panel is meant to keep to."""

TICKS_S = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass
class Steps:
    """One kind of step."""

    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)


@dataclass
class Bench:
    """The opened panel, with three slice views.

    Attributes:
        panel: of MRExtrapPanel.
        slices: vtkMRMLSliceLogic of each view.
    """

    panel: object
    slices: tuple

    def pixels(self) -> None:
        """Reslices and colours what the views show."""
        for logic in self.slices:
            logic.GetImageDataConnection().GetProducer().Update()

    def go_to(self, age_years: float) -> None:
        """Drags the slider to an age, and ends with its pixels."""
        from MRExtrapPanel.selftest import wait_until

        slider = self.panel.ui.ageSlider
        slider.value = age_years
        assert abs(slider.value - age_years) < STEP_YEARS / 2, f"the slider takes no {age_years:g}"
        wait_until(lambda: abs((self.panel.state.on_screen_years or 0) - age_years) < STEP_YEARS / 2)
        self.pixels()

    def timed(self, steps: Steps, act: Callable[[], None]) -> None:
        """Adds one step."""
        start, before = time.perf_counter(), self._cpu_s()
        act()
        steps.seconds.append(time.perf_counter() - start)
        steps.cpu_seconds.append(self._cpu_s() - before)

    def _cpu_s(self) -> float:
        greeting = self.panel.talk.greeting
        stat = Path(f"/proc/{greeting.pid}/stat") if greeting else None
        if stat is None or not stat.exists():
            return time.process_time()
        user, system = stat.read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / TICKS_S + time.process_time()


@contextmanager
def opened() -> Iterator[Bench]:
    """The panel after Apply on the sample subject."""
    from panel_host import node_of_file, open_stand_in

    host = open_stand_in()
    import qt
    import slicer
    from MRExtrapPanel import selftest
    from MRExtrapPanel.panel import Panel

    selftest.PATIENCE_S = PATIENCE_S
    widget = qt.QWidget()
    panel = Panel(qt.QVBoxLayout(widget), REPOSITORY)
    try:
        for path in sorted((REPOSITORY / "MRExtrapLib" / "sample").rglob("*_T1w.nii.gz"))[:SCANS]:
            node = node_of_file(path)
            node.CreateDefaultDisplayNodes()
        panel.ui.addAllButton.click()
        selftest.wait_until(lambda: panel.state.work is None)
        panel.ui.applyButton.click()
        selftest.wait_until(lambda: panel.state.on_screen_years is not None)
        yield Bench(panel, tuple(view(host.scene, *one, node) for one in VIEWS.items()))
    finally:
        panel.close()
        slicer.app.processEvents()


def view(host, name: str, orientation: str, volume):  # a vtkMRMLSliceLogic
    """A slice view's logic, looking through the middle of the volume."""
    import slicer

    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLApplicationLogic(host.application)
    logic.SetMRMLScene(host.scene)
    node = logic.AddSliceNode(name)
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(host.scene)
    node.SetOrientation(orientation)
    node.SetDimensions(VIEW_PIXELS, VIEW_PIXELS, 1)
    logic.FitSliceToVolume(volume, VIEW_PIXELS, VIEW_PIXELS)
    return logic


def measured(bench: Bench, count: int) -> dict[str, Steps]:
    """All kinds of steps."""
    from MRExtrapPanel.selftest import wait_until
    from MRExtrapPanel.state import Sweep

    found = {
        name: Steps() for name in ("new age", "age seen before", "age of the sweep", "new age, measuring")
    }
    panel = bench.panel
    last = panel.state.person.visits[-1].age_years
    first = round(last + AFTER_LAST_SCAN_YEARS, 1)
    ages = [round(first + STEP_YEARS * index, 1) for index in range(count)]
    others = [round(age + STEP_YEARS * count, 1) for age in ages]
    sweep = Sweep(first + 1, first + 3, 1.0)
    bench.go_to(last)  # the first reslicing makes the pipeline
    for age in ages:
        bench.timed(found["new age"], lambda age=age: bench.go_to(age))
    for age in reversed(ages[:-1]):
        bench.timed(found["age seen before"], lambda age=age: bench.go_to(age))
    for age in others:
        wait_until(lambda: panel.state.is_decoding)  # the slider has rested, and the worker measures
        bench.timed(found["new age, measuring"], lambda age=age: bench.go_to(age))
    panel.set_sweep(sweep)
    panel.play()
    wait_until(lambda: panel.state.swept != () and panel.state.playing is None)
    for index in range(count):
        age = sweep.ages_years[index % 3]
        bench.timed(found["age of the sweep"], lambda age=age: bench.go_to(age))
    return found


def report(found: dict[str, Steps]) -> str:
    """Every kind of step in a line."""
    lines = ["| step | median s | fastest | slowest | CPU s | meant |", "|---|---:|---:|---:|---:|---:|"]
    for name, steps in found.items():
        times = f"{median(steps.seconds):.3f} | {min(steps.seconds):.3f} | {max(steps.seconds):.3f}"
        meant = f"≤ {ON_TIME[name]:g}" if name in ON_TIME else ""
        lines.append(f"| {name} | {times} | {median(steps.cpu_seconds):.3f} | {meant} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path, help="JSON of all figures")
    asked = parser.parse_args(arguments)
    os.environ["OMP_NUM_THREADS"] = str(asked.threads)  # of the worker, which inherits it
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    with opened() as bench:
        found = measured(bench, asked.steps)
    print(f"{asked.threads} threads; load of the computer before: {load:.1f}\n")
    print(report(found))
    if asked.output:
        content = {name: asdict(steps) for name, steps in found.items()}
        asked.output.write_text(
            json.dumps({"threads": asked.threads, "load": load, "steps": content}, indent=1)
        )


if __name__ == "__main__":
    main()
