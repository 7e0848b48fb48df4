"""An engine without networks, whose codec is linear: what the pipeline promises then holds exactly.

The template is a small box in the world; fake scans lie on its grid already, so conforming only scales
intensities, and the way back is the identity.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from MRExtrapLib.forecast.engine import Engine, EngineIdentity
from MRExtrapLib.forecast.subject import Visit
from MRExtrapLib.imaging.conform import ConformedVisit, TissueFinder, Tissues
from MRExtrapLib.imaging.intensity import IntensityMap
from MRExtrapLib.imaging.quality import RegistrationQuality
from MRExtrapLib.imaging.scan import Scan
from MRExtrapLib.imaging.template import Template
from MRExtrapLib.imaging.volume import Volume, Voxels
from MRExtrapLib.model.autoencoder import Autoencoder, AutoencoderConfig
from MRExtrapLib.model.folder import save_model
from MRExtrapLib.model.manifest import Manifest, ModelGrid, NetworkSpec
from MRExtrapLib.progress import Progress, silent
from MRExtrapLib.progression.calibration import Calibration
from MRExtrapLib.progression.knowledge import Knowledge
from MRExtrapLib.progression.likeness import Likeness
from MRExtrapLib.progression.line import Latent
from MRExtrapLib.progression.prior import Prior
from MRExtrapLib.progression.volumes import VolumePrior

SHAPE = (6, 7, 8)
AFFINE = np.array([[2.0, 0, 0, -6], [0, 2.0, 0, -7], [0, 0, 2.0, -8], [0, 0, 0, 1]])

OWN_UNITS = IntensityMap(gain=1 / 200, offset=-0.1)
"""Scans hold 20 to 220 in their own units; conformed they hold 0 to 1."""


@dataclass(frozen=True)
class LinearCodec:
    """Halves going in; doubles coming out, and loses a share of it, as a reconstruction does."""

    kept: float = 1.0

    def encode(self, voxels: Voxels) -> Latent:
        return voxels[None] / 2

    def decode(self, latent: Latent) -> Voxels:
        return (latent[0] * 2 * self.kept).astype(np.float32)

    def decode_slab(self, latent: Latent, axis: int, first: int, last: int) -> Voxels:
        return np.take(self.decode(latent), range(first, last + 1), axis)


@dataclass(frozen=True)
class FakeSegmented:
    labels: NDArray[np.int16]
    volumes_ml: Mapping[str, float]


class SummingSegmenter:
    """Volumes are sums of intensities over fixed halves of the box: linear, and left is not right."""

    def segment(self, volume: Volume) -> FakeSegmented:
        voxels = volume.voxels.astype(np.float64)
        left, right = float(voxels[:3].sum()), float(voxels[3:].sum())
        labels = np.where(voxels > 0.5, 17, 2).astype(np.int16)
        volumes = {
            "hippocampus": left,
            "ventricles": right,
            "gray_matter": left + right,
            "white_matter": 2 * left,
        }
        return FakeSegmented(labels, volumes)

    def volumes_ml(self, volume: Volume) -> Mapping[str, float]:
        return self.segment(volume).volumes_ml

    def segment_scan(self, scan: ConformedVisit) -> tuple[FakeSegmented, NDArray[np.int16]]:
        found = self.segment(scan.volume)
        return found, scan.restore_labels(found.labels)

    def label(self, volume: Volume) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        labels = self.segment(volume).labels
        return labels, labels

    def find_tissues(self, volume: Volume) -> Tissues:
        everything = np.ones(volume.shape, dtype=bool)
        return Tissues(everything, everything, everything, volume.grid)


@dataclass(frozen=True)
class FakeConformer:
    """Scales intensities; says what registration it is told to.

    Attributes:
        warnings: of every scan.
        slices_lost: by the brain, from one visit to the next.
    """

    warnings: tuple[str, ...] = ()
    slices_lost: int = 0

    def __call__(
        self,
        volumes: Sequence[Volume],
        find_tissues: TissueFinder,
        template: Template,
        progress: Progress = silent,
    ) -> tuple[ConformedVisit, ...]:
        progress(0.0, "conforming")
        return tuple(self._conformed(volume, index) for index, volume in enumerate(volumes))

    def _conformed(self, volume: Volume, index: int) -> ConformedVisit:
        brain = np.ones(volume.shape, dtype=bool)
        brain[: index * self.slices_lost] = False
        return ConformedVisit(
            volume=volume.with_voxels(OWN_UNITS.to_normalised(volume.voxels)),
            brain=brain,
            scan_to_template=np.eye(4),
            registration=RegistrationQuality(0.9, 0.95),
            scan_grid=volume.grid,
            intensity=OWN_UNITS,
            warnings=self.warnings,
        )


def fake_prior(**values: object) -> Prior:
    """What is known of people's rates: darker by a hundredth a year, in one common pattern, more with AD."""
    elements = int(np.prod(SHAPE))
    ones, generator = np.ones(elements), np.random.default_rng(0)
    known = {
        "latent_shape": (1, *SHAPE),
        "mean_rate": np.multiply.outer([-0.01, 0.0, 0.0, -0.005, -0.01], ones),
        "factors": 0.005 * generator.uniform(0.5, 1.5, (1, elements)),
        "residual_variance": 0.003**2 * ones,
        "noise_factors": 0.01 * generator.normal(size=(1, elements)),
        "noise_variance": 0.01**2 * ones,
        "typical_covariates": np.array([1.0, 0.0, 0.0, 0.3, 0.2]),
        "age_centre_years": 72.0,
    }
    return Prior(**(known | values))


def fake_knowledge(calibration: Calibration | None = None, likeness: Likeness | None = None) -> Knowledge:
    """What is known of volumes: tissue loses a hundredth a year, ventricles grow by 2 ml."""
    regions, ones = ("hippocampus", "ventricles", "gray_matter", "white_matter"), np.ones(4)
    base = np.array([-0.01, 0.02, -0.01, -0.01])
    prior = Prior(
        latent_shape=(4,),
        mean_rate=np.stack([base, 0 * ones, 0 * ones, base / 2, base]),
        factors=0.005 * ones[None],
        residual_variance=0.003**2 * ones,
        noise_factors=0.004 * ones[None],
        noise_variance=0.01**2 * ones,
        typical_covariates=np.array([1.0, 0.0, 0.0, 0.3, 0.2]),
        age_centre_years=72.0,
    )
    volumes = VolumePrior(regions, np.array([0.0, 100.0, 0.0, 0.0]), prior)
    return Knowledge(volumes, calibration, likeness)


def fake_engine(
    kept: float = 1.0,
    conform_warnings: tuple[str, ...] = (),
    prior: Prior | None = None,
    knowledge: Knowledge | None = None,
) -> Engine:
    """An engine whose reconstruction keeps that share of the intensities."""
    template = Template(Volume(np.ones(SHAPE), AFFINE), "box")
    identity = EngineIdentity(model="fake", model_sha256="0" * 64, segmenter="own", device="cpu")
    conformer = FakeConformer(conform_warnings)
    return Engine(LinearCodec(kept), SummingSegmenter(), template, identity, conformer, prior, knowledge)


def open_fake_engine(arguments: argparse.Namespace) -> Engine:
    """What the command line opens in tests; it must be told all that the real one asks."""
    assert {"model", "device", "segmenter", "no_cache"} <= vars(arguments).keys()
    return fake_engine(kept=0.9)


def fake_voxels(seed: int) -> Voxels:
    """Intensities of a scan in its own units."""
    return np.random.default_rng(seed).uniform(60, 180, SHAPE).astype(np.float32)


def fake_scan(voxels: Voxels, name: str = "a", **facts: object) -> Scan:
    """A scan that lies on the template's grid already."""
    sha256 = hashlib.sha256(voxels.tobytes()).hexdigest()
    return Scan(Volume(voxels, AFFINE), Path(f"{name}.nii.gz"), name, sha256, **facts)


def fake_visits(*ages_years: float) -> tuple[Visit, ...]:
    """A visit for each age, each scan unlike the others."""
    return tuple(
        Visit(fake_scan(fake_voxels(seed), f"scan{seed}"), age) for seed, age in enumerate(ages_years)
    )


def steady_visits(*ages_years: float) -> tuple[Visit, ...]:
    """One brain that darkens evenly, a little noise on top."""
    level, generator = fake_voxels(0), np.random.default_rng(1)
    return tuple(
        Visit(
            fake_scan(
                level - 1.5 * (age - ages_years[0]) + generator.normal(0, 0.2, level.shape), f"s{age:g}"
            ),
            age,
        )
        for age in ages_years
    )


def assert_one_sentence(said: str) -> None:
    lines = [line for line in said.splitlines() if not line.startswith("[")]
    assert len(lines) == 1, said
    assert lines[0].startswith("mrextrap: ")
    assert lines[0].endswith(".")
    assert "Traceback" not in said


def assert_nothing_written(out: Path) -> None:
    assert not out.exists()
    assert not [path for path in out.parent.iterdir() if path.name.startswith(".")]


def save_tiny_model(folder: Path) -> Path:
    """A model folder without priors, whose networks nobody runs."""
    grid = ModelGrid(SHAPE, tuple(map(tuple, AFFINE.tolist())), "box")
    manifest = Manifest("tiny", {"autoencoder": NetworkSpec("mrextrap-autoencoder", {})}, grid, "CC0-1.0")
    torch.manual_seed(0)
    networks = {"autoencoder": Autoencoder(AutoencoderConfig(widths=(4, 8), blocks=(1, 1)))}
    save_model(folder, manifest, networks, "# tiny\n\n## what falls short\n\nEverything.\n")
    return folder
