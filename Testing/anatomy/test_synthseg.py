"""The adapter to FreeSurfer's command, against an executable that answers as it does."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from MRExtrapLib.anatomy.regions import REGIONS
from MRExtrapLib.anatomy.structures import STRUCTURES
from MRExtrapLib.anatomy.synthseg import SynthSeg, find_synthseg, read_structures_ml
from MRExtrapLib.errors import InputError, ModelError
from MRExtrapLib.imaging.volume import Volume

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the executable is a script with a shebang")

AN_ANSWER = """#!{python}
import sys
import nibabel as nib
import numpy as np

words = dict(zip(sys.argv[1::2], sys.argv[2::2]))
scan = nib.load(words["--i"])
labels = np.zeros(scan.shape, dtype=np.int32)
labels[4:-4, 4:-4, 4:-4] = 2
labels[:12][labels[:12] > 0] = 41
labels[10:13, 10:13, 10:13] = 17
nib.save(nib.Nifti1Image(labels, scan.affine), words["--o"])
open(words["--vol"], "w").write({table!r})
"""

NAMES = {"ventral-dc": "ventral DC"}


def a_table(without: str = "") -> str:
    """Every column of SynthSeg's CSV, structure k having 1000·k mm³ left and half of that right."""
    row = {"subject": "scan.nii.gz", "total intracranial": "1500000.0"}
    for k, structure in enumerate(STRUCTURES):
        name = NAMES.get(
            structure.name,
            structure.name if structure.name == "brain-stem" else structure.name.replace("-", " "),
        )
        if structure.name in ("background", without):
            continue
        if structure.has_sides:
            row |= {f"left {name}": f"{1000.0 * k}", f"right {name}": f"{500.0 * k}"}
        else:
            row |= {name: f"{1000.0 * k}"}
    row |= {"left inferior lateral ventricle": "250.0", "right inferior lateral ventricle": "250.0"}
    return f"{','.join(row)}\n{','.join(row.values())}\n"


def executable(folder: Path, text: str) -> Path:
    command = folder / "mri_synthseg"
    command.write_text(text, encoding="utf-8")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return command


@pytest.fixture
def a_synthseg(tmp_path: Path) -> SynthSeg:
    return SynthSeg(executable(tmp_path, AN_ANSWER.format(python=sys.executable, table=a_table())))


@pytest.fixture
def a_scan() -> Volume:
    return Volume(np.ones((24, 24, 24)), np.diag([1.0, 1, 1, 1]))


def test_labels_and_volumes_are_what_the_command_says(a_synthseg: SynthSeg, a_scan: Volume) -> None:
    segmentation = a_synthseg.segment(a_scan)
    assert segmentation.labels.shape == a_scan.shape
    assert segmentation.labels[11, 11, 11] == 17
    hippocampus = next(k for k, one in enumerate(STRUCTURES) if one.name == "hippocampus")
    assert segmentation.volumes_ml["hippocampus_left"] == pytest.approx(hippocampus)
    assert segmentation.volumes_ml["hippocampus_right"] == pytest.approx(hippocampus / 2)
    assert REGIONS.keys() <= segmentation.volumes_ml.keys()


def test_inferior_horns_count_with_the_lateral_ventricles(tmp_path: Path) -> None:
    table = tmp_path / "volumes.csv"
    table.write_text(a_table(), encoding="utf-8")
    ventricle = next(k for k, one in enumerate(STRUCTURES) if one.name == "lateral-ventricle")
    np.testing.assert_allclose(read_structures_ml(table)[ventricle], (ventricle + 0.25, ventricle / 2 + 0.25))


def test_tissues_are_found_for_conforming(a_synthseg: SynthSeg, a_scan: Volume) -> None:
    tissues = a_synthseg.find_tissues(a_scan)
    assert tissues.white.sum() > 1000
    assert not (tissues.white & ~tissues.brain).any()


def test_a_command_that_fails_is_a_model_problem(tmp_path: Path, a_scan: Volume) -> None:
    command = executable(tmp_path, "#!/bin/sh\necho 'ERROR: no licence' >&2\nexit 1\n")
    with pytest.raises(ModelError, match="no licence"):
        SynthSeg(command).segment(a_scan)


def test_a_table_of_another_version_is_a_model_problem(tmp_path: Path) -> None:
    table = tmp_path / "volumes.csv"
    table.write_text(a_table(without="hippocampus"), encoding="utf-8")
    with pytest.raises(ModelError, match="lack hippocampus"):
        read_structures_ml(table)


def test_a_computer_without_freesurfer_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="not on the PATH"):
        find_synthseg()
