"""Slicer's scene without its application: what the tests of scenes, and of the panel, stand on.

From slicer-core; the real application builds the same by itself.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field

import slicer
import slicer.util
import vtk

LOGICS = {
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Sequences": "vtkSlicerSequencesLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Volumes": "vtkSlicerVolumesLogic",
}
"""Module → its logic. Each registers its node classes with the scene."""


@dataclass
class Host:
    """A scene with the logics that the application would hold; the application logic itself holds none."""

    scene: slicer.vtkMRMLScene
    application: slicer.vtkSlicerApplicationLogic
    logics: list = field(default_factory=list)

    def close(self) -> None:
        """Empties the scene and lets go of everything."""
        self.scene.Clear(1)
        self.logics.clear()


def open_host() -> Host:
    """A new scene, which is slicer.mrmlScene from now on."""
    scene = slicer.vtkMRMLScene()
    application = slicer.vtkSlicerApplicationLogic()
    application.SetMRMLScene(scene)
    application.SetSliceLogics(vtk.vtkCollection())
    application.SetViewLogics(vtk.vtkCollection())
    host = Host(scene, application)
    cache = tempfile.TemporaryDirectory(prefix="slicer-cache-")  # where bundles are unpacked
    remote, manager = slicer.vtkMRMLRemoteIOLogic(), slicer.vtkDataIOManagerLogic()
    remote.GetCacheManager().SetRemoteCacheDirectory(cache.name)
    remote.SetMRMLApplicationLogic(application)
    remote.SetMRMLScene(scene)
    remote.AddDataIOToScene()
    manager.SetMRMLApplicationLogic(application)
    manager.SetAndObserveDataIOManager(remote.GetDataIOManager())
    host.logics += [cache, remote, manager]
    colors = slicer.vtkSlicerColorLogic()
    colors.SetMRMLApplicationLogic(application)
    colors.SetMRMLScene(scene)
    colors.AddDefaultColorNodes()
    host.logics.append(colors)
    for module, name in LOGICS.items():
        logic = getattr(slicer, name)()
        logic.SetMRMLApplicationLogic(application)
        logic.SetMRMLScene(scene)
        application.SetModuleLogic(module, logic)
        host.logics.append(logic)
    slicer.mrmlScene = scene
    return host
