"""Label numbers of each protocol, and what they are to the segmenter."""

import numpy as np

from MRExtrapLib.anatomy.regions import REGIONS, SIDED, region_volumes_ml
from MRExtrapLib.anatomy.structures import CHANNEL, STRUCTURES, channels_of


def test_every_structure_has_its_freesurfer_numbers():
    for channel, structure in enumerate(STRUCTURES):
        assert (
            channels_of(np.array([structure.left, structure.right]), "freesurfer").tolist() == [channel] * 2
        )


def test_what_lies_outside_the_brain_is_background():
    assert not channels_of(np.array([0, 507, 516, 530]), "freesurfer").any()


def test_both_protocols_agree_on_the_hippocampus():
    muse = channels_of(np.array([47, 48]), "muse")
    assert muse.tolist() == channels_of(np.array([53, 17]), "freesurfer").tolist()


def test_regions_are_made_of_known_structures():
    assert {name for names in REGIONS.values() for name in names} <= set(CHANNEL)


def test_sides_add_up_to_the_region():
    sided = np.random.default_rng(0).uniform(0, 100, size=(len(STRUCTURES), 2))
    volumes = region_volumes_ml(sided)
    for region in SIDED:
        assert np.isclose(volumes[f"{region}_left"] + volumes[f"{region}_right"], volumes[region])


def test_whole_brain_holds_no_fluid():
    sided = np.zeros((len(STRUCTURES), 2))
    sided[
        [CHANNEL["csf"], CHANNEL["lateral-ventricle"], CHANNEL["3rd-ventricle"], CHANNEL["4th-ventricle"]]
    ] = 10
    assert region_volumes_ml(sided)["whole_brain"] == 0
    assert region_volumes_ml(sided)["ventricles"] == 60
