"""The predicted image, with or without the fine detail that the reference scan has and a decode lacks.

A decode is smooth, and the same person's sulci look a little like everyone's. The model's change from the
reference age to the predicted one can be laid on the reference scan instead: added to its brightness, or
carried out as a motion of its tissue. At the reference's own age the change is nothing, and the image is the
reference scan. A motion shows no change of brightness in place (a lesion that appears, say): ask for plain or
added where that matters. Volumes are not measured on these images; what is warped shows those that are
predicted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, assert_never

import numpy as np

from MRExtrapLib.anatomy.structures import Labels
from MRExtrapLib.forecast.moving import MovableScan
from MRExtrapLib.imaging.dense import find_bending
from MRExtrapLib.imaging.volume import Volume

ImageKind = Literal["plain", "added", "warped"]

DEFAULT_IMAGE: ImageKind = "warped"
"""Of what is written. Measured by `Testing/quality/images.py` on the last visit of 17 simulated people, three
years on: it lies nearest to the true scan (28.6 dB; plain 25.4, added 25.3), is as sharp (1.02; 1.30), and
shows the change of ventricles that the true scan shows within 5 points (plain: 30). Gray matter is nearer in
the plain image (0.33 points; 0.51). These people were made by the same kind of motion, which flatters it."""

SHOWING = 3
"""Raised whenever images are made otherwise than before: a cohort's forecasts are then made again."""

SLIDER_IMAGE: ImageKind = "plain"
"""Of what a host shows unless it asks otherwise: a slider's step only decodes, while a warp takes seconds."""

IMAGE_WORDS: Mapping[ImageKind, str] = {
    "plain": "the decoded prediction alone; finest detail is the model's, not the person's",
    "added": "reference scan + (decoded prediction − decoded reference)",
    "warped": "reference scan, moved as the decoded reference must be to look like the decoded prediction, "
    "and on until its regions have changed as predicted; changes of brightness in place do not show",
}
"""For whoever reads a forecast's provenance."""

SEGMENTATION_WORDS: Mapping[ImageKind, str] = {
    "plain": "the decoded prediction",
    "added": "the decoded prediction, not of the image shown",
    "warped": "the reference scan, moved with it",
}
"""What the segmentation beside each kind of image is of."""


@dataclass(frozen=True, eq=False)
class Shown:
    """The image that is shown of a prediction.

    Attributes:
        image: on the template's grid.
        labels: (X, Y, Z) FreeSurfer numbers of its voxels; None where the decode's segmentation holds.
        moved_share: how much was made up of the predicted change that the decodes' motion lacked; None where
            nothing was moved.
        size_warnings: sentences on sizes that are not the predicted ones; None where the decode's hold.
    """

    image: Volume
    labels: Labels | None = None
    moved_share: float | None = None
    size_warnings: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class Anchor:
    """What predicted images hold on to; all on the template's grid.

    Attributes:
        reference: the conformed reference scan, 0 to 1.
        decoded: what the person's line decodes to at the reference's own age.
    """

    reference: MovableScan
    decoded: Volume

    def show(self, predicted: Volume, kind: ImageKind, changes: Mapping[str, float]) -> Shown:
        """The image to show for a decoded prediction.

        Args:
            predicted: what the person's line decodes to at the predicted age.
            kind: plain, added, or warped, which takes seconds longer.
            changes: predicted for each compartment, as the natural log of its volume over that of the
                reference; what is warped shows them.
        """
        match kind:
            case "plain":
                return Shown(predicted)
            case "added":
                reference, change = self.reference.scan, predicted.voxels - self.decoded.voxels
                return Shown(reference.with_voxels(np.clip(reference.voxels + change, 0, 1)))
            case "warped":
                moved = self.reference.moved(find_bending(self.decoded, predicted), changes)
                return Shown(moved.image, moved.labels, moved.share, _words_of(moved.share))
            case _:
                assert_never(kind)


def _words_of(share: float) -> tuple[str, ...]:
    if share == 1.0:
        return ()
    return (
        f"The last scan could be moved by only {100 * share:.0f} % of what the decoded change lacks of the "
        "predicted one; take sizes from the volumes, not from the image.",
    )
