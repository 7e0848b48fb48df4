"""A panel without looks, on played parts: what the tests of its logic sit at."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from MRExtrapPanel.control import Control
from MRExtrapPanel.visits import VisitTable

from MRExtrapLib.model.typed_json import to_json
from MRExtrapLib.worker.requests import ScanInput
from MRExtrapLib.worker.results import (
    ArrayFile,
    Greeting,
    Loaded,
    ModelTable,
    Predicted,
    RegionVolume,
    VisitEntry,
)

REPOSITORY = Path(__file__).resolve().parents[1]

STAND_IN = {"PySide6.QtUiTools": "PySide6-Essentials>=6.7,<6.12", "slicer": "slicer-core>=5.12.4,<5.13"}
"""What the stand-in host imports, and what pip calls it."""

SYSTEM_PACKAGES = ("libdbus-1-3", "libegl1", "libfontconfig1", "libgl1", "libglib2.0-0", "libxkbcommon0")
"""Debian's packages with what PySide6's QtWidgets, QtUiTools and offscreen plugin load of the system."""

IDENTITY = tuple(tuple(float(i == j) for j in range(4)) for i in range(4))


@dataclass
class PlayedWorker:
    """Remembers what it was asked, and says what the test makes it say."""

    heard: Callable[[bytes], None]
    ended: Callable[[str], None]
    asked: list[dict] = field(default_factory=list)
    is_over: bool = False

    def write(self, data: bytes) -> None:
        self.asked += [json.loads(line) for line in data.splitlines()]

    def end(self, at_once: bool) -> None:
        self.is_over = True

    def last(self, request: str) -> dict:
        return next(one for one in reversed(self.asked) if one["request"] == request)

    def names(self) -> list[str]:
        return [one["request"] for one in self.asked]

    def say(self, request: str, event: str, **content: object) -> None:
        words = {"id": self.last(request)["id"], "event": event} | content
        self.heard(json.dumps(words).encode() + b"\n")

    def answer(self, request: str, result: object) -> None:
        self.say(request, "done", result=to_json(result))

    def progress(self, request: str, fraction: float, words: str) -> None:
        self.say(request, "progress", fraction=fraction, words=words)

    def fail(self, request: str, kind: str, sentence: str) -> None:
        self.say(request, "failed", kind=kind, sentence=sentence, detail="")

    def greet(self, session: str = "nowhere") -> None:
        self.answer("hello", Greeting(1, "0.1.0", "3.12", 7, session))


class RecordingStage:
    """Remembers what it was shown; `failure` is raised instead."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.begun: list[tuple] = []
        self.shown: list = []
        self.drawn: list[tuple] = []
        self.kept: list[tuple] = []

    def begin(self, person: Loaded, scans: tuple[str, ...]) -> None:
        self._fail()
        self.begun.append((person.subject, scans))

    def show(self, picture: object, voxels_of: object) -> None:
        self._fail()
        self.shown.append(picture)

    def draw(self, rows: tuple, age_years: float) -> None:
        self.drawn.append((rows, age_years))

    def keep(self, frames: tuple, voxels_of: object) -> None:
        self._fail()
        self.kept.append(frames)

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


class NamedScans:
    """Scans whose names are their files; `failure` is raised instead."""

    def __init__(self) -> None:
        self.failure: Exception | None = None

    def inputs(self, table: VisitTable, folder: Path) -> tuple[ScanInput, ...]:
        if self.failure is not None:
            raise self.failure
        return tuple(ScanInput(visit.scan, visit.age_years) for visit in table.visits)


@dataclass
class Desk:
    """A whole panel without looks, on played parts."""

    control: Control
    scans: NamedScans
    stage: RecordingStage
    workers: list[PlayedWorker]
    states: list
    later: list[Callable[[], None]]

    @property
    def state(self):
        return self.control.board.state

    @property
    def worker(self) -> PlayedWorker:
        return self.workers[-1]

    def rest(self) -> None:
        """Time passes: what was put off happens."""
        put_off, self.later[:] = list(self.later), []
        for action in put_off:
            action()

    def apply(self, **facts: object) -> None:
        """Presses Apply and plays the worker until the first age is there."""
        self.control.apply_or_cancel()
        if self.worker.names()[-1:] == ["hello"]:
            self.worker.greet()
            if "models" in self.worker.names():
                self.worker.answer("models", ModelTable(()))
        self.worker.answer("load", loaded(**facts))
        self.answer_predict()

    def answer_predict(self) -> None:
        """The worker answers the newest request for an age as it was asked."""
        asked = self.worker.last("predict")["arguments"]
        wanted = (asked["age_years"], asked["is_measured"], asked["has_uncertainty"])
        self.worker.answer("predict", predicted(*wanted, image_kind=asked["image_kind"]))


def loaded(subject: str = "subject-1", **facts: object) -> Loaded:
    """A person of two scans."""
    visits = (VisitEntry("first", "first.nii", 70.0), VisitEntry("second", "second.nii", 73.0))
    rows = tuple(
        RegionVolume(kind, age, "hippocampus", ml)
        for kind in ("observed", "reconstructed")
        for age, ml in ((70.0, 7.0), (73.0, 6.4))
    )
    known = {
        "subject": subject,
        "visits": visits,
        "reference": 1,
        "held_out": None,
        "method": "linear",
        "model": "tiny",
        "segmenter": "own",
        "device": "cpu",
        "volumes": rows,
        "trusted_years": (65.5, 77.5),
        "uncertainty": "none of two scans",
        "data_weight": None,
        "image_kind": "plain",
        "warnings": (),
    }
    return Loaded(**(known | facts))


def array_file(name: str) -> ArrayFile:
    return ArrayFile(f"session/subject-1/{name}.npy", IDENTITY)


def predicted(
    age_years: float, is_measured: bool = False, has_uncertainty: bool = False, image_kind: str = "plain"
) -> Predicted:
    """What a worker answers for an age."""
    rows = (RegionVolume("predicted", age_years, "hippocampus", 21.0 - 0.2 * age_years, 5.0, 7.0),)
    return Predicted(
        age_years=age_years,
        image=array_file(f"image-{age_years}"),
        image_kind=image_kind,
        segmentation=array_file(f"labels-{age_years}") if is_measured else None,
        uncertainty=array_file(f"spread-{age_years}") if has_uncertainty else None,
        volumes=rows if is_measured else (),
    )


def need_stand_in() -> None:
    """Skips a whole file of tests where Qt or Slicer's scene cannot be loaded, and says what is lacking.

    PySide6 brings Qt, but not the libraries of the system that Qt itself loads: an import without one of them
    fails and names it.
    """
    for module, package in STAND_IN.items():
        try:
            importlib.import_module(module)
        except ModuleNotFoundError:
            pytest.skip(f"needs {package}: install it with pip", allow_module_level=True)
        except ImportError as error:
            library = str(error).partition(":")[0]
            words = f"needs the system library {library}: apt-get install {' '.join(SYSTEM_PACKAGES)}"
            pytest.skip(words, allow_module_level=True)


def wait_until(is_true: Callable[[], bool]) -> None:
    from MRExtrapPanel import selftest

    selftest.wait_until(is_true)


def phantom_node(name: str, age_years: float) -> Any:
    """A phantom in the scene, unsaved."""
    import slicer
    from MRExtrapPanel.selftest import phantom

    from MRExtrapLib.scene.volumes import fill

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    fill(node, phantom(age_years))
    return node


def workers() -> list[str]:
    """Processes of ours that work in a session folder."""
    listed = subprocess.run(["pgrep", "-P", str(os.getpid()), "-f", "worker"], capture_output=True, text=True)
    return listed.stdout.split()
