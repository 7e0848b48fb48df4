"""Takes the pictures of the panel on the stand-in host: bundled model, sample subject; takes minutes.

    QT_QPA_PLATFORM=offscreen python Testing/panel_screenshot.py Resources/Screenshots

Each says below what it is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "MRExtrap")]

from panel_host import StandIn, node_of_file, open_stand_in, picture_of  # noqa: E402   # the paths come first
from PySide6 import QtCore, QtGui  # noqa: E402

if TYPE_CHECKING:
    from MRExtrapPanel.panel import Panel

SCANS, AGE_YEARS = 3, 52.5
PROGRESS = 0.3
"""Share of Apply at which its picture is taken."""

PATIENCE_S = 3600.0
WIDTH, LONG, MIDDLE, SHORT = 480, 1000, 840, 620
LABEL_PIXELS = 40
WORDS = "Panel on a stand-in host, not in 3D Slicer. Sample subject: first scan real, follow-ups simulated."


@contextmanager
def pictured(out: Path) -> Iterator[tuple[StandIn, Panel]]:
    """The panel on the sample subject, after its pictures have been taken from first scan to last button."""
    out.mkdir(parents=True, exist_ok=True)
    opened = open_stand_in()
    import qt
    from MRExtrapPanel import selftest
    from MRExtrapPanel.panel import Panel

    selftest.PATIENCE_S = PATIENCE_S
    host = qt.QWidget()
    panel = Panel(qt.QVBoxLayout(host), REPOSITORY)
    for path in sorted((REPOSITORY / "MRExtrapLib" / "sample").rglob("*_T1w.nii.gz"))[:SCANS]:
        node_of_file(path).CreateDefaultDisplayNodes()
    ui = panel.ui
    ui.addAllButton.click()
    selftest.wait_until(lambda: panel.state.work is None)
    panel.set_age(AGE_YEARS)
    fold(ui, "scansSection", "forecastSection")
    take(host, out / "panel-scans.png", SHORT)
    ui.applyButton.click()
    selftest.wait_until(lambda: panel.state.work is None or panel.state.work.fraction > PROGRESS)
    take(host, out / "panel-progress.png", SHORT)
    selftest.wait_until(lambda: panel.state.work is None and panel.state.on_screen_years is not None)
    fold(ui, "scansSection", "forecastSection", "lookSection")
    take(host, out / "panel.png", LONG)
    ui.leaveOutButton.click()
    selftest.wait_until(lambda: panel.state.left_out is not None)
    fold(ui, "lookSection")
    take(host, out / "panel-left-out.png", MIDDLE)
    fold(ui, "betweenSection", "exportSection", "advancedSection")
    take(host, out / "panel-advanced.png", SHORT)
    yield opened, panel
    panel.close()


def fold(ui, *unfolded: str) -> None:  # slicer.util.childWidgetVariables
    """Leaves only these parts of the panel open."""
    for name in dir(ui):
        if name.endswith("Section") and name != "setupSection":
            getattr(ui, name).collapsed = name not in unfolded


def take(host, path: Path, height: int) -> None:  # a qt.QWidget
    """A picture of the panel as it is, with a line below that says what it is."""
    import slicer

    host.resize(WIDTH, height)
    host.show()
    slicer.app.processEvents()
    picture_of(host, path)
    picture = QtGui.QImage(str(path))
    size = picture.width(), picture.height() + LABEL_PIXELS
    labelled = QtGui.QImage(*size, QtGui.QImage.Format_RGB32)
    labelled.fill(QtCore.Qt.white)
    painter = QtGui.QPainter(labelled)
    painter.drawImage(0, 0, picture)
    place = QtCore.QRect(8, picture.height(), picture.width() - 16, LABEL_PIXELS)
    painter.drawText(place, QtCore.Qt.AlignVCenter | QtCore.Qt.TextWordWrap, WORDS)
    painter.end()
    labelled.save(str(path))


if __name__ == "__main__":
    with pictured(Path(sys.argv[1])):
        print(f"taken into {sys.argv[1]}")
