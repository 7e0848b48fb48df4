"""The real worker in a process of its own, around an engine that a test can afford.

    python fake_worker.py [--pause SECONDS] [--model FOLDER] worker [--session …] [--parent …]

The engine is the linear fake, or the untrained networks of a model folder; decoding takes a pause, and talks
on standard output as a careless library does.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from fakes import fake_engine  # noqa: E402   # the tests' own path comes first

from MRExtrapLib.cli.main import main  # noqa: E402
from MRExtrapLib.forecast.engine import Engine, LatentCodec  # noqa: E402
from MRExtrapLib.imaging.volume import Voxels  # noqa: E402
from MRExtrapLib.progression.line import Latent  # noqa: E402


@dataclass(frozen=True)
class NoisySlowCodec:
    """Another codec, which decodes slowly and talks."""

    codec: LatentCodec
    pause_s: float

    def encode(self, voxels: Voxels) -> Latent:
        return self.codec.encode(voxels)

    def decode(self, latent: Latent) -> Voxels:
        print("a careless print")
        os.write(1, b"a careless library\n")
        time.sleep(self.pause_s)
        return self.codec.decode(latent)

    def decode_slab(self, latent: Latent, axis: int, first: int, last: int) -> Voxels:
        return self.codec.decode_slab(latent, axis, first, last)


def engine_of(folder: Path) -> Engine:
    """The untrained networks of a model folder, on the fake template, whose scans need no conforming."""
    from MRExtrapLib.model.codec import Codec
    from MRExtrapLib.model.device import pick_device
    from MRExtrapLib.model.folder import load_model

    fake = fake_engine()
    autoencoder = load_model(folder).autoencoder
    return replace(fake, codec=Codec(autoencoder, fake.template.volume.shape, pick_device("cpu")))


def run() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--model", type=Path)
    own, rest = parser.parse_known_args()

    def open_engine(arguments: argparse.Namespace) -> Engine:
        engine = engine_of(own.model) if own.model else fake_engine(kept=0.9)
        return replace(engine, codec=NoisySlowCodec(engine.codec, own.pause))

    return main(rest, open_engine)


if __name__ == "__main__":
    sys.exit(run())
