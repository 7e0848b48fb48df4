"""What is seen of a known change: all of it by who sees all, a share by who sees a share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.simulation.known_change import own_shares

BRIGHT = (2, 41)
"""White matter."""

BLUR_VOXELS = 1.5
"""No border is sharper than cubic splines can follow."""


@dataclass(frozen=True)
class Sees:
    """Adds up what is bright, which in these images is white matter, and tells a share of its change."""

    labels: NDArray
    share: float

    def label(self, volume: Volume) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        labels = self.labels.astype(np.int16)
        return labels, labels

    def volumes_ml(self, volume: Volume) -> Mapping[str, float]:
        first_ml = np.isin(self.labels, BRIGHT).sum() * volume.grid.voxel_ml
        now_ml = float(volume.voxels.sum(dtype=np.float64)) * volume.grid.voxel_ml
        return {"white_matter": first_ml * (now_ml / first_ml) ** self.share}


def bright_white_matter(head: Volume) -> Volume:
    sharp = np.isin(head.voxels, BRIGHT).astype(np.float32)
    return head.with_voxels(ndimage.gaussian_filter(sharp, BLUR_VOXELS))


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_the_share_of_who_sees_so_much_is_found(labelled_head: Volume, share: float) -> None:
    found = own_shares(bright_white_matter(labelled_head), Sees(labelled_head.voxels, share))
    assert found == pytest.approx({"white_matter": share}, rel=0.1)


def test_a_brain_that_cannot_be_changed_is_refused(labelled_head: Volume) -> None:
    solid = np.full(labelled_head.shape, 2, np.int16)
    with pytest.raises(InputError):
        own_shares(labelled_head, Sees(solid, 1.0))
