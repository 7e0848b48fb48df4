"""Images and labels as NIfTI or NRRD, as asked: the same voxels in the same place, whichever it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.formats import CONTENT, LPS_TO_RAS
from MRExtrapLib.imaging.volume import Affine, Volume, checked_affine
from MRExtrapLib.imaging.writing import fitting_labels, whole_file, write_labels, write_nifti

ImageFormat = Literal["nifti", "nrrd"]

DEFAULT_FORMAT: ImageFormat = "nifti"

ENDINGS: Mapping[ImageFormat, str] = {"nifti": ".nii.gz", "nrrd": ".nrrd"}
"""How files of each format end."""


def write_image(
    volume: Volume, stem: Path, image_format: ImageFormat = DEFAULT_FORMAT, *, description: str = ""
) -> Path:
    """A file of float32 voxels in that format, whole or not at all.

    Args:
        volume: what to write; voxels keep their order.
        stem: the file without its ending.
        image_format: the format.
        description: for NIfTI's `descrip` or NRRD's `content`.

    Returns:
        the file.

    Raises:
        InputError: the disk is full, or nothing may be written there.
    """
    path = stem.with_name(stem.name + ENDINGS[image_format])
    if image_format == "nifti":
        write_nifti(volume, path, description=description)
    else:
        _write_nrrd(volume.voxels, volume.affine, path, description)
    return path


def write_label_image(
    labels: NDArray[np.integer], affine: Affine, stem: Path, image_format: ImageFormat = DEFAULT_FORMAT
) -> Path:
    """A file of label numbers, (X, Y, Z), in the smallest integer type that holds them.

    Raises:
        TypeError: the labels are not whole numbers.
        InputError: the disk is full, or nothing may be written there.
    """
    path = stem.with_name(stem.name + ENDINGS[image_format])
    if image_format == "nifti":
        write_labels(labels, affine, path)
    else:
        _write_nrrd(fitting_labels(labels), affine, path, "")
    return path


def _write_nrrd(voxels: NDArray, affine: Affine, path: Path, description: str) -> None:
    """NRRD counts millimetres in doubles to the left and back; a sheared grid keeps its shear."""
    placed = LPS_TO_RAS @ checked_affine(affine)
    spacing_mm = np.linalg.norm(placed[:3, :3], axis=0)
    image = sitk.GetImageFromArray(voxels.T)
    image.SetSpacing(spacing_mm.tolist())
    image.SetDirection((placed[:3, :3] / spacing_mm).ravel().tolist())
    image.SetOrigin(placed[:3, 3].tolist())
    if description:
        image.SetMetaData(CONTENT, description.encode("ascii", "replace").decode())
    with whole_file(path) as unfinished:
        writer = sitk.ImageFileWriter()
        writer.SetImageIO("NrrdImageIO")
        writer.SetFileName(str(unfinished))
        writer.UseCompressionOn()
        try:
            writer.Execute(image)
        except RuntimeError as error:  # ITK has no other, and does not say which refusal of the system it was
            msg = f"{path} cannot be written: the disk is full, or you may not write there; choose another."
            raise InputError(msg) from error
