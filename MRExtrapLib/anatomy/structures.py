"""The structures that the segmenter tells apart, and how label protocols number them.

The network knows a structure, not its side: left and right come from the mid-sagittal plane once a brain
lies in template space. FreeSurfer numbers (as SynthSeg writes them) are what leaves the program.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.integer]
"""(X, Y, Z) FreeSurfer label numbers."""


@dataclass(frozen=True)
class Structure:
    """One channel of the segmenter: FreeSurfer's number on the left and on the right (equal: midline)."""

    name: str
    left: int
    right: int

    @property
    def has_sides(self) -> bool:
        """Whether there is one on each side."""
        return self.left != self.right


STRUCTURES: tuple[Structure, ...] = (
    Structure("background", 0, 0),
    Structure("csf", 24, 24),
    Structure("cerebral-white-matter", 2, 41),
    Structure("cerebral-cortex", 3, 42),
    Structure("lateral-ventricle", 4, 43),
    Structure("cerebellum-white-matter", 7, 46),
    Structure("cerebellum-cortex", 8, 47),
    Structure("thalamus", 10, 49),
    Structure("caudate", 11, 50),
    Structure("putamen", 12, 51),
    Structure("pallidum", 13, 52),
    Structure("3rd-ventricle", 14, 14),
    Structure("4th-ventricle", 15, 15),
    Structure("brain-stem", 16, 16),
    Structure("hippocampus", 17, 53),
    Structure("amygdala", 18, 54),
    Structure("accumbens-area", 26, 58),
    Structure("ventral-dc", 28, 60),
)
"""Index in this tuple = channel of the segmenter. model.json repeats the names."""

CHANNEL = {structure.name: index for index, structure in enumerate(STRUCTURES)}

_FREESURFER_EXTRA = {
    "lateral-ventricle": (5, 44, 31, 63, 136, 163, 137, 164, 72),  # inferior horn, choroid plexus, 5th
    "cerebral-white-matter": (
        25,
        57,
        30,
        62,
        77,
        78,
        79,
        251,
        252,
        253,
        254,
        255,
    ),  # lesions, vessels, callosum
    "csf": (85,),  # optic chiasm
}
"""FreeSurfer numbers beside those above; 136/163 and 137/164 are the choroid plexus of SynthSeg's maps."""

_MUSE = {
    "csf": (1, 46, 69),
    "3rd-ventricle": (4,),
    "4th-ventricle": (11,),
    "accumbens-area": (23, 30),
    "amygdala": (31, 32),
    "brain-stem": (35,),
    "caudate": (36, 37),
    "cerebellum-cortex": (38, 39, 71, 72, 73),
    "cerebellum-white-matter": (40, 41),
    "hippocampus": (47, 48),
    "lateral-ventricle": (49, 50, 51, 52),
    "pallidum": (55, 56),
    "putamen": (57, 58),
    "thalamus": (59, 60),
    "ventral-dc": (61, 62, 75, 76),  # with the basal forebrain, which FreeSurfer does not name
    "cerebral-white-matter": tuple(range(81, 96)),
    "cerebral-cortex": tuple(range(100, 208)),
}
"""MUSE numbers (Doshi 2016) of each structure."""


def _lookup_table(numbers: dict[str, tuple[int, ...]], size: int = 1024) -> NDArray[np.uint8]:
    table = np.zeros(size, dtype=np.uint8)
    for name, labels in numbers.items():
        table[list(labels)] = CHANNEL[name]
    return table


def _freesurfer_numbers() -> dict[str, tuple[int, ...]]:
    return {s.name: (s.left, s.right, *_FREESURFER_EXTRA.get(s.name, ())) for s in STRUCTURES}


PROTOCOLS: dict[str, NDArray[np.uint8]] = {
    "freesurfer": _lookup_table(_freesurfer_numbers()),
    "muse": _lookup_table(_MUSE),
}
"""For each label protocol, label number → channel (0 for what is not brain)."""


def channels_of(labels: NDArray[np.integer], protocol: str) -> NDArray[np.uint8]:
    """Label numbers of a protocol as channel numbers, same shape.

    >>> channels_of(np.array([17, 53, 516]), "freesurfer").tolist()
    [14, 14, 0]
    """
    return PROTOCOLS[protocol][labels]
