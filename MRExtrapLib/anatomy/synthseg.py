"""FreeSurfer's SynthSeg in place of our own segmenter, where it is installed and asked for.

Billot et al., SynthSeg: Segmentation of brain MRI scans of any contrast and resolution without retraining,
Medical Image Analysis 2023. It runs as the command `mri_synthseg`; nothing of it is shipped here.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.anatomy.regions import region_volumes_ml
from MRExtrapLib.anatomy.segmentation import Segmentation, brain_mask
from MRExtrapLib.anatomy.structures import CHANNEL, STRUCTURES, channels_of
from MRExtrapLib.errors import InputError, ModelError
from MRExtrapLib.imaging.conform import ConformedVisit, Tissues
from MRExtrapLib.imaging.resampling import resample_labels
from MRExtrapLib.imaging.volume import Grid, Volume
from MRExtrapLib.imaging.writing import write_nifti

COMMAND = "mri_synthseg"
MM3_PER_ML = 1000.0

_OTHER_NAMES = {"inferior-lateral-ventricle": "lateral-ventricle"}
"""SynthSeg's columns that are part of one of our structures."""


def find_synthseg() -> Path:
    """Where `mri_synthseg` lies.

    Raises:
        InputError: it is not on the PATH.
    """
    found = shutil.which(COMMAND)
    if found is None:
        msg = f"{COMMAND} is not on the PATH; set up FreeSurfer first, or leave out --segmenter synthseg."
        raise InputError(msg)
    return Path(found)


@dataclass(frozen=True)
class SynthSeg:
    """The command `mri_synthseg` as a segmenter.

    Attributes:
        command: the executable.
    """

    command: Path

    @property
    def words(self) -> str:
        """For a report."""
        return f"synthseg ({self.command})"

    def segment(self, volume: Volume) -> Segmentation:
        """Labels on the volume's own grid, and SynthSeg's soft volumes summed to our regions.

        Args:
            volume: whole head or stripped brain.

        Raises:
            ModelError: the command failed or wrote something else than it should.
        """
        labels, grid, structures_ml = self._run(volume)
        own = resample_labels(labels, grid, volume.grid)
        return Segmentation(own, volume.affine, region_volumes_ml(structures_ml), structures_ml)

    def volumes_ml(self, volume: Volume) -> Mapping[str, float]:
        """Region → ml, as `segment` finds it."""
        return self.segment(volume).volumes_ml

    def segment_scan(self, scan: ConformedVisit) -> tuple[Segmentation, NDArray[np.int16]]:
        """As `segment` sees the conformed brain, and its labels laid on the scan's own voxels (X, Y, Z)."""
        found = self.segment(scan.volume)
        return found, scan.restore_labels(found.labels)

    def label(self, volume: Volume) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """(X, Y, Z) labels as `segment` gives them, twice: the command tells no shares of a voxel."""
        labels = self.segment(volume).labels
        return labels, labels

    def find_tissues(self, volume: Volume) -> Tissues:
        """Masks of brain, cortex and cerebral white matter on SynthSeg's own 1 mm grid.

        Raises:
            ModelError: the command failed or wrote something else than it should.
        """
        labels, grid, _ = self._run(volume)
        channels = channels_of(labels, "freesurfer")
        brain = brain_mask(channels)
        gray = brain & (channels == CHANNEL["cerebral-cortex"])
        white = brain & (channels == CHANNEL["cerebral-white-matter"])
        return Tissues(brain=brain, gray=gray, white=white, grid=grid)

    def _run(self, volume: Volume) -> tuple[NDArray[np.int16], Grid, NDArray[np.float64]]:
        with tempfile.TemporaryDirectory(prefix="mrextrap-synthseg-") as name:
            scan, labels, volumes = (
                Path(name) / file for file in ("scan.nii.gz", "dseg.nii.gz", "volumes.csv")
            )
            write_nifti(volume, scan)
            words = [str(self.command), "--i", str(scan), "--o", str(labels), "--vol", str(volumes), "--cpu"]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode != 0 or not (labels.is_file() and volumes.is_file()):
                last_words = ((done.stderr or done.stdout).strip().splitlines() or ["it said nothing"])[-1]
                msg = f"{COMMAND} failed ({last_words.rstrip('.')}); run it by hand on a scan to see why."
                raise ModelError(msg)
            image = nib.load(labels)
            numbers = np.asarray(image.dataobj).astype(np.int16)
            return numbers, Grid(numbers.shape, image.affine), read_structures_ml(volumes)


def read_structures_ml(table: Path) -> NDArray[np.float64]:
    """(structures, 2) ml left and right from SynthSeg's CSV, which is in mm³; midline counts as left.

    Raises:
        ModelError: the table lacks one of our structures.
    """
    with table.open(newline="", encoding="utf-8") as file:
        row = next(csv.DictReader(file), {})
    structures_ml = np.zeros((len(STRUCTURES), 2))
    found = set()
    for column, value in row.items():
        side, _, rest = column.strip().lower().partition(" ")
        plain = rest if side in ("left", "right") else column.strip().lower()
        name = plain.replace(" ", "-")
        name = _OTHER_NAMES.get(name, name)
        if name in CHANNEL:
            structures_ml[CHANNEL[name], int(side == "right")] += float(value) / MM3_PER_ML
            found.add(name)
    missing = [one.name for one in STRUCTURES if one.name != "background" and one.name not in found]
    if missing:
        msg = f"The volumes of {COMMAND} lack {', '.join(missing)}; use FreeSurfer 7.2 or later."
        raise ModelError(msg)
    return structures_ml
