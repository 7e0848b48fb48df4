"""Which nodes belong to a forecast: known by their role and their source, so that a second run finds them."""

from __future__ import annotations

from enum import Enum

import slicer

from MRExtrapLib.errors import InputError

ROLE = "MRExtrap.Role"
"""Attribute of a node: what it is to the forecast."""

PART = "MRExtrap.Part"
"""Attribute of a node: which of several in its role, such as the region of a chart."""

SOURCE = "MRExtrap.Source"
"""Node reference to the source; MRML renames it with the nodes when a scene is imported into another."""

AGE = "MRExtrap.AgeYears"
"""Attribute of a node: the age that it shows now."""


IMAGE_KIND = "MRExtrap.ImageKind"
"""Attribute of a predicted volume: plain, added or warped, as the worker calls them; often not known."""


class Role(Enum):
    """What a node is to the forecast, and of which class it is."""

    PREDICTED = ("predicted", "vtkMRMLScalarVolumeNode")
    SEGMENTATION = ("segmentation", "vtkMRMLSegmentationNode")
    BETWEEN = ("between", "vtkMRMLScalarVolumeNode")
    BETWEEN_SEGMENTATION = ("between-segmentation", "vtkMRMLSegmentationNode")
    VISIT = ("visit", "vtkMRMLScalarVolumeNode")
    VISIT_SEGMENTATION = ("visit-segmentation", "vtkMRMLSegmentationNode")
    CHANGE = ("change", "vtkMRMLScalarVolumeNode")
    CHANGE_COLORS = ("change-colors", "vtkMRMLColorTableNode")
    UNCERTAINTY = ("uncertainty", "vtkMRMLScalarVolumeNode")
    UNCERTAINTY_COLORS = ("uncertainty-colors", "vtkMRMLColorTableNode")
    AGES = ("ages", "vtkMRMLSequenceBrowserNode")
    IMAGE_SEQUENCE = ("image-sequence", "vtkMRMLSequenceNode")
    SEGMENTATION_SEQUENCE = ("segmentation-sequence", "vtkMRMLSequenceNode")
    TABLE = ("table", "vtkMRMLTableNode")
    CURVE_TABLE = ("curve-table", "vtkMRMLTableNode")
    SERIES = ("series", "vtkMRMLPlotSeriesNode")
    CHART = ("chart", "vtkMRMLPlotChartNode")

    @property
    def word(self) -> str:
        """As it stands in the attribute."""
        return self.value[0]

    @property
    def node_class(self) -> str:
        """Of its nodes."""
        return self.value[1]


def find(source: slicer.vtkMRMLScalarVolumeNode, role: Role, part: str = "") -> slicer.vtkMRMLNode | None:
    """The forecast's node in a role; None where there is none yet."""
    matches = (node for node in owned_nodes(source) if is_in(node, role, part))
    return next(matches, None)


def is_in(node: slicer.vtkMRMLNode, role: Role, part: str = "") -> bool:
    """Whether a node plays a role."""
    return node.GetAttribute(ROLE) == role.word and (node.GetAttribute(PART) or "") == part


def find_or_make(source: slicer.vtkMRMLScalarVolumeNode, role: Role, part: str = "") -> slicer.vtkMRMLNode:
    """The forecast's node in a role, made where there is none.

    Raises:
        InputError: the source is in no scene.
    """
    found = find(source, role, part)
    if found is not None:
        return found
    node = scene_of(source).AddNewNodeByClass(role.node_class)
    node.SetAttribute(ROLE, role.word)
    if part:
        node.SetAttribute(PART, part)
    node.SetNodeReferenceID(SOURCE, source.GetID())
    return node


def owned_nodes(source: slicer.vtkMRMLScalarVolumeNode) -> tuple[slicer.vtkMRMLNode, ...]:
    """All nodes of the forecast whose reference scan this is, in the order they were made."""
    scene = scene_of(source)
    nodes = (scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes()))
    return tuple(
        node
        for node in nodes
        if node.GetAttribute(ROLE) and node.GetNodeReferenceID(SOURCE) == source.GetID()
    )


def sources_in(scene: slicer.vtkMRMLScene) -> tuple[slicer.vtkMRMLScalarVolumeNode, ...]:
    """The reference scans that have a forecast in the scene, as after loading one."""
    nodes = [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())]
    ids = dict.fromkeys(node.GetNodeReferenceID(SOURCE) for node in nodes if node.GetAttribute(ROLE))
    found = (scene.GetNodeByID(one) for one in ids if one)
    return tuple(node for node in found if node is not None)


def remove_forecast(source: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Takes every node of the forecast out of the scene; the source and the other scans stay."""
    scene = scene_of(source)
    for node in owned_nodes(source):
        scene.RemoveNode(node)


def scene_of(source: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkMRMLScene:
    """The scene that a source lies in.

    Raises:
        InputError: in none.
    """
    scene = source.GetScene()
    if scene is None:
        msg = f"{source.GetName()} is in no scene any more; choose the reference scan again."
        raise InputError(msg)
    return scene
