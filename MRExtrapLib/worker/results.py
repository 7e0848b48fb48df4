"""What the worker answers: each result is a dataclass, and arrays are files of the session folder.

`protocol` says how they travel. Needs the standard library alone, and so loads in Slicer's own process.
"""

from __future__ import annotations

from dataclasses import dataclass

from MRExtrapLib.worker.requests import AffineRows


@dataclass(frozen=True)
class ArrayFile:
    """An array that travels as a file of the session folder, made to be memory-mapped.

    Attributes:
        path: of a `.npy` file, (X, Y, Z); images are float32, segmentations int16 FreeSurfer numbers.
        affine: where its voxels lie.
    """

    path: str
    affine: AffineRows


@dataclass(frozen=True)
class RegionVolume:
    """The volume of one region at one age; the bounds hold 95 % where an uncertainty is known.

    Attributes:
        kind: "observed", "reconstructed", "predicted", or "left_out": predicted by all visits but that one.
    """

    kind: str
    age_years: float
    region: str
    volume_ml: float
    low_ml: float | None = None
    high_ml: float | None = None


@dataclass(frozen=True)
class Greeting:
    """Who answers.

    Attributes:
        protocol: the version that both speak.
        version: of MRExtrap.
        python: its version.
        pid: of the worker.
        session: its folder, removed when it ends.
    """

    protocol: int
    version: str
    python: str
    pid: int
    session: str


@dataclass(frozen=True)
class ModelEntry:
    """One model; `problem` says why it cannot be used, and is empty where it can. Its card lies in it."""

    name: str
    folder: str
    is_bundled: bool
    description: str = ""
    licence: str = ""
    networks: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class ModelTable:
    """All models, bundled ones first."""

    models: tuple[ModelEntry, ...]


@dataclass(frozen=True)
class VisitEntry:
    """What a scan says of itself; `problem` is the sentence why it cannot be used."""

    name: str
    path: str
    age_years: float | None = None
    sex: str | None = None
    sha256: str = ""
    warnings: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class VisitTable:
    """The scans in the order given, and what is doubtful about them as one person's."""

    visits: tuple[VisitEntry, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Loaded:
    """A person, ready for any age.

    Attributes:
        subject: how to name them in later requests.
        visits: youngest first, the held-out one last.
        reference: which of them lends its grid to all images.
        held_out: which of them was kept back as truth, if one was.
        method: bayes or linear.
        model, segmenter, device: what works.
        volumes: observed and reconstructed.
        trusted_years: from this age to that the line is trusted.
        uncertainty: how it is made, or why there is none.
        data_weight: how much the scans count in the rate against the prior, 0 to 1; None without one.
        image_kind: plain, added or warped: what images are unless a request says otherwise.
        warnings: sentences about scans and line.
    """

    subject: str
    visits: tuple[VisitEntry, ...]
    reference: int
    held_out: int | None
    method: str
    model: str
    segmenter: str
    device: str
    volumes: tuple[RegionVolume, ...]
    trusted_years: tuple[float, float]
    uncertainty: str
    data_weight: float | None
    image_kind: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Predicted:
    """The brain at an age, on the reference scan's grid and in its units; which image it is stands beside."""

    age_years: float
    image: ArrayFile
    image_kind: str
    segmentation: ArrayFile | None = None
    uncertainty: ArrayFile | None = None
    volumes: tuple[RegionVolume, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Swept:
    """The ages whose parts have arrived."""

    ages_years: tuple[float, ...]


@dataclass(frozen=True)
class Interpolated:
    """The brain between two visits, on the second one's grid; ml per region where it was measured."""

    alpha: float
    image: ArrayFile
    image_kind: str = "plain"
    segmentation: ArrayFile | None = None
    volumes_ml: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class VisitShown:
    """A visit on the reference scan's grid."""

    visit: int
    kind: str
    image: ArrayFile
    segmentation: ArrayFile | None = None


@dataclass(frozen=True)
class Exported:
    """What was written."""

    folder: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class LeftOut:
    """The volumes of a visit as all others predict them, for comparison with the observed ones."""

    visit: int
    volumes: tuple[RegionVolume, ...]


@dataclass(frozen=True)
class Nothing:
    """Done; there is nothing to say."""


Result = (
    Greeting
    | ModelTable
    | VisitTable
    | Loaded
    | Predicted
    | Swept
    | Interpolated
    | VisitShown
    | Exported
    | LeftOut
    | Nothing
)
