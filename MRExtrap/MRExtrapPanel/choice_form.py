"""The boxes in which model, method, person and machine are chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from MRExtrapLib.worker.results import ModelEntry
from MRExtrapPanel.choices import (
    BUNDLED,
    DEVICES,
    DIAGNOSES,
    METHODS,
    SEGMENTERS,
    SEXES,
    Choices,
    chosen_model,
    model_words,
)
from MRExtrapPanel.quiet import quiet
from MRExtrapPanel.translation import tr as _

BOXES = (
    ("methodBox", "method", METHODS),
    ("sexBox", "sex", SEXES),
    ("diagnosisBox", "diagnosis", DIAGNOSES),
    ("deviceBox", "device", DEVICES),
    ("segmenterBox", "segmenter", SEGMENTERS),
)
"""Widget, field of `Choices`, and what it may be with its words."""


class Chooser(Protocol):
    """Told what is chosen."""

    def choose(self, choices: Choices) -> None: ...


class ChoiceForm:
    """The boxes of the .ui file; each says one field of `Choices`."""

    WIDGETS = ("modelBox", "modelFolderButton", *(name for name, *__ in BOXES))
    """Names of all that can be changed here."""

    def __init__(self, ui, chooser: Chooser) -> None:  # slicer.util.childWidgetVariables
        self._ui = ui
        self._chooser = chooser
        self._choices = Choices()
        self._models: tuple[str, ...] = ()
        for name, field, options in BOXES:
            box = getattr(ui, name)
            for __, words in options:
                box.addItem(words)
            box.connect("currentIndexChanged(int)", self._of_box(field, options))
        ui.modelBox.connect("currentIndexChanged(int)", self._model_chosen)

    def show(self, choices: Choices, models: tuple[ModelEntry, ...]) -> None:
        """Brings the boxes up to what is chosen and to the models that are known."""
        ui, self._choices = self._ui, choices
        for name, field, options in BOXES:
            with quiet(getattr(ui, name)):
                values = [value for value, __ in options]
                getattr(ui, name).currentIndex = values.index(getattr(choices, field))
        offered = model_options(choices, models)
        self._models = tuple(model for model, __ in offered)
        entry = chosen_model(choices, models)
        with quiet(ui.modelBox):
            ui.modelBox.clear()
            for __, words in offered:
                ui.modelBox.addItem(words)
            is_bundled = entry is not None and entry.is_bundled
            ui.modelBox.currentIndex = self._models.index(BUNDLED if is_bundled else choices.model)
        ui.modelLabel.text = model_words(entry, choices)

    def _of_box(self, field: str, options: Sequence[tuple[str, str]]) -> Callable[[int], None]:
        def chosen(index: int) -> None:
            self._chooser.choose(replace(self._choices, **{field: options[index][0]}))

        return chosen

    def _model_chosen(self, index: int) -> None:
        self._chooser.choose(replace(self._choices, model=self._models[index]))


def model_options(choices: Choices, models: tuple[ModelEntry, ...]) -> list[tuple[str, str]]:
    """What the model box offers: value and words; a model from a folder comes last."""
    options = [(BUNDLED, _("Came with MRExtrap"))]
    options += [(one.name, one.name) for one in models if not one.is_bundled]
    entry = chosen_model(choices, models)
    is_bundled = entry is not None and entry.is_bundled
    if choices.model and not is_bundled and choices.model not in [value for value, __ in options]:
        options.append((choices.model, Path(choices.model).name))
    return options
