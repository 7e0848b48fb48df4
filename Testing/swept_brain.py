"""A real brain made older by simple means: what a worker could answer for an age, without a network."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.scene.arrays import PlacedArray, Prediction
from MRExtrapLib.worker.results import RegionVolume

REPOSITORY = Path(__file__).resolve().parents[1]

COARSER = 4
"""Every how many voxels of the real scan are kept: 20 ages of it then fit in a test."""

AGES_YEARS = tuple(np.round(46 + np.cumsum([0.25, 0.5, 1.0, 2.5] * 5), 2).tolist())
"""Twenty, in uneven steps, from 46.25 to 67.25."""

BRAIN_IS_OVER, WHITE_IS_OVER = 20, 110
"""Grey levels of the sample's stripped brain that part it into fluid, grey and white matter, roughly."""


def real_brain() -> Volume:
    """The sample's real scan, its brain alone, at every fourth voxel."""
    path = REPOSITORY / "MRExtrapLib/sample/sub-01/ses-01/anat/sub-01_ses-01_T1w.nii.gz"
    image = nib.load(path)
    step = np.diag([COARSER, COARSER, COARSER, 1])
    voxels = np.asarray(image.dataobj, dtype=np.float32)[::COARSER, ::COARSER, ::COARSER]
    return Volume(voxels, image.affine @ step)


def aged(brain: Volume, age_years: float) -> Prediction:
    """Darker and with more fluid inside, year by year; labels left and right, by brightness."""
    voxels = brain.voxels * np.float32(1 - (age_years - 46) / 200)
    index = np.moveaxis(np.indices(voxels.shape), 0, -1)
    world_mm = index @ brain.affine[:3, :3].T + brain.affine[:3, 3]
    inside = brain.voxels > BRAIN_IS_OVER
    centre_mm = world_mm[inside].mean(axis=0)
    is_right = world_mm[..., 0] > centre_mm[0]
    labels = np.where(brain.voxels > WHITE_IS_OVER, np.where(is_right, 41, 2), np.where(is_right, 42, 3))
    reach_mm = np.linalg.norm(world_mm - centre_mm, axis=-1)
    labels = np.where(reach_mm < 12 + (age_years - 46) / 2, np.where(is_right, 43, 4), labels)
    labels = np.where(inside, labels, 0).astype(np.int16)
    image, segmented = PlacedArray(voxels, brain.affine), PlacedArray(labels, brain.affine)
    return Prediction(age_years, image, segmented, PlacedArray(np.sqrt(voxels), brain.affine))


def volume_rows(has_bounds: bool = True) -> tuple[RegionVolume, ...]:
    """Two regions of a person scanned at 46, 48 and, held out, 50; predicted at the twenty ages."""
    rows = []
    for region, at_46_ml, rate_ml in (("hippocampus", 7.9, -0.1), ("ventricles", 36.4, 1 / 3)):
        for age in (46.0, 48.0, 50.0):
            rows.append(RegionVolume("observed", age, region, at_46_ml + rate_ml * (age - 46)))
            rows.append(RegionVolume("reconstructed", age, region, at_46_ml - 0.5 + rate_ml * (age - 46)))
        for age in AGES_YEARS:
            ml, wide = at_46_ml + rate_ml * (age - 46), 0.1 + 0.05 * abs(age - 47)
            bounds = (ml - wide, ml + wide) if has_bounds else (None, None)
            rows.append(RegionVolume("predicted", age, region, ml, *bounds))
    return tuple(rows)
