"""What a forecast works with: codec, segmenter, template, and which model they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.conform import ConformedVisit, TissueFinder, Tissues, conform
from MRExtrapLib.imaging.template import Template
from MRExtrapLib.imaging.volume import Volume, Voxels
from MRExtrapLib.progress import Progress, silent
from MRExtrapLib.progression.knowledge import Knowledge
from MRExtrapLib.progression.line import Latent
from MRExtrapLib.progression.prior import Prior
from MRExtrapLib.progression.response import Response, Telling
from MRExtrapLib.simulation.known_change import LAW, own_shares


class LatentCodec(Protocol):
    """Turns a conformed scan's voxels (X, Y, Z) into a latent (C, D, H, W) and back."""

    def encode(self, voxels: Voxels) -> Latent:
        """The latent of a scan on the template's grid."""
        ...

    def decode(self, latent: Latent) -> Voxels:
        """The scan of a latent, on the template's grid."""
        ...

    def decode_slab(self, latent: Latent, axis: int, first: int, last: int) -> Voxels:
        """The slices `first` to `last` (both included) of it across an axis, for a part of the time."""
        ...


class Segmented(Protocol):
    """Labels of a volume and the regions' volumes in ml."""

    @property
    def labels(self) -> NDArray[np.int16]:
        """(X, Y, Z) FreeSurfer label numbers on the segmented volume's grid."""
        ...

    @property
    def volumes_ml(self) -> Mapping[str, float]:
        """Region → ml."""
        ...


class VolumeSegmenter(Protocol):
    """Finds the regions of a brain, the same way whether it was observed, reconstructed or predicted."""

    def segment(self, volume: Volume) -> Segmented:
        """Labels and volumes of a scan."""
        ...

    def volumes_ml(self, volume: Volume) -> Mapping[str, float]:
        """The volumes alone, region → ml."""
        ...

    def segment_scan(self, scan: ConformedVisit) -> tuple[Segmented, NDArray[np.int16]]:
        """The same of a conformed scan, and the labels (X, Y, Z) of its own voxels."""
        ...

    def label(self, volume: Volume) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """The likeliest label of each voxel (X, Y, Z), and one drawn by its share where shares are known."""
        ...

    def find_tissues(self, volume: Volume) -> Tissues:
        """Brain, gray and white matter, for conforming."""
        ...


class Conformer(Protocol):
    """Brings one person's scans onto the template's grid, each with its way back."""

    def __call__(
        self,
        volumes: Sequence[Volume],
        find_tissues: TissueFinder,
        template: Template,
        progress: Progress = silent,
    ) -> tuple[ConformedVisit, ...]:
        """The scans in the order given."""
        ...


DECODING = 3
"""Raised whenever decoding or measuring gives other volumes than before; what was kept is then made again."""


class Notices:
    """What the engine had to do otherwise than asked, in sentences; each is told once."""

    def __init__(self) -> None:
        self._words: list[str] = []

    def tell(self, words: str) -> None:
        """One more sentence."""
        if words not in self._words:
            self._words.append(words)

    @property
    def words(self) -> tuple[str, ...]:
        """All sentences so far."""
        return tuple(self._words)


@dataclass(frozen=True)
class EngineIdentity:
    """Which model and segmenter made a result, for its provenance.

    Attributes:
        model: the model's name.
        model_sha256: the hash of its model.json, which holds the hashes of all its files.
        segmenter: "own", "of" another model, or "synthseg", with a version where one is known.
        device: what it ran on.
        weights_sha256: the hash of the weights alone that encode, decode and segment; that of the whole model
            where it is not told.
        segmenter_sha256: the hash of what finds tissues and measures; that of all weights where not told.
        knowledge_sha256: the hash of what it knows of rates and volumes; that of the model where not told.
    """

    model: str
    model_sha256: str
    segmenter: str
    device: str
    weights_sha256: str = ""
    segmenter_sha256: str = ""
    knowledge_sha256: str = ""

    @property
    def fingerprint(self) -> str:
        """What latents and volumes depend on: another prior or card leaves it as it is."""
        return f"{self.weights_sha256 or self.model_sha256} {self.segmenter}"

    @property
    def knowledge_fingerprint(self) -> str:
        """What predictions depend on beside weights: priors, calibration, how networks are built; no card."""
        return self.knowledge_sha256 or self.model_sha256

    @property
    def segmenter_fingerprint(self) -> str:
        """What conformed scans and observed volumes depend on: another autoencoder leaves it as it is."""
        return f"{self.segmenter_sha256 or self.fingerprint} {self.segmenter}"


@dataclass(frozen=True, eq=False)
class Engine:
    """Codec, segmenter and template of one model on one device, and how scans come to it.

    Attributes:
        prior: what the model knows of people's rates; None where it holds none, and least squares must do.
        knowledge: what it knows of regional volumes; None where it knows nothing.
        notices: what a user must know of how the engine worked; may grow with every call.
    """

    codec: LatentCodec
    segmenter: VolumeSegmenter
    template: Template
    identity: EngineIdentity
    conformer: Conformer = conform
    prior: Prior | None = None
    knowledge: Knowledge | None = None
    notices: Notices = field(default_factory=Notices)

    def conform(self, volumes: Sequence[Volume], progress: Progress = silent) -> tuple[ConformedVisit, ...]:
        """The scans of one person on the template's grid."""
        return self.conformer(volumes, self.segmenter.find_tissues, self.template, progress)

    def encode(self, volume: Volume) -> Latent:
        """The latent (C, D, H, W) of a conformed volume."""
        return self.codec.encode(volume.voxels)

    def decode(self, latent: Latent, inside: NDArray[np.bool_]) -> Volume:
        """The brain of a latent, on the template's grid.

        Args:
            latent: (C, D, H, W).
            inside: (X, Y, Z) where a brain may be, the person's visits together; beyond it is nothing. A
                decoder leaves a faint halo there, which a segmenter does not take for air.
        """
        voxels = self.codec.decode(np.asarray(latent, dtype=np.float32))
        return Volume(np.where(inside, voxels, 0), self.template.volume.affine)

    def decode_slab(
        self, latent: Latent, inside: NDArray[np.bool_], axis: int, first: int, last: int
    ) -> Volume:
        """The slices `first` to `last` (both included) of that brain across an axis, where they lie."""
        slices = self.codec.decode_slab(np.asarray(latent, dtype=np.float32), axis, first, last)
        affine = self.template.volume.affine.copy()
        affine[:3, 3] += first * affine[:3, axis]
        return Volume(np.where(np.take(inside, range(first, last + 1), axis), slices, 0), affine)

    def measure(self, volume: Volume) -> Segmented:
        """Labels and volumes of a volume on the template's grid."""
        return self.segmenter.segment(volume)

    def volumes_ml(self, volume: Volume) -> Mapping[str, float]:
        """The volumes alone, for a part of the time."""
        return self.segmenter.volumes_ml(volume)

    @property
    def measuring(self) -> tuple[int, ...]:
        """Versions of all that makes volumes; what was kept under others is made again."""
        return (DECODING, LAW) if self.asks_own_shares else (DECODING,)

    @property
    def asks_own_shares(self) -> bool:
        """Whether volumes are told by what is seen of a known change of the person's first scan, too."""
        return bool(self._response and self._response.leanings)

    def own_shares(self, first: Volume) -> Mapping[str, float]:
        """What is seen of a known change of a person's first scan, conformed: region → share.

        It takes seconds; nothing where the brain cannot be changed so.
        """
        try:
            return own_shares(first, self.segmenter)
        except InputError:
            return {}

    def telling(self, first_ml: Mapping[str, float], own_shares: Mapping[str, float]) -> Telling:
        """How a person's volumes are told, by the volumes and `own_shares` seen in the first scan."""
        response = self._response
        if response is None:
            return Telling(first_ml)
        return Telling(first_ml, response.of(own_shares), response.doubts(own_shares))

    def telling_beside(self, first: Volume, first_ml: Mapping[str, float]) -> Telling:
        """The same, with `own_shares` measured in the first scan, conformed, where they are asked for."""
        return self.telling(first_ml, self.own_shares(first) if self.asks_own_shares else {})

    @property
    def telling_words(self) -> str:
        """How volumes are told; nothing where they are told as they are seen."""
        return self._response.words if self._response else ""

    @property
    def _response(self) -> Response | None:
        return self.knowledge.response if self.knowledge else None

    def measure_scan(self, scan: ConformedVisit) -> tuple[Segmented, NDArray[np.int16]]:
        """The same of a conformed scan, and the labels (X, Y, Z) of its own voxels."""
        return self.segmenter.segment_scan(scan)
