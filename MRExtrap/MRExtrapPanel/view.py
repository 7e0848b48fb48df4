"""How the panel looks: puts a state into the widgets, and hands on what the user does. It decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from MRExtrapPanel.choice_form import ChoiceForm
from MRExtrapPanel.choices import FORMATS, IMAGES, Choices
from MRExtrapPanel.left_out import PLACE_WORDS, place_of
from MRExtrapPanel.quiet import quiet
from MRExtrapPanel.regions import region_words
from MRExtrapPanel.state import PanelState, Sweep
from MRExtrapPanel.tables import fill_rows, prepare_table
from MRExtrapPanel.translation import tr as _
from MRExtrapPanel.wishes import Shown
from MRExtrapPanel.words import WARNING, left_out_cells, trust_words, volume_cells

BAR_STEPS = 1000
SHOWN_BUTTONS = (
    ("predictedButton", Shown.PREDICTED),
    ("changeButton", Shown.CHANGE),
    ("uncertaintyButton", Shown.UNCERTAINTY),
    ("besideButton", Shown.SIDE_BY_SIDE),
)
BUTTONS = (
    ("addButton", "add"),
    ("addAllButton", "add_all"),
    ("readButton", "read_ages"),
    ("applyButton", "apply"),
    ("playButton", "play"),
    ("curveButton", "open_curve"),
    ("exportButton", "export"),
    ("modelFolderButton", "pick_model_folder"),
    ("doctorButton", "check_installation"),
    ("restartButton", "end_worker"),
    ("installButton", "install"),
    ("wheelsButton", "install_from_folder"),
)


WHILE_IDLE = (
    *("scanSelector", "addButton", "addAllButton", "removeButton", "visitsTable"),
    *("installButton", "wheelsButton", "imageBox", *ChoiceForm.WIDGETS),
)
WHILE_LOOKING = (
    *("playButton", "curveButton", "regionBox", "exportButton", "exportBox", "formatBox"),
    *("sweepStartBox", "sweepEndBox", "sweepStepBox"),
    *(button for button, *__ in SHOWN_BUTTONS),
)
"""Widgets that can be used only then."""


class Actions(Protocol):
    """What the user can do; each button's method, and these."""

    def remove(self, scans: frozenset[str]) -> None: ...
    def type_age(self, scan: str, text: str) -> None: ...
    def choose(self, choices: Choices) -> None: ...
    def set_age(self, age_years: float) -> None: ...
    def set_shown(self, shown: Shown) -> None: ...
    def set_image(self, image: str) -> None: ...
    def set_sweep(self, sweep: Sweep) -> None: ...
    def set_region(self, region: str) -> None: ...
    def interpolate(self, first: int, second: int, alpha: float) -> None: ...
    def leave_out(self, visit: int) -> None: ...
    def set_format(self, image_format: str) -> None: ...


class View:
    """The widgets of the .ui file.

    Args:
        ui: has each widget by its name.
        actions: does what the user wants.
    """

    def __init__(self, ui, actions: Actions) -> None:  # slicer.util.childWidgetVariables
        self._ui = ui
        self._actions = actions
        self._state = PanelState()
        self._regions: tuple[str, ...] = ()
        self._choices = ChoiceForm(ui, actions)
        self._prepare()
        self._connect()
        self._choices.show(self._state.choices, self._state.models)
        self._show_person(self._state)
        self._show_left_out(self._state)
        self._show_work(self._state)
        self._show_age(self._state)

    @property
    def all_ages_exported(self) -> bool:
        """Whether the user wants all ages of the sweep."""
        return self._ui.exportBox.currentIndex == 1

    def selected_scans(self) -> frozenset[str]:
        """The scans whose rows are selected."""
        rows = {index.row() for index in self._ui.visitsTable.selectionModel().selectedRows()}
        return frozenset(self._state.table.scans[row] for row in rows if row < len(self._state.table))

    def show(self, state: PanelState) -> None:
        """Brings the widgets up to a state."""
        before, self._state = self._state, state
        if before.table != state.table:
            self._show_table(state)
        if before.volume_lines != state.volume_lines:
            self._show_volumes(state)
        if before.left_out != state.left_out:
            self._show_left_out(state)
        if (before.choices, before.models) != (state.choices, state.models):
            self._choices.show(state.choices, state.models)
        if before.person != state.person:
            self._show_person(state)
        self._show_work(state)
        self._show_age(state)

    def _prepare(self) -> None:
        ui = self._ui
        ui.noticeLabel.text = f"<b>{ui.noticeLabel.text}</b>"
        prepare_table(ui.visitsTable, stretched=0)
        prepare_table(ui.volumesTable, stretched=0)
        prepare_table(ui.leftOutTable, stretched=0)
        for words in (_("This age"), _("All ages of Play")):
            ui.exportBox.addItem(words)
        for __, words in IMAGES:
            ui.imageBox.addItem(words.capitalize())
        for __, words in FORMATS:
            ui.formatBox.addItem(words)
        ui.progressBar.maximum = BAR_STEPS

    def _connect(self) -> None:
        ui, actions = self._ui, self._actions
        for button, action in BUTTONS:
            getattr(ui, button).connect("clicked(bool)", _without_argument(getattr(actions, action)))
        ui.removeButton.connect("clicked(bool)", lambda _: actions.remove(self.selected_scans()))
        ui.visitsTable.connect("cellChanged(int,int)", self._cell_changed)
        ui.imageBox.connect("currentIndexChanged(int)", lambda index: actions.set_image(IMAGES[index][0]))
        ui.formatBox.connect("currentIndexChanged(int)", lambda index: actions.set_format(FORMATS[index][0]))
        ui.leaveOutButton.connect("clicked(bool)", lambda _: actions.leave_out(ui.leaveOutBox.currentIndex))
        ui.ageSlider.connect("valueChanged(double)", actions.set_age)
        for name, shown in SHOWN_BUTTONS:
            getattr(ui, name).connect("clicked(bool)", lambda _, shown=shown: actions.set_shown(shown))
        for name in ("sweepStartBox", "sweepEndBox", "sweepStepBox"):
            getattr(ui, name).connect("valueChanged(double)", self._sweep_changed)
        ui.regionBox.connect("currentIndexChanged(int)", self._region_chosen)
        ui.alphaSlider.connect("valueChanged(double)", self._mixture_changed)
        for name in ("firstBox", "secondBox"):
            getattr(ui, name).connect("currentIndexChanged(int)", self._mixture_changed)

    def _show_table(self, state: PanelState) -> None:
        rows = [
            (visit.name, "" if visit.age_years is None else f"{visit.age_years:.2f}", visit.origin_words)
            for visit in state.table.visits
        ]
        with quiet(self._ui.visitsTable):
            fill_rows(self._ui.visitsTable, rows, editable=1)

    def _show_volumes(self, state: PanelState) -> None:
        fill_rows(self._ui.volumesTable, [volume_cells(line) for line in state.volume_lines])

    def _show_left_out(self, state: PanelState) -> None:
        ui, check = self._ui, state.left_out
        ui.leftOutLabel.text = check.sentence if check else ""
        fill_rows(ui.leftOutTable, [left_out_cells(line) for line in check.lines] if check else [])
        for name in ("leftOutLabel", "leftOutTable"):
            getattr(ui, name).visible = check is not None

    def _show_person(self, state: PanelState) -> None:
        ui, person = self._ui, state.person
        visits = person.visits if person is not None else ()
        words = _("{age:.1f} y, {scan}")
        names = [words.format(age=visit.age_years, scan=visit.name) for visit in visits]
        words = _("{age:.1f} y, {place}: {scan}")
        places = [PLACE_WORDS[place_of(index, len(visits))] for index in range(len(visits))]
        checks = [
            words.format(age=visit.age_years, place=place, scan=visit.name)
            for visit, place in zip(visits, places, strict=True)
        ]
        last = len(names) - 1
        _offer(ui.firstBox, names, 0)
        _offer(ui.secondBox, names, last)
        _offer(ui.leaveOutBox, checks, last)
        self._regions = tuple(line.region for line in state.volume_lines)
        drawn = self._regions.index(state.drawn_region) if self._regions else 0
        _offer(ui.regionBox, [region_words(region).capitalize() for region in self._regions], drawn)

    def _show_work(self, state: PanelState) -> None:
        ui, work = self._ui, state.work
        ui.setupSection.visible = bool(state.missing)
        ui.setupLabel.text = _("Missing: {names}.").format(names=", ".join(state.missing or ()))
        ui.applyButton.text = state.apply_words
        ui.applyButton.enabled = state.can_apply
        ui.progressBar.visible = work is not None
        ui.progressBar.value = int(BAR_STEPS * work.fraction) if work is not None else 0
        ui.statusLabel.text = (WARNING if state.is_problem else "") + state.status
        ui.notesLabel.text = "\n".join(WARNING + note for note in state.notes)
        ui.notesLabel.visible = bool(state.notes)
        is_idle = work is None
        for name in WHILE_IDLE:
            getattr(ui, name).enabled = is_idle
        has_unknown_ages = len(state.table.ages_years) < len(state.table)
        ui.readButton.enabled = is_idle and not state.missing and has_unknown_ages
        for name in ("leaveOutBox", "leaveOutButton"):
            getattr(ui, name).enabled = state.can_leave_out
        for name in WHILE_LOOKING:
            getattr(ui, name).enabled = state.can_look
        can_mix = state.can_look and state.person is not None and len(state.person.visits) > 1
        for name in ("firstBox", "secondBox", "alphaSlider"):
            getattr(ui, name).enabled = can_mix
        ui.playButton.text = _("Play") if state.playing is None else _("Pause")

    def _show_age(self, state: PanelState) -> None:
        ui = self._ui
        low, high = state.age_range_years
        with quiet(ui.ageSlider):
            ui.ageSlider.minimum = min(low, state.age_years)
            ui.ageSlider.maximum = max(high, state.age_years)
            ui.ageSlider.value = state.age_years
        ui.ageSlider.enabled = state.work is None
        ui.trustLabel.text = trust_words(state)
        for name, shown in SHOWN_BUTTONS:
            with quiet(getattr(ui, name)):
                getattr(ui, name).checked = state.shown is shown
        with quiet(ui.formatBox):
            ui.formatBox.currentIndex = [name for name, __ in FORMATS].index(state.image_format)
        with quiet(ui.imageBox):
            ui.imageBox.currentIndex = [kind for kind, __ in IMAGES].index(state.image)
        boxes = (ui.sweepStartBox, ui.sweepEndBox, ui.sweepStepBox)
        values = (state.sweep.start_years, state.sweep.end_years, state.sweep.step_years)
        for box, value in zip(boxes, values, strict=True):
            with quiet(box):
                box.value = value

    def _cell_changed(self, row: int, column: int) -> None:
        if column == 1 and row < len(self._state.table):
            item = self._ui.visitsTable.item(row, column)
            self._actions.type_age(self._state.table.scans[row], item.text())
            self._show_table(self._state)  # also takes back what was refused

    def _sweep_changed(self, _: float) -> None:
        ui = self._ui
        self._actions.set_sweep(Sweep(ui.sweepStartBox.value, ui.sweepEndBox.value, ui.sweepStepBox.value))

    def _region_chosen(self, index: int) -> None:
        if 0 <= index < len(self._regions):
            self._actions.set_region(self._regions[index])

    def _mixture_changed(self, _: float) -> None:
        ui = self._ui
        self._actions.interpolate(ui.firstBox.currentIndex, ui.secondBox.currentIndex, ui.alphaSlider.value)


def _without_argument(action: Callable[[], None]) -> Callable[[bool], None]:
    """`clicked(bool)` says more than an action wants to know."""
    return lambda _: action()


def _offer(box, items: Sequence[str], chosen: int) -> None:  # a qt.QComboBox
    """Fills a box anew, without a word to whoever listens."""
    with quiet(box):
        box.clear()
        for item in items:
            box.addItem(item)
        if items:
            box.currentIndex = chosen
