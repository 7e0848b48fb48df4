"""The scene's volumes as scans: their rows in the visit table, and the files that the worker reads."""

from __future__ import annotations

from pathlib import Path

import slicer

from MRExtrapLib.errors import InputError
from MRExtrapLib.scene.arrays import scan_input
from MRExtrapLib.scene.ownership import ROLE
from MRExtrapLib.worker.requests import ScanInput
from MRExtrapPanel.dates import DicomFacts, age_of
from MRExtrapPanel.translation import tr as _
from MRExtrapPanel.visits import Visit, VisitTable

ENDINGS = (".nii", ".nii.gz", ".nrrd", ".mgz", ".mgh")
"""Of files that the worker reads itself."""

SCANS = "scans"
"""Where in the session folder unsaved volumes go."""

PATIENT_AGE, ACQUISITION_DATE = "0010,1010", "0008,0022"


def volume_nodes() -> tuple[slicer.vtkMRMLScalarVolumeNode, ...]:
    """The scene's scans, as far as that can be told."""
    return tuple(node for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") if is_scan(node))


def is_scan(node: slicer.vtkMRMLScalarVolumeNode) -> bool:
    """Whether a volume can be a scan: it has an image, of no labels, that MRExtrap did not make."""
    is_made = bool(node.GetAttribute(ROLE))
    return not is_made and not node.IsA("vtkMRMLLabelMapVolumeNode") and node.GetImageData() is not None


def visit_of(node: slicer.vtkMRMLScalarVolumeNode) -> Visit:
    """A volume's row of the table, its age told by DICOM where the scene knows it."""
    facts = facts_of(node)
    told = age_of(facts)
    age = None if told.age_years is None else round(told.age_years, 2)
    return Visit(
        scan=node.GetID(),
        name=node.GetName(),
        age_years=age,
        origin=told.origin,
        doubts=told.doubts,
        taken=facts.study_date,
        patient=facts.patient,
        sex=facts.sex,
    )


def facts_of(node: slicer.vtkMRMLScalarVolumeNode) -> DicomFacts:
    """What subject hierarchy and DICOM database say of a volume."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(node.GetScene())
    item = hierarchy.GetItemByDataNode(node) if hierarchy is not None else 0
    constants = slicer.vtkMRMLSubjectHierarchyConstants

    def of_ancestor(name: str, level: str) -> str:
        return hierarchy.GetAttributeFromItemAncestor(item, name, level) or "" if item else ""

    patient, study = constants.GetDICOMLevelPatient(), constants.GetDICOMLevelStudy()
    sex = of_ancestor(constants.GetDICOMPatientSexAttributeName(), patient).strip().upper()[:1]
    return DicomFacts(
        birth_date=of_ancestor(constants.GetDICOMPatientBirthDateAttributeName(), patient),
        study_date=_of_instance(node, ACQUISITION_DATE)
        or of_ancestor(constants.GetDICOMStudyDateAttributeName(), study),
        patient_age=_of_instance(node, PATIENT_AGE),
        sex=sex if sex in ("F", "M") else "",
        patient=of_ancestor(constants.GetDICOMPatientIDAttributeName(), patient),
    )


def _of_instance(node: slicer.vtkMRMLScalarVolumeNode, tag: str) -> str:
    """A DICOM tag of the volume's first file, where Slicer's database still has it."""
    instances = (node.GetAttribute("DICOM.instanceUIDs") or "").split()
    database = getattr(slicer, "dicomDatabase", None)
    return database.instanceValue(instances[0], tag) if instances and database else ""


def own_file(node: slicer.vtkMRMLScalarVolumeNode) -> Path | None:
    """The one file that a volume was read from or saved to, if it still holds what the volume holds."""
    storage = node.GetStorageNode()
    if storage is None or storage.GetNumberOfFileNames() > 0 or node.GetModifiedSinceRead():
        return None
    if storage.GetCenterImage():  # Slicer has moved the volume to the origin, whatever the file says
        return None
    path = Path(storage.GetFullNameFromFileName() or "")
    return path if path.name.lower().endswith(ENDINGS) and path.is_file() else None


class SceneScans:
    """Hands the scene's volumes to the worker."""

    def inputs(self, table: VisitTable, folder: Path) -> tuple[ScanInput, ...]:
        """Each volume's own file; of one that is unsaved, changed, or of many DICOM files, its voxels.

        They are written as they are, without touching the volume's storage: saving a node would make Slicer
        believe that its file lies in a folder that vanishes with the worker.

        Raises:
            InputError: a volume that is gone, or has no image.
        """
        return tuple(self._input(visit, folder / SCANS) for visit in table.visits)

    def _input(self, visit: Visit, folder: Path) -> ScanInput:
        node = slicer.mrmlScene.GetNodeByID(visit.scan)
        if node is None:
            words = _("{scan} is no longer in the scene; remove its row, or load it again.")
            raise InputError(words.format(scan=visit.name))
        path = own_file(node)
        if path is not None:
            return ScanInput(str(path), visit.age_years)
        folder.mkdir(exist_ok=True)
        return scan_input(node, folder, visit.age_years)
