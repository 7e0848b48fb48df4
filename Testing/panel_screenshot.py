"""Takes the picture of the panel on the stand-in host: bundled model, sample subject; takes minutes.

    python Testing/panel_screenshot.py Resources/Screenshots/panel.png

Also prints how long a slider step took, from the slider to the volume node in the scene.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "MRExtrap")]

from panel_host import node_of_file, open_stand_in, picture_of  # noqa: E402   # the paths come first
from PySide6 import QtCore, QtGui  # noqa: E402

SCANS, AGE_YEARS = 3, 52.5
PATIENCE_S = 1500.0
WIDTH, HEIGHT = 480, 1000
WORDS = "Panel on a stand-in host, not in 3D Slicer. Sample subject: first scan real, follow-ups simulated."


def main(out: Path) -> None:
    """Adds scans, applies, looks, and takes the picture."""
    open_stand_in()
    import qt
    import slicer
    from MRExtrapPanel import selftest
    from MRExtrapPanel.panel import Panel

    selftest.PATIENCE_S = PATIENCE_S
    host = qt.QWidget()
    panel = Panel(qt.QVBoxLayout(host), REPOSITORY)
    for path in sorted((REPOSITORY / "MRExtrapLib" / "sample").rglob("*_T1w.nii.gz"))[:SCANS]:
        node_of_file(path)
    panel.ui.addAllButton.click()
    selftest.wait_until(lambda: panel.state.work is None)
    panel.set_age(AGE_YEARS)
    start = time.monotonic()
    panel.ui.applyButton.click()
    selftest.wait_until(lambda: panel.state.work is None)
    print(f"Apply: {time.monotonic() - start:.1f} s; {panel.state.status}")
    for age in (53.0, 53.5, 54.0):
        start = time.monotonic()
        panel.ui.ageSlider.value = age
        selftest.wait_until(lambda age=age: panel.state.on_screen_years == age)
        print(f"slider to {age}: {time.monotonic() - start:.2f} s")
    start = time.monotonic()
    panel.ui.ageSlider.value = AGE_YEARS
    selftest.wait_until(lambda: panel.state.on_screen_years == AGE_YEARS)
    print(f"slider back to {AGE_YEARS}: {time.monotonic() - start:.2f} s")
    host.resize(WIDTH, HEIGHT)
    host.show()
    slicer.app.processEvents()
    picture_of(host, out)
    panel.close()
    label(out)


def label(path: Path) -> None:
    """Writes below the picture what it is."""
    picture = QtGui.QImage(str(path))
    labelled = QtGui.QImage(picture.width(), picture.height() + 40, QtGui.QImage.Format_RGB32)
    labelled.fill(QtCore.Qt.white)
    painter = QtGui.QPainter(labelled)
    painter.drawImage(0, 0, picture)
    place = QtCore.QRect(8, picture.height(), picture.width() - 16, 40)
    painter.drawText(place, QtCore.Qt.AlignVCenter | QtCore.Qt.TextWordWrap, WORDS)
    painter.end()
    labelled.save(str(path))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
