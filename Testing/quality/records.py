"""Figures measured so far, kept on disk case by case, so that a stopped measurement goes on where it was."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from MRExtrapLib.errors import InputError

Figures = Mapping[str, float]
"""Name → value, such as "dice/ours/hippocampus"."""

MARK = " | "
"""Between a case's condition and its subject."""


@dataclass
class Records:
    """What was measured of one model, case by case.

    Attributes:
        path: the JSON file; begun when it is not there.
        model: name and sha256 of the model; figures of another model are never mixed in.
        figures: condition → subject → figures.
        refused: condition → subject → the sentence with which the product refused.
    """

    path: Path
    model: Mapping[str, str]
    figures: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    refused: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.path.exists():
            return
        stored = json.loads(self.path.read_text(encoding="utf-8"))
        if stored["model"] != dict(self.model):
            msg = f"{self.path} holds figures of the model {stored['model']}, not of {dict(self.model)}."
            raise InputError(msg)
        self.figures, self.refused = stored["figures"], stored["refused"]

    def measure(self, condition: str, subject: str, work: Callable[[], Figures]) -> None:
        """Does the work unless its figures are there; what the product refuses is kept as its sentence."""
        if subject in self.figures.get(condition, {}) or subject in self.refused.get(condition, {}):
            return
        print(f"{condition}{MARK}{subject}", flush=True)
        try:
            found = {name: value for name, value in work().items() if math.isfinite(value)}
            self.figures.setdefault(condition, {})[subject] = found
        except InputError as error:
            print(f"  refused: {error}", flush=True)
            self.refused.setdefault(condition, {})[subject] = str(error)
        self.save()

    def save(self, summary: object = None) -> None:
        """The whole file anew, replaced in one step."""
        content = {"model": dict(self.model), "summary": summary}
        content |= {"figures": self.figures, "refused": self.refused}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_suffix(".part")
        unfinished.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(self.path)

    def column(self, condition: str, figure: str) -> dict[str, float]:
        """Subject → value of one figure, where it was measured."""
        subjects = self.figures.get(condition, {})
        return {subject: found[figure] for subject, found in subjects.items() if figure in found}

    def pairs(self, condition: str, first: str, second: str) -> tuple[list[float], list[float]]:
        """Two figures of the subjects that have both, in one order."""
        one, other = self.column(condition, first), self.column(condition, second)
        both = [subject for subject in one if subject in other]
        return [one[subject] for subject in both], [other[subject] for subject in both]
