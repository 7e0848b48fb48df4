"""Brains that a segmenter labels itself, aged by a known motion: what moves keeps its name.

A segmenter that was taught on one scan of each person may find every border well and yet see but a part of a
change (`Testing/quality/seen_change.py`), as its normalisation looks at the whole image.
Here it is shown one brain at several ages. The labels are its own of the real scan (drawn by their shares, so
that a border within a voxel moves too), carried along by the motion that carries the image; only agreement
with itself across ages can be learned from them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from MRExtrapLib.anatomy.segmentation import WHITE_SEEN, Segmenter
from MRExtrapLib.anatomy.structures import channels_of
from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.conform import conform
from MRExtrapLib.imaging.intensity import IntensityContract
from MRExtrapLib.imaging.reading import read_scan
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.imaging.writing import whole_file
from MRExtrapLib.model.blocks import space_to_depth
from MRExtrapLib.simulation.ageing import AgeingBrain
from MRExtrapLib.simulation.deformation import warp, warp_labels
from MRExtrapLib.simulation.profiles import PROFILES, draw_subject
from MRExtrapLib.simulation.subject import prescribed_changes
from MRExtrapLib.training.people import key_of

STEPS = 255
"""Brains are kept as bytes: 0…STEPS stands for 0…1."""

YEARS = (-4.0, 3.0, 6.0)
"""How far each brain is aged, with the rates of Alzheimer's disease: changes that no scan hides."""

GAIN = 0.03
"""Standard deviation of a crop's brightness about the scale that scans are brought to."""

NOISIEST = 0.015
"""The strongest noise that is added, on that scale."""


@dataclass(frozen=True, eq=False)
class AgedBrain:
    """One brain at several ages on the template's grid.

    Attributes:
        subject: whose.
        voxels: (n, X, Y, Z) bytes on the intensity contract.
        channels: (n, X, Y, Z) structure of each voxel.
    """

    subject: str
    voxels: NDArray[np.uint8]
    channels: NDArray[np.uint8]


def aged_brains(
    scans: Sequence[tuple[str, Path]], teacher: Segmenter, teacher_sha256: str, seed: int, folder: Path
) -> tuple[list[AgedBrain], list[str]]:
    """Everyone at several ages, kept in the folder for the next sitting, and why some could not be used.

    Args:
        scans: (subject, T1 scan).
        teacher: finds the brains and names them.
        teacher_sha256: of its weights: what another has named is not taken for its own.
        seed: of the rates.
        folder: of the run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    brains, refused = [], []
    for subject, path in scans:
        try:
            scan = read_scan(path)
            key = key_of(scan.sha256, teacher_sha256, seed, YEARS)
            kept = folder / f"{subject.replace('/', '_')}_{path.name.split('.nii')[0]}_{key}.npz"
            if not kept.exists():
                rng = np.random.default_rng((seed, zlib.crc32(scan.sha256.encode())))
                brain = _aged(subject, scan.volume, teacher, rng)
                with whole_file(kept) as unfinished, unfinished.open("wb") as file:
                    np.savez_compressed(file, voxels=brain.voxels, channels=brain.channels)
        except InputError as error:
            refused.append(f"{path.name}: {error}")
            continue
        with np.load(kept) as packed:
            brains.append(AgedBrain(subject, packed["voxels"], packed["channels"]))
    return brains, refused


def aged_example(brain: AgedBrain, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Image (1, X, Y, Z) as a segmenter sees conformed brains; channels (8, X/2, Y/2, Z/2) of 2³ blocks."""
    age, is_mirrored = int(rng.integers(len(brain.voxels))), rng.random() < 0.5
    step = -1 if is_mirrored else 1
    voxels, channels = (np.ascontiguousarray(one[age, ::step]) for one in (brain.voxels, brain.channels))
    image = torch.from_numpy(voxels).float().div_(STEPS)
    noise = torch.from_numpy(rng.standard_normal(image.shape, dtype=np.float32))
    noisy = torch.where(image > 0, image + float(rng.uniform(0, NOISIEST)) * noise, image)
    gain = WHITE_SEEN / IntensityContract().white * float(np.exp(GAIN * rng.standard_normal()))
    blocks = space_to_depth(torch.from_numpy(channels.astype(np.int64))[None, None], 2)[0]
    return (noisy * gain)[None].clamp(0, 2), blocks.contiguous()


def _aged(subject: str, scan: Volume, teacher: Segmenter, rng: np.random.Generator) -> AgedBrain:
    (conformed,) = conform([scan], teacher.find_tissues, teacher.template)
    image = conformed.volume
    _, drawn = teacher.label(image)
    labels = image.with_voxels(drawn)
    visits = [(image, labels), *_older_and_younger(image, labels, rng)]
    voxels = np.stack([np.round(np.clip(one.voxels, 0, 1) * STEPS).astype(np.uint8) for one, _ in visits])
    channels = [channels_of(np.rint(one.voxels).astype(np.int16), "freesurfer") for _, one in visits]
    return AgedBrain(subject, voxels, np.stack(channels).astype(np.uint8))


def _older_and_younger(
    image: Volume, labels: Volume, rng: np.random.Generator
) -> Iterator[tuple[Volume, Volume]]:
    brain = AgeingBrain(labels)
    rates = draw_subject(PROFILES["AD"], rng)
    for years in YEARS:
        try:
            motion = brain.deformation(prescribed_changes(rates, brain, years))
        except InputError:  # this brain cannot change so much without folding
            continue
        yield warp(image, motion), warp_labels(labels, motion)
