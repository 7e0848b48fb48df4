"""The door to MRExtrap in 3D Slicer: what the module is called, and where the engine lies.

Slicer runs this file at start-up, so it imports nothing that Slicer has not loaded already; the panel comes
when the module is opened.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import qt
import slicer
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


def register_sample_data() -> None:
    """Tells the Sample Data module of the sample subject, once everything else has started."""
    importlib.import_module("MRExtrapPanel.sample").register_sample(extension_folder())


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
        slicer.app.connect("startupCompleted()", register_sample_data)


class MRExtrapWidget(ScriptedLoadableModuleWidget):
    """The opened module; all it does is in MRExtrapPanel."""

    def setup(self) -> None:
        super().setup()
        make_engine_importable()
        self.panel = importlib.import_module("MRExtrapPanel.panel").Panel(self.layout, extension_folder())

    def cleanup(self) -> None:
        self.panel.close()

    def onReload(self) -> None:
        """Slicer reloads this file alone; the panel's and the engine's files shall be read again too."""
        for name in [one for one in sys.modules if one.split(".")[0] in ("MRExtrapPanel", "MRExtrapLib")]:
            del sys.modules[name]
        super().onReload()


class MRExtrapTest(ScriptedLoadableModuleTest):
    """The self-test: from adding scans to an exported forecast, with a worker in a process of its own."""

    def runTest(self) -> None:
        self.test_engine_is_the_one_that_came_with_the_module()
        self.test_what_the_panel_needs_is_there()
        self.test_a_forecast_from_scans_to_scene()

    def test_engine_is_the_one_that_came_with_the_module(self) -> None:
        make_engine_importable()
        engine = importlib.import_module("MRExtrapLib")
        errors = importlib.import_module("MRExtrapLib.errors")
        self.assertEqual(Path(engine.__file__).resolve().parent, extension_folder() / "MRExtrapLib")
        self.assertRegex(engine.__version__, r"^\d+\.\d+\.\d+")
        self.assertTrue(issubclass(errors.InputError, errors.MRExtrapError))

    def test_what_the_panel_needs_is_there(self) -> None:
        for name in ("Icons/MRExtrap.png", "UI/MRExtrap.ui", "requirements.txt"):
            self.assertTrue((extension_folder() / "Resources" / name).is_file(), name)

    def test_a_forecast_from_scans_to_scene(self) -> None:
        """Runs in --testing too: a real worker process, and the tiny network where PyTorch is installed."""
        selftest = importlib.import_module("MRExtrapPanel.selftest")
        self.delayDisplay("MRExtrap: forecasting a phantom")
        selftest.forecast_a_phantom(self, extension_folder())
        self.delayDisplay("MRExtrap: passed")
