"""A scan: one visit's volume, with all that its file or folder says about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.ages import Diagnosis, checked_age
from MRExtrapLib.imaging.volume import Volume

Sex = Literal["F", "M"]


@dataclass(frozen=True, eq=False)
class Scan:
    """One T1 scan as it was stored, valid once built.

    Attributes:
        volume: voxels on the scan's own grid, RAS+ mm.
        source: the file or DICOM folder that was read.
        name: file stem without its endings, or the series description; fit for a file name.
        sha256: of the file's bytes, or of all slices of the series in order; of an .nhdr and its voxels.
        age_years: age at acquisition, None when nothing tells it.
        sex: "F" or "M" when the header or participants.tsv says so.
        diagnosis: "CN", "MCI" or "AD" when sessions.tsv or participants.tsv says so.
        warnings: what a reader should know before trusting the scan, one sentence each.

    Raises:
        InputError: the age lies outside 0…120 years, or the sex is neither F nor M.
    """

    volume: Volume
    source: Path
    name: str
    sha256: str
    age_years: float | None = None
    sex: Sex | None = None
    diagnosis: Diagnosis | None = None
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.age_years is not None:
            object.__setattr__(self, "age_years", checked_age(self.age_years, of=self.name))
        if self.sex not in ("F", "M", None):
            msg = f"The sex of {self.name} is {self.sex!r}; give F or M, or leave it out."
            raise InputError(msg)
