"""A scan measured exactly as `mrextrap measure` does it, for a model that may hold a segmenter alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from MRExtrapLib.anatomy.borders import NAMING
from MRExtrapLib.anatomy.segmentation import Segmentation, Segmenter
from MRExtrapLib.anatomy.structures import Labels, channels_of
from MRExtrapLib.errors import ModelError
from MRExtrapLib.evaluation.overlap import Channels
from MRExtrapLib.imaging.conform import ConformedVisit, conform
from MRExtrapLib.imaging.template import Template, bundled_template
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.model.device import pick_device
from MRExtrapLib.model.folder import load_model


@dataclass(frozen=True, eq=False)
class Measured:
    """A scan, conformed and segmented."""

    conformed: ConformedVisit
    segmentation: Segmentation
    labels: Labels

    @property
    def volumes_ml(self) -> Mapping[str, float]:
        """Region → soft ml, as the product reports."""
        return self.segmentation.volumes_ml

    @property
    def native_channels(self) -> Channels:
        """(X, Y, Z) structures on the scan's own grid, from the segmentation the product writes."""
        return channels_of(self.labels, "freesurfer")


@dataclass(frozen=True, eq=False)
class Product:
    """Segmenter and template: what measuring needs of a model."""

    segmenter: Segmenter
    template: Template
    identity: Mapping[str, str]

    def measure(self, volume: Volume) -> Measured:
        """One scan, by itself."""
        (alone,) = self.measure_together([volume])
        return alone

    def measure_together(self, volumes: Sequence[Volume]) -> tuple[Measured, ...]:
        """One person's scans, as a forecast takes them."""
        visits = conform(volumes, self.segmenter.find_tissues, self.template)
        return tuple(Measured(one, *self.segmenter.segment_scan(one)) for one in visits)


def load_product(folder: Path, device: str) -> Product:
    """The product with the segmenter of a model folder."""
    model = load_model(folder)
    if model.segmenter is None:
        msg = f"The model {model.name} has no segmenter to measure."
        raise ModelError(msg)
    segmenter = Segmenter(model.segmenter, pick_device(device))
    identity = {"name": model.name, "sha256": model.sha256, "naming": str(NAMING)}
    return Product(segmenter, bundled_template(), identity)
