"""A worker around an untrained network on a grid of a few thousand voxels, for the self-test.

    PythonSlicer tiny_worker.py worker --session FOLDER --parent PID

Protocol, pipeline, network, geometry and files are those of every worker; only the weights are random and
conforming does without registration. What it predicts means nothing. Run in the worker's Python, never
imported by Slicer's own process.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path[:0] = [
    str(folder) for folder in Path(__file__).resolve().parents[1:3] if (folder / "MRExtrapLib").is_dir()
]

SHAPE = (16, 20, 16)
SPACING_MM = 10.0
SCALE = 220.0
"""Intensity that becomes 1."""

LABELS = {"ventricles": (0.05, 0.3, 4), "gray_matter": (0.3, 0.6, 3), "white_matter": (0.6, 9.0, 2)}
"""Region → from and to which brightness, and its FreeSurfer number."""

PAUSE_OPTION = "--pause"


def tiny_affine() -> np.ndarray:
    """The grid about the world's origin."""
    affine = np.diag([SPACING_MM] * 3 + [1.0])
    affine[:3, 3] = -SPACING_MM * (np.array(SHAPE) - 1) / 2
    return affine


@dataclass(frozen=True)
class Segmented:
    labels: np.ndarray
    volumes_ml: Mapping[str, float]


class ByBrightness:
    """Regions are what is as bright as they are."""

    def segment(self, volume):  # the engine's Volume
        labels = np.zeros(volume.shape, dtype=np.int16)
        for low, high, number in LABELS.values():
            labels[(volume.voxels >= low) & (volume.voxels < high)] = number
        ml = SPACING_MM**3 / 1000
        volumes = {name: float((labels == number).sum() * ml) for name, (*_, number) in LABELS.items()}
        return Segmented(labels, volumes | {"hippocampus": volumes["gray_matter"] / 200})

    def volumes_ml(self, volume):
        return self.segment(volume).volumes_ml

    def find_tissues(self, volume):  # never asked: nothing is registered
        raise NotImplementedError


@dataclass(frozen=True)
class SlowCodec:
    """The tiny network, pausing before it decodes, so that a test can press Cancel."""

    codec: object
    pause_s: float

    def encode(self, voxels):
        return self.codec.encode(voxels)

    def decode(self, latent):
        time.sleep(self.pause_s)
        return self.codec.decode(latent)


def conform_plainly(volumes: Sequence, find_tissues, template, progress) -> tuple:
    """Every scan resampled where it lies."""
    from MRExtrapLib.imaging.conform import ConformedVisit
    from MRExtrapLib.imaging.intensity import IntensityMap
    from MRExtrapLib.imaging.quality import RegistrationQuality
    from MRExtrapLib.imaging.resampling import resample

    conformed = []
    for index, volume in enumerate(volumes):
        progress(index / len(volumes), f"conforming scan {index + 1} of {len(volumes)}")
        moved = resample(volume, template.volume.grid, np.eye(4))
        conformed.append(
            ConformedVisit(
                volume=moved.with_voxels(moved.voxels / SCALE),
                brain=np.ones(moved.shape, dtype=bool),
                scan_to_template=np.eye(4),
                registration=RegistrationQuality(0.9, 0.95),
                scan_grid=volume.grid,
                intensity=IntensityMap(gain=1 / SCALE, offset=0.0),
            )
        )
    return tuple(conformed)


def open_tiny_engine(pause_s: float):  # an Engine, imported only here
    """The engine of the self-test."""
    from MRExtrapLib.forecast.engine import Engine, EngineIdentity
    from MRExtrapLib.imaging.template import Template
    from MRExtrapLib.imaging.volume import Volume
    from MRExtrapLib.model.autoencoder import Autoencoder, AutoencoderConfig
    from MRExtrapLib.model.codec import Codec
    from MRExtrapLib.model.device import pick_device

    network = Autoencoder(AutoencoderConfig(widths=(4, 8), blocks=(1, 1)))
    codec = SlowCodec(Codec(network, SHAPE, pick_device("cpu")), pause_s)
    template = Template(Volume(np.ones(SHAPE, dtype=np.float32), tiny_affine()), "box")
    identity = EngineIdentity("tiny", "0" * 64, "own", "cpu")
    return Engine(codec, ByBrightness(), template, identity, conform_plainly)


def run() -> int:
    """Serves as `mrextrap worker` does."""
    from MRExtrapLib.cli.main import main

    parser = argparse.ArgumentParser()
    parser.add_argument(PAUSE_OPTION, type=float, default=0.0)
    own, rest = parser.parse_known_args()
    return main(rest, lambda _: open_tiny_engine(own.pause))


if __name__ == "__main__":
    sys.exit(run())
