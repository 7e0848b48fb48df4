"""Whether every door opens: `mrextrap forecast` from whole heads, stripped brains, NIfTI and DICOM.

    python Testing/quality/doors.py --model DIR --scans SCAN... -o OUT.json

Of each scan (NIfTI or a DICOM folder) a second visit is made that shows the same brain stored another way:
its first axis reversed, the head turned and shifted by the header. Both are forecast as if two years apart.
Nothing has changed, so nothing may be predicted to change; and the image must lie on the second visit's grid.

The figures lie in OUT.json, which a second start continues; a Markdown table is printed at the end.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Testing is no package: its rooms meet here
from quality.records import Figures, Records
from quality.robustness import MAIN, flipped, moved
from quality.tables import cell, markdown

from MRExtrapLib.cli.main import main as mrextrap
from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.reading import read_scan
from MRExtrapLib.model.folder import load_model

AGES_YEARS, TARGET_YEARS = (60.0, 62.0), 65.0
CONDITION = "unchanged brain, second visit stored otherwise"


def forecast_unchanged(scan: Path, model: Path) -> Figures:
    """One forecast of nothing: where the image lies, what changed, and how long it took."""
    with tempfile.TemporaryDirectory() as folder:
        second, out = Path(folder) / "second_T1w.nii.gz", Path(folder) / "forecast"
        turned = moved(flipped(read_scan(scan).volume))
        nib.save(nib.Nifti1Image(turned.voxels, turned.affine), second)
        scans = [f"{path}@{age}" for path, age in zip((scan, second), AGES_YEARS, strict=True)]
        words = ["forecast", *scans, "--at", str(TARGET_YEARS), "--model", str(model), "--no-cache"]
        started = time.monotonic()
        if code := mrextrap([*words, "-o", str(out)]):
            msg = f"mrextrap {' '.join(words)} ended with exit code {code}."
            raise InputError(msg)
        seconds = time.monotonic() - started
        (image,) = out.glob("predicted_age-*_T1w.nii.gz")
        affine_mm = float(np.abs(nib.load(image).affine - nib.load(second).affine).max())
        return {"seconds": seconds, "affine_mm": affine_mm, **_changes(out / "volumes.csv")}


def _changes(table: Path) -> dict[str, float]:
    """Percent between the visits, and from the last visit to the prediction, of each main region."""
    with table.open(encoding="utf-8") as file:
        ml = {
            (row["kind"], float(row["age_years"]), row["region"]): float(row["volume_ml"])
            for row in csv.DictReader(file)
        }
    figures = {}
    for region in MAIN:
        first, second = (ml["observed", age, region] for age in AGES_YEARS)
        predicted = ml["predicted", TARGET_YEARS, region]
        figures[f"stored/{region}"] = 100 * (second / first - 1)
        figures[f"predicted/{region}"] = 100 * (predicted / second - 1)
    return figures


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="a model folder")
    parser.add_argument("--scans", type=Path, nargs="+", required=True, help="NIfTI files or DICOM folders")
    parser.add_argument("-o", "--output", type=Path, required=True, help="JSON file of all figures")
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    records = Records(arguments.output, {"name": model.name, "sha256": model.sha256})
    for scan in arguments.scans:
        name = f"{scan.parent.name}/{scan.name}"
        records.measure(CONDITION, name, lambda scan=scan: forecast_unchanged(scan, arguments.model))
    rows = [
        [name, cell(found["seconds"], ".0f"), f"{found['affine_mm']:.1g}"]
        + [f"{found[f'stored/{r}']:+.2f} / {found[f'predicted/{r}']:+.2f}" for r in MAIN]
        for name, found in records.figures.get(CONDITION, {}).items()
    ]
    records.save({})
    print(markdown(("scan", "s", "affine off by mm", *(f"{r}, stored / predicted %" for r in MAIN)), rows))


if __name__ == "__main__":
    main()
