"""What bfloat16 costs in exactness, and what a slab does: the bundled model on the template.

    python Testing/benchmarks/precision.py [--model DIR] [--voxels N]

Errors are of intensities between 0 and 1, against the whole decode in float32 of the same latent; the slab's
are against the whole decode in its own precision. --voxels takes a cube of so many voxels a side from the
middle; the whole grid if left out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from MRExtrapLib.imaging.template import bundled_template  # noqa: E402   # of this checkout
from MRExtrapLib.model.boxes import slab  # noqa: E402
from MRExtrapLib.model.catalogue import find_model  # noqa: E402
from MRExtrapLib.model.codec import Codec  # noqa: E402
from MRExtrapLib.model.device import Device, cpu  # noqa: E402
from MRExtrapLib.model.folder import load_model  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, help="model folder; the bundled one if left out")
    parser.add_argument("--voxels", type=int, help="side of a cube in the middle; the whole grid if left out")
    asked = parser.parse_args(arguments)
    network = load_model(find_model(asked.model)).autoencoder
    voxels = bundled_template().volume.voxels
    if asked.voxels:
        voxels = voxels[tuple(slice((n - asked.voxels) // 2, (n + asked.voxels) // 2) for n in voxels.shape)]
    shape = voxels.shape
    codecs = [
        Codec(network, shape, Device(torch.device("cpu"), kind)) for kind in (torch.float32, torch.bfloat16)
    ]
    latent = codecs[0].encode(voxels)
    truth = codecs[0].decode(latent)
    print(f"This processor works in {cpu().words} by default.\n")
    print("| precision | largest error | root mean square | largest of a slab |")
    print("|---|---:|---:|---:|")
    for codec in codecs:
        whole = codec.decode(latent)
        error = np.abs(whole - truth)
        of_slab = max(
            float(np.abs(codec.decode_slab(latent, axis, n // 2, n // 2) - whole[place.slices]).max())
            for axis, n in enumerate(shape)
            for place in (slab(shape, axis, n // 2, n // 2),)
        )
        name = str(codec.device.precision).removeprefix("torch.")
        print(f"| {name} | {error.max():.1e} | {np.sqrt((error**2).mean()):.1e} | {of_slab:.1e} |")


if __name__ == "__main__":
    main()
