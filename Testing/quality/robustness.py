"""Whether storage matters: one scan stored many ways must give the same volumes, left staying left.

    python Testing/quality/robustness.py --model DIR --data FOLDER... \
        --split MRExtrapLib/training/splits/first.json [--limit N] -o OUT.json

Each held-out scan is measured as it is, and again

- flipped: its first axis reversed, array and affine; left and right must not change places;
- oblique: resampled once (cubic spline) on a turned grid with voxels of the same size;
- nrrd, mgz: written in these formats and read back;
- moved: the head lies elsewhere, turned and shifted, by the header alone.

Then an asymmetric brain is made of it, fluid painted into the white matter around its left ventricle, and
measured as it is, flipped and oblique: the left ventricle must have grown, the right one not.

The figures lie in OUT.json, which a second start continues; Markdown tables are printed at the end.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial.transform import Rotation

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Testing is no package: its rooms meet here
from quality.product import Measured, Product, load_product
from quality.records import Figures, Records
from quality.subjects import add_arguments, held_out_scans, split_of
from quality.tables import cell, markdown

from MRExtrapLib.anatomy.regions import REGIONS, SIDED
from MRExtrapLib.imaging.reading import read_scan
from MRExtrapLib.imaging.resampling import Interpolation, resample
from MRExtrapLib.imaging.rigid import rotation_about, translation
from MRExtrapLib.imaging.volume import Grid, Volume

MAIN = ("hippocampus", "ventricles", "gray_matter", "white_matter")
PROMISED_PERCENT = 1.0
"""By how much the volumes of one scan, stored another way, may differ."""

OBLIQUE_DEG = (12.0, -9.0, 17.0)
MOVED_DEG, MOVED_MM = (8.0, -6.0, 10.0), (25.0, -15.0, 30.0)

LEFT_VENTRICLE, WHITE = (4, 5), (2, 41)
"""FreeSurfer numbers."""

PAINTED_MM = 3.0
"""How far around the left ventricle white matter becomes fluid: its volume about doubles."""

ALONE, ASYMMETRIC = "as it is", "asymmetric"


def flipped(volume: Volume) -> Volume:
    """The same head, its first axis stored the other way round."""
    turn = np.diag([-1.0, 1.0, 1.0, 1.0])
    turn[0, 3] = volume.shape[0] - 1
    return Volume(np.ascontiguousarray(volume.voxels[::-1]), volume.affine @ turn)


def oblique(volume: Volume) -> Volume:
    """The same head in the same place, on a turned grid large enough to hold it; one spline interpolation."""
    turn = Rotation.from_euler("xyz", OBLIQUE_DEG, degrees=True).as_matrix()
    spacing, middle = np.array(volume.spacing_mm), (np.array(volume.shape) - 1) / 2
    corners_mm = (2 * np.indices((2, 2, 2)).reshape(3, -1).T - 1) * middle * spacing
    half = np.ceil(np.abs(corners_mm @ turn).max(axis=0) / spacing)
    affine = np.eye(4)
    affine[:3, :3] = volume.affine[:3, :3] / spacing @ turn * spacing
    affine[:3, 3] = volume.affine[:3, :3] @ middle + volume.affine[:3, 3] - affine[:3, :3] @ half
    x, y, z = (2 * half + 1).astype(int)
    return resample(volume, Grid((x, y, z), affine), interpolation=Interpolation.SPLINE)


def moved(volume: Volume) -> Volume:
    """The head elsewhere in the scanner: another affine, the same voxels."""
    centre_mm = volume.affine[:3, :3] @ ((np.array(volume.shape) - 1) / 2) + volume.affine[:3, 3]
    return Volume(
        volume.voxels, translation(np.array(MOVED_MM)) @ rotation_about(centre_mm, MOVED_DEG) @ volume.affine
    )


def as_nrrd(volume: Volume) -> Volume:
    """Written as NRRD (LPS, as ITK has it) and read back by the product."""
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.voxels.T))
    image.SetSpacing(volume.spacing_mm)
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / volume.spacing_mm).ravel().tolist())
    return _through_file("scan.nrrd", lambda path: sitk.WriteImage(image, str(path)))


def as_mgz(volume: Volume) -> Volume:
    """Written as FreeSurfer's MGZ and read back by the product."""
    image = nib.MGHImage(volume.voxels, volume.affine)
    return _through_file("scan.mgz", lambda path: nib.save(image, path))


def _through_file(name: str, write: Callable[[Path], None]) -> Volume:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        return read_scan(path).volume


STORED: Mapping[str, Callable[[Volume], Volume]] = {
    ALONE: lambda volume: volume,
    "flipped": flipped,
    "oblique": oblique,
    "nrrd": as_nrrd,
    "mgz": as_mgz,
    "moved": moved,
}


def asymmetric(volume: Volume, measured: Measured) -> Volume:
    """The scan with a larger left ventricle: fluid in the white matter around it."""
    labels = measured.conformed.restore_labels(measured.segmentation.labels)
    ventricle, white = np.isin(labels, LEFT_VENTRICLE), np.isin(labels, WHITE)
    near = ndimage.distance_transform_edt(~ventricle, sampling=volume.spacing_mm) <= PAINTED_MM
    fluid = float(np.median(volume.voxels[ventricle])) if ventricle.any() else 0.0
    return volume.with_voxels(np.where(near & white, fluid, volume.voxels))


def _volumes(measured: Measured) -> dict[str, float]:
    sides = [f"{region}_{side}" for region in SIDED for side in ("left", "right")]
    return {f"ml/{region}": measured.volumes_ml[region] for region in (*REGIONS, *sides)}


def measure_all(arguments: argparse.Namespace, records: Records, product: Product) -> None:
    """Every held-out scan, stored every way."""
    for one in held_out_scans(arguments.data, split_of(arguments), arguments.limit):
        for way, store in STORED.items():
            records.measure(
                way,
                one.subject,
                lambda one=one, store=store: _volumes(product.measure(store(one.read()))),
            )
        for way in (ALONE, "flipped", "oblique"):
            records.measure(
                f"{ASYMMETRIC}, {way}",
                one.subject,
                lambda one=one, way=way: _asymmetric_volumes(one.read(), STORED[way], product),
            )


def _asymmetric_volumes(volume: Volume, store: Callable[[Volume], Volume], product: Product) -> Figures:
    lopsided = asymmetric(volume, product.measure(volume))
    return _volumes(product.measure(store(lopsided)))


def storage_table(records: Records) -> tuple[str, dict[str, object]]:
    """The largest and mean difference in percent of each main region, for each way of storing."""
    rows, summary = [], {}
    for way in list(STORED)[1:]:
        worst, mean = {}, {}
        for region in MAIN:
            alone, again = records.column(ALONE, f"ml/{region}"), records.column(way, f"ml/{region}")
            percent = [100 * abs(again[who] / alone[who] - 1) for who in again if who in alone]
            worst[region] = max(percent, default=float("nan"))
            mean[region] = float(np.mean(percent)) if percent else float("nan")
        rows.append([way, *(f"{cell(worst[r], '.2f')} ({cell(mean[r], '.2f')})" for r in MAIN)])
        is_kept = bool(worst) and all(value <= PROMISED_PERCENT for value in worst.values())
        summary[way] = {"worst_percent": worst, "mean_percent": mean, "is_within_promise": is_kept}
    words = "\n**Stored another way: largest difference in % of any scan (mean)**\n\n"
    return words + markdown(("stored", *MAIN), rows), summary


def sides_table(records: Records) -> tuple[str, dict[str, object]]:
    """By how much either lateral ventricle grew after fluid was painted around the left one."""
    rows, summary = [], {}
    left, right = "ml/lateral_ventricles_left", "ml/lateral_ventricles_right"
    for way in (ALONE, "flipped", "oblique"):
        painted = f"{ASYMMETRIC}, {way}"
        grown = {
            side: [
                100 * (ml / before - 1)
                for who, ml in records.column(painted, side).items()
                if (before := records.column(way, side).get(who))
            ]
            for side in (left, right)
        }
        kept = [a > b for a, b in zip(grown[left], grown[right], strict=True)]
        means = [float(np.mean(grown[side])) if grown[side] else float("nan") for side in (left, right)]
        rows.append([way, *(cell(value, "+.1f") for value in means), f"{sum(kept)} of {len(kept)}"])
        summary[way] = {
            "left_percent": means[0],
            "right_percent": means[1],
            "kept": sum(kept),
            "of": len(kept),
        }
    words = "\n**Fluid painted around the left ventricle: growth of either in % (mean)**\n\n"
    return words + markdown(("stored", "left", "right", "left stayed left"), rows), summary


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_arguments(parser)
    arguments = parser.parse_args()
    product = load_product(arguments.model, arguments.device)
    records = Records(arguments.output, product.identity)
    measure_all(arguments, records, product)
    (storage, stored), (sides, sided) = storage_table(records), sides_table(records)
    records.save({"storage": stored, "sides": sided})
    print(storage, sides, sep="\n")


if __name__ == "__main__":
    main()
