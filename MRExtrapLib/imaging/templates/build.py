"""Builds a template: the symmetric mean of many brains, each in its own size.

    python -m MRExtrapLib.imaging.templates.build FOLDER TEMPLATE.nii.gz --leave-out sub-03 sub-10

FOLDER holds skull-stripped T1 scans (`*_T1w.nii.gz`, 0 outside the brain). Every brain is registered
rigidly (6 degrees of freedom) to the mean of all brains and their mirror images, and the mean is taken
again, until it rests. Mirroring makes x = 0 the mid-sagittal plane; the pitch and the origin, which no
symmetry gives, are the anterior and posterior commissure as read off the resting mean.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.brain import BareBrain, Brain
from MRExtrapLib.imaging.registration import register
from MRExtrapLib.imaging.resampling import resample, resample_mask
from MRExtrapLib.imaging.rigid import displacement_mm, inverse, rotation_about, translation
from MRExtrapLib.imaging.volume import Affine, Grid, Volume

FINEST_MM = (4.0, 4.0, 4.0, 2.0)
"""The voxel size at which each round stops refining."""

WORKING_GRID = Grid(
    (96, 116, 96), np.array([[2, 0, 0, -95], [0, 2, 0, -115], [0, 0, 2, -95], [0, 0, 0, 1.0]])
)
"""2 mm, and its own mirror image: flipping the first axis of an array is x → −x."""

MODEL_GRID = Grid(
    (160, 192, 160), np.array([[1, 0, 0, -79.5], [0, 1, 0, -116.0], [0, 0, 1, -77.0], [0, 0, 0, 1.0]])
)
"""1 mm, its own mirror image in x, and wide enough for the largest brain of the group."""

WHITE_PERCENTILE = 99.0
WHITE_LEVEL = 240.0
"""The brightest percent of the mean brain lies above this, of 255."""


@dataclass(frozen=True)
class Commissures:
    """Where anterior and posterior commissure lie in the resting mean: (y, z) in mm, at x = 0.

    The defaults were read off the mid-sagittal slice of the bundled template's mean.
    """

    anterior_mm: tuple[float, float] = (24.5, -6.0)
    posterior_mm: tuple[float, float] = (-2.5, -5.5)

    def to_origin(self) -> Affine:
        """The motion that lays AC on the origin and PC straight behind it."""
        back = np.subtract(self.posterior_mm, self.anterior_mm)
        centre = np.array([0.0, *self.anterior_mm])
        pitch_degrees = float(np.degrees(np.arctan2(back[1], -back[0])))
        return translation(-centre) @ rotation_about(centre, (pitch_degrees, 0, 0))


def read_subjects(folder: Path, leave_out: Sequence[str]) -> list[BareBrain]:
    """The brains in a folder, but for the subjects named."""
    paths = [p for p in sorted(folder.glob("*_T1w.nii.gz")) if p.name.split("_")[0] not in leave_out]
    if not paths:
        msg = f"{folder} holds no *_T1w.nii.gz to build a template from; give the folder of stripped brains."
        raise InputError(msg)
    return [_read_subject(path) for path in paths]


def group_motions(subjects: Sequence[BareBrain], finest_mm: Sequence[float] = FINEST_MM) -> list[Affine]:
    """The rigid motions (scan's world → mean's world) under which all brains agree with their mean."""
    brains = [subject.snug() for subject in subjects]
    motions = [translation(-brain.centre_mm) for brain in brains]
    for number, finest in enumerate(finest_mm):
        mean = symmetric_mean([_moved(b, m) for b, m in zip(brains, motions, strict=True)])
        moved = [register(brain, mean, start, finest) for brain, start in zip(brains, motions, strict=True)]
        change = [displacement_mm(new @ inverse(old)) for new, old in zip(moved, motions, strict=True)]
        print(f"round {number + 1} of {len(finest_mm)}: brains moved {np.mean(change):.2f} mm", flush=True)
        motions = moved
    return motions


def symmetric_mean(brains: Sequence[Brain]) -> Brain:
    """The mean of brains on one grid and their mirror images, where at least half of them have brain."""
    total = np.stack([brain.volume.voxels for brain in brains]).mean(axis=0)
    share = np.stack([brain.mask for brain in brains]).mean(axis=0)
    total = (total + np.flip(total, axis=0)) / 2
    inside = (share + np.flip(share, axis=0)) / 2 >= 0.5
    return Brain(Volume(np.where(inside, total, 0), brains[0].volume.affine), inside)


def template_voxels(
    subjects: Sequence[BareBrain], motions: Sequence[Affine], commissures: Commissures
) -> NDArray[np.uint8]:
    """The mean on the model's grid, AC–PC aligned, 0 to 255."""
    upright = [commissures.to_origin() @ motion for motion in motions]
    mean = symmetric_mean([s.on(MODEL_GRID, motion) for s, motion in zip(subjects, upright, strict=True)])
    white = np.percentile(mean.volume.voxels[mean.mask], WHITE_PERCENTILE)
    scaled = np.clip(mean.volume.voxels * (WHITE_LEVEL / white), 1, 255)
    return np.where(mean.mask, np.rint(scaled), 0).astype(np.uint8)


def main() -> None:
    """Reads a folder, writes a template."""
    parser = argparse.ArgumentParser(description="Build a symmetric rigid mean template.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("template", type=Path)
    parser.add_argument("--leave-out", nargs="*", default=[], metavar="SUBJECT")
    options = parser.parse_args()
    subjects = read_subjects(options.folder, options.leave_out)
    write_template(template_voxels(subjects, group_motions(subjects), Commissures()), options.template)


def write_template(voxels: NDArray[np.uint8], path: Path) -> None:
    """Puts the mean on the model's grid in a NIfTI file."""
    image = nib.Nifti1Image(voxels, MODEL_GRID.affine)
    image.set_qform(MODEL_GRID.affine, code=1)
    image.set_sform(MODEL_GRID.affine, code=1)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)


def _moved(brain: Brain, motion: Affine) -> Brain:
    """A working brain on the symmetric working grid."""
    mask = resample_mask(brain.mask, brain.volume.grid, WORKING_GRID, motion)
    return Brain(resample(brain.volume, WORKING_GRID, motion), mask)


def _read_subject(path: Path) -> BareBrain:
    image = nib.load(path)
    volume = Volume(np.asarray(image.dataobj), image.affine)
    mask = volume.voxels > 0
    return BareBrain.of(volume, mask)


if __name__ == "__main__":
    main()
