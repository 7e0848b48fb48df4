"""The bundled sample subject in Slicer's Sample Data module, each file held to its SHA256."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from MRExtrapPanel.translation import tr as _

CATEGORY = "MRExtrap"
NAME = "MRExtrap sample subject"
ADDRESS = "https://raw.githubusercontent.com/MRExtrap/MRExtrap/main/MRExtrapLib/sample/"
"""Where the same files lie for whoever has no extension. The extension's own are taken, so that nothing is
downloaded, and the ages are found in the sessions.tsv beside them."""


@dataclass(frozen=True)
class SampleScan:
    """One visit of the sample subject."""

    file: str
    name: str
    sha256: str


SCANS = (
    SampleScan(
        "sub-01/ses-01/anat/sub-01_ses-01_T1w.nii.gz",
        "sample ses-01",
        "99ae06deaac1d49d4c66bf1940a1bc856ff031c5e884d15849595fb8ca8e0b56",
    ),
    SampleScan(
        "sub-01/ses-02/anat/sub-01_ses-02_acq-simulated_T1w.nii.gz",
        "sample ses-02 (simulated)",
        "655602097583a2faf6df185241d43010975972ef4c402824484f13decdee7db6",
    ),
    SampleScan(
        "sub-01/ses-03/anat/sub-01_ses-03_acq-simulated_T1w.nii.gz",
        "sample ses-03 (simulated)",
        "69be10587f56084da142112cf395b712ea1e841dfb821c4ea01b55104d79d989",
    ),
    SampleScan(
        "sub-01/ses-04/anat/sub-01_ses-04_acq-simulated_T1w.nii.gz",
        "sample ses-04 (simulated)",
        "16140e3a6df4d53e42ee6d7b547b8fb01523a12b4cccd01fd780886ff7bb4739",
    ),
)
"""A real scan at 46 and follow-ups simulated from it."""


def checked_files(folder: Path) -> tuple[Path, ...]:
    """The sample's files, whole.

    Raises:
        RuntimeError: one is missing or changed.
    """
    found = []
    for scan in SCANS:
        path = folder / scan.file
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != scan.sha256:
            words = _("The sample scan {path} is missing or changed; install MRExtrap again.")
            raise RuntimeError(words.format(path=path))
        found.append(path)
    return tuple(found)


def register_sample(extension: Path) -> None:
    """Tells Slicer's Sample Data module of it; to be called when Slicer has started up.

    Args:
        extension: the folder that holds MRExtrapLib and Resources.
    """
    import SampleData

    folder = extension / "MRExtrapLib" / "sample"

    def load(source: object) -> list:
        import slicer

        files = checked_files(folder)
        return [
            slicer.util.loadVolume(str(path), {"name": scan.name, "singleFile": True})
            for path, scan in zip(files, SCANS, strict=True)
        ]

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=NAME,
        uris=[ADDRESS + scan.file for scan in SCANS],
        fileNames=[Path(scan.file).name for scan in SCANS],
        nodeNames=[scan.name for scan in SCANS],
        checksums=[f"SHA256:{scan.sha256}" for scan in SCANS],
        thumbnailFileName=str(extension / "Resources" / "Icons" / "MRExtrap.png"),
        customDownloader=load,
    )
