"""Makes the bundled model of a training run: the same weights, with measured quality and a written card.

    python Testing/quality/publish.py --model runs/autoencoder/model [--segmenter runs/segmenter/model] \
        --name NAME --card CARD.md --figures SEGMENTER.json AUTOENCODER.json ... \
        -o MRExtrapLib/models/NAME

With --segmenter, that model's segmenter takes the place of the one the autoencoder was trained beside.

The figures are those that the scripts beside this one wrote; of each condition the mean over subjects of
Dice (ours), PSNR and SSIM goes into model.json. CARD.md is the card's text, written by a person.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from MRExtrapLib.model.folder import Model, load_model, save_model
from MRExtrapLib.model.manifest import Measurement, Source

HEADLINES = {"dice/ours/": "", "psnr_db": "dB", "ssim": ""}
"""Beginning of a figure's name → its unit; other figures stay in their JSON files."""

SOURCES = (
    Source(
        "OpenNeuro ds002748 (Bezmaternykh et al. 2021)", "CC0-1.0", "https://openneuro.org/datasets/ds002748"
    ),
    Source(
        "IXI, 2 mm, with MUSE labels (NiChart)", "CC-BY-SA-3.0", "https://brain-development.org/ixi-dataset"
    ),
    Source("SynthSeg training label maps (Billot 2023)", "Apache-2.0", "https://github.com/BBillot/SynthSeg"),
)


def measurements(path: Path) -> Iterator[Measurement]:
    """The headline figures of one file of measurements."""
    for condition, subjects in json.loads(path.read_text(encoding="utf-8"))["figures"].items():
        names = {name for figures in subjects.values() for name in figures}
        for name in sorted(names):
            unit = next((unit for start, unit in HEADLINES.items() if name.startswith(start)), None)
            if unit is None:
                continue
            values = [figures[name] for figures in subjects.values() if name in figures]
            yield Measurement(
                name, round(fmean(values), 4), unit, f"{len(values)} held-out subjects, {condition}"
            )


def with_segmenter_of(model: Model, other: Model) -> Model:
    """The model with another's segmenter, and the account of how that one was trained."""
    networks = model.networks | {"segmenter": other.networks["segmenter"]}
    specs = model.manifest.networks | {"segmenter": other.manifest.networks["segmenter"]}
    runs = [run for run in other.manifest.training if run.network == "segmenter"]
    runs += [run for run in model.manifest.training if run.network != "segmenter"]
    return replace(
        model, networks=networks, manifest=replace(model.manifest, networks=specs, training=tuple(runs))
    )


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--segmenter", type=Path)
    parser.add_argument("--licence", default="CC-BY-SA-3.0")
    parser.add_argument("--name", required=True)
    parser.add_argument("--card", type=Path, required=True)
    parser.add_argument("--figures", type=Path, nargs="*", default=[])
    parser.add_argument("--description", default="")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    if arguments.segmenter:
        model = with_segmenter_of(model, load_model(arguments.segmenter))
    manifest = replace(
        model.manifest,
        name=arguments.name,
        licence=arguments.licence,
        quality=tuple(one for path in arguments.figures for one in measurements(path)),
        sources=SOURCES,
        description=arguments.description,
    )
    card = arguments.card.read_text(encoding="utf-8")
    learned = {"progression": model.progression, "volumes": model.volumes}
    save_model(arguments.output, manifest, model.networks, card, **learned)
    print(f"Published {arguments.output}.")


if __name__ == "__main__":
    main()
