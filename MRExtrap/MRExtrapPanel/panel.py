"""The opened module: everything put together, and kept in step with the scene."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import qt
import slicer
from slicer.util import VTKObservationMixin

from MRExtrapLib.worker.session import new_session_path
from MRExtrapPanel.board import Board
from MRExtrapPanel.checkup import show_checkup
from MRExtrapPanel.choices import Choices, bundled_entry
from MRExtrapPanel.control import Control
from MRExtrapPanel.exports import new_folder_in
from MRExtrapPanel.installing import Installer
from MRExtrapPanel.looking import Looking
from MRExtrapPanel.parameters import parameters_of_scene, read_parameters, write_parameters
from MRExtrapPanel.process import later, start_worker
from MRExtrapPanel.scans import SceneScans, is_scan, visit_of, volume_nodes
from MRExtrapPanel.stage import SceneStage
from MRExtrapPanel.state import PanelState, Sweep
from MRExtrapPanel.talk import StartWorker, Talk
from MRExtrapPanel.translation import tr as _
from MRExtrapPanel.view import View
from MRExtrapPanel.views import SlicerViews
from MRExtrapPanel.visits import VisitTable, read_age
from MRExtrapPanel.wishes import Shown, key_of

FRAME_S = 0.4
"""Between two ages of Play."""


class Panel(VTKObservationMixin):
    """What the module's widget holds.

    Args:
        layout: of the module, where the panel goes.
        folder: holds Resources and MRExtrapLib.
        start: starts workers; the self-test gives its own.
    """

    def __init__(self, layout, folder: Path, start: StartWorker = start_worker) -> None:
        super().__init__()
        self._folder = folder
        self.widget = slicer.util.loadUI(str(folder / "Resources" / "UI" / "MRExtrap.ui"))
        self.widget.setMRMLScene(slicer.mrmlScene)
        layout.addWidget(self.widget)
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self._is_closing = False
        self._parameters = None
        self._view: View | None = None
        self._kept: tuple | None = None
        self._was_playing = False
        self._was_working = False
        self._is_following = False
        self.views = SlicerViews(self.set_age, self._image_changed)
        self.stage = SceneStage(self.views, lambda: self.state.drawn_region)
        self.board = Board(self._show)
        self.talk = Talk(start, new_session_path, logging.info)
        self.looking = Looking(self.board, self.talk, self.stage, later)
        self.control = Control(self.board, self.talk, SceneScans(), self.looking)
        self._installer = Installer(folder / "Resources" / "requirements.txt", self._say)
        self._view = View(self.ui, self)
        entry = bundled_entry(folder)
        self.board.change(models=(entry,) if entry else (), missing=self._installer.plan().names)
        self._observe()
        self.read_scene()

    @property
    def state(self) -> PanelState:
        """What the panel shows."""
        return self.board.state

    def close(self) -> None:
        """The module is unloaded or reloaded: nothing of it stays behind but what is in the scene."""
        self._is_closing = True
        self.removeObservers()
        self.views.close()
        self.control.close()

    def read_scene(self) -> None:
        """Takes table and choices from the scene that is open."""
        self._parameters = parameters_of_scene()
        self.board.set(read_parameters(self._parameters, self.board.state, visit_of))

    def add(self) -> None:
        """The scan that is chosen, into the table."""
        node = self.ui.scanSelector.currentNode()
        if node is not None and is_scan(node):
            self._add((node,))
        elif node is not None:
            words = _("{scan} is no scan; choose a T1 of the person.")
            self.board.change(problem=words.format(scan=node.GetName()))

    def add_all(self) -> None:
        """Every scan of the scene, into the table."""
        self._add(volume_nodes())

    def remove(self, scans: frozenset[str]) -> None:
        """Rows out of the table."""
        self.control.change_table(self.state.table.without(scans))

    def type_age(self, scan: str, text: str) -> None:
        """An age as typed; one that is none is refused in words."""
        try:
            age = read_age(text)
        except ValueError as error:
            self.board.change(problem=str(error))
            return
        self.control.change_table(self.state.table.with_age(scan, age))

    def read_ages(self) -> None:
        """Unknown ages, from files and tables."""
        self.control.fill_ages()

    def choose(self, choices: Choices) -> None:
        """Method, person, machine, model."""
        self.control.choose(choices)

    def apply(self) -> None:
        """Apply, or Cancel."""
        self.control.apply_or_cancel()

    def set_age(self, age_years: float) -> None:
        """The slider, or a click on the curve."""
        self.looking.set_age(age_years)

    def set_shown(self, shown: Shown) -> None:
        """What is shown of an age."""
        self.looking.set_shown(shown)

    def set_image(self, image: str) -> None:
        """Which kind of predicted image is shown where the slider rests."""
        self.looking.set_image(image)

    def set_sweep(self, sweep: Sweep) -> None:
        """Which ages Play runs through."""
        self.board.change(sweep=sweep)

    def set_region(self, region: str) -> None:
        """Whose curve is drawn."""
        self.board.change(region=region)
        self.looking.draw()

    def play(self) -> None:
        """Play, or stand still."""
        self.control.playing.play()

    def open_curve(self) -> None:
        """Makes room for the plot."""
        self.views.open_plot()
        self.looking.draw()

    def leave_out(self, visit: int) -> None:
        """Predicts a visit from all others."""
        self.control.leave_out(visit)

    def set_format(self, image_format: str) -> None:
        """How exported images are stored."""
        self.board.change(image_format=image_format)

    def interpolate(self, first: int, second: int, alpha: float) -> None:
        """A mixture of two visits."""
        self.looking.interpolate(first, second, alpha)

    def export(self) -> None:
        """Asks for a folder, and writes a new one into it."""
        chosen = qt.QFileDialog.getExistingDirectory(
            self.widget, _("Where shall the forecast's folder be made?")
        )
        if chosen:
            self.export_into(Path(chosen))

    def export_into(self, parent: Path) -> None:
        """Writes this age, or all of Play, into a new folder there."""
        state = self.state
        is_whole_sweep = self._view is not None and self._view.all_ages_exported
        ages = state.sweep.ages_years if is_whole_sweep else (state.age_years,)
        if ages:
            self.control.export(new_folder_in(parent), ages)

    def pick_model_folder(self) -> None:
        """A model that lies in a folder."""
        chosen = qt.QFileDialog.getExistingDirectory(self.widget, _("Which folder holds the model?"))
        if chosen:
            self.choose(replace(self.state.choices, model=chosen))

    def check_installation(self) -> None:
        """Shows a report that can be copied."""
        self.checkup = show_checkup(self.talk, self._installer.plan(), self.widget)

    def end_worker(self) -> None:
        """Ends the process that computes."""
        self.control.close()

    def install(self) -> None:
        """Installs what is missing, after asking."""
        self._install(None)

    def install_from_folder(self) -> None:
        """The same, from a folder of wheels."""
        chosen = qt.QFileDialog.getExistingDirectory(self.widget, _("Which folder holds the wheels?"))
        if chosen:
            self._install(Path(chosen))

    def _install(self, wheels: Path | None) -> None:
        problem = self._installer.install(wheels)
        self.board.change(missing=self._installer.plan().names, problem=problem, done="")

    def _add(self, nodes: tuple) -> None:
        table = self.state.table
        for node in nodes:
            table = table.with_visit(visit_of(node))
        self.control.change_table(table)
        self.control.fill_ages()

    def _say(self, words: str) -> None:
        self.board.change(done=words)
        slicer.app.processEvents()

    def _show(self, state: PanelState) -> None:
        if self._view is not None:
            self._view.show(state)
        looks = (state.age_years, state.shown, state.image, state.image_format, state.sweep)
        kept = (state.table, state.choices, *looks)
        if self._parameters is not None and not self._is_closing and kept != self._kept:
            write_parameters(self._parameters, state)
            self._kept = kept
        if state.playing is not None and not self._was_playing:
            later(0, self._play_on)
        if self._was_working and state.work is None:
            self._image_changed()  # it may have been while nobody could look
        self._was_playing = state.playing is not None
        self._was_working = state.work is not None

    def _play_on(self) -> None:
        self.control.playing.next_frame()
        if self.state.playing is not None and not self._is_closing:
            later(FRAME_S, self._play_on)

    def _image_changed(self) -> None:
        if not self._is_following:
            self._is_following = True
            later(0, self._follow)  # when whoever changes it is done

    def _follow(self) -> None:
        """Goes to the age that somebody else chose for the image, as on Slicer's sequence toolbar."""
        self._is_following = False
        is_open = self.state.can_look and not self._is_closing
        age = self.stage.stepped_to_years() if is_open else None
        if age is not None:
            self.board.change(age_years=key_of(age), problem="", done="")
            self.looking.look()

    def _observe(self) -> None:
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self._scene_closes)
        self.addObserver(scene, scene.EndCloseEvent, self._scene_is_new)
        self.addObserver(scene, scene.EndImportEvent, self._scene_is_new)
        self.addObserver(scene, scene.NodeRemovedEvent, self._node_removed)

    def _scene_closes(self, caller: object, event: object) -> None:
        self._is_closing = True
        self._parameters = None
        self.control.close()
        self.board.change(table=VisitTable(), left_out=None, done="")

    def _scene_is_new(self, caller: object, event: object) -> None:
        self._is_closing = False
        self.control.close()
        self.read_scene()
        self.views.watch()

    def _node_removed(self, caller: object, event: object) -> None:
        if self._is_closing:
            return
        made_of = self.state.made_of[0].scans if self.state.made_of else ()
        scans = (*self.state.table.scans, *made_of)
        gone = frozenset(scan for scan in scans if slicer.mrmlScene.GetNodeByID(scan) is None)
        if gone:
            self.control.lose_scans(gone)
