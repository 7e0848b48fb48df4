"""The true regional volumes of a simulated visit, under the names that forecasts report."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from MRExtrapLib.anatomy.regions import region_volumes_ml
from MRExtrapLib.anatomy.structures import STRUCTURES, channels_of

RIGHT_NUMBERS = frozenset({44, 57, 62, 63, 163, 164} | {s.right for s in STRUCTURES if s.has_sides})
"""FreeSurfer numbers on the right; all others count as left, which matters only where there are sides."""


def region_truth_ml(label_ml: Mapping[int, float]) -> Mapping[str, float]:
    """Region → ml from the volume of each FreeSurfer label.

    >>> region_truth_ml({17: 3.5, 53: 3.7, 516: 40.0})["hippocampus"]
    7.2
    """
    sided_ml = np.zeros((len(STRUCTURES), 2))
    for number, ml in label_ml.items():
        channel = int(channels_of(np.array([number]), "freesurfer")[0])
        sided_ml[channel, int(number in RIGHT_NUMBERS)] += ml
    return region_volumes_ml(sided_ml)
