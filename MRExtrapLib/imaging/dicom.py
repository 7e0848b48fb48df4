"""A volume out of a folder of DICOM slices: which series there are, and how their slices stack.

Headers are read with pydicom, pixels with GDCM (through SimpleITK), which unpacks every transfer syntax.
Slices are placed by ImagePositionPatient alone: SliceThickness and SpacingBetweenSlices often lie.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.formats import LPS_TO_RAS, StoredVolume
from MRExtrapLib.imaging.plausibility import check_size, checked_volume
from MRExtrapLib.imaging.volume import Affine

TAGS = [
    "SeriesInstanceUID",
    "SeriesDescription",
    "ProtocolName",
    "SeriesNumber",
    "Modality",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "BitsAllocated",
    "NumberOfFrames",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "PatientAge",
    "PatientBirthDate",
    "PatientSex",
    "AcquisitionDate",
    "AcquisitionDateTime",
    "SeriesDate",
    "StudyDate",
    "ContentDate",
]
"""What is read of each header: placement, kind and, for the age, dates."""

SAME_PLACE_MM = 1e-3
SAME_DIRECTION = 1e-3
"""Direction cosines are written with few digits; a real tilt between slices is far larger."""

UNEVEN_SHARE, IRREGULAR_SHARE = 0.02, 0.1
"""How far, in slice spacings, a slice may stray from its even place: unmentioned, and with a warning."""

GAP_RATIO = 1.5
"""Slices this much further apart than they are thick suggest that some were left out."""


@dataclass(frozen=True, eq=False)
class Slice:
    """One DICOM file and its header without pixels."""

    file: Path
    header: Dataset

    @property
    def position_mm(self) -> np.ndarray:
        """Centre of the first pixel, LPS (3,)."""
        return np.array(self.header.ImagePositionPatient, dtype=np.float64)

    @property
    def directions(self) -> np.ndarray:
        """Unit vectors along a row and along a column, LPS (2, 3)."""
        return np.array(self.header.ImageOrientationPatient, dtype=np.float64).reshape(2, 3)


@dataclass(frozen=True, eq=False)
class Series:
    """The slices of one acquisition."""

    uid: str
    description: str
    slices: tuple[Slice, ...]

    @property
    def normal(self) -> np.ndarray:
        """Unit vector across the slices, LPS (3,)."""
        return np.cross(*self.slices[0].directions)

    @property
    def heights_mm(self) -> np.ndarray:
        """Each slice's place along the normal."""
        return np.array([piece.position_mm @ self.normal for piece in self.slices])

    def in_order(self) -> Series:
        """The same series, slices ascending along the normal, whatever files and instances are called."""
        return replace(self, slices=tuple(self.slices[i] for i in np.argsort(self.heights_mm, kind="stable")))

    def __str__(self) -> str:
        return f"'{self.description}' ({len(self.slices)} slices, {self.uid})"


def is_dicom(file: Path) -> bool:
    """Whether a file carries DICOM's mark."""
    with file.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def find_series(folder: Path) -> tuple[Series, ...]:
    """Every image series in a folder and below it, by description.

    Raises:
        InputError: a DICOM file is damaged or may not be read.
    """
    slices: dict[str, list[Slice]] = defaultdict(list)
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            if not is_dicom(file):
                continue
            header = dcmread(file, stop_before_pixels=True, specific_tags=TAGS)
        except (OSError, EOFError, InvalidDicomError, ValueError) as error:
            msg = f"The DICOM file {file} cannot be read ({error}); copy the series again."
            raise InputError(msg) from error
        if "Rows" in header:  # reports, presentation states and DICOMDIR hold no image
            slices[str(header.get("SeriesInstanceUID") or "")].append(Slice(file, header))
    found = [Series(uid, _description(pieces[0].header), tuple(pieces)) for uid, pieces in slices.items()]
    return tuple(sorted(found, key=lambda series: (series.description, series.uid)))


def choose_series(folder: Path, series: Sequence[Series], uid: str | None = None) -> Series:
    """The one series of a folder, or the one with that SeriesInstanceUID.

    Raises:
        InputError: there is none, there are several and none was named, or none has that UID.
    """
    if not series:
        msg = f"The folder {folder} holds no DICOM images; give a scan file or a DICOM series' folder."
        raise InputError(msg)
    wanted = [one for one in series if uid in (None, one.uid)]
    if len(wanted) == 1:
        return wanted[0]
    told = "; ".join(str(one) for one in series)
    what = f"{len(series)} series" if uid is None else f"no series {uid} but {len(series)}"
    msg = f"The folder {folder} holds {what}: {told}. Give one series' own folder, or {folder}::SERIES_UID."
    raise InputError(msg)


def read_series(series: Series) -> StoredVolume:
    """The volume of a series: columns, rows, and slices ascending along their normal.

    Raises:
        InputError: colour, multi-frame, a localiser's mixed planes, one slice, several images at one place,
            missing slices, damaged pixels, or no plausible scan.
    """
    name = f"the DICOM series {series}"
    _check_headers(name, series)
    series = series.in_order()
    doubts = (*_modality_doubts(name, series), *_spacing_doubts(name, series))
    reader = sitk.ImageSeriesReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileNames([str(piece.file) for piece in series.slices])
    reader.SetOutputPixelType(sitk.sitkFloat32)  # each slice may have its own rescale slope
    try:
        image = reader.Execute()
    except RuntimeError as error:
        msg = f"The pixels of {name} cannot be read; a slice is damaged or cut short, copy the series again."
        raise InputError(msg) from error
    return StoredVolume(checked_volume(name, sitk.GetArrayFromImage(image).T, _affine(series)), doubts)


def _affine(series: Series) -> Affine:
    """Index (column, row, slice) → RAS+ mm; the slice step is measured from first to last position."""
    first, last = series.slices[0], series.slices[-1]
    row_mm, column_mm = (float(mm) for mm in first.header.PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0] = first.directions[0] * column_mm
    affine[:3, 1] = first.directions[1] * row_mm
    affine[:3, 2] = (last.position_mm - first.position_mm) / (len(series.slices) - 1)
    affine[:3, 3] = first.position_mm
    return LPS_TO_RAS @ affine


def _check_headers(name: str, series: Series) -> None:
    """Refuse what cannot be stacked into one volume, by headers alone."""
    first = series.slices[0].header
    for piece in series.slices:
        header = piece.header
        if int(header.get("SamplesPerPixel") or 1) != 1:
            msg = f"{name} holds colours instead of one intensity per pixel; give the plain T1 scan."
            raise InputError(msg)
        if int(header.get("NumberOfFrames") or 1) != 1:
            msg = f"{name} is multi-frame DICOM ({piece.file.name}); convert it to NIfTI, with dcm2niix say."
            raise InputError(msg)
        if not all(
            header.get(tag) for tag in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
        ):
            msg = f"{name} does not say where {piece.file.name} lies (ImagePositionPatient); export it anew."
            raise InputError(msg)
        is_alike = (
            (header.Rows, header.Columns) == (first.Rows, first.Columns)
            and np.allclose(piece.directions, series.slices[0].directions, rtol=0, atol=SAME_DIRECTION)
            and np.allclose(header.PixelSpacing, first.PixelSpacing, rtol=1e-3)
        )
        if not is_alike:
            msg = (
                f"{name} mixes planes or sizes ({piece.file.name}), as a localiser does; give the T1 series."
            )
            raise InputError(msg)
    n_slices = len(series.slices)
    if n_slices < 2:
        msg = f"{name} is a flat picture; give the folder of a whole 3D series."
        raise InputError(msg)
    check_size(name, (first.Columns, first.Rows, n_slices), int(first.BitsAllocated) / 8, np.inf)


def _spacing_doubts(name: str, series: Series) -> tuple[str, ...]:
    """Refuse slices that share a place or miss a neighbour; tell of smaller irregularities."""
    heights = series.heights_mm
    steps = np.diff(heights)
    n_shared = int(np.count_nonzero(steps < SAME_PLACE_MM))
    if n_shared:
        msg = (
            f"{name} holds {n_shared} slices where another already lies (frames, echoes or copies); give one."
        )
        raise InputError(msg)
    typical = float(np.median(steps))
    even = np.linspace(heights[0], heights[-1], len(heights))
    stray = float(np.abs(heights - even).max()) / typical
    if stray > IRREGULAR_SHARE:
        widest = int(np.argmax(np.abs(steps - typical)))
        where = f"{series.slices[widest].file.name} and {series.slices[widest + 1].file.name}"
        told = f"{steps[widest]:.2f} mm between {where}, {typical:.2f} mm elsewhere"
        msg = f"{name} is unevenly spaced or misses slices ({told}); export the whole series again."
        raise InputError(msg)
    doubts = []
    if stray > UNEVEN_SHARE:
        doubts.append(f"{name} is slightly uneven: slices stray by up to {stray:.0%} of their spacing.")
    thickness = float(series.slices[0].header.get("SliceThickness") or typical)
    if typical > GAP_RATIO * thickness:
        doubts.append(
            f"{name} has slices {thickness:.2f} mm thick but {typical:.2f} mm apart; were some left out?"
        )
    return tuple(doubts)


def _modality_doubts(name: str, series: Series) -> tuple[str, ...]:
    modality = str(series.slices[0].header.get("Modality") or "unknown")
    return () if modality == "MR" else (f"{name} has modality {modality}; only T1 MRI can be forecast.",)


def _description(header: Dataset) -> str:
    for tag in ("SeriesDescription", "ProtocolName", "SeriesNumber"):
        if text := str(header.get(tag) or "").strip():
            return text
    return "unnamed"
