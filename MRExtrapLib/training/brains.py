"""Brains as the autoencoder learns them: stripped, bias-corrected, 1 mm, on the intensity contract.

They are not registered: the network looks only at neighbourhoods, so where a brain lies teaches it nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.utils.data import Dataset

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.bias import correct_bias
from MRExtrapLib.imaging.conform import TissueFinder
from MRExtrapLib.imaging.hashing import sha256_of
from MRExtrapLib.imaging.intensity import IntensityContract, joint_maps
from MRExtrapLib.imaging.reading import read_scan
from MRExtrapLib.imaging.resampling import Interpolation, resample
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.training.labelled import subject_name

STEPS = 255
"""Brains are kept as bytes: 0…STEPS stands for 0…1."""

MARGIN_VOXELS = 12
"""Air kept around a brain, so that the network sees brains end."""


@dataclass(frozen=True, eq=False)
class Brain:
    """One prepared brain, (X, Y, Z) bytes at 1 mm, cut to the brain and a margin."""

    subject: str
    voxels: NDArray[np.uint8]


def find_scans(folder: Path) -> list[tuple[str, Path]]:
    """(subject, T1 scan) for every `*_T1w.nii(.gz)` below the folder, BIDS or not, in order of name.

    What lies in hidden folders is left out: a simulation that was killed leaves scans without ages there.
    """
    found = (path for path in folder.rglob("*_T1w.nii*") if path.name.endswith((".nii", ".nii.gz")))
    paths = sorted(
        path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    return [(subject_name(folder, path.name.split("_T1w.nii")[0]), path) for path in paths]


def prepare_brain(
    volume: Volume, find_tissues: TissueFinder, contract: IntensityContract
) -> NDArray[np.uint8]:
    """The brain of a scan as the autoencoder is to see it, (X, Y, Z) bytes at 1 mm.

    Raises:
        InputError: no brain was found, or the scan is no T1.
    """
    tissues = find_tissues(volume)
    corrected = correct_bias(volume, tissues.white, tissues.grid)
    (scale,) = joint_maps([tissues.intensities_of(corrected, contract)], contract)
    moved = resample(corrected, tissues.grid, interpolation=Interpolation.SPLINE)
    normalised = np.where(tissues.brain, np.clip(scale.to_normalised(moved.voxels), 0, 1), 0)
    (box,) = ndimage.find_objects(tissues.brain.astype(np.uint8))
    return np.pad(np.round(normalised[box] * STEPS).astype(np.uint8), MARGIN_VOXELS)


def prepared_brains(
    scans: Sequence[tuple[str, Path]], find_tissues: TissueFinder, cache: Path
) -> tuple[list[Brain], list[str]]:
    """All brains, from the cache where an earlier sitting prepared them, and why some could not be used.

    A scan that was replaced under its name is prepared anew.
    """
    cache.mkdir(parents=True, exist_ok=True)
    brains, refused = [], []
    for subject, path in scans:
        stem = f"{subject.replace('/', '_')}_{path.name.split('.nii')[0]}"
        try:
            kept = cache / f"{stem}_{sha256_of(path)[:16]}.npz"
            if not kept.exists():
                voxels = prepare_brain(read_scan(path).volume, find_tissues, IntensityContract())
                unfinished = kept.with_suffix(".part.npz")
                np.savez_compressed(unfinished, voxels=voxels)
                unfinished.replace(kept)
        except InputError as error:
            refused.append(f"{path.name}: {error}")
            continue
        brains.append(Brain(subject, np.load(kept)["voxels"]))
    return brains, refused


LEAST_BRAIN_SHARE = 0.2
"""Of a crop: one that holds less brain teaches nothing, and another is drawn, up to `TRIES` times."""

TRIES = 10

AGED_SHARE = 0.5
"""Of all crops where there are aged visits: as many as of the scans that the visits were made of."""


class BrainCrops(Dataset):
    """Crop number i of an endless series; the same number and seed give the same crop.

    Where there are aged visits, `AGED_SHARE` of the crops is theirs: scans at 1 mm are of the young, and a
    network that saw no others has not seen wide ventricles.

    Attributes:
        brains: upright.
        size: S, the side of a crop.
        length: how many crops are asked for.
        seed: of everything random.
        aged: visits at other ages, upright.
        is_turned: see `random_crop`.
    """

    def __init__(
        self,
        brains: Sequence[Brain],
        size: int,
        length: int,
        seed: int,
        aged: Sequence[Brain] = (),
        *,
        is_turned: bool = True,
    ) -> None:
        self.brains, self.size, self.length, self.seed = brains, size, length, seed
        self.aged, self.is_turned = aged, is_turned

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Tensor:
        """(1, S, S, S) intensities in 0…1."""
        rng = np.random.default_rng((self.seed, index))
        pool = self.aged if self.aged and rng.random() < AGED_SHARE else self.brains
        voxels = pool[int(rng.integers(len(pool)))].voxels
        return random_crop([voxels], self.size, rng, is_turned=self.is_turned)[0]


def random_crop(
    visits: Sequence[NDArray[np.uint8]], size: int, rng: np.random.Generator, *, is_turned: bool = True
) -> Tensor:
    """The same crop of images on one grid, (n, 1, S, S, S) intensities in 0…1.

    It is mirrored and turned by right angles only: nothing is interpolated, so nothing gets blurred. Where a
    segmenter is to name what it shows, it stays upright and left and right alone change places: in a turned
    brain ours finds 3 to 60 % of the hippocampus.

    Args:
        visits: (X, Y, Z) bytes each; the first says where there is brain enough.
        size: S.
        rng: what is random.
        is_turned: whether a crop need not stay upright.
    """
    images = [np.pad(one, [(0, max(0, size - n)) for n in one.shape]) for one in visits]
    box = _box_with_brain(images[0], size, rng)
    axes = rng.permutation(3) if is_turned else np.arange(3)
    mirrored = tuple(axis for axis in range(3 if is_turned else 1) if rng.random() < 0.5)
    gain = float(rng.uniform(0.9, 1.1))
    crops = np.stack([np.flip(np.transpose(one[box], axes), axis=mirrored) for one in images])
    return torch.from_numpy(crops).float()[:, None].mul_(gain / STEPS).clamp_(0, 1)


def _box_with_brain(
    voxels: NDArray[np.uint8], size: int, rng: np.random.Generator
) -> tuple[slice, slice, slice]:
    for _ in range(TRIES):
        x, y, z = (int(rng.integers(n - size + 1)) for n in voxels.shape)
        box = slice(x, x + size), slice(y, y + size), slice(z, z + size)
        if np.count_nonzero(voxels[box]) >= LEAST_BRAIN_SHARE * size**3:
            break
    return box
