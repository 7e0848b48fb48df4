"""What a scan file gives, whatever its format, and what is refused with one sentence."""

from __future__ import annotations

import gzip
import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.reading import read_scan
from MRExtrapLib.imaging.scan import Scan
from MRExtrapLib.imaging.volume import Volume

AFFINE_MM = 1e-4
"""The contract's exactness; headers store float32, whose step at 200 mm is 1.5e-5 mm."""

ORIENTATIONS = ["RAS", "LAS", "LPS", "oblique"]


def written(volume: Volume, file: Path) -> Path:
    """The volume in the format that the file's ending names, by that format's own library."""
    if file.name.endswith(".nrrd"):
        image = sitk.GetImageFromArray(volume.voxels.T)
        lps = np.diag([-1.0, -1.0, 1.0]) @ volume.affine[:3]
        image.SetSpacing(volume.spacing_mm)
        image.SetDirection((lps[:, :3] / volume.spacing_mm).ravel().tolist())
        image.SetOrigin(lps[:, 3].tolist())
        sitk.WriteImage(image, str(file))
    elif file.name.endswith((".mgz", ".mgh")):
        nib.save(nib.MGHImage(volume.voxels, volume.affine), file)
    else:
        nib.save(nib.Nifti1Image(volume.voxels, volume.affine), file)
    return file


def nifti(file: Path, voxels: np.ndarray, affine: np.ndarray | None = None) -> Path:
    nib.save(nib.Nifti1Image(voxels, np.eye(4) if affine is None else affine), file)
    return file


@pytest.fixture
def some_voxels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 1000, (9, 8, 7)).astype(np.int16)


def refusal(path: Path) -> str:
    """The one sentence with which a path is refused."""
    with pytest.raises(InputError) as refused:
        read_scan(path)
    return str(refused.value)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mgz", ".mgh"])
def test_every_format_gives_the_same_voxels_in_the_same_place(
    a_head_in: Callable[[str], Volume], orientation: str, ending: str, tmp_path: Path
) -> None:
    head = a_head_in(orientation)
    scan = read_scan(written(head, tmp_path / f"visit{ending}"))
    np.testing.assert_array_equal(scan.volume.voxels, head.voxels)
    np.testing.assert_allclose(scan.volume.affine, head.affine, rtol=0, atol=AFFINE_MM)
    assert scan.volume.voxels.dtype == np.float32
    assert scan.name == "visit"
    assert scan.warnings == ()


def test_nifti_2_and_scaled_integers_are_read(tmp_path: Path, some_voxels: np.ndarray) -> None:
    image = nib.Nifti2Image(some_voxels, np.eye(4))
    image.header.set_slope_inter(0.5, 10)
    nib.save(image, tmp_path / "scan.nii.gz")
    np.testing.assert_array_equal(
        read_scan(tmp_path / "scan.nii.gz").volume.voxels,
        nib.load(tmp_path / "scan.nii.gz").get_fdata("unchanged"),
    )


def test_the_sha256_is_that_of_the_file(tmp_path: Path, some_voxels: np.ndarray) -> None:
    file = nifti(tmp_path / "scan.nii.gz", some_voxels)
    assert read_scan(file).sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_scans_of_one_nrrd_header_have_a_sha256_each(tmp_path: Path, some_voxels: np.ndarray) -> None:
    """A protocol writes the same header for everyone; the voxels lie in a file beside it."""
    head = "NRRD0004\ntype: int16\ndimension: 3\nsizes: 9 8 7\nendian: little\n"
    head += "encoding: raw\ndata file: scan.raw\n"
    for person, voxels in (("anna", some_voxels), ("bert", some_voxels + 1), ("twin", some_voxels)):
        (tmp_path / person).mkdir()
        (tmp_path / person / "scan.nhdr").write_text(head, encoding="ascii")
        (tmp_path / person / "scan.raw").write_bytes(voxels.tobytes("F"))
    anna, bert, twin = (read_scan(tmp_path / who / "scan.nhdr").sha256 for who in ("anna", "bert", "twin"))
    assert anna != bert
    assert anna == twin


def test_a_trailing_axis_of_one_frame_is_no_fourth_dimension(tmp_path: Path, some_voxels: np.ndarray) -> None:
    file = nifti(tmp_path / "scan.nii", some_voxels[..., None])
    np.testing.assert_array_equal(read_scan(file).volume.voxels, some_voxels)


@pytest.mark.parametrize("name", ["SCAN.NII.GZ", "sub.ject 1 é.nii.gz"])
def test_names_in_capitals_and_with_dots_keep_their_stem(
    name: str, tmp_path: Path, some_voxels: np.ndarray
) -> None:
    nifti(tmp_path / "scan.nii.gz", some_voxels).rename(tmp_path / name)
    assert read_scan(tmp_path / name).name == name[: -len(".nii.gz")]


def test_a_nifti_without_sform_and_qform_is_read_with_a_warning(
    tmp_path: Path, some_voxels: np.ndarray
) -> None:
    image = nib.Nifti1Image(some_voxels, None)
    image.header["sform_code"] = image.header["qform_code"] = 0
    nib.save(image, tmp_path / "scan.nii")
    (doubt,) = read_scan(tmp_path / "scan.nii").warnings
    assert "neither sform nor qform" in doubt


def test_an_nrrd_without_a_space_is_read_with_a_warning(tmp_path: Path, some_voxels: np.ndarray) -> None:
    head = b"NRRD0004\ntype: int16\ndimension: 3\nsizes: 9 8 7\nendian: little\nencoding: raw\n\n"
    (tmp_path / "scan.nrrd").write_bytes(head + some_voxels.tobytes("F"))
    scan = read_scan(tmp_path / "scan.nrrd")
    np.testing.assert_array_equal(scan.volume.voxels, some_voxels)
    assert "space" in scan.warnings[0]


def test_sform_and_qform_that_disagree_are_told(tmp_path: Path, some_voxels: np.ndarray) -> None:
    image = nib.Nifti1Image(some_voxels, np.eye(4))
    image.set_qform(np.eye(4), 1)
    image.set_sform(np.diag([1.1, 1.0, 1.0, 1.0]), 4)
    nib.save(image, tmp_path / "scan.nii")
    assert "differently" in read_scan(tmp_path / "scan.nii").warnings[0]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "There is no file or folder" in refusal(tmp_path / "nowhere.nii.gz")


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".mgz", ".nrrd", ".nhdr"])
@pytest.mark.parametrize("content", [b"", b"not an image at all" * 40])
def test_what_is_not_an_image_is_refused(ending: str, content: bytes, tmp_path: Path) -> None:
    file = tmp_path / f"scan{ending}"
    file.write_bytes(content)
    assert "cannot be read as the image" in refusal(file)


@pytest.mark.parametrize("name", ["scan.png", "scan", "scan.nii.zip"])
def test_an_unknown_file_ending_is_refused_with_the_known_ones(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"x" * 500)
    assert ".nii.gz" in refusal(tmp_path / name)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".mgz", ".mgh", ".nrrd"])
@pytest.mark.parametrize("share", [0.99, 0.5])
def test_a_truncated_file_is_refused(a_head: Volume, ending: str, share: float, tmp_path: Path) -> None:
    file = written(a_head, tmp_path / f"scan{ending}")
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    assert "cut short" in refusal(file)


@pytest.mark.parametrize("n_lost", [1, 8])
def test_a_gzip_that_lost_only_its_checksum_is_refused(a_head: Volume, n_lost: int, tmp_path: Path) -> None:
    file = written(a_head, tmp_path / "scan.nii.gz")
    file.write_bytes(file.read_bytes()[:-n_lost])
    assert "cut short" in refusal(file)


def test_a_gzip_with_a_flipped_bit_is_refused(tmp_path: Path, some_voxels: np.ndarray) -> None:
    file = nifti(tmp_path / "scan.nii.gz", some_voxels)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 16
    file.write_bytes(content)
    assert "damaged" in refusal(file)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".mgz", ".nrrd"])
def test_more_than_one_frame_is_refused(ending: str, tmp_path: Path, some_voxels: np.ndarray) -> None:
    frames = np.stack([some_voxels, some_voxels + 1], axis=-1)
    file = tmp_path / f"scan{ending}"
    if ending == ".nrrd":
        sitk.WriteImage(sitk.JoinSeries([sitk.GetImageFromArray(some_voxels.T)] * 2), str(file))
    elif ending == ".mgz":
        nib.save(nib.MGHImage(frames, np.eye(4)), file)
    else:
        nifti(file, frames)
    assert "more than one frame" in refusal(file)


@pytest.mark.parametrize("shape", [(9, 8), (9, 8, 1), (1, 9, 8)])
def test_a_flat_picture_is_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    flat = np.arange(72, dtype=np.int16).reshape(shape)
    assert "flat picture" in refusal(nifti(tmp_path / "scan.nii", flat))


@pytest.mark.parametrize("value", [0, 7])
def test_a_constant_volume_is_refused(value: int, tmp_path: Path) -> None:
    assert f"are {value}" in refusal(nifti(tmp_path / "scan.nii", np.full((5, 5, 5), value, np.int16)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_voxels_that_are_no_numbers_are_counted_and_refused(bad: float, tmp_path: Path) -> None:
    voxels = np.arange(125.0).reshape(5, 5, 5)
    voxels[1, 2, :3] = bad
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "holds 3 voxels" in refusal(nifti(tmp_path / "scan.nii", voxels))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dim", [(30000, 30000, 30000), (700, 700, 700), (-5, 8, 7), (0, 8, 7)])
def test_absurd_dimensions_are_refused_before_memory_is_spent(
    dim: tuple[int, ...], packed: bool, tmp_path: Path, some_voxels: np.ndarray
) -> None:
    plain = nifti(tmp_path / "plain.nii", some_voxels)
    header = nib.load(plain).header.copy()
    header["dim"][1:4] = dim
    content = bytes(header.binaryblock) + plain.read_bytes()[348:]
    file = tmp_path / ("scan.nii.gz" if packed else "scan.nii")
    file.write_bytes(gzip.compress(content) if packed else content)
    assert "header" in refusal(file) or "cannot be read" in refusal(file)


@pytest.mark.parametrize("sizes", ["30000 30000 30000", "700 700 700"])
def test_absurd_nrrd_dimensions_are_refused_before_memory_is_spent(sizes: str, tmp_path: Path) -> None:
    head = f"NRRD0004\ntype: int16\ndimension: 3\nsizes: {sizes}\nendian: little\nencoding: raw\n\n"
    (tmp_path / "scan.nrrd").write_bytes(head.encode() + b"\0" * 1000)
    assert "header" in refusal(tmp_path / "scan.nrrd")


def test_a_degenerate_affine_is_refused(tmp_path: Path, some_voxels: np.ndarray) -> None:
    file = nifti(tmp_path / "scan.nii", some_voxels)
    content = bytearray(file.read_bytes())
    content[280:328] = np.zeros(12, np.float32).tobytes()  # srow_x, srow_y, srow_z
    file.write_bytes(content)
    assert "placed in space" in refusal(file)


@pytest.mark.parametrize("spacing_mm", [0.001, 1000.0])
def test_a_header_in_metres_or_micrometres_is_refused(
    spacing_mm: float, tmp_path: Path, some_voxels: np.ndarray
) -> None:
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    said = refusal(nifti(tmp_path / "scan.nii", some_voxels, affine))
    assert "mm" in said or "placed in space" in said


def test_colours_are_refused(tmp_path: Path, some_voxels: np.ndarray) -> None:
    colours = np.zeros(some_voxels.shape, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    assert "colours" in refusal(nifti(tmp_path / "scan.nii", colours))
    picture = sitk.GetImageFromArray(np.stack([some_voxels] * 3, axis=-1), isVector=True)
    sitk.WriteImage(picture, str(tmp_path / "scan.nrrd"))
    assert "colours" in refusal(tmp_path / "scan.nrrd")


def test_complex_numbers_are_refused(tmp_path: Path, some_voxels: np.ndarray) -> None:
    assert "complex" in refusal(nifti(tmp_path / "scan.nii", some_voxels.astype(np.complex64)))


def test_reading_never_changes_the_file(tmp_path: Path, some_voxels: np.ndarray) -> None:
    file = nifti(tmp_path / "scan.nii", some_voxels)
    before = file.read_bytes()
    read_scan(file).volume.voxels[...] = 0
    assert file.read_bytes() == before


def test_a_scan_is_born_valid(a_head: Volume) -> None:
    with pytest.raises(InputError, match="sex"):
        Scan(a_head, Path("x"), "x", "", sex="X")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="age"):
        Scan(a_head, Path("x"), "x", "", age_years=140)


@pytest.mark.parametrize(
    "place",
    [
        "heads_native/sub-01_T1w.nii.gz",
        "brains_0p9mm/sub-01_T1w.nii.gz",
        "heads_2mm/IXI012-HH-1211_T1w.nii.gz",
    ],
)
def test_real_scans_are_read_without_a_warning(place: str, shared_data: Path) -> None:
    scan = read_scan(shared_data / place)
    np.testing.assert_allclose(
        scan.volume.affine, nib.load(shared_data / place).affine, rtol=0, atol=AFFINE_MM
    )
    assert scan.warnings == ()
