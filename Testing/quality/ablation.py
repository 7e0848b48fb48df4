"""What each term of the loss is worth: models side by side on people whose brains really change.

    python Testing/quality/ablation.py --models NAME=RUN/model NAME=RUN/model... --cohort COHORT \
        [--people sub-03sim1 ...] [--steps N] -o FOLDER

COHORT is a held-out BIDS tree with true volumes, as `mrextrap simulate` makes it. Of each person the first
visit, the last, and the one nearest to the middle in age are conformed together; they are kept in
FOLDER/visits and conformed once for all models that share a segmenter. That segmenter sees all images of a
person, scans and decoded ones, in one frame (see `Frame`). Of each model are told: what a reconstruction
keeps; how far the change between first and last visit, as decoded, is from what the segmenter finds in the
scans and from the truth; how straight volumes run along the way between both ends; and how far the middle
visit lies from that way, as a latent and as an image.

Each model's figures lie in FOLDER/NAME.json, which a second start continues; the table is printed at the end.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Testing is no package: its rooms meet here
from quality.autoencoder import SMALLEST_CHANGE_PERCENT
from quality.networks import HEADLINE_REGIONS
from quality.records import Figures, Records
from quality.tables import cell, markdown

from MRExtrapLib.errors import InputError
from MRExtrapLib.evaluation.linearity import STRAIGHT
from MRExtrapLib.evaluation.people import people_of
from MRExtrapLib.evaluation.similarity import ssim
from MRExtrapLib.evaluation.straightness import straightness
from MRExtrapLib.evaluation.truth import read_truth, visit_of
from MRExtrapLib.evaluation.visits import scan_maker
from MRExtrapLib.forecast.engine import DECODING, Engine
from MRExtrapLib.forecast.loading import load_engine
from MRExtrapLib.forecast.reconstruction import psnr_db
from MRExtrapLib.imaging.volume import Voxels
from MRExtrapLib.progression.interpolation import even_alphas, mix_latents
from MRExtrapLib.progression.line import Latent
from MRExtrapLib.training.people import PersonScans, key_of, participant_of
from MRExtrapLib.training.scans import KeptScan, kept_scans, read_kept
from MRExtrapLib.training.trajectories import middle_visit

CONDITION = "first, middle and last visit"
VISITS = 3

COLUMNS = (
    "model",
    "PSNR dB",
    "SSIM",
    "bias %",
    "change against observed %",
    "against truth %",
    "R² median",
    "worst",
    f"below {STRAIGHT:g}",
    "middle latent from the way",
    "middle image PSNR dB",
)


@dataclass(frozen=True, eq=False)
class Frame:
    """What is looked at of every image of a person: what was brain at any visit.

    Attributes:
        brain: (X, Y, Z).
    """

    brain: NDArray[np.bool_]

    def measure(self, voxels: Voxels, engine: Engine) -> Mapping[str, float]:
        """Region → ml inside the frame."""
        inside = np.where(self.brain, voxels, 0).astype(np.float32)
        return engine.volumes_ml(engine.template.volume.with_voxels(inside))


@dataclass(frozen=True, eq=False)
class Aged:
    """A held-out person: three visits, conformed, and the true change.

    Attributes:
        name: of the participant.
        scans: first, middle, last.
        frame: in which all are measured.
        observed_ml: region → ml of each scan.
        share: of the years between the ends that have passed at the middle.
        true_ml: region → ml, first and last.
    """

    name: str
    scans: tuple[KeptScan, KeptScan, KeptScan]
    frame: Frame
    observed_ml: tuple[Mapping[str, float], ...]
    share: float
    true_ml: tuple[Mapping[str, float], Mapping[str, float]]


def three_visits(person: PersonScans) -> PersonScans:
    """The person with first, middle and last visit alone.

    Raises:
        InputError: no visit lies between first and last.
    """
    middle = middle_visit(person.ages_years)
    if middle is None:
        msg = f"{person.name} has no visit between first and last; leave them out with --people."
        raise InputError(msg)
    kept = (0, middle, len(person.paths) - 1)
    return replace(
        person,
        paths=tuple(person.paths[index] for index in kept),
        ages_years=tuple(person.ages_years[index] for index in kept),
    )


def aged_people(cohort: Path, names: Sequence[str], engine: Engine, output: Path) -> list[Aged]:
    """The people of a cohort by name (all if none is given), their scans conformed and measured, or found.

    Raises:
        InputError: there is no such person, or no truth is told.
    """
    found, _ = people_of(cohort, VISITS)
    everyone = {participant_of(one): one for one in found}
    unknown = sorted(set(names) - set(everyone))
    if unknown:
        msg = f"{cohort} has nobody with {VISITS} visits named {', '.join(unknown)}."
        raise InputError(msg)
    truth, people = read_truth(cohort), []
    segmenter = f"{engine.identity.segmenter_fingerprint} {DECODING}"
    records = Records(output / f"observed-{key_of(segmenter)}.json", {"segmenter": segmenter})
    for name in names or list(everyone):
        person = three_visits(everyone[name])
        files = kept_scans(person, scan_maker(engine), output / "visits")
        first, middle, last = (read_kept(file) for file in files)
        start, then, end = person.ages_years
        try:
            true_ml = truth[visit_of(person.paths[0])], truth[visit_of(person.paths[-1])]
        except KeyError as error:
            msg = f"{cohort} tells no true volumes of {name} ({error}); give a cohort that was simulated."
            raise InputError(msg) from error
        frame, scans = Frame(first.brain | middle.brain | last.brain), (first, middle, last)
        observed_ml = _observed_ml(files, scans, frame, engine, records)
        people.append(Aged(name, scans, frame, observed_ml, (then - start) / (end - start), true_ml))
    return people


def _observed_ml(
    files: Sequence[Path], scans: Sequence[KeptScan], frame: Frame, engine: Engine, records: Records
) -> tuple[Mapping[str, float], ...]:
    """Region → ml of each scan, measured once for all models with this segmenter."""
    for file, scan in zip(files, scans, strict=True):
        records.measure(CONDITION, file.stem, lambda scan=scan: frame.measure(scan.voxels, engine))
    return tuple(records.figures[CONDITION][file.stem] for file in files)


def person_figures(person: Aged, engine: Engine, steps: int) -> Figures:
    """All figures of one person by one model."""
    latents = [engine.encode(engine.template.volume.with_voxels(scan.voxels)) for scan in person.scans]
    decoded = [engine.decode(latent, person.frame.brain) for latent in latents]
    kept_ml = [person.frame.measure(volume.voxels, engine) for volume in decoded]
    pairs = list(zip(person.scans, decoded, strict=True))
    figures = {
        "psnr_db": fmean(psnr_db(scan.voxels, volume.voxels, scan.brain) for scan, volume in pairs),
        "ssim": fmean(ssim(scan.voxels, volume.voxels, scan.brain) for scan, volume in pairs),
    }
    observed_ml = person.observed_ml
    for region in HEADLINE_REGIONS:
        shares = [kept[region] / seen[region] for kept, seen in zip(kept_ml, observed_ml, strict=True)]
        figures[f"bias_percent/{region}"] = 100 * (fmean(shares) - 1)
    ends_ml = {"decoded": kept_ml, "observed": observed_ml, "true": person.true_ml}
    for region in HEADLINE_REGIONS:
        for kind, found in ends_ml.items():
            change_ml = found[-1][region] - found[0][region]
            figures[f"change_percent/{kind}/{region}"] = 100 * change_ml / person.true_ml[0][region]
    return figures | _way_figures(person, latents, kept_ml, engine, steps) | _middle(person, latents, engine)


def _way_figures(
    person: Aged,
    latents: Sequence[Latent],
    kept_ml: Sequence[Mapping[str, float]],
    engine: Engine,
    steps: int,
) -> Figures:
    """R² of each region's volume along the way between first and last latent."""
    shares = [1 - float(alpha) for alpha in even_alphas(steps)]
    between = [mix_latents(latents[0], latents[-1], 1 - share) for share in shares[1:-1]]
    inner = [engine.decode(latent, person.frame.brain) for latent in between]
    inner_ml = [person.frame.measure(volume.voxels, engine) for volume in inner]
    volumes_ml = [kept_ml[0], *inner_ml, kept_ml[-1]]
    return {
        f"r_squared/{region}": straightness(shares, [one[region] for one in volumes_ml]).r_squared
        for region in HEADLINE_REGIONS
    }


def _middle(person: Aged, latents: Sequence[Latent], engine: Engine) -> Figures:
    """How far the middle visit is from its place on the way between the ends."""
    first, middle, last = latents
    on_way = mix_latents(first, last, 1 - person.share)
    scan = person.scans[1]
    return {
        "latent_from_way": float(np.linalg.norm(middle - on_way) / np.linalg.norm(last - first)),
        "middle_psnr_db": psnr_db(scan.voxels, engine.decode(on_way, person.frame.brain).voxels, scan.brain),
    }


def row_of(name: str, records: Records) -> list[str]:
    """A model's line of the table; four figures in a cell are those of `HEADLINE_REGIONS`."""

    def mean(figure: str) -> float:
        return fmean(records.column(CONDITION, figure).values())

    def missed(figure: str) -> str:
        """Mean absolute difference of decoded changes from others, in % of the true volume at first."""
        found = [
            records.pairs(CONDITION, f"change_percent/decoded/{region}", f"change_percent/{figure}/{region}")
            for region in HEADLINE_REGIONS
        ]
        return " / ".join(cell(float(np.mean(np.abs(np.subtract(*pair)))), ".2f") for pair in found)

    r_squared = [
        value
        for region in HEADLINE_REGIONS
        for value, change in zip(
            *records.pairs(CONDITION, f"r_squared/{region}", f"change_percent/observed/{region}"), strict=True
        )
        if abs(change) >= SMALLEST_CHANGE_PERCENT
    ]
    below = sum(value < STRAIGHT for value in r_squared)
    bias = " / ".join(cell(mean(f"bias_percent/{region}"), "+.2f") for region in HEADLINE_REGIONS)
    return [
        name,
        cell(mean("psnr_db"), ".2f"),
        cell(mean("ssim"), ".4f"),
        bias,
        missed("observed"),
        missed("true"),
        cell(median(r_squared) if r_squared else None, ".4f"),
        cell(min(r_squared, default=None), ".4f"),
        f"{below} of {len(r_squared)}",
        cell(mean("latent_from_way"), ".3f"),
        cell(mean("middle_psnr_db"), ".2f"),
    ]


def measured_row(
    name: str, records: Records, people: Sequence[Aged], engine: Engine, steps: int
) -> list[str]:
    """Whatever is not measured yet, measured; then the model's line of the table."""
    for person in people:
        records.measure(CONDITION, person.name, lambda person=person: person_figures(person, engine, steps))
    return row_of(name, records)


def named_model(text: str) -> tuple[str, Path]:
    """`NAME=FOLDER` of the command line."""
    name, sign, folder = text.partition("=")
    if not sign or not name or not folder:
        msg = f"'{text}' is not NAME=FOLDER, such as all=runs/all/model"
        raise argparse.ArgumentTypeError(msg)
    return name, Path(folder)


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", type=named_model, nargs="+", required=True, metavar="NAME=FOLDER")
    parser.add_argument("--cohort", type=Path, required=True, help="held-out BIDS tree with true volumes")
    parser.add_argument(
        "--people", nargs="+", default=[], metavar="SUB", help="of the cohort; all if left out"
    )
    parser.add_argument("--steps", type=int, default=5, help="mixing weights of the way between the ends")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="folder of figures; goes on with them"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    arguments = parser.parse_args()
    rows = []
    for name, folder in arguments.models:
        engine = load_engine(str(folder), arguments.device)
        identity = {"name": engine.identity.model, "sha256": engine.identity.model_sha256}
        records = Records(arguments.output / f"{name}.json", identity)
        people = aged_people(arguments.cohort, arguments.people, engine, arguments.output)
        rows.append(measured_row(name, records, people, engine, arguments.steps))
    print(f"\nFour figures in a cell: {', '.join(HEADLINE_REGIONS)}.\n\n{markdown(COLUMNS, rows)}")


if __name__ == "__main__":
    main()
