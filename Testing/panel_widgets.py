"""PySide6 dressed as PythonQt, with stand-ins for the widgets of CTK and MRML that the panel uses."""

from __future__ import annotations

import functools
import inspect
import typing

import slicer
from PySide6 import QtCore, QtGui, QtWidgets

ATTRIBUTES = {
    QtWidgets.QWidget: ("visible", "enabled", "toolTip"),
    QtWidgets.QLabel: ("text",),
    QtWidgets.QAbstractButton: ("text", "checked"),
    QtWidgets.QProgressBar: ("value", "minimum", "maximum"),
    QtWidgets.QComboBox: ("currentIndex", "currentText"),
    QtWidgets.QDoubleSpinBox: ("value", "minimum", "maximum", "singleStep"),
}
"""Properties that the panel may use as attributes; dressing all of them makes Qt itself stumble."""


def dress_as_pythonqt() -> None:
    """Properties become attributes, and objects connect by a signal's signature, as in PythonQt."""
    for kind, names in ATTRIBUTES.items():
        for name in names:
            setattr(kind, name, _attribute(name))
    looked_up = QtWidgets.QWidget.__getattribute__

    def look_up(self: QtWidgets.QWidget, name: str) -> object:
        """PySide6 finds its own `connect` whatever a class has by that name."""
        own = {"connect": connect_by_signature, "disconnect": disconnect_by_signature}.get(name)
        return looked_up(self, name) if own is None else functools.partial(own, self)

    def set_known(self: QtWidgets.QWidget, name: str, value: object) -> None:
        """PythonQt refuses what is no property; PySide6 would keep it, unseen."""
        known = inspect.getattr_static(type(self), name, None)
        if isinstance(known, property | QtCore.Property):
            assert self.setProperty(name, value), f"{self.objectName()} does not take {value!r} as {name}"
            return
        is_child = isinstance(value, QtCore.QObject)  # QUiLoader hangs all children on the outermost widget
        assert is_child or name.startswith("_"), f"{self.objectName()} has no {name}"
        self.__dict__[name] = value

    QtWidgets.QWidget.__getattribute__ = look_up
    QtWidgets.QWidget.__setattr__ = set_known


def _attribute(name: str) -> property:
    def write(self: QtCore.QObject, value: object) -> None:
        assert self.setProperty(name, value), f"{self.objectName()} has no property {name}"

    return property(lambda self: self.property(name), write)


def connect_by_signature(self: QtCore.QObject, signal: str, slot: typing.Callable) -> bool:
    _signal(self, signal).connect(slot)
    return True


def disconnect_by_signature(self: QtCore.QObject, signal: str, slot: typing.Callable) -> bool:
    return _signal(self, signal).disconnect(slot)


def _signal(sender: QtCore.QObject, signature: str) -> QtCore.SignalInstance:
    """The signal of that name and, where there are several, of those types."""
    name, _, words = signature.rstrip(")").partition("(")
    types_there = {"bool": bool, "int": int, "double": float}
    kinds = tuple(types_there[word] for word in words.split(",") if word in types_there)
    signal = getattr(sender, name)
    wants_overload = kinds and len(kinds) == words.count(",") + 1
    return signal[kinds if len(kinds) > 1 else kinds[0]] if wants_overload else signal


class QProcess(QtCore.QProcess):
    """A process that connects as PythonQt's does."""

    connect, disconnect = connect_by_signature, disconnect_by_signature


BAR_PIXELS, ANY_HEIGHT = 26, 16777215


class ctkCollapsibleButton(QtWidgets.QWidget):
    """A titled part that folds away."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._title, self._is_collapsed = "", False
        self.setContentsMargins(0, BAR_PIXELS, 0, 0)

    def _set_title(self, title: str) -> None:
        self._title = title
        self.update()

    def _set_collapsed(self, is_collapsed: bool) -> None:
        if is_collapsed == self._is_collapsed:
            return
        self._is_collapsed = is_collapsed
        self.setMaximumHeight(BAR_PIXELS if is_collapsed else ANY_HEIGHT)
        self.update()

    text = QtCore.Property(str, lambda self: self._title, _set_title)
    collapsed = QtCore.Property(bool, lambda self: self._is_collapsed, _set_collapsed)

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        if event.position().y() < BAR_PIXELS:
            self._set_collapsed(not self._is_collapsed)

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        bar = QtCore.QRect(0, 0, self.width(), 22)
        painter.fillRect(bar, self.palette().button())
        painter.setPen(self.palette().buttonText().color())
        arrow = "▸" if self._is_collapsed else "▾"
        painter.drawText(bar.adjusted(8, 0, 0, 0), QtCore.Qt.AlignVCenter, f"{arrow}  {self._title}")


class ctkSliderWidget(QtWidgets.QWidget):
    """A slider with a spin box."""

    valueChanged = QtCore.Signal(float)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._slider = QtWidgets.QSlider(QtCore.Qt.Horizontal)
        self._box = QtWidgets.QDoubleSpinBox()
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider)
        layout.addWidget(self._box)
        self._slider.valueChanged.connect(lambda step: self._box.setValue(step * self._box.singleStep))
        self._box.valueChanged.connect(self._changed)
        self._is_following = False

    def _changed(self, value: float) -> None:
        with QtCore.QSignalBlocker(self._slider):
            self._slider.setValue(round(value / self._box.singleStep))
        self.valueChanged.emit(value)

    def _of_box(name: str, kind: type) -> QtCore.Property:  # noqa: N805   # makes a property of the class
        def write(self: ctkSliderWidget, value: object) -> None:
            self._box.setProperty(name, value)
            step = self._box.property("singleStep")
            with QtCore.QSignalBlocker(self._slider):
                self._slider.setRange(
                    round(self._box.property("minimum") / step), round(self._box.property("maximum") / step)
                )
                self._slider.setValue(round(self._box.property("value") / step))

        return QtCore.Property(kind, lambda self: self._box.property(name), write)

    value = _of_box("value", float)
    minimum = _of_box("minimum", float)
    maximum = _of_box("maximum", float)
    singleStep = _of_box("singleStep", float)
    decimals = _of_box("decimals", int)
    suffix = _of_box("suffix", str)


class qMRMLWidget(QtWidgets.QWidget):
    """A widget that knows the scene."""

    def setMRMLScene(self, scene: object) -> None:
        for selector in self.findChildren(qMRMLNodeComboBox):
            selector.setMRMLScene(scene)


class qMRMLNodeComboBox(QtWidgets.QComboBox):
    """Chooses a node of some class."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._types: list[str] = []
        self._nodes: list = []
        self._ignored = True

    nodeTypes = QtCore.Property(
        "QStringList", lambda self: self._types, lambda self, types: setattr(self, "_types", types)
    )
    addEnabled = removeEnabled = renameEnabled = noneEnabled = QtCore.Property(
        bool, lambda self: self._ignored, lambda self, value: None
    )

    def setMRMLScene(self, scene: slicer.vtkMRMLScene) -> None:
        self._scene = scene
        scene.AddObserver(scene.NodeAddedEvent, lambda *_: QtCore.QTimer.singleShot(0, self._fill))
        self._fill()

    def _fill(self) -> None:
        self._nodes = [node for kind in self._types for node in slicer.util.getNodesByClass(kind)]
        QtWidgets.QComboBox.clear(self)
        self.addItems([node.GetName() for node in self._nodes])

    def currentNode(self) -> object:
        index = self.property("currentIndex")
        return self._nodes[index] if 0 <= index < len(self._nodes) else None
