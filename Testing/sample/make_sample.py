"""Makes the bundled sample subject: one real scan, and follow-ups simulated from it with known truth.

    python Testing/sample/make_sample.py ../shared/data MRExtrapLib/sample

The scan is sub-70 of OpenNeuro ds002748 (CC0). MeshNet labels it; the simulator ages it as a typical
person with mild cognitive impairment.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

import nibabel as nib
import numpy as np

from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.simulation.acquisition import Protocol, acquire, draw_acquisition
from MRExtrapLib.simulation.ageing import AgeingBrain
from MRExtrapLib.simulation.profiles import PROFILES, typical_subject

SOURCE = "sub-70"
SEX = "M"
BASELINE_AGE_YEARS = 46.0
FOLLOW_UPS_YEARS = (2.0, 4.0, 6.5)
PROFILE = "MCI"
PROTOCOL = Protocol(rotation_deg=1.5, translation_mm=1.5, gain=0.06, bias=0.02, noise=0.008)
SEED = 70

README = """# Sample subject

**Only the first scan is real. Every follow-up (`acq-simulated`) is SIMULATED: this person was scanned
once, and did not age or fall ill as the pictures show.**

- `ses-01`: sub-70 of OpenNeuro ds002748 (Bezmaternykh et al. 2021, CC0), male, 46 years; skull
  stripped, 0.87×0.87×1 mm.
- `ses-02`, `ses-03`, `ses-04`: the same scan, deformed so that the regions change as in a typical person
  with mild cognitive impairment, 2, 4 and 6.5 years later; then moved a little, shaded, scaled and
  made noisier, as another day at the scanner would.
- `truth_volumes.tsv`: the true volumes in ml of what was simulated, measured on the labels that steered
  the deformation (MeshNet, brainchop). Another segmenter draws other borders: compare changes.

Made by `python Testing/sample/make_sample.py ../shared/data MRExtrapLib/sample`. CC0, as its source.
"""


def meshnet() -> ModuleType:
    """The peer network's module; Testing is no package."""
    path = Path(__file__).resolve().parents[1] / "peers" / "meshnet.py"
    spec = importlib.util.spec_from_file_location("meshnet", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_source(data: Path) -> Volume:
    """The real scan."""
    image = nib.load(data / "brains_0p9mm" / f"{SOURCE}_T1w.nii.gz")
    return Volume(np.asarray(image.dataobj), image.affine)


def write_scan(volume: Volume, path: Path, description: str) -> None:
    """A gzipped NIfTI of whole intensities in one byte, which keeps the sample small."""
    path.parent.mkdir(parents=True, exist_ok=True)
    slope = max(1.0, float(volume.voxels.max()) / 255)
    image = nib.Nifti1Image(np.rint(volume.voxels / slope).astype(np.uint8), volume.affine)
    image.header.set_slope_inter(slope, 0)
    image.header["descrip"] = description.encode()
    image.header.set_xyzt_units("mm")
    image.set_qform(volume.affine, code=1)
    image.set_sform(volume.affine, code=1)
    nib.save(image, path)


def write_table(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Rows as TSV, the columns those of the first."""
    rows = list(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), delimiter="\t", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def make_sample(data: Path, out: Path) -> None:
    """Writes the sample as a BIDS tree."""
    rng = np.random.default_rng(SEED)
    scan = read_source(data)
    teacher = meshnet()
    labels = teacher.segment_freesurfer(teacher.load_meshnet(data / "weights" / "meshnet_18cls"), scan)
    brain, person = AgeingBrain(labels), typical_subject(PROFILES[PROFILE])
    sessions, truth = [], []
    for number, years in enumerate((0.0, *FOLLOW_UPS_YEARS), start=1):
        session, age = f"ses-{number:02d}", BASELINE_AGE_YEARS + years
        deformation = brain.deformation(person.log_changes(years, brain.baseline_ml["ventricles"]))
        folder = out / "sub-01" / session / "anat"
        if years == 0:
            write_scan(scan, folder / f"sub-01_{session}_T1w.nii.gz", "OpenNeuro ds002748 sub-70, CC0")
        else:
            visit = acquire(scan, deformation, draw_acquisition(scan.grid, PROTOCOL, rng), rng)
            name = f"sub-01_{session}_acq-simulated_T1w.nii.gz"
            write_scan(visit, folder / name, f"SIMULATED from OpenNeuro ds002748 sub-70, +{years:g} y")
        sessions.append({"session_id": session, "age": age, "is_simulated": "no" if years == 0 else "yes"})
        truth += [
            {"session_id": session, "age": age, "region": region, "volume_ml": f"{ml:.3f}"}
            for region, ml in brain.truth_ml(deformation).items()
        ]
    write_tables(out, sessions, truth)


def write_tables(
    out: Path, sessions: Iterable[Mapping[str, object]], truth: Iterable[Mapping[str, object]]
) -> None:
    """What lies beside the scans."""
    write_table(out / "participants.tsv", [{"participant_id": "sub-01", "sex": SEX, "diagnosis": PROFILE}])
    write_table(out / "sub-01" / "sub-01_sessions.tsv", sessions)
    write_table(out / "truth_volumes.tsv", truth)
    about = {
        "Name": "MRExtrap sample subject (follow-ups simulated)",
        "BIDSVersion": "1.9.0",
        "License": "CC0",
        "SourceDatasets": [{"URL": "https://openneuro.org/datasets/ds002748"}],
    }
    (out / "dataset_description.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    (out / "README.md").write_text(README, encoding="utf-8")


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder of the development scans")
    parser.add_argument("out", type=Path, help="folder to write")
    arguments = parser.parse_args()
    make_sample(arguments.data, arguments.out)


if __name__ == "__main__":
    main()
