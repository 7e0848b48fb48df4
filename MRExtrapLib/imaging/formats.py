"""Volumes out of single files: NIfTI and MGZ through nibabel, NRRD through SimpleITK.

Every reader looks at the header first and allocates only what the file can really hold.
"""

from __future__ import annotations

import gzip
import math
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from nibabel.filebasedimages import SerializableImage
from nibabel.freesurfer import MGHImage
from nibabel.spatialimages import HeaderDataError, SpatialImage
from nibabel.wrapstruct import WrapStructError

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.plausibility import DEFLATE_RATIO, check_size, checked_volume, spatial_shape
from MRExtrapLib.imaging.volume import Affine, Volume

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""DICOM and ITK count to the patient's left and back; we count to the right and front."""

FORM_AGREEMENT_MM = 0.1
"""sform and qform that place corners closer than this are the same placement, rounded."""

CONTENT = "NRRD_content"
"""ITK's name for NRRD's field `content`, which says what an image is."""

COMPUTED = re.compile(r"MRExtrap: ([A-Z]+)\b.*\bnot acquired")
"""How an image of ours says that it is no scan. Simulated scans say otherwise: they stand for scans."""

GZIP_MAGIC = b"\x1f\x8b"
CHUNK_BYTES = 1 << 20

NOT_AN_IMAGE = (nib.filebasedimages.ImageFileError, HeaderDataError, WrapStructError, KeyError, TypeError)
CUT_GZIP = (EOFError, zlib.error, gzip.BadGzipFile)
CUT_SHORT = (*CUT_GZIP, OSError, ValueError)


@dataclass(frozen=True, eq=False)
class StoredVolume:
    """A volume as a file holds it, and what is doubtful about it."""

    volume: Volume
    warnings: tuple[str, ...] = ()


Reader = Callable[[Path], StoredVolume]


def read_nibabel(file: Path) -> StoredVolume:
    """The volume of a NIfTI-1, NIfTI-2, MGH or MGZ file.

    Raises:
        InputError: not such a file, cut short, 2D, 4D, colour, or no plausible scan.
    """
    name, packed = file.name, _is_gzip(file)
    try:
        image = nib.load(file)
    except CUT_GZIP as error:  # MGZ keeps part of its header behind the voxels
        raise InputError(_cut_short(file) if packed else _not_an_image(file)) from error
    except (*NOT_AN_IMAGE, *CUT_SHORT) as error:
        raise InputError(_not_an_image(file)) from error
    if not isinstance(image, SpatialImage) or not isinstance(image, SerializableImage):
        raise InputError(_not_an_image(file))
    dtype = image.get_data_dtype()
    if dtype.kind not in "iuf":
        kind = "complex numbers" if dtype.kind == "c" else "colours"
        msg = f"{name} holds {kind} instead of one intensity per voxel; give the plain T1 magnitude scan."
        raise InputError(msg)
    check_size(name, image.shape, dtype.itemsize, file.stat().st_size * (DEFLATE_RATIO if packed else 1))
    shape = spatial_shape(name, image.shape)
    voxels = _voxels(file, type(image), packed).reshape(shape)
    doubts = (*_origin_doubts(name, _description(image)), *_placement_doubts(name, image))
    return StoredVolume(checked_volume(name, voxels, image.affine), doubts)


def read_nrrd(file: Path) -> StoredVolume:
    """The volume of an NRRD file (.nrrd, or .nhdr with its data beside it), turned from LPS to RAS.

    Raises:
        InputError: not such a file, cut short, 2D, 4D, colour, or no plausible scan.
    """
    name = file.name
    reader = sitk.ImageFileReader()
    reader.SetImageIO("NrrdImageIO")
    reader.SetFileName(str(file))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise InputError(_not_an_image(file)) from error
    n_components = reader.GetNumberOfComponents()
    if n_components != 1:
        msg = f"{name} holds {n_components} values per voxel (colours or frames); give a plain 3D T1 scan."
        raise InputError(msg)
    is_detached = file.suffix.lower() in HEADERS
    available = math.inf if is_detached else file.stat().st_size * DEFLATE_RATIO
    check_size(name, reader.GetSize(), _bytes_per_voxel(reader.GetPixelID()), available)
    shape = spatial_shape(name, reader.GetSize())
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise InputError(_cut_short(file)) from error
    voxels = sitk.GetArrayFromImage(image).T.reshape(shape)
    volume = checked_volume(name, voxels, itk_affine(image))
    doubts = _origin_doubts(name, reader.GetMetaData(CONTENT) if reader.HasMetaDataKey(CONTENT) else "")
    if not reader.HasMetaDataKey("NRRD_space"):
        doubts += (f"{name} does not say in which space it lies; left and right are a guess (LPS).",)
    return StoredVolume(volume, doubts)


READERS: dict[str, Reader] = {
    ".nii.gz": read_nibabel,
    ".nii": read_nibabel,
    ".mgz": read_nibabel,
    ".mgh": read_nibabel,
    ".nrrd": read_nrrd,
    ".nhdr": read_nrrd,
}
"""Which reader serves which file ending."""

HEADERS = (".nhdr",)
"""Endings of files whose voxels lie in other files."""


def itk_affine(image: sitk.Image) -> Affine:
    """The affine (index → RAS+ mm) of an ITK image's first three axes.

    >>> itk_affine(sitk.Image(2, 2, 2, sitk.sitkUInt8)).diagonal().tolist()
    [-1.0, -1.0, 1.0, 1.0]
    """
    n_axes = image.GetDimension()
    direction = np.reshape(image.GetDirection(), (n_axes, n_axes))[:3, :3]
    affine = np.eye(4)
    affine[:3, :3] = direction * image.GetSpacing()[:3]
    affine[:3, 3] = image.GetOrigin()[:3]
    return LPS_TO_RAS @ affine


def _voxels(file: Path, kind: type[SerializableImage], packed: bool) -> np.ndarray:
    """All voxels, and, where packed, every byte to the end, so that gzip's checksum is compared."""
    try:
        with gzip.open(file) if packed else file.open("rb") as stream:
            image = kind.from_stream(stream)
            with np.errstate(over="ignore"):
                voxels = np.asarray(image.dataobj, dtype=np.float32)
            while packed and stream.read(CHUNK_BYTES):
                pass
    except CUT_SHORT as error:
        raise InputError(_cut_short(file)) from error
    return voxels


def _description(image: SpatialImage) -> str:
    """What a NIfTI header says that the image is; MGH headers say nothing."""
    return "" if isinstance(image, MGHImage) else bytes(image.header["descrip"]).decode("ascii", "replace")


def _origin_doubts(name: str, description: str) -> tuple[str, ...]:
    """Whether an image was made by us, and would only tell us what we said before."""
    if (computed := COMPUTED.match(description)) is None:
        return ()
    words = f"{name} was {computed[1].lower()} by MRExtrap, not acquired; give the person's own scans alone."
    return (words,)


def _placement_doubts(name: str, image: SpatialImage) -> tuple[str, ...]:
    if isinstance(image, MGHImage):
        is_placed = bool(image.header["goodRASFlag"] == 1)
        return () if is_placed else (f"{name} says nothing of its placement; left and right are a guess.",)
    sform, sform_code = image.get_sform(coded=True)
    qform, qform_code = image.get_qform(coded=True)
    if not sform_code and not qform_code:
        return (f"{name} has neither sform nor qform; its orientation, left and right are a guess.",)
    if not sform_code or not qform_code or qform is None:
        return ()
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in image.shape[:3]])).reshape(3, -1)
    corners = np.vstack([corners, np.ones(corners.shape[1])])
    if np.abs((sform - qform) @ corners).max() <= FORM_AGREEMENT_MM:
        return ()
    return (f"The sform and qform of {name} place it differently; sform is used, so check sizes and sides.",)


def _is_gzip(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(2) == GZIP_MAGIC


def _bytes_per_voxel(pixel_id: int) -> int:
    return sitk.GetArrayViewFromImage(sitk.Image(1, 1, pixel_id)).itemsize


def _not_an_image(file: Path) -> str:
    return f"{file} cannot be read as the image that its name promises; give a T1 scan in a sound file."


def _cut_short(file: Path) -> str:
    return f"{file} is damaged or cut short: its voxels cannot be read to the end; copy or export it again."
