"""Small things to learn from."""

import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from MRExtrapLib.training.labelled import LabelledHead

SIDE = 48


def _labels() -> np.ndarray:
    """A ball of cortex around white matter around ventricles, FreeSurfer numbers, left half first."""
    radius = np.linalg.norm(np.indices((SIDE,) * 3) - (SIDE - 1) / 2, axis=0)
    is_left = np.indices((SIDE,) * 3)[0] < SIDE / 2
    labels = np.zeros((SIDE,) * 3, dtype=np.int16)
    for reach, left, right in ((21, 3, 42), (17, 2, 41), (7, 4, 43)):
        labels[radius < reach] = np.where(is_left, left, right)[radius < reach]
    return labels


@pytest.fixture
def a_label_map():
    return LabelledHead("made/map", "freesurfer", _labels(), None, (1.0, 1.0, 1.0))


@pytest.fixture
def a_scanned_head():
    labels = _labels()
    brightness = np.zeros(64, dtype=np.uint8)
    brightness[[3, 42, 2, 41, 4, 43]] = [120, 120, 200, 200, 30, 30]
    return LabelledHead("made/head", "freesurfer", labels, brightness[labels], (1.0, 1.0, 1.0))


@pytest.fixture
def a_coarse_head(a_scanned_head):
    return LabelledHead(
        "made/coarse", "freesurfer", a_scanned_head.labels, a_scanned_head.image, (2.0, 2.0, 2.0)
    )


@pytest.fixture
def a_labelled_folder(tmp_path, a_scanned_head):
    """Three subjects as `X_T1w` with `X_dseg`, and one label map alone."""
    folder = tmp_path / "heads"
    folder.mkdir()
    for name in ("sub-1", "sub-2", "sub-3"):
        nib.save(nib.Nifti1Image(a_scanned_head.image, np.eye(4)), folder / f"{name}_T1w.nii.gz")
        nib.save(nib.Nifti1Image(a_scanned_head.labels, np.eye(4)), folder / f"{name}_dseg.nii.gz")
    nib.save(nib.Nifti1Image(a_scanned_head.labels, np.eye(4)), folder / "training_seg_04.nii.gz")
    return folder


@pytest.fixture
def together(monkeypatch):
    """Runs a script or module as two processes of torchrun and gives what they print."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def run(*words: str) -> str:
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        done = subprocess.run([*launcher, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(autouse=True)
def memory_is_given_back(monkeypatch):
    """What training asks of the C library lasts as long as its process, which here is everyone's."""
    monkeypatch.setattr("MRExtrapLib.model.memory.keep_freed_memory", lambda: None)
