"""A folder of slices becomes the volume that was cut, in whatever order and direction it was cut."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.reading import read_scan
from MRExtrapLib.imaging.scan import Scan
from MRExtrapLib.imaging.volume import Grid, Volume

AFFINE_MM = 1e-4
"""The contract's exactness; decimal strings carry 10 digits or more."""

SHARED_SPACING_MM = 1.3333
"""Every second slice of a series that claims 0.6667."""

ROW_AND_COLUMN = {"axial": ("x", "y"), "sagittal": ("y", "z"), "coronal": ("x", "z")}
Change = Callable[[int, Dataset], None]


def slice_header(volume: Volume, k: int, uid: str) -> Dataset:
    """The header of a volume's k-th slice, as a scanner writes it."""
    lps = np.diag([-1.0, -1.0, 1.0]) @ volume.affine[:3]
    spacing = volume.spacing_mm
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    one = Dataset()
    one.file_meta = meta
    one.SOPClassUID, one.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
    one.SeriesInstanceUID, one.SeriesDescription, one.Modality = uid, "T1 MPRAGE", "MR"
    one.PatientSex, one.PatientBirthDate, one.AcquisitionDate = "M", "19500101", "20200101"
    one.Columns, one.Rows = volume.shape[:2]
    one.PixelSpacing = [f"{spacing[1]:.10f}", f"{spacing[0]:.10f}"]
    one.SliceThickness = f"{spacing[2]:.6f}"
    one.ImageOrientationPatient = [f"{x:.12f}" for x in (lps[:, :2] / spacing[:2]).T.ravel()]
    one.ImagePositionPatient = [f"{x:.10f}" for x in lps[:, 3] + k * lps[:, 2]]
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 0
    one.RescaleSlope, one.RescaleIntercept = "1", "0"
    one.InstanceNumber = k + 1
    one.PixelData = volume.voxels[:, :, k].astype(np.uint16).T.tobytes()
    return one


def cut(volume: Volume, folder: Path, change: Change | None = None, keep: range | None = None) -> str:
    """Write a volume's slices to a folder, in files whose names tell nothing; the series' UID."""
    folder.mkdir(parents=True, exist_ok=True)
    uid = generate_uid()
    shuffled = np.random.default_rng(1).permutation(volume.shape[2])
    for k in keep or range(volume.shape[2]):
        one = slice_header(volume, k, uid)
        if change is not None:
            change(k, one)
        pydicom.dcmwrite(folder / f"IM{shuffled[k]:04d}", one, enforce_file_format=True)
    return uid


@pytest.fixture(scope="session")
def a_coarse_head(head_on: Callable[[Grid], Volume]) -> Volume:
    """A head of 30 slices with whole-number intensities, LPS as scanners store it."""
    affine = np.diag([-8.0, -7.0, 6.0, 1.0])
    affine[:3, 3] = (92, 112, -85)
    head = head_on(Grid((24, 33, 30), affine))
    return head.with_voxels(np.round(head.voxels))


@pytest.fixture(scope="module")
def a_real_scan(shared_data: Path) -> Scan:
    """One real series, of which every second slice is there."""
    return read_scan(shared_data / "dicom_series")


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as refused:
        read_scan(path)
    return str(refused.value)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (0, 2, 1), (2, 1, 0)])
@pytest.mark.parametrize("turn_degrees", [0, 14])
def test_slices_cut_in_any_plane_stack_to_the_same_head(
    head_on: Callable[[Grid], Volume], order: tuple[int, ...], turn_degrees: float, tmp_path: Path
) -> None:
    angle = np.radians(turn_degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    affine = np.eye(4)
    affine[:3, :3] = (turn @ np.diag([8.0, 9.0, 10.0]))[:, order]
    if np.linalg.det(affine[:3, :3]) < 0:  # slices ascend along row × column, as we stack them
        affine[:3, 2] *= -1
    shape = tuple((22, 26, 20)[axis] for axis in order)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    head = head_on(Grid(shape, affine))
    cut(head, tmp_path / "series")
    scan = read_scan(tmp_path / "series")
    np.testing.assert_allclose(scan.volume.affine, affine, rtol=0, atol=AFFINE_MM)
    np.testing.assert_array_equal(scan.volume.voxels, head.voxels.astype(np.uint16))


def test_name_age_and_sex_come_from_the_header(a_coarse_head: Volume, tmp_path: Path) -> None:
    cut(a_coarse_head, tmp_path / "series")
    scan = read_scan(tmp_path / "series")
    assert scan.name == "T1-MPRAGE"
    assert scan.sex == "M"
    assert scan.age_years == pytest.approx(70, abs=0.01)
    assert scan.warnings == ()


def test_the_sha256_follows_the_slices_not_the_file_names(a_coarse_head: Volume, tmp_path: Path) -> None:
    cut(a_coarse_head, tmp_path / "series")
    first = read_scan(tmp_path / "series").sha256
    for number, file in enumerate(sorted((tmp_path / "series").iterdir(), reverse=True)):
        file.rename(file.with_name(f"renamed_{number:03d}.dcm"))
    assert read_scan(tmp_path / "series").sha256 == first


def test_each_slice_has_its_own_rescale(a_coarse_head: Volume, tmp_path: Path) -> None:
    def rescaled(k: int, one: Dataset) -> None:
        one.RescaleSlope, one.RescaleIntercept = f"{0.5 + k}", f"{k}"

    cut(a_coarse_head, tmp_path / "series", rescaled)
    k = np.arange(30)
    expected = np.round(a_coarse_head.voxels) * (0.5 + k) + k
    np.testing.assert_allclose(read_scan(tmp_path / "series").volume.voxels, expected, rtol=1e-6)


def test_several_series_are_named_and_one_can_be_picked(a_coarse_head: Volume, tmp_path: Path) -> None:
    uid = cut(a_coarse_head, tmp_path / "study" / "a")
    cut(a_coarse_head, tmp_path / "study" / "b", lambda _, one: setattr(one, "SeriesDescription", "FLAIR"))
    said = refusal(tmp_path / "study")
    assert "'T1 MPRAGE' (30 slices" in said
    assert "'FLAIR' (30 slices" in said
    assert "::" in said
    picked = read_scan(Path(f"{tmp_path / 'study'}::{uid}"))
    assert picked.sha256 == read_scan(tmp_path / "study" / "a").sha256
    assert "no series 1.2.3" in refusal(Path(f"{tmp_path / 'study'}::1.2.3"))


def test_reports_and_other_files_beside_the_slices_do_not_count(
    a_coarse_head: Volume, tmp_path: Path
) -> None:
    cut(a_coarse_head, tmp_path)
    (tmp_path / "LICENSE.txt").write_text("free")
    report = slice_header(a_coarse_head, 0, generate_uid())
    for tag in ("Rows", "Columns", "PixelData"):
        delattr(report, tag)
    pydicom.dcmwrite(tmp_path / "report", report, enforce_file_format=True)
    assert read_scan(tmp_path).volume.shape == a_coarse_head.shape


@pytest.mark.parametrize("step", [2, 3])
def test_spacing_comes_from_positions_and_thinner_slices_are_told(
    a_coarse_head: Volume, step: int, tmp_path: Path
) -> None:
    cut(a_coarse_head, tmp_path, keep=range(0, 30, step))
    scan = read_scan(tmp_path)
    assert scan.volume.spacing_mm[2] == pytest.approx(6 * step)  # the header's thickness says 6
    assert "left out" in scan.warnings[0]


def test_a_missing_slice_is_refused_and_the_gap_is_named(a_coarse_head: Volume, tmp_path: Path) -> None:
    cut(a_coarse_head, tmp_path, lambda k, one: setattr(one, "SOPInstanceUID", f"1.{k}"))
    gone = next(f for f in tmp_path.iterdir() if pydicom.dcmread(f).InstanceNumber == 6)
    gone.unlink()
    said = refusal(tmp_path)
    assert "misses slices (12.00 mm" in said


def test_slightly_uneven_slices_are_read_with_a_warning(a_coarse_head: Volume, tmp_path: Path) -> None:
    def jittered(k: int, one: Dataset) -> None:
        one.ImagePositionPatient[2] += 0.3 * (k == 5)

    cut(a_coarse_head, tmp_path, jittered)
    assert "uneven" in read_scan(tmp_path).warnings[0]


def test_two_images_at_one_place_are_refused(a_coarse_head: Volume, tmp_path: Path) -> None:
    uid = cut(a_coarse_head, tmp_path / "echo 1")
    cut(a_coarse_head, tmp_path / "echo 2", lambda _, one: setattr(one, "SeriesInstanceUID", uid))
    assert "holds 30 slices where another already lies" in refusal(tmp_path)


def test_a_localiser_of_mixed_planes_is_refused(a_coarse_head: Volume, tmp_path: Path) -> None:
    def turned(k: int, one: Dataset) -> None:
        if k % 2:
            one.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]

    cut(a_coarse_head, tmp_path, turned)
    assert "mixes planes" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("tag", "value", "said"),
    [
        ("SamplesPerPixel", 3, "colours"),
        ("NumberOfFrames", 4, "multi-frame"),
        ("ImagePositionPatient", None, "does not say where"),
    ],
)
def test_what_cannot_be_stacked_is_refused(
    a_coarse_head: Volume, tag: str, value: int | None, said: str, tmp_path: Path
) -> None:
    cut(a_coarse_head, tmp_path, lambda _, one: setattr(one, tag, value))
    assert said in refusal(tmp_path)


def test_one_slice_is_a_flat_picture(a_coarse_head: Volume, tmp_path: Path) -> None:
    cut(a_coarse_head, tmp_path, keep=range(1))
    assert "flat picture" in refusal(tmp_path)


def test_a_single_dicom_file_asks_for_its_folder(a_coarse_head: Volume, tmp_path: Path) -> None:
    cut(a_coarse_head, tmp_path)
    assert "folder that holds its whole series" in refusal(next(tmp_path.iterdir()))


def test_a_truncated_slice_is_refused(a_coarse_head: Volume, tmp_path: Path) -> None:
    cut(a_coarse_head, tmp_path)
    file = sorted(tmp_path.iterdir())[3]
    file.write_bytes(file.read_bytes()[:-200])
    assert "damaged or cut short" in refusal(tmp_path)


def test_a_folder_without_dicom_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here")
    assert "holds no DICOM" in refusal(tmp_path)


def test_a_series_that_is_not_mri_is_told(a_coarse_head: Volume, tmp_path: Path) -> None:
    cut(a_coarse_head, tmp_path, lambda _, one: setattr(one, "Modality", "CT"))
    assert "modality CT" in read_scan(tmp_path).warnings[0]


def test_a_real_series_lies_where_itk_puts_it(a_real_scan: Scan) -> None:
    scan, folder = a_real_scan, a_real_scan.source
    assert scan.volume.shape == (274, 384, 192)
    assert scan.volume.spacing_mm[2] == pytest.approx(SHARED_SPACING_MM, abs=1e-4)
    files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    image = sitk.ReadImage(files)
    lps = np.array(image.TransformIndexToPhysicalPoint([10, 20, 30]))
    ours = scan.volume.affine @ [10, 20, 30, 1]
    np.testing.assert_allclose(ours[:3], lps * [-1, -1, 1], atol=1e-2)
    np.testing.assert_array_equal(scan.volume.voxels, sitk.GetArrayViewFromImage(image).T)
    assert scan.sha256 == hashlib.sha256(b"".join(Path(f).read_bytes() for f in files)).hexdigest()


def test_the_real_series_says_which_of_its_two_ages_is_used(a_real_scan: Scan) -> None:
    assert a_real_scan.age_years == pytest.approx(47.54, abs=0.01)
    assert a_real_scan.sex == "F"
    assert any("47.54" in doubt and "42" in doubt for doubt in a_real_scan.warnings)
