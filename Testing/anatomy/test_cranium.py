"""Where the brain is looked for in a head."""

import numpy as np
from scipy import ndimage

from MRExtrapLib.anatomy.cranium import COARSE_MM, cranial_box

BRAIN = (slice(20, 160), slice(60, 230), slice(100, 230))


def head(rng):
    """A brain case on a neck with a nose, in noisy air: (180, 250, 250) at 1 mm."""
    voxels = np.zeros((180, 250, 250), dtype=np.float32)
    x, y, z = np.ogrid[:180, :250, :250]
    voxels[((x - 90) / 80) ** 2 + ((y - 145) / 95) ** 2 + ((z - 160) / 80) ** 2 < 1] = 1
    voxels[60:120, 80:180, :100] = 1
    voxels[80:100, 200:248, 80:110] = 1
    return voxels + rng.uniform(0, 0.02, voxels.shape).astype(np.float32)


def test_the_box_holds_the_brain_and_leaves_the_neck_and_the_nose_out():
    box = cranial_box(head(np.random.default_rng(0)))
    assert all(
        part.start <= brain.start and part.stop >= brain.stop for part, brain in zip(box, BRAIN, strict=True)
    )
    assert box[2].start > 50
    assert box[1].stop < 246 + COARSE_MM


def test_a_stripped_brain_is_kept_whole():
    voxels = np.zeros((170, 200, 160), dtype=np.float32)
    x, y, z = np.ogrid[:170, :200, :160]
    voxels[((x - 85) / 70) ** 2 + ((y - 100) / 88) ** 2 + ((z - 80) / 65) ** 2 < 1] = 0.8
    inside = np.zeros(voxels.shape, dtype=bool)
    inside[cranial_box(voxels)] = True
    assert inside[voxels > 0].all()


def test_a_speck_above_the_head_does_not_pass_for_its_vertex():
    voxels = head(np.random.default_rng(1))
    box = cranial_box(voxels)
    voxels[5:9, 5:9, 244:248] = 1
    assert cranial_box(voxels) == box


def test_nothing_is_cut_from_air():
    voxels = ndimage.gaussian_filter(np.zeros((40, 44, 48), dtype=np.float32), 1)
    assert cranial_box(voxels) == tuple(slice(0, n) for n in voxels.shape)
