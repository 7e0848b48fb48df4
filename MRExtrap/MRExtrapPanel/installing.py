"""Installs what the worker needs, on a button and with consent, the way this Slicer has for it."""

from __future__ import annotations

import importlib
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

import slicer

from MRExtrapPanel.packages import (
    InstallPlan,
    constraint_lines,
    pip_arguments,
    plan_installation,
    read_requirements,
)
from MRExtrapPanel.translation import tr as _

EXTENSION = _(
    "Install the PyTorch extension with Slicer's Extensions Manager, restart Slicer, and press Install again."
)


class Installer:
    """Finds out what is missing and installs it.

    Args:
        requirements: the one file that says what is needed.
        progress: hears what is being done, in words.
    """

    def __init__(self, requirements: Path, progress: Callable[[str], None]) -> None:
        self._requirements = requirements
        self._progress = progress

    def plan(self) -> InstallPlan:
        """What is missing now."""
        importlib.invalidate_caches()
        return plan_installation(read_requirements(self._requirements))

    def install(self, wheels: Path | None = None) -> str:
        """Asks, then installs; gives the sentence for the panel, empty where all went well.

        Args:
            wheels: a folder of wheels to take everything from, without the network.
        """
        plan = self.plan()
        if plan.is_empty or not slicer.util.confirmOkCancelDisplay(plan.consent_words, "MRExtrap"):
            return ""
        try:
            if plan.needs_torch and wheels is None:
                self._progress(_("Installing PyTorch; Slicer answers again when it is done"))
                self._install_torch(plan)
            self._progress(_("Installing packages"))
            self._install_others(self.plan(), wheels)
        except (
            Exception
        ) as error:  # pip, the network, the PyTorch extension: whatever they raise is for the log
            logging.exception("MRExtrap could not be installed")
            words = _("The installation failed ({error}); Check installation, under Advanced, says more.")
            return words.format(error=error)
        missing = ", ".join(self.plan().names)
        words = _("Still missing: {names}; restart Slicer and try again.")
        return words.format(names=missing) if missing else ""

    def _install_torch(self, plan: InstallPlan) -> None:
        try:
            import PyTorchUtils
        except ModuleNotFoundError as error:
            raise RuntimeError(EXTENSION) from error
        logic = PyTorchUtils.PyTorchUtilsLogic()
        # its own question is not asked: ours was, with the size
        if logic.installTorch(askConfirmation=False, torchVersionRequirement=plan.torch) is None:
            msg = _("PyTorch was not installed")
            raise RuntimeError(msg)

    def _install_others(self, plan: InstallPlan, wheels: Path | None) -> None:
        if plan.is_empty:
            return
        with tempfile.TemporaryDirectory(prefix="mrextrap-") as folder:
            constraints = Path(folder) / "constraints.txt"
            constraints.write_text("\n".join(constraint_lines(plan)) + "\n", encoding="utf-8")
            arguments = list(pip_arguments(plan, constraints, wheels))
            packaging = _packaging()
            if packaging is None:
                slicer.util.pip_install(arguments)
            else:
                packaging.pip_install(arguments, requester="MRExtrap")


def _packaging():  # a module or None
    """slicer.packaging of Slicer 5.12, whose pip shows a dialog with progress; None in 5.10."""
    try:
        return importlib.import_module("slicer.packaging")
    except ModuleNotFoundError:
        return None
