"""The template: the mean brain whose space and grid every scan is brought to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy.ndimage import binary_fill_holes

from MRExtrapLib.errors import ModelError
from MRExtrapLib.imaging.brain import BareBrain, Brain
from MRExtrapLib.imaging.volume import Grid, Volume

BUNDLED = Path(__file__).parent / "templates" / "mrextrap-cc0-24.nii.gz"


@dataclass(frozen=True, eq=False)
class Template:
    """A mean T1 brain, 0 to 1 and 0 outside, mid-sagittal plane at x = 0.

    Its grid (RAS, 1 mm) is the model's grid.
    """

    volume: Volume
    name: str

    @property
    def grid(self) -> Grid:
        """The model's grid."""
        return self.volume.grid

    @property
    def brain(self) -> Brain:
        """The template as registration sees it."""
        return BareBrain.of(self.volume, binary_fill_holes(self.volume.voxels > 0)).snug()


def read_template(path: Path) -> Template:
    """The template in a NIfTI file, named after the file and scaled to 0…1.

    Raises:
        ModelError: the file is missing.
    """
    if not path.is_file():
        msg = f"The template {path.name} is missing from {path.parent}; install MRExtrap again."
        raise ModelError(msg)
    image = nib.load(path)
    voxels = np.asarray(image.dataobj, dtype=np.float32)
    return Template(Volume(voxels / voxels.max(), image.affine), path.name.removesuffix(".nii.gz"))


@lru_cache(maxsize=1)
def bundled_template() -> Template:
    """The template that comes with MRExtrap: symmetric, rigid mean of 24 CC0 brains.

    >>> bundled_template().grid.shape
    (160, 192, 160)
    """
    return read_template(BUNDLED)
