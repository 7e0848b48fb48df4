"""A person's scans, brought to the model's grid together, each knowing its way back.

One rigid motion per scan, one interpolation, one brightness scale for all visits; sizes stay native.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.bias import correct_bias
from MRExtrapLib.imaging.brain import BareBrain
from MRExtrapLib.imaging.intensity import (
    IntensityContract,
    IntensityMap,
    TissueIntensities,
    air_level,
    differ_in_contrast,
    joint_maps,
    tissue_intensities,
)
from MRExtrapLib.imaging.midpoint import Alignment, align
from MRExtrapLib.imaging.quality import RegistrationQuality
from MRExtrapLib.imaging.resampling import (
    Interpolation,
    box_around,
    resample,
    resample_labels,
    resample_mask,
    resample_shares,
)
from MRExtrapLib.imaging.rigid import inverse
from MRExtrapLib.imaging.template import Template
from MRExtrapLib.imaging.volume import Affine, Grid, Volume
from MRExtrapLib.progress import Progress, silent

CONFORMING = 5
"""Raised whenever conforming or measuring gives other voxels or volumes than before: what was kept from then
is not taken for now."""

PLAUSIBLE_BRAIN_ML = (500.0, 2500.0)
"""Adult brains hold 900 to 2000 ml; what lies far outside is no brain or half of one."""

WHOLE_BRAIN_SHARE = 0.99
"""With less of the brain on the template's grid, what is missing is worth a warning."""

RIM_MM = 3.0
"""Of the brain's edge, where a mask or somebody's stripping cut through fluid."""

CONTRAST_WARNING = (
    "Gray beside white matter is brighter or darker here than in the other scans by more than age makes it. "
    "What seems to have changed may be the scanner's; compare scans of one protocol."
)

BACKGROUND = 0.5 / 255
"""Darker than this outside the brain, a value on the template grid means nothing is there."""


@dataclass(frozen=True, eq=False)
class Tissues:
    """Where brain, gray and white matter are; masks (X, Y, Z) that share one grid.

    The grid may be the scan's own or another in the same world, 1 mm say. A finder that has laid the brain
    on the template says so: `to_template`, the scan's world mm → the template's, good to some millimetres.
    """

    brain: NDArray[np.bool_]
    gray: NDArray[np.bool_]
    white: NDArray[np.bool_]
    grid: Grid
    to_template: Affine | None = None

    def brain_on(self, grid: Grid) -> NDArray[np.bool_]:
        """The brain mask on another grid of the same world."""
        return resample_mask(self.brain, self.grid, grid)

    def intensities_of(self, volume: Volume, contract: IntensityContract) -> TissueIntensities:
        """The scan's floor and tissue medians, seen on the tissues' own grid.

        Raises:
            InputError: a tissue is missing, or the scan is no T1.
        """
        seen = volume if volume.grid.is_same_as(self.grid) else resample(volume, self.grid)
        thickness = tuple(max(1, round(RIM_MM / mm)) for mm in seen.spacing_mm)
        inner = minimum_filter(self.brain, [2 * n + 1 for n in thickness], mode="constant")
        air = air_level(volume.voxels)
        return tissue_intensities(seen.voxels, air, inner, self.gray, self.white, contract)


class TissueFinder(Protocol):
    """Finds brain, gray and white matter in a scan, whole head or stripped."""

    def __call__(self, volume: Volume) -> Tissues: ...


@dataclass(frozen=True, eq=False)
class ConformedVisit:
    """One scan on the template's grid, and its way back.

    Attributes:
        volume: brain only, without its bias field, 0…1 on the person's joint scale, 0 outside.
        brain: (X, Y, Z) mask on that grid.
        scan_to_template: rigid, scan's world mm → template's world mm.
        registration: how far the motion may be believed.
        scan_grid: the scan's own stored grid.
        intensity: the scan's own units ↔ the joint scale.
        warnings: what a reader should know, in sentences.
    """

    volume: Volume
    brain: NDArray[np.bool_]
    scan_to_template: Affine
    registration: RegistrationQuality
    scan_grid: Grid
    intensity: IntensityMap
    warnings: tuple[str, ...] = ()

    @property
    def has_odd_contrast(self) -> bool:
        """Whether another scanner or protocol seems to have made this scan than the person's others."""
        return CONTRAST_WARNING in self.warnings

    def restore(self, volume: Volume) -> Volume:
        """A volume of the template's grid on the scan's own grid, in the scan's own units; 0 outside.

        One linear interpolation; the scan's bias field is not put back.

        Args:
            volume: 0…1 on the joint scale, on any grid in the template's world.
        """
        is_empty = volume.voxels <= BACKGROUND
        if volume.grid.is_same_as(self.volume.grid):
            is_empty &= ~self.brain
        own = volume.with_voxels(np.where(is_empty, 0, self.intensity.to_own(volume.voxels)))
        return resample(own, self.scan_grid, inverse(self.scan_to_template))

    def restore_labels(self, labels: NDArray) -> NDArray[np.int16]:
        """Labels (X, Y, Z) of the template's grid on the scan's own grid."""
        return resample_labels(labels, self.volume.grid, self.scan_grid, inverse(self.scan_to_template))

    def restore_shares(self, shares: NDArray[np.float32]) -> NDArray[np.int16]:
        """Of shares (classes, X, Y, Z) on the template's grid: the class of the largest on the scan's own."""
        return resample_shares(shares, self.volume.grid, self.scan_grid, inverse(self.scan_to_template))


def conform(
    volumes: Sequence[Volume], find_tissues: TissueFinder, template: Template, progress: Progress = silent
) -> tuple[ConformedVisit, ...]:
    """One person's scans on the template's grid, in the order given.

    Args:
        volumes: T1 scans of one person, whole heads or stripped brains, stored any way.
        find_tissues: finds brain, gray and white matter in each.
        template: whose grid and world to use.
        progress: hears how far it has come.

    Raises:
        InputError: a scan holds no brain, is no T1, or does not register; the message says which.
    """
    contract = IntensityContract()
    found = []
    for number, volume in enumerate(volumes, start=1):
        name = _name(number, len(volumes))
        progress(0.7 * (number - 1) / len(volumes), f"finding the brain of {name.lower()}")
        found.append(_prepared(volume, find_tissues, contract, name))
    progress(0.7, "registering to the template")
    starts = [p.to_template for p in found]
    alignment = align([BareBrain.of(p.volume, p.brain) for p in found], template, starts)
    progress(0.95, "resampling")
    intensities = [p.intensities for p in found]
    conformed = tuple(
        _conformed(p, scale, alignment, i, template, _name(i + 1, len(found)))
        for i, (p, scale) in enumerate(zip(found, joint_maps(intensities, contract), strict=True))
    )
    return tuple(
        replace(visit, warnings=(*visit.warnings, CONTRAST_WARNING)) if differs else visit
        for visit, differs in zip(conformed, differ_in_contrast(intensities), strict=True)
    )


@dataclass(frozen=True, eq=False)
class _Prepared:
    """A scan without its bias field, its brain, and its tissue intensities."""

    volume: Volume
    brain: NDArray[np.bool_]
    intensities: TissueIntensities
    to_template: Affine | None


def _prepared(
    volume: Volume, find_tissues: TissueFinder, contract: IntensityContract, name: str
) -> _Prepared:
    tissues = find_tissues(volume)
    brain = tissues.brain_on(volume.grid)
    brain_ml = brain.sum() * volume.grid.voxel_ml
    if not PLAUSIBLE_BRAIN_ML[0] <= brain_ml <= PLAUSIBLE_BRAIN_ML[1]:
        msg = f"{name} shows {brain_ml:.0f} ml of brain; give a T1-weighted scan of a whole adult brain."
        raise InputError(msg)
    corrected = correct_bias(volume, tissues.white, tissues.grid)
    try:
        measured = tissues.intensities_of(corrected, contract)
    except InputError as error:
        msg = f"{name}: {error}"
        raise InputError(msg) from error
    return _Prepared(corrected, brain, measured, tissues.to_template)


def _conformed(
    prepared: _Prepared, scale: IntensityMap, alignment: Alignment, i: int, template: Template, name: str
) -> ConformedVisit:
    motion, quality = alignment.motions[i], alignment.qualities[i]
    if not quality.is_usable:
        msg = f"{name} does not register ({quality}). Give upright T1 scans of one person's brain."
        raise InputError(msg)
    brain = resample_mask(prepared.brain, prepared.volume.grid, template.grid, motion)
    near = prepared.volume.cropped(box_around(prepared.brain))
    moved = resample(near, template.grid, motion, Interpolation.SPLINE)
    voxels = np.where(brain, np.clip(scale.to_normalised(moved.voxels), 0, 1), 0)
    warnings = [] if quality.is_good else [f"{name} registers only fairly: {quality}."]
    share = brain.sum() * template.grid.voxel_ml / (prepared.brain.sum() * prepared.volume.grid.voxel_ml)
    if share < WHOLE_BRAIN_SHARE:
        warnings.append(f"{1 - share:.1%} of the brain of {name.lower()} lies outside the model's grid.")
    return ConformedVisit(
        template.volume.with_voxels(voxels),
        brain,
        motion,
        quality,
        prepared.volume.grid,
        scale,
        tuple(warnings),
    )


def united_brain(masks: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """(X, Y, Z) where any of a person's visits has brain, on the template's grid."""
    return np.logical_or.reduce(masks)


def _name(number: int, of: int) -> str:
    return "The scan" if of == 1 else f"Scan {number} of {of}"
