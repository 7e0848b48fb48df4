"""A worker whose brain is each voxel's own line in age: numpy alone, for the self-test of a bare Slicer.

    PythonSlicer linear_worker.py SESSION_FOLDER [PAUSE_SECONDS]

Process, protocol, progress, cancelling and session folder are the real ones; only the engine is not. Scans
come as arrays on one grid, as unsaved volumes do.
"""

from __future__ import annotations

import csv
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path[:0] = [
    str(folder) for folder in Path(__file__).resolve().parents[1:3] if (folder / "MRExtrapLib").is_dir()
]

from MRExtrapLib.errors import InputError  # noqa: E402   # the path comes first
from MRExtrapLib.imaging.unfinished import unfinished_sibling  # noqa: E402
from MRExtrapLib.worker import requests, results  # noqa: E402
from MRExtrapLib.worker.channel import Channel  # noqa: E402
from MRExtrapLib.worker.server import Server  # noqa: E402
from MRExtrapLib.worker.session import Session  # noqa: E402

REGIONS = {"ventricles": (20.0, 70.0), "gray_matter": (70.0, 130.0), "white_matter": (130.0, 1e9)}
"""Region → from and to which intensity."""

STEPS = 4
"""Words of progress in each prediction."""


@dataclass(frozen=True)
class Line:
    """Each voxel's line in age."""

    mean_age_years: float
    mean: np.ndarray
    rate: np.ndarray

    @classmethod
    def through(cls, ages_years: np.ndarray, voxels: np.ndarray) -> Line:
        """Least squares through two scans or more."""
        mean_age = ages_years.mean()
        ages = ages_years - mean_age
        return cls(mean_age, voxels.mean(axis=0), np.tensordot(ages, voxels, axes=1) / (ages**2).sum())

    def at(self, age_years: float) -> np.ndarray:
        """The brain at an age."""
        return self.mean + self.rate * np.float32(age_years - self.mean_age_years)


class LinearAnswers:
    """One person at a time."""

    def __init__(self, session: Session, pause_s: float) -> None:
        self._session = session
        self._pause_s = pause_s
        self._count = 0

    def answer(self, asked, tell):  # as the engine's Answers
        """The result of a request."""
        match asked:
            case requests.Models():
                return results.ModelTable(())
            case requests.Read():
                return results.VisitTable(tuple(self._row(scan) for scan in asked.scans))
            case requests.Load():
                return self._load(asked, tell)
            case requests.Predict():
                return self._predict(asked.age_years, asked.is_measured, asked.image_kind, tell)
            case requests.Sweep():
                for age in asked.ages_years:
                    tell.part(self._predict(age, asked.is_measured, asked.image_kind, tell))
                return results.Swept(asked.ages_years)
            case requests.ShowVisit():
                image = self._image(self._voxels[asked.visit])
                return results.VisitShown(asked.visit, asked.kind, image)
            case requests.Interpolate():
                mixed = (
                    asked.alpha * self._voxels[asked.first] + (1 - asked.alpha) * self._voxels[asked.second]
                )
                return results.Interpolated(asked.alpha, self._image(mixed))
            case requests.LeaveOut():
                return self._leave_out(asked.visit)
            case requests.Export():
                return self._export(asked, tell)
        return results.Nothing()

    def _load(self, asked: requests.Load, tell) -> results.Loaded:
        scans = sorted(asked.scans, key=lambda scan: scan.age_years or 0.0)
        if len(scans) < 2 or any(scan.affine is None for scan in scans):
            msg = "The self-test's worker takes two arrays at least; give it unsaved volumes."
            raise InputError(msg)
        for step in range(STEPS):
            time.sleep(self._pause_s)
            tell.progress(step / STEPS, "reading the scans")
        self._voxels = np.stack([np.load(scan.path) for scan in scans]).astype(np.float32)
        self._ages = np.array([scan.age_years for scan in scans], dtype=np.float64)
        self._affine = scans[0].affine
        self._line = Line.through(self._ages, self._voxels)
        self._reference, self._reference_age = self._voxels[-1], float(self._ages[-1])
        self._count += 1
        rows = tuple(
            row
            for kind in ("observed", "reconstructed")
            for age, voxels in zip(self._ages, self._voxels, strict=True)
            for row in self._volumes(kind, float(age), voxels)
        )
        horizon = max(3.0, 1.5 * float(np.ptp(self._ages)))
        return results.Loaded(
            subject=f"subject-{self._count}",
            visits=tuple(self._row(scan) for scan in scans),
            reference=len(scans) - 1,
            held_out=None,
            method="linear",
            model="a line in each voxel",
            segmenter="by brightness",
            device="cpu",
            volumes=rows,
            trusted_years=(float(self._ages[0]) - horizon, float(self._ages[-1]) + horizon),
            uncertainty="the self-test's worker knows none",
            data_weight=None,
            image_kind="plain",
            warnings=(),
        )

    def _predict(
        self, age_years: float, is_measured: bool, image_kind: str | None, tell
    ) -> results.Predicted:
        """The line at an age; as last scan + change where an image that holds on to the scan is asked for."""
        for step in range(STEPS):
            time.sleep(self._pause_s)
            tell.progress(step / STEPS, f"predicting age {age_years:.2f}")
        voxels = self._line.at(age_years)
        is_added = image_kind in ("added", "warped")
        shown = self._reference + (voxels - self._line.at(self._reference_age)) if is_added else voxels
        labels = np.digitize(voxels, [low for low, _ in REGIONS.values()]).astype(np.int16)
        numbers = np.array([0, 4, 3, 2], dtype=np.int16)
        return results.Predicted(
            age_years=age_years,
            image=self._image(shown),
            image_kind="added" if is_added else "plain",
            segmentation=self._session.save("subject", "segmentation", numbers[labels], self._affine)
            if is_measured
            else None,
            volumes=self._volumes("predicted", age_years, voxels) if is_measured else (),
        )

    def _leave_out(self, visit: int) -> results.LeftOut:
        others = Line.through(np.delete(self._ages, visit), np.delete(self._voxels, visit, axis=0))
        age = float(self._ages[visit])
        return results.LeftOut(visit, self._volumes("left_out", age, others.at(age)))

    def _export(self, asked: requests.Export, tell) -> results.Exported:
        rows = [row for age in asked.ages_years for row in self._predict(age, True, None, tell).volumes]
        folder = Path(asked.folder)
        unfinished = unfinished_sibling(folder)
        unfinished.mkdir(parents=True)
        with (unfinished / "volumes.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("kind", "age_years", "region", "volume_ml"))
            writer.writerows((row.kind, row.age_years, row.region, row.volume_ml) for row in rows)
        unfinished.rename(folder)
        return results.Exported(str(folder), ("volumes.csv",))

    def _volumes(self, kind: str, age_years: float, voxels: np.ndarray) -> tuple[results.RegionVolume, ...]:
        ml = abs(np.linalg.det(np.array(self._affine)[:3, :3])) / 1000
        return tuple(
            results.RegionVolume(kind, age_years, name, float(((voxels >= low) & (voxels < high)).sum() * ml))
            for name, (low, high) in REGIONS.items()
        )

    def _image(self, voxels: np.ndarray) -> results.ArrayFile:
        return self._session.save("subject", "image", voxels.astype(np.float32), self._affine)

    @staticmethod
    def _row(scan: requests.ScanInput) -> results.VisitEntry:
        return results.VisitEntry(scan.name or Path(scan.path).name, scan.path, scan.age_years)


def run(folder: Path, pause_s: float) -> int:
    """Serves until the host is gone."""
    with Session(folder).open() as session:
        server = Server(Channel.over_standard_streams(), session, open_engine=None)
        server._answers = LinearAnswers(session, pause_s)
        return server.serve()


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.0))
