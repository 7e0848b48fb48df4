"""Which volumes follow a true change: on changes that are known, and a brain that is drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from quality.naming import KINDS, Changed, change, share_and_rest, table, volumes_by_kind

from MRExtrapLib.anatomy.regions import MAIN_REGIONS
from MRExtrapLib.anatomy.structures import CHANNEL, STRUCTURES
from MRExtrapLib.imaging.volume import Volume


class HalfSure:
    """Calls everything hippocampus with 0.6 and fluid with 0.4, a core of each for sure."""

    def probabilities(self, volume: Volume) -> torch.Tensor:
        found = torch.zeros(len(STRUCTURES), *volume.shape)
        found[CHANNEL["hippocampus"]], found[CHANNEL["csf"]] = 0.6, 0.4
        for structure, side in (("hippocampus", slice(0, 8)), ("csf", slice(16, 24))):
            found[:, side] = 0.0
            found[CHANNEL[structure], side] = 1.0
        return found


def test_each_kind_counts_its_own() -> None:
    """Of 24 slices the first 12 are bright: a third is doubtful, half of that bright and half dark."""
    voxels = np.zeros((24, 10, 10), dtype=np.float32)
    voxels[:12] = 0.5
    volumes = volumes_by_kind(HalfSure(), Volume(voxels, np.eye(4)))
    ml = [volumes[kind]["hippocampus"] for kind in KINDS]
    assert ml[0] == pytest.approx(0.1 * (8 + 8 * 0.6))
    assert ml[1] == pytest.approx(1.2, abs=0.01)
    assert ml[2] == pytest.approx(1.2)


def test_a_share_of_every_change_leaves_nothing() -> None:
    true = np.array([-3.0, -8.0, -1.0])
    share, rest = share_and_rest(0.7 * true, true)
    assert share == pytest.approx(0.7)
    assert rest == pytest.approx(0.0, abs=1e-12)


def test_ventricles_change_in_millilitres_and_tissue_in_percent() -> None:
    ends = {"ventricles": 20.0, "hippocampus": 8.0}, {"ventricles": 26.0, "hippocampus": 7.2}
    assert change("ventricles", ends) == pytest.approx(6.0)
    assert change("hippocampus", ends) == pytest.approx(100 * np.log(0.9))


def test_every_main_region_has_a_row_and_every_kind_a_column() -> None:
    generator = np.random.default_rng(1)
    people = []
    for _ in range(4):
        ends = [{region: generator.uniform(5, 9) for region in MAIN_REGIONS} for _ in range(2)]
        people.append(Changed(dict.fromkeys(KINDS, (ends[0], ends[1])), (ends[0], ends[1])))
    said = table(people)
    assert all(word in said for word in (*KINDS, *MAIN_REGIONS, "4 people"))
    assert said.count("1.00 / 0.00") == len(KINDS) * len(MAIN_REGIONS)
