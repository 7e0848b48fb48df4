"""What the user chooses besides the scans, and how many scans it then takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from MRExtrapLib.worker.requests import Load, ScanInput
from MRExtrapLib.worker.results import ModelEntry
from MRExtrapPanel.translation import tr as _

METHODS = (
    ("", _("Best for the model")),
    ("bayes", _("With what is known of others (Bayes)")),
    ("linear", _("This person's scans alone (least squares)")),
)
SEXES = (("", _("As the scans say")), ("F", _("Female")), ("M", _("Male")))
DIAGNOSES = (
    ("", _("Not given")),
    ("CN", _("Cognitively normal")),
    ("MCI", _("Mild cognitive impairment")),
    ("AD", _("Alzheimer's disease")),
)
DEVICES = (
    ("auto", _("Fastest there is")),
    ("cpu", _("Processor")),
    ("cuda", _("NVIDIA graphics card")),
    ("mps", _("Apple graphics")),
)
SEGMENTERS = (("own", _("The model's own")), ("synthseg", "SynthSeg"))
IMAGES = (
    ("warped", _("last scan, moved")),
    ("added", _("last scan + change")),
    ("plain", _("as decoded")),
)
"""Kinds of predicted image, as the worker names them."""

DEFAULT_IMAGE = "warped"
"""The kind that is written; a test holds it to the engine's."""

FORMATS = (("nifti", "NIfTI"), ("nrrd", "NRRD"))
"""Formats of exported images, as the worker names them."""

DEFAULT_FORMAT = "nifti"

FEWEST_SCANS = {"linear": 2, "bayes": 1}
"""A line needs two scans; with what is known of others one is enough. A test holds it to the engine's."""

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

    def to_load(self, scans: tuple[ScanInput, ...]) -> Load:
        """The request that these choices make."""
        return Load(
            scans=scans,
            model=self.model or None,
            device=self.device,
            segmenter=self.segmenter,
            method=self.method or None,
            sex=self.sex or None,
            diagnosis=self.diagnosis or None,
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
        words = _("its model.json cannot be read ({error}); install MRExtrap again.")
        problem = words.format(error=error)
        return ModelEntry(cards[0].parent.name, str(cards[0].parent), is_bundled=True, problem=problem)
    return ModelEntry(name, str(cards[0].parent), is_bundled=True, description=description, licence=licence)


def image_words(kind: str) -> str:
    """A kind of predicted image in words; one that is not known as it is."""
    return dict(IMAGES).get(kind, kind)


def chosen_model(choices: Choices, models: tuple[ModelEntry, ...]) -> ModelEntry | None:
    """The entry of the chosen model, as far as models are known."""
    for entry in models:
        if choices.model in (entry.name, entry.folder) or (not choices.model and entry.is_bundled):
            return entry
    return None


def has_prior(entry: ModelEntry) -> bool:
    """Whether a model knows how people age; its folder then holds a file for it."""
    return (Path(entry.folder) / PRIOR_FILE).is_file()


def least_scans(choices: Choices, models: tuple[ModelEntry, ...]) -> int:
    """How many scans are needed; of a model not known yet the worker will say."""
    entry = chosen_model(choices, models)
    knows_ageing = entry is None or has_prior(entry)
    return FEWEST_SCANS["bayes" if choices.method != "linear" and knows_ageing else "linear"]


def model_words(entry: ModelEntry | None, choices: Choices) -> str:
    """The chosen model's card in a few lines."""
    if entry is None:
        if not choices.model:
            return _("No model came with MRExtrap; choose a folder.")
        return _("{model}: its card is read with the scans.").format(model=choices.model)
    if entry.problem:
        return _("{model} cannot be used: {problem}").format(model=entry.name, problem=entry.problem)
    if has_prior(entry):
        words = _("{model} knows how people age, so one scan suffices. Licence {licence}.")
    else:
        words = _("{model} needs two scans. Licence {licence}.")
    card = words.format(model=entry.name, licence=entry.licence)
    return f"{entry.description}\n{card}" if entry.description else card
