"""What FreeSurfer calls its label numbers, for the tables beside segmentations."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_MIDLINE = {
    0: "Unknown",
    14: "3rd-Ventricle",
    15: "4th-Ventricle",
    16: "Brain-Stem",
    24: "CSF",
    72: "5th-Ventricle",
}

_SIDED = {
    "Cerebral-White-Matter": (2, 41),
    "Cerebral-Cortex": (3, 42),
    "Lateral-Ventricle": (4, 43),
    "Inf-Lat-Vent": (5, 44),
    "Cerebellum-White-Matter": (7, 46),
    "Cerebellum-Cortex": (8, 47),
    "Thalamus": (10, 49),
    "Caudate": (11, 50),
    "Putamen": (12, 51),
    "Pallidum": (13, 52),
    "Hippocampus": (17, 53),
    "Amygdala": (18, 54),
    "Accumbens-area": (26, 58),
    "VentralDC": (28, 60),
}
"""Structure → its number on the left and on the right."""

LABEL_NAMES: Mapping[int, str] = MappingProxyType(
    _MIDLINE
    | {left: f"Left-{name}" for name, (left, _) in _SIDED.items()}
    | {right: f"Right-{name}" for name, (_, right) in _SIDED.items()}
)
"""Label number → name, as FreeSurferColorLUT.txt spells them."""
