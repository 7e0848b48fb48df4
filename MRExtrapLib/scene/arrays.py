"""Arrays and where they lie: what comes from the worker, what a node holds, and what goes to the worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from MRExtrapLib.errors import InputError
from MRExtrapLib.worker.requests import ScanInput
from MRExtrapLib.worker.results import ArrayFile, Predicted

AFFINE_TOLERANCE_MM = 1e-3
"""Two grids whose affines differ by less are one: far below a voxel, far above what a NIfTI header loses."""


@dataclass(frozen=True)
class PlacedArray:
    """Voxels and where they lie.

    Attributes:
        voxels: (X, Y, Z); may be mapped into memory.
        affine: (4, 4) float64, voxel index → RAS+ mm.

    Raises:
        InputError: the array is not three-dimensional, or the affine is no invertible 4×4.
    """

    voxels: NDArray
    affine: NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "affine", np.array(self.affine, dtype=np.float64))
        if self.voxels.ndim != 3:
            msg = f"An image has three axes, not the shape {self.voxels.shape}; take one frame of it."
            raise InputError(msg)
        if self.affine.shape != (4, 4) or abs(np.linalg.det(self.affine)) < 1e-9:
            msg = f"The affine\n{self.affine}\nplaces no voxels; it must be an invertible 4×4 matrix."
            raise InputError(msg)

    def lies_as(self, other: PlacedArray) -> bool:
        """Whether both have the same grid, voxel for voxel."""
        is_same_shape = self.voxels.shape == other.voxels.shape
        return is_same_shape and np.allclose(self.affine, other.affine, atol=AFFINE_TOLERANCE_MM)


@dataclass(frozen=True)
class Prediction:
    """The brain at an age as the worker answered it, its arrays at hand.

    Attributes:
        image: in the reference scan's units, on its grid.
        labels: FreeSurfer numbers on the same grid, where it was measured.
        image_kind: plain, added or warped; empty where nobody said.
        uncertainty: standard deviation in the image's units, where it was asked for.
    """

    age_years: float
    image: PlacedArray
    labels: PlacedArray | None = None
    uncertainty: PlacedArray | None = None
    image_kind: str = ""


def placed(file: ArrayFile, voxels_of: Callable[[ArrayFile], NDArray]) -> PlacedArray:
    """An array of the worker, placed; `voxels_of` is the client's `voxels`."""
    return PlacedArray(voxels_of(file), np.array(file.affine))


def prediction(predicted: Predicted, voxels_of: Callable[[ArrayFile], NDArray]) -> Prediction:
    """A result of the worker with its arrays; `voxels_of` is the client's `voxels`."""
    labels, spread = predicted.segmentation, predicted.uncertainty
    return Prediction(
        age_years=predicted.age_years,
        image=placed(predicted.image, voxels_of),
        labels=placed(labels, voxels_of) if labels else None,
        uncertainty=placed(spread, voxels_of) if spread else None,
        image_kind=predicted.image_kind,
    )


def array_of(node: slicer.vtkMRMLScalarVolumeNode) -> PlacedArray:
    """What a volume node holds; the voxels are its own, not a copy.

    A transform that the node lies under is left out: what is predicted on the source's grid is put under
    the same transform.

    Raises:
        InputError: the node has no image.
    """
    image = node.GetImageData()
    if image is None or image.GetNumberOfPoints() == 0:
        msg = f"{node.GetName()} has no image; load it, or choose another volume."
        raise InputError(msg)
    flat = vtk_to_numpy(image.GetPointData().GetScalars())
    if flat.ndim > 1:
        msg = f"{node.GetName()} has {flat.shape[1]} values a voxel; choose a scan with one, in grey."
        raise InputError(msg)
    return PlacedArray(flat.reshape(image.GetDimensions(), order="F"), affine_of(node))


def affine_of(node: slicer.vtkMRMLVolumeNode) -> NDArray[np.float64]:
    """(4, 4), voxel index → RAS+ mm, of a volume node."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def matrix_of(affine: NDArray[np.float64]) -> vtk.vtkMatrix4x4:
    """An affine as VTK has it."""
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy([float(value) for value in affine.ravel()])
    return matrix


def image_data_of(voxels: NDArray, kind: type[np.generic]) -> vtk.vtkImageData:
    """Voxels (X, Y, Z) as VTK's own copy of them, so that the worker's file may go; x runs fastest."""
    image = vtk.vtkImageData()
    image.SetDimensions(*voxels.shape)
    flat = np.asarray(voxels, dtype=kind).ravel(order="F")
    scalars = numpy_to_vtk(flat, deep=True)
    scalars.SetName("ImageScalars")
    image.GetPointData().SetScalars(scalars)
    return image


def scan_input(
    node: slicer.vtkMRMLScalarVolumeNode, folder: Path, age_years: float | None = None
) -> ScanInput:
    """A scan of the scene for the worker: its voxels as a `.npy` of the folder.

    Args:
        folder: there already; a scan of the same node written before is replaced.

    Raises:
        InputError: the node has no image.
    """
    array = array_of(node)
    path = folder / f"{node.GetID()}.npy"
    np.save(path, array.voxels, allow_pickle=False)
    rows = tuple(tuple(float(value) for value in row) for row in array.affine)
    return ScanInput(str(path), age_years, rows, node.GetName())  # type: ignore[arg-type]  # four rows of four
