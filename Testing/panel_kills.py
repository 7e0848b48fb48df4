"""Kills workers of the panel at random moments, and looks what is left of them.

    QT_QPA_PLATFORM=offscreen python Testing/panel_kills.py [KILLS] [SEED]

Fifty kills where nothing is said. A kill comes somewhere between Apply and the middle of an export, on the
stand-in host, with the self-test's worker: its process, protocol, session folder and progress are those of
every worker.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "MRExtrap")]

from panel_desk import wait_until, workers  # noqa: E402   # the paths come first

if TYPE_CHECKING:
    from MRExtrapPanel.panel import Panel

KILLS, SEED = 50, 0
AFTER_APPLY = 1.0
"""Kills after Apply is done, per kill before."""

PAUSE_S = 0.02
"""Of the worker at each step, so that a kill finds it at work."""


def kill_workers(panel: Panel, kills: int, folder: Path, seed: int = SEED) -> Counter[str]:
    """Kills so many workers, each at another moment, and says at what they were.

    Args:
        panel: with scans of known ages.
        folder: where exports go.

    Raises:
        AssertionError: the panel cannot be used again, or something is left of a worker.
    """
    from MRExtrapPanel.process import kill_tree

    generator, moments = random.Random(seed), Counter()
    for _ in range(kills):
        panel.ui.applyButton.click()
        moment = generator.random() * (1 + AFTER_APPLY)
        wait_until(lambda moment=moment: _has_come(panel, moment))
        if panel.state.can_look:
            _begin_something(panel, generator, folder)
        moments[_moment_of(panel)] += 1
        session = panel.talk.client.session
        kill_tree(int(panel.talk._running._process.processId()))
        wait_until(lambda: panel.state.person is None and panel.state.work is None)
        assert panel.ui.applyButton.enabled
        assert "press Apply" in panel.ui.statusLabel.text
        assert workers() == [], "a process is left"
        assert not session.exists(), "a session folder is left"
        left = {one.name: [file.name for file in one.iterdir()] for one in folder.iterdir()}
        assert not [name for name in left if name.startswith(".")], f"what was being written is left: {left}"
        assert all(files == ["volumes.csv"] for files in left.values()), f"an export is half written: {left}"
    return moments


def _begin_something(panel: Panel, generator: random.Random, folder: Path) -> None:
    """What a user may be at after Apply: an export that has come some way, a dragged slider, or nothing."""
    choice = generator.random()
    if choice < 0.4:
        panel.export_into(folder)
        moment = generator.random()
        wait_until(lambda: _has_come(panel, moment))
    elif choice < 0.8:
        panel.ui.ageSlider.value = 70.0 + 10.0 * generator.random()


def _has_come(panel: Panel, moment: float) -> bool:
    work = panel.state.work
    return work is None or work.fraction >= moment


def _moment_of(panel: Panel) -> str:
    if panel.state.work is None:
        return "idle" if not panel.state.is_decoding else "decoding"
    return panel.state.work.words.partition(" ")[0].lower()


def main(kills: int, seed: int) -> None:
    """The command above."""
    from panel_host import open_stand_in

    host = open_stand_in()
    import qt
    from MRExtrapPanel.panel import Panel
    from MRExtrapPanel.selftest import _add_scans, start_linear

    widget = qt.QWidget()
    panel = Panel(qt.QVBoxLayout(widget), REPOSITORY, start_linear(PAUSE_S))
    panel.board.change(missing=())
    _add_scans(panel)
    with tempfile.TemporaryDirectory(prefix="mrextrap-kills-") as folder:
        moments = kill_workers(panel, kills, Path(folder), seed)
        panel.ui.applyButton.click()
        wait_until(lambda: panel.state.can_look)
    panel.close()
    host.scene.close()
    told = ", ".join(f"{count} while {words}" for words, count in moments.most_common())
    print(f"{kills} workers killed: {told}.")
    print("Each was replaced; no process, session folder or half export is left.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kills", type=int, nargs="?", default=KILLS)
    parser.add_argument("seed", type=int, nargs="?", default=SEED)
    main(**vars(parser.parse_args()))
