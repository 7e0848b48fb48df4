"""What a host asks of the worker: each request is a dataclass of its arguments.

`protocol` says how they travel. Needs the standard library alone, and so loads in Slicer's own process.
"""

from __future__ import annotations

from dataclasses import dataclass

AffineRows = tuple[tuple[float, float, float, float], ...]
"""4×4, voxel index → RAS+ mm, row by row."""


@dataclass(frozen=True)
class ScanInput:
    """A scan to use: a file or DICOM folder, or an array that the host has at hand.

    Attributes:
        path: NIfTI, NRRD, MGZ, a DICOM folder, `FOLDER::SERIES_UID`, or `.npy` of (X, Y, Z) voxels.
        age_years: None where the scan itself shall tell it; an array never does.
        affine: of an array; files bring their own.
        name: of an array, as the host calls it.
    """

    path: str
    age_years: float | None = None
    affine: AffineRows | None = None
    name: str = ""


@dataclass(frozen=True)
class Hello:
    """The handshake, before anything else: which version of the protocol the host speaks."""

    protocol: int


@dataclass(frozen=True)
class Models:
    """Which models this computer has."""


@dataclass(frozen=True)
class Read:
    """What scans say of themselves, before anything is computed."""

    scans: tuple[ScanInput, ...]


@dataclass(frozen=True)
class Load:
    """A person's scans, to be read, conformed, encoded and fitted once.

    Attributes:
        scans: in any order.
        model: a name or a folder; None takes the bundled one.
        device: auto, cpu, cuda or mps.
        segmenter: own or synthseg.
        method: bayes or linear; None takes the model's own best.
        sex: F or M; None takes what the scans say.
        diagnosis: CN, MCI or AD.
        has_last_held_out: fit without the last scan and keep it as truth.
        image_kind: plain, added or warped: what later images are unless they say otherwise, and what is
            exported. None shows plain decodes, as a slider's step only decodes, and exports what `mrextrap
            forecast` would write.
    """

    scans: tuple[ScanInput, ...]
    model: str | None = None
    device: str = "auto"
    segmenter: str = "own"
    method: str | None = None
    sex: str | None = None
    diagnosis: str | None = None
    has_last_held_out: bool = False
    image_kind: str | None = None


@dataclass(frozen=True)
class Predict:
    """The brain at an age: one decode, and what else is wanted of it.

    Attributes:
        subject: as `Loaded` names it.
        is_measured: also segment it and measure its volumes.
        has_uncertainty: also the spread of image and volumes; several decodes. Includes measuring.
        image_kind: plain (the decode), added (reference scan + decoded change), or warped (reference scan
            moved to the predicted volumes, which takes seconds); None takes the one loaded with. Volumes do
            not depend on it; what is warped brings its own segmentation.
    """

    subject: str
    age_years: float
    is_measured: bool = False
    has_uncertainty: bool = False
    image_kind: str | None = None


@dataclass(frozen=True)
class Sweep:
    """The same at many ages; each arrives as a part as soon as it is made."""

    subject: str
    ages_years: tuple[float, ...]
    is_measured: bool = False
    has_uncertainty: bool = False
    image_kind: str | None = None


@dataclass(frozen=True)
class Interpolate:
    """The brain between two visits, α·first + (1 − α)·second; visits count from 0, youngest first.

    Attributes:
        image_kind: plain (where none is named), or moved, which takes seconds longer at first.
    """

    subject: str
    first: int
    second: int
    alpha: float
    is_measured: bool = False
    image_kind: str | None = None


@dataclass(frozen=True)
class ShowVisit:
    """A visit on the reference scan's grid, to compare with: as observed, or as the model sees it.

    Change is fair between images of one kind: predicted − reconstructed.

    Attributes:
        visit: counts from 0, youngest first.
        kind: observed (brain only, without its bias field) or reconstructed.
    """

    subject: str
    visit: int
    kind: str = "observed"
    is_measured: bool = False


@dataclass(frozen=True)
class Export:
    """The folder that `mrextrap forecast` writes, for these ages; whole or not at all.

    Attributes:
        image_kind: plain, added or warped; None takes the one loaded with, and where none was named, what
            `mrextrap forecast` would write.
        image_format: nifti or nrrd.
    """

    subject: str
    ages_years: tuple[float, ...]
    folder: str
    image_kind: str | None = None
    image_format: str = "nifti"


@dataclass(frozen=True)
class LeaveOut:
    """A visit that the line rests on, as all others would have predicted it; one decode, one measurement.

    The visits stay conformed together: the one that is left out shares position and brightness scale with the
    others, and tells them nothing of its anatomy.

    Attributes:
        visit: counts from 0, youngest first.
    """

    subject: str
    visit: int


@dataclass(frozen=True)
class Release:
    """What is no longer needed: a person with everything of theirs, or single array files."""

    subject: str = ""
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cancel:
    """Another request to give up: at once if it waits, at its next step if it runs."""

    request: int


@dataclass(frozen=True)
class Shutdown:
    """The end, after what was asked before."""


Arguments = (
    Hello
    | Models
    | Read
    | Load
    | Predict
    | Sweep
    | Interpolate
    | ShowVisit
    | Export
    | LeaveOut
    | Release
    | Cancel
    | Shutdown
)
