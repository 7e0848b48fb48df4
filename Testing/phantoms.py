"""Phantoms that several rooms age: heads of ellipsoids with FreeSurfer's numbers."""

from __future__ import annotations

import numpy as np

from MRExtrapLib.imaging.volume import Volume

SPACING_MM = 2.5
SHAPE = (58, 68, 58)

LAYERS = [  # FreeSurfer number, centre, radii in mm: each paints over what lies under it
    (507, (0, 0, 0), (70, 82, 70)),  # scalp
    (24, (0, 0, 0), (64, 76, 64)),  # outer CSF
    (3, (0, 0, 0), (58, 70, 58)),
    (2, (0, 0, 0), (52, 62, 52)),
    (10, (-12, -4, 0), (8, 12, 8)),
    (49, (12, -4, 0), (8, 12, 8)),
    (4, (-14, 0, 18), (10, 30, 12)),
    (43, (14, 0, 18), (10, 30, 12)),
    (17, (-28, -10, -20), (7, 18, 7)),
    (53, (28, -10, -20), (7, 18, 7)),
]


def labelled_ellipsoids(spacing_mm: float = SPACING_MM) -> Volume:
    """Scalp, CSF, cortex, white matter and what lies inside, numbered as FreeSurfer does."""
    shape = tuple(round(n * SPACING_MM / spacing_mm) for n in SHAPE)
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = -spacing_mm * (np.array(shape) - 1) / 2
    world = np.indices(shape) * spacing_mm + affine[:3, 3][:, None, None, None]
    labels = np.zeros(shape, np.float32)
    for number, centre, radii in LAYERS:
        reach = sum(((w - c) / r) ** 2 for w, c, r in zip(world, centre, radii, strict=True))
        labels[reach <= 1] = number
    return Volume(labels, affine)


def t1_like(labels: Volume) -> Volume:
    """A T1-like image of such labels."""
    brightness = {507: 180.0, 24: 30.0, 3: 100.0, 2: 150.0, 10: 120.0, 49: 120.0, 17: 95.0, 53: 95.0}
    voxels = np.zeros(labels.shape, np.float32)
    for number in np.unique(labels.voxels):
        voxels[labels.voxels == number] = brightness.get(int(number), 30.0 if number else 0.0)
    return labels.with_voxels(voxels)
