"""Volumes, labels and whole result folders to disk: entirely, or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.marker import MARKER, mark, stranger_in
from MRExtrapLib.imaging.unfinished import earlier_sibling, unfinished_sibling
from MRExtrapLib.imaging.volume import Affine, Volume, checked_affine

DISK_FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up"}
NO_ENTRY = {
    errno.EACCES: "you may not write there",
    errno.EPERM: "you may not write there",
    errno.EROFS: "the disk is read-only",
    errno.ENOENT: "there is no such folder",
    errno.ENOTDIR: "there is no such folder",
}
"""What the system's refusals mean to whoever chose the place."""

GROWING_MARKER = ".mrextrap-growing"
"""Lies in every folder that a command of ours adds to, run after run; no other command may replace it."""

SCANNER_SPACE = 1
"""NIfTI's code for coordinates of the scanner, the space that we never leave."""

DESCRIPTION_BYTES = 79
LABEL_TYPES = (np.uint8, np.int16, np.int32)
"""What every reader knows, smallest first."""

ORTHOGONAL = 1e-5
"""Cosine between axes below which the qform's quaternion can say what the sform says."""


def write_nifti(volume: Volume, path: Path, *, description: str = "") -> None:
    """A NIfTI file of float32 voxels, sform = qform, millimetres; the file appears whole.

    Args:
        volume: what to write; voxels keep their order.
        path: ends in .nii or .nii.gz.
        description: for the header's `descrip`, cut at 79 characters.

    Raises:
        InputError: the disk is full, or nothing may be written there.
    """
    _write(nib.Nifti1Image(volume.voxels, volume.affine, dtype=np.float32), volume.affine, path, description)


def write_labels(labels: NDArray[np.integer], affine: Affine, path: Path) -> None:
    """A NIfTI file of label numbers in the smallest integer type that holds them.

    Args:
        labels: (X, Y, Z) whole numbers, FreeSurfer's as a rule.
        affine: index → RAS+ mm.
        path: ends in .nii or .nii.gz, by custom in `_dseg.nii.gz`.

    Raises:
        TypeError: the labels are not whole numbers.
        InputError: the disk is full, or nothing may be written there.
    """
    fitting = fitting_labels(labels)
    affine = checked_affine(affine)
    image = nib.Nifti1Image(fitting, affine, dtype=fitting.dtype)
    image.header.set_intent("label")
    _write(image, affine, path, "")


def fitting_labels(labels: NDArray[np.integer]) -> NDArray[np.integer]:
    """The labels in the smallest integer type that holds them.

    Raises:
        TypeError: they are not whole numbers.

    >>> fitting_labels(np.array([0, 2035])).dtype
    dtype('int16')
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iub":
        msg = f"Labels are whole numbers, not {labels.dtype}; round them where they are made."
        raise TypeError(msg)
    low, high = int(labels.min()), int(labels.max())
    fitting = (t for t in LABEL_TYPES if np.iinfo(t).min <= low and high <= np.iinfo(t).max)
    return labels.astype(next(fitting, np.int32))


def write_label_names(names: Mapping[int, str], path: Path) -> None:
    """The labels TSV beside a segmentation, columns `index` and `name`, as BIDS derivatives have it.

    Raises:
        InputError: the disk is full, or nothing may be written there.
    """
    rows = "".join(f"{index}\t{name}\n" for index, name in sorted(names.items()))
    with whole_file(path) as unfinished:
        unfinished.write_text(f"index\tname\n{rows}", encoding="utf-8")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A hidden sibling to write to, with the same ending; it becomes `path`, or vanishes on any exception.

    Raises:
        InputError: the disk is full, or nothing may be written there.
    """
    path = Path(path)
    unfinished = path.with_name(f".{secrets.token_hex(4)}-{path.name}")
    try:
        with _told(path, DISK_FULL | NO_ENTRY):
            yield unfinished
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A temporary sibling folder to fill; it becomes `out` at the end, or vanishes on any exception.

    An earlier `out` of ours is replaced only then, and stays as it was on any exception, KeyboardInterrupt
    included. Missing parents are made, and taken away again.

    Raises:
        InputError: `out` holds a file that we did not put there, its parent is no folder or not writable (all
            before any work), or the disk is full.

    >>> import tempfile
    >>> out = Path(tempfile.mkdtemp()) / "forecast"
    >>> with whole_folder(out) as folder:
    ...     _ = (folder / "volumes.csv").write_text("kind")
    >>> (out / "volumes.csv").exists()
    True
    """
    out = Path(out).resolve()
    _refuse_irreplaceable(out)
    unfinished = unfinished_sibling(out)
    made: list[Path] = []
    try:
        with _told(out, DISK_FULL | NO_ENTRY):
            for folder in (*_missing_parents(out), unfinished):
                folder.mkdir()
                made.append(folder)
        with _told(out, DISK_FULL):  # who fills the folder may be refused elsewhere for other reasons
            yield unfinished
        with _told(out, DISK_FULL | NO_ENTRY):
            mark(unfinished)
            _refuse_irreplaceable(out)  # someone may have put a file there in the meantime
            _put_in_place(unfinished, out)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        for folder in reversed(made):
            _remove_if_empty(folder)
        raise


@contextmanager
def growing_folder(out: Path) -> Iterator[Path]:
    """A folder that a command adds to, run after run; it is as it was if nothing was added.

    Raises:
        InputError: `out` holds what no such run made, its parent is no folder or not writable.

    >>> import tempfile
    >>> out = Path(tempfile.mkdtemp()) / "cohort"
    >>> for name in ("sub-1", "sub-2"):
    ...     with growing_folder(out) as folder:
    ...         (folder / name).mkdir()
    >>> sorted(path.name for path in out.glob("sub-*"))
    ['sub-1', 'sub-2']
    """
    out = Path(out).resolve()
    _refuse_foreign(out, GROWING_MARKER)
    marker = out / GROWING_MARKER
    is_new = not marker.exists()
    made: list[Path] = []
    try:
        with _told(out, DISK_FULL | NO_ENTRY):
            for folder in (*_missing_parents(out), *(() if out.exists() else (out,))):
                folder.mkdir()
                made.append(folder)
            marker.write_text("Made by MRExtrap, which may add to this folder.\n", encoding="utf-8")
        with _told(out, DISK_FULL):
            yield out
    finally:
        if is_new and out.is_dir() and not [path for path in out.iterdir() if path != marker]:
            marker.unlink(missing_ok=True)
            for folder in reversed(made):
                _remove_if_empty(folder)


def _write(image: nib.Nifti1Image, affine: Affine, path: Path, description: str) -> None:
    if not path.name.endswith((".nii", ".nii.gz")):
        msg = f"{path} must end in .nii or .nii.gz to be written as NIfTI."
        raise InputError(msg)
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    is_orthogonal = bool(np.abs(axes.T @ axes - np.eye(3)).max() < ORTHOGONAL)
    # a sheared grid has no quaternion: better no qform than one that contradicts the sform
    image.set_qform(affine, SCANNER_SPACE if is_orthogonal else 0)
    image.set_sform(affine, SCANNER_SPACE)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = description.encode("ascii", "replace")[:DESCRIPTION_BYTES]
    with whole_file(path) as unfinished:
        nib.save(image, unfinished)


@contextmanager
def _told(target: Path, reasons: Mapping[int, str]) -> Iterator[None]:
    """Those refusals of the system, as one sentence about the target; all others pass."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.errno not in reasons:
            raise
        msg = f"{target} cannot be written: {reasons[error.errno]}; make room or choose another place."
        raise InputError(msg) from error


def _refuse_foreign(out: Path, marker: str = MARKER) -> None:
    """Refuse an `out` that is not ours to replace, or that lies where nothing can be written."""
    if out.is_dir():
        is_ours = (out / marker).is_file() or not any(out.iterdir())
        if not is_ours:
            whose = "that MRExtrap did not make" if marker == MARKER else "of another kind"
            msg = f"The folder {out} holds files {whose}; choose a new or empty folder."
            raise InputError(msg)
    elif out.exists():
        msg = f"{out} is a file; choose a folder for the results."
        raise InputError(msg)
    nearest = next(folder for folder in out.parents if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        msg = f"Nothing can be written in {nearest}, so not {out} either; choose one that you may write to."
        raise InputError(msg)


def _refuse_irreplaceable(out: Path) -> None:
    """Refuse also an `out` of ours to which someone added a file: replacing would delete it."""
    _refuse_foreign(out)
    if stranger := stranger_in(out):
        msg = (
            f"The folder {out} holds {stranger}, which MRExtrap did not put there and would delete; "
            "move it elsewhere, or choose another folder."
        )
        raise InputError(msg)


def _missing_parents(out: Path) -> list[Path]:
    return [folder for folder in reversed(out.parents) if not folder.exists()]


def _put_in_place(unfinished: Path, out: Path) -> None:
    """Swap the finished folder in; the earlier one is deleted last, or put back."""
    if not out.exists():
        unfinished.rename(out)
        return
    earlier = earlier_sibling(unfinished)
    out.rename(earlier)
    try:
        unfinished.rename(out)
    except BaseException:
        earlier.rename(out)
        raise
    shutil.rmtree(earlier, ignore_errors=True)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:  # gone already, or someone else uses it by now: theirs to keep
        return
