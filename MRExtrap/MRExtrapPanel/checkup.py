"""Looks after the installation: greets the worker, asks its Python what it has, and shows the report."""

from __future__ import annotations

from dataclasses import replace

import qt
import slicer

from MRExtrapLib.worker.protocol import Failed
from MRExtrapLib.worker.results import Greeting
from MRExtrapPanel.doctor import Checkup
from MRExtrapPanel.packages import InstallPlan
from MRExtrapPanel.process import QtProcess, python_of_slicer
from MRExtrapPanel.talk import Talk
from MRExtrapPanel.translation import tr as _


class ReportWindow:
    """A window that fills as answers come in, with a button that copies."""

    def __init__(self, parent: qt.QWidget) -> None:
        self.dialog = qt.QDialog(parent)
        self.dialog.setWindowTitle(_("MRExtrap: installation"))
        self.dialog.resize(640, 420)
        layout = qt.QVBoxLayout(self.dialog)
        self.text = qt.QPlainTextEdit()
        self.text.setReadOnly(True)
        layout.addWidget(self.text)
        button = qt.QPushButton(_("Copy"))
        button.connect("clicked(bool)", self._copy)
        layout.addWidget(button)

    def show(self, report: str) -> None:
        """Shows a report, in place of an earlier one."""
        self.text.setPlainText(report)
        self.dialog.show()

    def _copy(self, is_checked: bool) -> None:
        qt.QApplication.clipboard().setText(self.text.toPlainText())


def show_checkup(talk: Talk, plan: InstallPlan, parent: qt.QWidget) -> ReportWindow:
    """Opens the report at once; the worker's part follows as it comes."""
    window = ReportWindow(parent)
    found = Checkup(version_of_slicer(), plan, None, "no answer yet", "no answer yet")
    said: list[bytes] = []

    def update(**fields: object) -> None:
        nonlocal found
        found = replace(found, **fields)
        window.show(found.report)

    def greeted(greeting: Greeting) -> None:
        update(greeting=greeting, refusal="")

    def refused(failed: Failed) -> None:
        update(refusal=failed.sentence)

    def ended(words: str) -> None:
        update(engine=b"".join(said).decode(errors="replace") or words)

    window.show(found.report)
    if not plan.is_empty:
        update(refusal="packages are missing", engine="not asked: packages are missing")
        return window
    window.process = QtProcess([python_of_slicer(), "-m", "MRExtrapLib", "doctor"], said.append, ended)
    talk.when_greeted(greeted, refused)
    return window


def version_of_slicer() -> str:
    """Of the application."""
    return f"{slicer.app.applicationVersion} (revision {slicer.app.revision})"
