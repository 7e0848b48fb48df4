"""The structures of a segmentation as Slicer shows them: name, colour and code of each FreeSurfer number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from MRExtrapLib.anatomy.freesurfer import LABEL_NAMES

Code = tuple[str, str, str]
"""Coding scheme, value, meaning."""

CONTEXT = "Segmentation category and type - DICOM master list"
"""The terminology of Slicer that knows these codes."""

ANATOMICAL_STRUCTURE: Code = ("SCT", "123037004", "Anatomical Structure")
BODY_SUBSTANCE: Code = ("SCT", "91720002", "Body Substance")
LEFT: Code = ("SCT", "7771000", "Left")
RIGHT: Code = ("SCT", "24028007", "Right")


@dataclass(frozen=True)
class Structure:
    """One structure on one side.

    Attributes:
        label: FreeSurfer's number.
        name: FreeSurfer's, in plain words.
        color: red, green, blue, 0 to 255, as in FreeSurferColorLUT.txt.
        kind: its code in DICOM's context group 7140, Brain Structure for Volumetric Measurement (CSF: 7153).
        side: LEFT, RIGHT, or None in the midline.
    """

    label: int
    name: str
    color: tuple[int, int, int]
    kind: Code
    side: Code | None

    @property
    def segment_id(self) -> str:
        """The same in every segmentation, item and session."""
        return segment_id(self.label)

    @property
    def terminology(self) -> str:
        """As the tag TerminologyEntry of a segment has it."""
        category = BODY_SUBSTANCE if self.label == CSF else ANATOMICAL_STRUCTURE
        codes = (category, self.kind, self.side or ("", "", ""))
        written = ["^".join(code) for code in codes]
        return "~".join([CONTEXT, *written, "", "^^", "^^"])


def segment_id(label: int) -> str:
    """The id of a FreeSurfer number's segment.

    >>> segment_id(17)
    'freesurfer-17'
    """
    return f"{PREFIX}{label}"


def label_of(segment: str) -> int | None:
    """The FreeSurfer number of a segment id; None for a segment that is not ours."""
    number = segment.removeprefix(PREFIX)
    return int(number) if segment.startswith(PREFIX) and number.isdigit() else None


def structure_of(label: int) -> Structure:
    """The structure of a number; one that we do not know is grey and carries its number as name."""
    known = STRUCTURES.get(label)
    return known or Structure(label, f"Structure {label}", (128, 128, 128), UNKNOWN_KIND, None)


PREFIX = "freesurfer-"
CSF = 24
UNKNOWN_KIND: Code = ("SCT", "128319008", "Intracranial structure")

SHELLS = frozenset({2, 41, 3, 42, 7, 46, 8, 47, CSF})
"""What hides everything else in 3D, and so is drawn translucent or not at all."""

_LOOKS: dict[tuple[int, ...], tuple[tuple[int, int, int], Code]] = {
    (2, 41): ((245, 245, 245), ("SCT", "68523003", "Cerebral White Matter")),
    (3, 42): ((205, 62, 78), ("SCT", "40146001", "Cerebral Gray Matter")),
    (4, 43): ((120, 18, 134), ("SCT", "66720007", "Lateral Ventricle")),
    (5, 44): ((196, 58, 250), ("SCT", "53118009", "Inferior Horn of Lateral Ventricle")),
    (7, 46): ((220, 248, 164), ("SCT", "33060004", "Cerebellar White Matter")),
    (8, 47): ((230, 148, 34), ("SCT", "25991003", "Cerebellar Cortex")),
    (10, 49): ((0, 118, 14), ("SCT", "119406000", "Thalamus")),
    (11, 50): ((122, 186, 220), ("SCT", "11000004", "Caudate Nucleus")),
    (12, 51): ((236, 13, 176), ("SCT", "89278009", "Putamen")),
    (13, 52): ((12, 48, 255), ("SCT", "14738005", "Globus Pallidus")),
    (14,): ((204, 182, 142), ("SCT", "49841001", "Third ventricle")),
    (15,): ((42, 204, 164), ("SCT", "35918002", "Fourth Ventricle")),
    (16,): ((119, 159, 176), ("SCT", "119238007", "Brain Stem")),
    (17, 53): ((220, 216, 20), ("SCT", "5366008", "Hippocampus")),
    (18, 54): ((103, 255, 255), ("SCT", "4958002", "Amygdala")),
    (CSF,): ((60, 60, 60), ("SCT", "65216001", "Cerebrospinal Fluid")),
    (26, 58): ((255, 165, 0), ("SCT", "427667007", "Nucleus Accumbens")),
    (28, 60): ((165, 42, 42), ("DCM", "110700", "Ventral Diencephalon")),
    (72,): ((120, 190, 150), ("SCT", "74968005", "Cavum of septum pellucidum")),
}
"""Numbers (left, right, or the one of the midline) → colour and code."""


def _structures() -> dict[int, Structure]:
    found = {}
    for labels, (color, kind) in _LOOKS.items():
        sides = (LEFT, RIGHT) if len(labels) == 2 else (None,)
        for label, side in zip(labels, sides, strict=True):
            words = LABEL_NAMES[label].replace("-", " ")
            found[label] = Structure(label, words, color, kind, side)
    return found


STRUCTURES: Mapping[int, Structure] = MappingProxyType(_structures())
"""FreeSurfer number → structure, for all numbers that the engine writes."""
