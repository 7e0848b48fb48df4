"""The regions whose volumes are reported, and which structures make them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.anatomy.structures import CHANNEL, STRUCTURES

MAIN_REGIONS = ("hippocampus", "ventricles", "gray_matter", "white_matter")
"""What the paper measures, and every table tells first."""

REGIONS: dict[str, tuple[str, ...]] = {
    "hippocampus": ("hippocampus",),
    "ventricles": ("lateral-ventricle", "3rd-ventricle", "4th-ventricle"),
    "gray_matter": (
        "cerebral-cortex",
        "cerebellum-cortex",
        "thalamus",
        "caudate",
        "putamen",
        "pallidum",
        "hippocampus",
        "amygdala",
        "accumbens-area",
    ),
    "white_matter": ("cerebral-white-matter", "cerebellum-white-matter"),
    "whole_brain": tuple(
        structure.name
        for structure in STRUCTURES
        if structure.name not in ("background", "csf", "lateral-ventricle", "3rd-ventricle", "4th-ventricle")
    ),
    "lateral_ventricles": ("lateral-ventricle",),
    "cerebral_cortex": ("cerebral-cortex",),
    "cerebral_white_matter": ("cerebral-white-matter",),
    "thalamus": ("thalamus",),
    "caudate": ("caudate",),
    "putamen": ("putamen",),
    "pallidum": ("pallidum",),
    "amygdala": ("amygdala",),
}
"""Region → structures. Ventricles hold the inferior horns and the choroid plexus; the whole brain is
parenchyma with cerebellum and brain stem, without ventricles (as the atrophy literature measures it)."""

SIDED = ("hippocampus", "lateral_ventricles", "amygdala")
"""Regions also reported as `<region>_left` and `<region>_right`."""


def region_volumes_ml(sided_ml: NDArray[np.float64]) -> Mapping[str, float]:
    """Region → ml from the volume of every structure on either side.

    Args:
        sided_ml: (structures, 2), ml of each channel left and right of the mid-sagittal plane.
    """
    volumes: dict[str, float] = {}
    for region, names in REGIONS.items():
        left, right = sided_ml[[CHANNEL[name] for name in names]].sum(axis=0)
        volumes[region] = float(left + right)
        if region in SIDED:
            volumes[f"{region}_left"], volumes[f"{region}_right"] = float(left), float(right)
    return volumes
