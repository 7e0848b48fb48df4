"""MeshNet of brainchop: a published T1 segmentation network, as a peer to compare with and as a teacher.

Eighteen classes from nine dilated 3D convolutions (Fedorov et al. 2017, "End-to-end learning of brain
tissue segmentation from imperfect labeling"), read from the TensorFlow.js layout that brainchop ships:
`model.json` describes the layers, `model.bin` holds their float32 weights one after the other.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn

from MRExtrapLib.imaging.volume import Volume

INPUT_ORIENTATION = "LIA"
"""How the axes of a FreeSurfer-conformed array lie, on which the network was trained; others fail badly."""

MARGIN_MM = 12
"""Dark border left around what is not background; the rest of the 256³ box is not computed."""

FREESURFER_LEFT = np.array([0, 2, 3, 4, 5, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 26, 28], np.int16)
"""FreeSurfer number of each of the 18 classes, the left one where there are two."""

FREESURFER_RIGHT = np.array([0, 41, 42, 43, 44, 46, 47, 49, 50, 51, 52, 14, 15, 16, 53, 54, 58, 60], np.int16)
"""The same for the right side."""


class MeshNet(nn.Module):
    """Class scores (B, 18, X, Y, Z) of a T1 image (B, 1, X, Y, Z) at 1 mm, scaled to 0…1."""

    def __init__(self, kernels: list[Tensor], biases: list[Tensor], dilations: list[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for kernel, bias, dilation in zip(kernels, biases, dilations, strict=True):
            outputs, inputs, size = kernel.shape[0], kernel.shape[1], kernel.shape[2]
            layer = nn.Conv3d(inputs, outputs, size, padding=dilation * (size // 2), dilation=dilation)
            layer.weight.data.copy_(kernel)
            assert layer.bias is not None
            layer.bias.data.copy_(bias)
            self.layers.append(layer)

    def forward(self, image: Tensor) -> Tensor:
        """Scores of the 18 classes."""
        for layer in self.layers[:-1]:
            image = nn.functional.elu(layer(image), inplace=True)
        return self.layers[-1](image)


def load_meshnet(folder: Path) -> MeshNet:
    """MeshNet with the weights of a brainchop model folder, ready to segment."""
    layout = json.loads((folder / "model.json").read_text())
    layers = layout["modelTopology"]["model_config"]["config"]["layers"]
    dilations = [at["config"]["dilation_rate"][0] for at in layers if at["class_name"] == "Conv3D"]
    numbers = np.fromfile(folder / "model.bin", dtype="<f4")
    tensors, start = {}, 0
    for weight in layout["weightsManifest"][0]["weights"]:
        end = start + int(np.prod(weight["shape"]))
        tensors[weight["name"]] = torch.from_numpy(numbers[start:end].reshape(weight["shape"]).copy())
        start = end
    kernels = [kernel.permute(4, 3, 0, 1, 2) for name, kernel in tensors.items() if name.endswith("kernel")]
    biases = [bias for name, bias in tensors.items() if name.endswith("bias")]
    return MeshNet(kernels, biases, dilations).eval()


def segment_classes(network: MeshNet, volume: Volume, orientation: str = INPUT_ORIENTATION) -> Volume:
    """The 18 classes (0 is background) of a T1 scan, on a 1 mm grid around its brain or head."""
    from nibabel.processing import resample_to_output

    image = nib.Nifti1Image(volume.voxels, volume.affine)
    resampled = resample_to_output(image, voxel_sizes=(1.0, 1.0, 1.0), order=1)  # RAS axes, 1 mm
    turned = resampled.as_reoriented(
        nib.orientations.ornt_transform(
            nib.io_orientation(resampled.affine), nib.orientations.axcodes2ornt(orientation)
        )
    )
    voxels = np.asarray(turned.dataobj, dtype=np.float32)
    inside = ndimage.find_objects((voxels > 0.02 * voxels.max()).astype(np.uint8))[0]
    low = np.array([at.start for at in inside]) - MARGIN_MM
    high = np.array([at.stop for at in inside]) + MARGIN_MM
    padding = [(max(0, -a), max(0, b - n)) for a, b, n in zip(low, high, voxels.shape, strict=True)]
    padded = np.pad(voxels, padding)
    offset = np.array([before for before, _ in padding])
    window = tuple(slice(a, b) for a, b in zip(low + offset, high + offset, strict=True))
    classes = _scores(network, padded[window]).argmax(0)
    shift = np.eye(4)
    shift[:3, 3] = low
    return Volume(classes.astype(np.float32), turned.affine @ shift)


@torch.inference_mode()
def _scores(network: MeshNet, voxels: NDArray[np.float32]) -> NDArray[np.float32]:
    scaled = (voxels - voxels.min()) / max(float(np.ptp(voxels)), 1e-6)
    image = torch.from_numpy(scaled)[None, None]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return network(image)[0].float().numpy()


def segment_freesurfer(network: MeshNet, volume: Volume) -> Volume:
    """FreeSurfer label numbers of a T1 scan, at 1 mm; left and right are told apart by the mid-plane.

    The network does not know sides. The plane is the one through the centre of the labelled voxels at
    right angles to the world's x axis, so the head must not be turned by more than a few degrees.
    """
    classes = segment_classes(network, volume)
    index = classes.voxels.astype(np.int16)
    i, j, k = np.nonzero(index)
    world_x = classes.affine[0, :3] @ np.stack([i, j, k]) + classes.affine[0, 3]
    is_left = world_x < world_x.mean()
    labels = np.zeros_like(index)
    labels[i, j, k] = np.where(is_left, FREESURFER_LEFT[index[i, j, k]], FREESURFER_RIGHT[index[i, j, k]])
    return Volume(labels, classes.affine)


def main() -> None:
    """Segment one scan: `python Testing/peers/meshnet.py WEIGHTS_FOLDER SCAN OUT`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("scan", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    image = nib.load(arguments.scan)
    scan = Volume(np.asarray(image.dataobj), image.affine)
    labels = segment_freesurfer(load_meshnet(arguments.weights), scan)
    nib.save(nib.Nifti1Image(labels.voxels.astype(np.int16), labels.affine), arguments.out)


if __name__ == "__main__":
    main()
