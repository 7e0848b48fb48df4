"""The door to MRExtrap in 3D Slicer: what the module is called, and where the engine lies.

Slicer runs this file at start-up, so it imports nothing that Slicer has not loaded already.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import qt
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)


def extension_folder() -> Path:
    """The folder that holds MRExtrapLib and Resources.

    An installed extension has them beside this file, a checkout one folder higher. This is the only place
    that knows.
    """
    here = Path(__file__).resolve().parent
    return here if (here / "MRExtrapLib").is_dir() else here.parent


def make_engine_importable() -> None:
    """Let `import MRExtrapLib` work; Slicer itself puts only this file's folder on the path."""
    folder = str(extension_folder())
    if folder not in sys.path:
        sys.path.append(folder)


class MRExtrap(ScriptedLoadableModule):
    """What Slicer shows of the module before it is opened."""

    def __init__(self, parent) -> None:
        super().__init__(parent)
        make_engine_importable()
        parent.title = _("MRExtrap")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Neuroimaging")]
        parent.dependencies = []
        parent.contributors = ["MRExtrap contributors"]
        parent.helpText = _(
            "Predicts how one person's brain MRI will look at another age, from the scans taken so far. "
            "For research use, not for diagnosis."
        )
        parent.acknowledgementText = _(
            "The method is that of Kapoor, Macke and Baumgartner, "
            "“MRExtrap: Longitudinal Aging of Brain MRIs using Linear Modeling in Latent Space” "
            "(2025, arXiv 2508.19482)."
        )
        icon = extension_folder() / "Resources" / "Icons" / "MRExtrap.png"
        parent.icon = qt.QIcon(str(icon))


class MRExtrapWidget(ScriptedLoadableModuleWidget):
    """What the opened module says until it has a panel."""

    def setup(self) -> None:
        super().setup()
        words = qt.QLabel(
            _(
                "This panel comes with a later release. Forecasts can be made today from the command line: "
                "“mrextrap demo” shows one. For research use, not for diagnosis."
            )
        )
        words.wordWrap = True
        self.layout.addWidget(words)
        self.layout.addStretch(1)


class MRExtrapTest(ScriptedLoadableModuleTest):
    """The self-test: the engine that this module would call is the one it came with."""

    def runTest(self) -> None:
        self.test_engine_is_the_one_that_came_with_the_module()
        self.test_icon_is_there()

    def test_engine_is_the_one_that_came_with_the_module(self) -> None:
        make_engine_importable()
        engine = importlib.import_module("MRExtrapLib")
        errors = importlib.import_module("MRExtrapLib.errors")
        self.assertEqual(Path(engine.__file__).resolve().parent, extension_folder() / "MRExtrapLib")
        self.assertRegex(engine.__version__, r"^\d+\.\d+\.\d+")
        self.assertTrue(issubclass(errors.InputError, errors.MRExtrapError))

    def test_icon_is_there(self) -> None:
        self.assertTrue((extension_folder() / "Resources" / "Icons" / "MRExtrap.png").is_file())
