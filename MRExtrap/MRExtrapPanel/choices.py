"""What the user chooses besides the scans, and how many scans it then takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from MRExtrapLib.worker.requests import Load, ScanInput
from MRExtrapLib.worker.results import ModelEntry

METHODS = (
    ("", "Best for the model"),
    ("bayes", "With what is known of others (Bayes)"),
    ("linear", "This person's scans alone (least squares)"),
)
SEXES = (("", "As the scans say"), ("F", "Female"), ("M", "Male"))
DIAGNOSES = (
    ("", "Not given"),
    ("CN", "Cognitively normal"),
    ("MCI", "Mild cognitive impairment"),
    ("AD", "Alzheimer's disease"),
)
DEVICES = (
    ("auto", "Fastest there is"),
    ("cpu", "Processor"),
    ("cuda", "NVIDIA graphics card"),
    ("mps", "Apple graphics"),
)
SEGMENTERS = (("own", "The model's own"), ("synthseg", "SynthSeg"))

PRIOR_FILE = "progression.safetensors"
"""A model folder that holds it knows how people age; with it one scan is enough."""

BUNDLED = ""
"""The model that came with MRExtrap."""


@dataclass(frozen=True)
class Choices:
    """Method, person and machine, in the words of the worker's `load`; empty takes the default."""

    model: str = BUNDLED
    method: str = ""
    sex: str = ""
    diagnosis: str = ""
    device: str = "auto"
    segmenter: str = "own"

    def to_load(self, scans: tuple[ScanInput, ...], has_last_held_out: bool = False) -> Load:
        """The request that these choices make."""
        return Load(
            scans=scans,
            model=self.model or None,
            device=self.device,
            segmenter=self.segmenter,
            method=self.method or None,
            sex=self.sex or None,
            diagnosis=self.diagnosis or None,
            has_last_held_out=has_last_held_out,
        )


def bundled_entry(engine: Path) -> ModelEntry | None:
    """The model that came with MRExtrap, read from its folder before any worker runs; None if not just one.

    Args:
        engine: the folder that holds MRExtrapLib.
    """
    cards = tuple((engine / "MRExtrapLib" / "models").glob("*/model.json"))
    if len(cards) != 1:
        return None
    try:
        content = json.loads(cards[0].read_text(encoding="utf-8"))
        name, description, licence = (str(content[key]) for key in ("name", "description", "licence"))
    except (OSError, ValueError, KeyError) as error:
        problem = f"its model.json cannot be read ({error}); install MRExtrap again."
        return ModelEntry(cards[0].parent.name, str(cards[0].parent), is_bundled=True, problem=problem)
    return ModelEntry(name, str(cards[0].parent), is_bundled=True, description=description, licence=licence)


def chosen_model(choices: Choices, models: tuple[ModelEntry, ...]) -> ModelEntry | None:
    """The entry of the chosen model, as far as models are known."""
    for entry in models:
        if choices.model in (entry.name, entry.folder) or (not choices.model and entry.is_bundled):
            return entry
    return None


def has_prior(entry: ModelEntry) -> bool:
    """Whether a model knows how people age; its folder then holds a file for it."""
    return (Path(entry.folder) / PRIOR_FILE).is_file()


def least_scans(choices: Choices, models: tuple[ModelEntry, ...], has_last_held_out: bool = False) -> int:
    """How many scans are needed; of a model not known yet the worker will say."""
    entry = chosen_model(choices, models)
    knows_ageing = entry is None or has_prior(entry)
    line = 1 if choices.method != "linear" and knows_ageing else 2
    return line + has_last_held_out


def model_words(entry: ModelEntry | None, choices: Choices) -> str:
    """The chosen model's card in a few lines."""
    if entry is None:
        return f"{choices.model or 'No model came with MRExtrap'}: its card is read with the scans."
    if entry.problem:
        return f"{entry.name} cannot be used: {entry.problem}"
    scans = "knows how people age, so one scan suffices" if has_prior(entry) else "needs two scans"
    card = f"{entry.name} {scans}. Licence {entry.licence}."
    return f"{entry.description}\n{card}" if entry.description else card
