"""From adding scans to an exported forecast, in the real application, on a phantom whose ageing is known."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path

import numpy as np
import qt
import slicer

from MRExtrapLib.scene.arrays import PlacedArray, affine_of
from MRExtrapLib.scene.ownership import Role, find
from MRExtrapLib.scene.volumes import fill
from MRExtrapPanel.packages import plan_installation, read_requirements
from MRExtrapPanel.panel import Panel
from MRExtrapPanel.process import QtProcess, python_of_slicer
from MRExtrapPanel.talk import StartWorker
from MRExtrapPanel.wishes import Shown

AGES_YEARS = (70.0, 72.0, 74.0)
SHAPE, SPACING_MM = (16, 20, 16), 10.0
GROWTH_A_YEAR = 2.0
"""Intensity that the phantom's middle gains a year."""

PAUSE_S = 0.15
"""Of the workers at each step, so that Cancel comes in time on a busy computer too."""

PATIENCE_S = 120.0
EXACT = 1e-3
"""float32 rounding of a line through intensities of some hundreds."""

HERE = Path(__file__).resolve().parent


def phantom(age_years: float) -> PlacedArray:
    """A head in an oblique place, darker outside, brighter in the middle with age."""
    index = np.moveaxis(np.indices(SHAPE), 0, -1) - (np.array(SHAPE) - 1) / 2
    inside = np.linalg.norm(index / (np.array(SHAPE) / 2), axis=-1)
    voxels = np.where(inside < 1, 100.0 - 40 * inside, 0.0)
    voxels = np.where(inside < 0.4, 120 + GROWTH_A_YEAR * (age_years - 70), voxels)
    affine = np.diag([-SPACING_MM, SPACING_MM, SPACING_MM, 1.0])
    affine[:3, 3] = (75.0, -95.0, -75.0)
    return PlacedArray(voxels.astype(np.float32), affine)


def start_linear(pause_s: float) -> StartWorker:
    """The worker that needs numpy alone."""
    script = [python_of_slicer(), str(HERE / "linear_worker.py")]
    return lambda session, heard, ended: QtProcess([*script, str(session), str(pause_s)], heard, ended)


def start_tiny(pause_s: float) -> StartWorker:
    """The worker around the tiny network; needs all that MRExtrap needs."""
    script = [python_of_slicer(), str(HERE / "tiny_worker.py"), "--pause", str(pause_s), "worker"]

    def start(session: Path, heard: Callable[[bytes], None], ended: Callable[[str], None]) -> QtProcess:
        return QtProcess([*script, "--session", str(session), "--parent", str(os.getpid())], heard, ended)

    return start


def forecast_a_phantom(test: unittest.TestCase, folder: Path) -> None:
    """Runs the whole of it with the worker that needs nothing, and with the network where that can run."""
    _walk_through(test, folder, start_linear(PAUSE_S), is_linear=True)
    plan = plan_installation(read_requirements(folder / "Resources" / "requirements.txt"))
    if plan.is_empty:
        _walk_through(test, folder, start_tiny(PAUSE_S), is_linear=False)
    else:
        print(f"MRExtrap: the network was not tested, as {', '.join(plan.names)} are not installed.")


def _walk_through(test: unittest.TestCase, folder: Path, start: StartWorker, is_linear: bool) -> None:
    slicer.mrmlScene.Clear(0)
    host = qt.QWidget()
    panel = Panel(qt.QVBoxLayout(host), folder, start)
    panel.board.change(missing=())
    out = Path(tempfile.mkdtemp(prefix="mrextrap-selftest-"))
    try:
        _add_scans(panel)
        _cancel_in_the_middle(test, panel)
        _apply(test, panel, is_linear)
        _look_around(test, panel)
        _export(test, panel, out)
    finally:
        panel.close()
        host.deleteLater()
        shutil.rmtree(out, ignore_errors=True)
    test.assertFalse(panel.talk.is_running)


def _add_scans(panel: Panel) -> None:
    for age in AGES_YEARS:
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", f"phantom {age:g}")
        fill(node, phantom(age))
        node.CreateDefaultDisplayNodes()
    panel.add_all()
    wait_until(lambda: panel.state.work is None)
    for scan, age in zip(panel.state.table.scans, AGES_YEARS, strict=True):
        panel.type_age(scan, f"{age:g}")


def _cancel_in_the_middle(test: unittest.TestCase, panel: Panel) -> None:
    panel.apply()
    wait_until(lambda: panel.state.work is not None and panel.state.work.fraction > 0)
    test.assertEqual(panel.ui.applyButton.text, "Cancel")
    panel.apply()
    wait_until(lambda: panel.state.work is None)
    test.assertEqual(panel.state.status, "Cancelled.")


def _apply(test: unittest.TestCase, panel: Panel, is_linear: bool) -> None:
    panel.apply()
    wait_until(lambda: panel.state.can_look and panel.state.on_screen_years is not None)
    panel.set_age(76.0)
    wait_until(lambda: panel.state.on_screen_years == 76.0)
    source = slicer.mrmlScene.GetNodeByID(panel.state.table.scans[-1])
    predicted = find(source, Role.PREDICTED)
    test.assertTrue(np.allclose(affine_of(predicted), affine_of(source)))
    shown = slicer.util.arrayFromVolume(predicted)
    test.assertEqual(shown.shape, tuple(reversed(SHAPE)))
    test.assertTrue(np.isfinite(shown).all())
    if is_linear:
        expected = phantom(76.0).voxels.transpose()
        test.assertLess(float(np.abs(shown - expected).max()), EXACT)


def _look_around(test: unittest.TestCase, panel: Panel) -> None:
    source = slicer.mrmlScene.GetNodeByID(panel.state.table.scans[-1])
    panel.set_shown(Shown.CHANGE)
    wait_until(lambda: find(source, Role.CHANGE) is not None)
    panel.set_shown(Shown.SIDE_BY_SIDE)
    wait_until(lambda: find(source, Role.VISIT, "observed") is not None)
    panel.set_shown(Shown.PREDICTED)
    for age in (75.1, 75.2, 75.3, 78.0):  # as a drag does
        panel.set_age(age)
    wait_until(lambda: panel.state.on_screen_years == 78.0)
    test.assertTrue(panel.state.volume_lines)
    panel.interpolate(0, 1, 0.5)
    wait_until(lambda: find(source, Role.BETWEEN) is not None)
    for visit, place in enumerate(("first", "between", "last")):
        wait_until(lambda: panel.state.can_leave_out)
        panel.leave_out(visit)
        wait_until(lambda place=place: getattr(panel.state.left_out, "place", "") == place)


def _export(test: unittest.TestCase, panel: Panel, out: Path) -> None:
    wait_until(lambda: panel.state.work is None)
    panel.apply()
    wait_until(lambda: panel.state.can_look)
    panel.export_into(out)
    wait_until(lambda: panel.state.work is None)
    test.assertFalse(panel.state.problem, panel.state.problem)
    test.assertTrue(list(out.glob("*/volumes.csv")))


def wait_until(is_true: Callable[[], bool]) -> None:
    """Lets Slicer work until it holds.

    Raises:
        TimeoutError: it does not, for two minutes.
    """
    end = time.monotonic() + PATIENCE_S
    while not is_true():
        if time.monotonic() > end:
            msg = f"waited {PATIENCE_S:g} s in vain"
            raise TimeoutError(msg)
        slicer.app.processEvents()
        time.sleep(0.005)
