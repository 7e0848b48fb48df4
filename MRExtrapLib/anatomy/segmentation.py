"""A brain told apart into its structures, with their volumes.

The network names structures; the mid-sagittal plane of template space (x = 0) gives them their side, so
left and right cannot be confused by a network, only by a header.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional

from MRExtrapLib.anatomy.borders import heard_by_brightness
from MRExtrapLib.anatomy.cranium import cranial_box
from MRExtrapLib.anatomy.regions import region_volumes_ml
from MRExtrapLib.anatomy.structures import CHANNEL, STRUCTURES
from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.brain import BareBrain
from MRExtrapLib.imaging.conform import ConformedVisit, Tissues
from MRExtrapLib.imaging.intensity import IntensityContract, air_level
from MRExtrapLib.imaging.registration import register
from MRExtrapLib.imaging.resampling import isotropic_grid_around, resample, resample_mask, world_of
from MRExtrapLib.imaging.rigid import inverse
from MRExtrapLib.imaging.template import Template, bundled_template
from MRExtrapLib.imaging.volume import Affine, Grid, Volume, Voxels
from MRExtrapLib.model.device import Device, on_device
from MRExtrapLib.model.segmenter import WINDOW, SegmenterNetwork, to_draw_from

WHITE_SEEN = 0.85
"""Where the network expects white matter: the middle of what it was trained on (`training.crops`)."""

BRIGHT_PERCENTILE, BRIGHT_SEEN = 99.5, 1.4
"""Before white matter is found: this percentile of what is not air is taken for so much of the scale."""

OVERLAP = 0.1
"""Share of a window that its neighbour covers too, where a head is looked at in windows (a first look)."""

LARGEST_BRAIN_VOXELS = 9_000_000
"""A box of this size is looked at as a whole (the template's grid is 5 million, a brain case's box 6 to 8), a
larger one in windows."""

SMALLEST_BRAIN_ML = 400.0
"""Below this no brain was found: an adult's is 900 ml and more."""

HEAD_MARGIN_MM = 4.0
"""Air kept around the head, and head kept around the brain."""

FIRST_MM = 4.0
"""How finely the head is turned upright before the second look: to a fraction of a degree."""

FLUID_REACH_MM = 3
"""Fluid farther than this from tissue is left outside the brain mask."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Labels of every voxel and the soft volumes of the regions.

    Attributes:
        labels: (X, Y, Z) FreeSurfer numbers.
        affine: of the labels.
        volumes_ml: region → ml, summed probabilities.
        structures_ml: (structures, 2) soft ml of each channel left and right.
    """

    labels: NDArray[np.int16]
    affine: Affine
    volumes_ml: Mapping[str, float]
    structures_ml: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Segmenter:
    """The segmentation network on one device, and the template that says what is upright."""

    network: SegmenterNetwork
    device: Device
    template: Template = field(default_factory=bundled_template)

    def __post_init__(self) -> None:
        on_device(self.network, self.device.torch).eval()

    def segment(self, volume: Volume) -> Segmentation:
        """Labels and volumes of a conformed brain: template space, 1 mm, on the intensity contract.

        The network looks at the whole grid, air and all: what it names depends a little on how much air it
        sees and where its blocks fall, and so both are the same for every visit and every decode.
        """
        probabilities = self.probabilities(volume)
        return _segmentation(probabilities, heard_by_brightness(probabilities, volume.voxels), volume)

    def volumes_ml(self, volume: Volume) -> Mapping[str, float]:
        """Region → ml of a conformed brain, as `segment` finds it, for a part of the time."""
        return region_volumes_ml(_sided_ml(self.probabilities(volume), volume.grid))

    def segment_scan(self, scan: ConformedVisit) -> tuple[Segmentation, NDArray[np.int16]]:
        """As `segment`, and the labels (X, Y, Z) of the scan's own voxels.

        They come from the conformed brain's probabilities, not its labels: a border within a voxel stays.
        """
        probabilities = self.probabilities(scan.volume)
        heard = heard_by_brightness(probabilities, scan.volume.voxels)
        own = _sided(scan.restore_shares(heard.numpy()), _left_in_template(scan))
        return _segmentation(probabilities, heard, scan.volume), own

    def label(self, volume: Volume) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """Of a conformed brain each voxel's likeliest label (X, Y, Z), and one drawn by its probabilities,
        which have heard its brightness.

        Those that are drawn are always the same. Counted, or weighed by whatever happens to each voxel, they
        give what these probabilities would.
        """
        scores = heard_by_brightness(self.probabilities(volume), volume.voxels).log()
        generator = torch.Generator().manual_seed(0)
        is_left = _left_of_middle(volume.grid)[:, None, None]
        likeliest, drawn = _likeliest(scores), _likeliest(to_draw_from(scores, generator))
        return _sided(likeliest, is_left), _sided(drawn, is_left)

    def find_tissues(self, volume: Volume) -> Tissues:
        """Masks of brain, cortex and cerebral white matter on an upright 1 mm grid around the brain.

        Looks twice: once at the brain case as it lies in the scanner, to find white matter and how the head
        is tilted; again at the brain alone, turned upright, with the scan's brightness set by its white
        matter. How a scan is stored then hardly touches what is found: the network never sees the tilt.

        Raises:
            InputError: no brain was found.
        """
        bright = _above_air(volume)
        head = _at_one_millimetre(bright)
        channels = self._channels(_brain_case(head.voxels) * _first_gain(head.voxels))
        brain = brain_mask(channels)
        _require_brain(brain, head.grid)
        white = head.voxels[brain & (channels == CHANNEL["cerebral-white-matter"])]
        gain = WHITE_SEEN / max(float(np.median(white)), 1e-6) if white.size else _first_gain(head.voxels)
        to_template = register(BareBrain.of(head, brain).snug(), self.template.brain, finest_mm=FIRST_MM)
        grid = _upright_grid(brain, head.grid, to_template)
        mask = resample_mask(brain, head.grid, grid)
        near = ndimage.binary_dilation(mask, iterations=round(HEAD_MARGIN_MM))
        channels = self._channels(np.where(near, resample(bright, grid).voxels * gain, 0))
        brain = brain_mask(channels)
        _require_brain(brain, grid)
        gray = brain & (channels == CHANNEL["cerebral-cortex"])
        white = brain & (channels == CHANNEL["cerebral-white-matter"])
        return Tissues(brain, gray, white, grid, to_template)

    def probabilities(self, volume: Volume) -> torch.Tensor:
        """(structures, X, Y, Z) of a conformed brain."""
        return torch.softmax(self._logits_of_conformed(volume), dim=0).cpu()

    def _logits_of_conformed(self, volume: Volume) -> torch.Tensor:
        return self._logits_of(volume.voxels * (WHITE_SEEN / IntensityContract().white))

    def _channels(self, voxels: Voxels) -> NDArray[np.uint8]:
        channels = np.zeros(voxels.shape, dtype=np.uint8)
        box = _box_of(voxels > 0, self.network.config.divisor)
        channels[box] = _likeliest(self._logits_of(voxels[box])).astype(np.uint8)
        return channels

    @torch.inference_mode()
    def _logits_of(self, voxels: Voxels) -> torch.Tensor:
        """(structures, x, y, z)."""
        image = torch.from_numpy(np.ascontiguousarray(np.clip(voxels, 0, 2), dtype=np.float32))
        image = image[None, None].to(self.device.torch)
        return (self._whole(image) if image.numel() <= LARGEST_BRAIN_VOXELS else self._in_windows(image))[0]

    def _whole(self, image: torch.Tensor) -> torch.Tensor:
        x, y, z = image.shape[2:]
        divisor = self.network.config.divisor
        padded = functional.pad(image, (0, -z % divisor, 0, -y % divisor, 0, -x % divisor))
        return self._logits(padded)[:, :, :x, :y, :z]

    def _in_windows(self, image: torch.Tensor) -> torch.Tensor:
        return sliding_window_inference(
            image, (WINDOW,) * 3, sw_batch_size=1, predictor=self._logits, overlap=OVERLAP, mode="gaussian"
        )

    def _logits(self, image: torch.Tensor) -> torch.Tensor:
        with torch.autocast(self.device.torch.type, self.device.precision, self.device.is_reduced):
            return self.network.voxel_logits(image.contiguous(memory_format=torch.channels_last_3d)).float()


def _segmentation(probabilities: torch.Tensor, heard: torch.Tensor, volume: Volume) -> Segmentation:
    """Volumes of a conformed brain by the network's probabilities (structures, X, Y, Z); labels by those that
    have heard brightness.

    Labels follow borders more closely so. Volumes are left to the network alone: where the true change is
    known, its gray and white matter follow it more closely, if ventricles less (`Testing/quality/naming.py`).
    """
    sided_ml = _sided_ml(probabilities, volume.grid)
    labels = _sided(_likeliest(heard), _left_of_middle(volume.grid)[:, None, None])
    return Segmentation(labels, volume.affine, region_volumes_ml(sided_ml), sided_ml)


def _sided_ml(probabilities: torch.Tensor, grid: Grid) -> NDArray[np.float64]:
    """(structures, 2) ml left and right of probabilities (structures, X, Y, Z)."""
    is_left = _left_of_middle(grid)
    # rows are summed as they are, all else in double precision
    slices = probabilities.sum(dim=3).double().sum(dim=2).numpy()
    return np.stack([slices[:, side].sum(axis=1) for side in (is_left, ~is_left)], axis=1) * grid.voxel_ml


def brain_mask(channels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The largest connected piece of tissue, its holes filled, with the fluid that touches it; 1 mm grid."""
    tissue = ndimage.binary_opening(channels > CHANNEL["csf"], iterations=1)
    pieces, count = ndimage.label(tissue)
    if count == 0:
        return tissue
    largest = pieces == np.argmax(np.bincount(pieces.ravel())[1:]) + 1
    near = ndimage.binary_dilation(largest, iterations=FLUID_REACH_MM)
    return ndimage.binary_fill_holes(largest | (near & (channels > 0)))


def _likeliest(scores: torch.Tensor) -> NDArray[np.int64]:
    """(x, y, z) which of the structures (first axis) is likeliest at each voxel."""
    return scores.max(dim=0).indices.cpu().numpy()  # in a third of the time of argmax


def _sided(channels: NDArray, is_left: NDArray[np.bool_]) -> NDArray[np.int16]:
    """FreeSurfer numbers of structures (X, Y, Z), told apart by side: (X, Y, Z) or (X, 1, 1)."""
    table = np.array([(structure.right, structure.left) for structure in STRUCTURES], dtype=np.int16)
    return table[channels, is_left.astype(np.intp)]


def _require_brain(brain: NDArray[np.bool_], grid: Grid) -> None:
    brain_ml = float(brain.sum()) * grid.voxel_ml
    if brain_ml < SMALLEST_BRAIN_ML:
        msg = (
            f"No brain was found in the scan ({brain_ml:.0f} ml of brain-like voxels); is it a T1 head scan?"
        )
        raise InputError(msg)


def _first_gain(voxels: Voxels) -> float:
    above_air = voxels[voxels > 0.05 * float(voxels.max())]
    return BRIGHT_SEEN / max(float(np.percentile(above_air, BRIGHT_PERCENTILE)), 1e-6)


def _brain_case(voxels: Voxels) -> Voxels:
    box = cranial_box(voxels)
    inside = np.zeros_like(voxels)
    inside[box] = voxels[box]
    return inside


def _above_air(volume: Volume) -> Volume:
    """The scan, its air 0."""
    return volume.with_voxels(np.clip(volume.voxels - np.float32(air_level(volume.voxels)), 0, None))


def _at_one_millimetre(bright: Volume) -> Volume:
    """The head at 1 mm, RAS, cut to what is not air; air is 0."""
    inside = np.argwhere(bright.voxels > 0.05 * np.percentile(bright.voxels, 99.5))
    grid = isotropic_grid_around(world_of(inside, bright.affine), 1.0, HEAD_MARGIN_MM)
    return resample(bright, grid)


def _upright_grid(brain: NDArray[np.bool_], grid: Grid, to_template: Affine) -> Grid:
    """A 1 mm grid in the scan's world, along the template's axes, that holds the brain with a margin."""
    points = world_of(np.argwhere(brain), to_template @ grid.affine)
    upright = isotropic_grid_around(points, 1.0, 2 * HEAD_MARGIN_MM)
    return Grid(upright.shape, inverse(to_template) @ upright.affine)


def _left_of_middle(grid: Grid) -> NDArray[np.bool_]:
    """(X,) whether each sagittal plane of a RAS-aligned grid lies left of x = 0."""
    return grid.affine[0, 0] * np.arange(grid.shape[0]) + grid.affine[0, 3] < 0


def _left_in_template(scan: ConformedVisit) -> NDArray[np.bool_]:
    """(X, Y, Z) whether each of the scan's own voxels lies left of x = 0 of template space."""
    (to_x, to_y, to_z, from_mm), *_ = scan.scan_to_template @ scan.scan_grid.affine
    x, y, z = np.ogrid[tuple(slice(n) for n in scan.scan_grid.shape)]
    return to_x * x + to_y * y + to_z * z + from_mm < 0


def _box_of(inside: NDArray[np.bool_], step: int) -> tuple[slice, ...]:
    """The box that holds anything, begun at a multiple of the network's coarsest blocks."""
    found = ndimage.find_objects(inside.astype(np.uint8))
    if not found:
        return (slice(0, 1),) * inside.ndim
    return tuple(slice(along.start - along.start % step, along.stop) for along in found[0])
