"""Slicer's application on a stand-in: PySide6 in place of PythonQt, and no views. The scene is Slicer's own.

It finds wrong names, broken enabling, lost parameters and exceptions. It proves nothing of how Slicer looks
or behaves: Testing/SLICER_CHECKLIST.md says what to try there. Needs PySide6 and slicer-core.
"""

from __future__ import annotations

import json
import sys
import types
import typing
from dataclasses import dataclass
from pathlib import Path

import panel_widgets
import slicer
from panel_widgets import (
    connect_by_signature,
    ctkCollapsibleButton,
    ctkSliderWidget,
    disconnect_by_signature,
    dress_as_pythonqt,
    qMRMLNodeComboBox,
    qMRMLWidget,
)
from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets
from slicer_host import Host, open_host


class _Loader(QtUiTools.QUiLoader):
    def __init__(self) -> None:
        super().__init__()
        for kind in (ctkCollapsibleButton, ctkSliderWidget, qMRMLWidget, qMRMLNodeComboBox):
            self.registerCustomWidget(kind)


def load_ui(path: str) -> QtWidgets.QWidget:
    """As slicer.util.loadUI."""
    widget = _Loader().load(path)
    assert widget is not None, f"{path} cannot be loaded"
    return widget


def child_widget_variables(widget: QtWidgets.QWidget) -> types.SimpleNamespace:
    """As slicer.util.childWidgetVariables."""
    names = {child.objectName(): child for child in widget.findChildren(QtWidgets.QWidget)}
    return types.SimpleNamespace(**{name: child for name, child in names.items() if name})


class PlotView(QtCore.QObject):
    """Whose points can be clicked."""

    dataSelected = QtCore.Signal(object, object)
    connect, disconnect = connect_by_signature, disconnect_by_signature


class SliceView:
    """Holds what is written over it."""

    def __init__(self) -> None:
        self.annotation: dict[int, str] = {}

    def cornerAnnotation(self) -> SliceView:
        return self

    def GetText(self, place: int) -> str:
        return self.annotation.get(place, "")

    def SetText(self, place: int, words: str) -> None:
        self.annotation[place] = words

    def scheduleRender(self) -> None:
        return


class SolidView(SliceView):
    """A 3D view."""

    def mrmlViewNode(self) -> slicer.vtkMRMLViewNode:
        return slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLViewNode")


class LayoutManager:
    """Three slice views, one in 3D and a plot, none of which draws."""

    def __init__(self) -> None:
        self.layout = 3
        self.plotViewCount = 1
        self.plot = PlotView()
        self.slices = {name: SliceView() for name in ("Red", "Yellow", "Green")}
        self.threeDViewCount = 1
        self.solid = SolidView()

    def setLayout(self, layout: int) -> None:
        self.layout = layout

    def plotWidget(self, _: int) -> types.SimpleNamespace:
        return types.SimpleNamespace(plotView=lambda: self.plot)

    def threeDWidget(self, _: int) -> types.SimpleNamespace:
        return types.SimpleNamespace(threeDView=lambda: self.solid)

    def sliceWidget(self, name: str) -> types.SimpleNamespace:
        return types.SimpleNamespace(sliceView=lambda: self.slices[name])


def parameter_node_wrapper(kind: type) -> type:
    """As slicer.parameterNodeWrapper: typed attributes that lie in a node, nodes by reference."""
    hints = typing.get_type_hints(kind)
    defaults = {name: getattr(kind, name, None) for name in hints}

    def __init__(self: object, node: slicer.vtkMRMLScriptedModuleNode) -> None:
        object.__setattr__(self, "parameterNode", node)

    def __getattr__(self: object, name: str) -> object:
        if name not in hints:
            raise AttributeError(name)
        node = self.parameterNode
        if typing.get_origin(hints[name]) is list and issubclass(
            typing.get_args(hints[name])[0], slicer.vtkMRMLNode
        ):
            return [node.GetNthNodeReference(name, n) for n in range(node.GetNumberOfNodeReferences(name))]
        words = node.GetParameter(name)
        return json.loads(words) if words else (defaults[name] if defaults[name] is not None else [])

    def __setattr__(self: object, name: str, value: object) -> None:
        assert name in hints, name
        node = self.parameterNode
        if isinstance(value, list) and value and isinstance(value[0], slicer.vtkMRMLNode):
            node.RemoveNodeReferenceIDs(name)
            for one in value:
                node.AddNodeReferenceID(name, one.GetID())
        elif isinstance(value, list) and name == "scans":
            node.RemoveNodeReferenceIDs(name)
        else:
            node.SetParameter(name, json.dumps(value))

    return type(
        kind.__name__, (), {"__init__": __init__, "__getattr__": __getattr__, "__setattr__": __setattr__}
    )


class ScriptedLoadableModuleLogic:
    """Finds the module's parameter node."""

    def getParameterNode(self) -> slicer.vtkMRMLScriptedModuleNode:
        name = type(self).__name__.removesuffix("Logic")
        node = slicer.mrmlScene.GetSingletonNode(name, "vtkMRMLScriptedModuleNode")
        if node is None:
            node = slicer.vtkMRMLScriptedModuleNode()
            node.SetSingletonTag(name)
            node.SetModuleName(name)
            node = slicer.mrmlScene.AddNode(node)
        return node


class Application:
    """slicer.app, as far as the panel asks."""

    applicationVersion, revision = "stand-in", "0"

    def __init__(self) -> None:
        self.manager = LayoutManager()

    def layoutManager(self) -> LayoutManager:
        return self.manager

    def processEvents(self) -> None:
        QtWidgets.QApplication.processEvents()


@dataclass
class StandIn:
    """What a test holds of it."""

    scene: Host
    application: Application


def open_stand_in() -> StandIn:
    """A host in which MRExtrapPanel can be imported; once a process."""
    QtWidgets.QApplication.instance() or QtWidgets.QApplication(sys.argv[:1])
    QtWidgets.QApplication.setStyle("Fusion")
    dress_as_pythonqt()
    host, application = open_host(), Application()
    qt = types.ModuleType("qt")
    qt.__getattr__ = _of_qt
    module = types.ModuleType("slicer.ScriptedLoadableModule")
    module.ScriptedLoadableModuleLogic = ScriptedLoadableModuleLogic
    wrapper = types.ModuleType("slicer.parameterNodeWrapper")
    wrapper.parameterNodeWrapper = parameter_node_wrapper
    sys.modules |= {"qt": qt, module.__name__: module, wrapper.__name__: wrapper}
    slicer.app = application
    slicer.util.loadUI, slicer.util.childWidgetVariables = load_ui, child_widget_variables
    for name in application.manager.slices:
        add_slice_view(host.scene, name)
    add_view(host.scene, "vtkMRMLViewNode", "1")
    return StandIn(host, application)


def _of_qt(name: str) -> object:
    """PythonQt has all of Qt's classes in one module."""
    for module in (panel_widgets, QtWidgets, QtCore, QtGui):
        if name.startswith("Q") and hasattr(module, name):
            return getattr(module, name)
    raise AttributeError(name)


def add_slice_view(scene: slicer.vtkMRMLScene, name: str) -> list[slicer.vtkMRMLNode]:
    """The nodes of a slice view, what it shows last."""
    return [add_view(scene, kind, name) for kind in ("vtkMRMLSliceNode", "vtkMRMLSliceCompositeNode")]


def add_view(scene: slicer.vtkMRMLScene, kind: str, name: str) -> slicer.vtkMRMLNode:
    """A node of a view, which stays when the scene is cleared."""
    node = getattr(slicer, kind)()
    node.SetSingletonTag(name)
    node.SetLayoutName(name)
    return scene.AddNode(node)


def node_of_file(path: Path, is_centred: bool = False) -> slicer.vtkMRMLScalarVolumeNode:
    """As Slicer loads a file; centred, if that box was ticked."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", path.name.partition(".")[0])
    storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    storage.SetFileName(str(path))
    storage.SetSingleFile(1)
    storage.SetCenterImage(is_centred)
    assert storage.ReadData(node)
    node.SetAndObserveStorageNodeID(storage.GetID())
    return node


def picture_of(widget: QtWidgets.QWidget, path: Path) -> None:
    """A widget as a file."""
    assert widget.grab().save(str(path))
