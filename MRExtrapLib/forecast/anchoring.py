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
"""Of what is written. Measured by `Testing/quality/anchoring.py` on ONE held-out subject, four years each
way: the warped image's volume changes lie nearest to those that the same segmenter sees in the true older
scan (mean of four regions 1.2 points with the change known, 3.8 as a forecast; plain 2.5 and 6.2, added 6.1
and 4.7), it keeps most of the reference's fine detail (correlation 0.93 in the forecast, plain 0.90) and
the sharpness of a scan (1.00; plain 1.36, as a line through two scans amplifies noise). PSNR of the
forecast is 26.9 dB, of the plain one 24.2; with the change known, plain has 34.1 dB against 28.5. One
subject proves little: run it on more before relying on it."""

SHOWING = 2
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
        f"The last scan was moved by {100 * share:.0f} % of what the decoded change lacks of the predicted "
        "one, as more would fold its tissue; take sizes from the volumes, not from the image.",
    )
