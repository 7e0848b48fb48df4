"""Where in a head the brain can be, before anything is segmented: a smaller box is a shorter look."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from MRExtrapLib.imaging.volume import Voxels

COARSE_MM = 4
"""The head's outline is taken at this resolution: noise and wrap-around ghosts are smaller than that."""

BRAIN_HEIGHT_MM = 176
"""From the vertex down to below the cerebellum, skull and scalp included."""

VAULT_MM = (16, 112)
"""Below the vertex: the part of a head that is as wide and as long as its brain case, and has no nose."""

AIR_SHARE = 0.05
"""Of the brightest tissue: darker is air."""


def cranial_box(voxels: Voxels) -> tuple[slice, slice, slice]:
    """The part of a head, (X, Y, Z) at 1 mm in RAS order, that holds its brain case; all of it if unsure.

    A stripped brain is its own brain case.
    """
    outline = _outline(voxels)
    whole = tuple(slice(0, n) for n in voxels.shape)
    if not outline.any():
        return whole[0], whole[1], whole[2]
    top = int(np.flatnonzero(outline.any(axis=(0, 1)))[-1]) + 1
    low, high = (max(0, top - mm // COARSE_MM) for mm in reversed(VAULT_MM))
    vault = outline[:, :, low:high]
    if not vault.any():
        return whole[0], whole[1], whole[2]
    x, y = (np.flatnonzero(vault.any(axis=axes)) for axes in ((1, 2), (0, 2)))
    z = np.arange(max(0, top - BRAIN_HEIGHT_MM // COARSE_MM), top)
    return _span(x, voxels.shape[0]), _span(y, voxels.shape[1]), _span(z, voxels.shape[2])


def _span(inside: NDArray[np.intp], length_mm: int) -> slice:
    """Coarse positions as millimetres, one coarse step wider at both ends."""
    return slice(max(0, (int(inside[0]) - 1) * COARSE_MM), min(length_mm, (int(inside[-1]) + 2) * COARSE_MM))


def _outline(voxels: Voxels) -> NDArray[np.bool_]:
    """The largest piece of what is not air, on a grid of `COARSE_MM`."""
    trimmed = voxels[tuple(slice(0, n - n % COARSE_MM) for n in voxels.shape)]
    shape = [m for n in trimmed.shape for m in (n // COARSE_MM, COARSE_MM)]
    coarse = trimmed.reshape(shape).mean(axis=(1, 3, 5))
    bright = coarse > AIR_SHARE * np.percentile(coarse, 99.5)
    pieces, count = ndimage.label(ndimage.binary_opening(bright))
    if count == 0:
        return bright
    return ndimage.binary_fill_holes(pieces == np.argmax(np.bincount(pieces.ravel())[1:]) + 1)
