"""What methods that make images say of a trial: the model by least squares and Bayes, and its baselines.

The model is asked exactly as a forecast asks it: a line through the inputs' latents, decoded and measured by
the segmenter that measures the scans, the inputs' own reconstruction bias added back. One thing differs: in
every trial volumes are told beside the person's first visit, be it known to the trial or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from MRExtrapLib.anatomy.structures import Labels, channels_of
from MRExtrapLib.evaluation.overlap import Overlap
from MRExtrapLib.evaluation.results import (
    BAYES,
    CARRIED_FORWARD,
    LINEAR,
    THROUGH_AUTOENCODER,
    VOXELWISE,
    Estimate,
    Millilitres,
    Similarity,
)
from MRExtrapLib.evaluation.similarity import ssim
from MRExtrapLib.evaluation.trials import Design, Trial
from MRExtrapLib.evaluation.visits import Visit
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.reconstruction import psnr_db
from MRExtrapLib.forecast.uncertainty import PersonLine, Spread, spread_at, unbiased_ml
from MRExtrapLib.forecast.volumes import person_volumes
from MRExtrapLib.imaging.conform import united_brain
from MRExtrapLib.imaging.volume import Volume, Voxels
from MRExtrapLib.progression.line import FEWEST_SCANS, Latent, LatentLine, fit_line
from MRExtrapLib.progression.posterior import posterior_rate
from MRExtrapLib.progression.response import Telling
from MRExtrapLib.training.people import PersonScans


@dataclass(frozen=True, eq=False)
class Bench:
    """A person on the bench: who it is, the visits as kept, and with what predictions are made."""

    person: PersonScans
    visits: tuple[Visit, ...]
    engine: Engine
    design: Design

    def ages(self, trial: Trial) -> list[float]:
        """Of the inputs, in years."""
        return [self.person.ages_years[index] for index in trial.inputs]

    def inputs(self, trial: Trial) -> list[Visit]:
        """The visits that the trial knows."""
        return [self.visits[index] for index in trial.inputs]

    @property
    def telling(self) -> Telling:
        """How volumes of the person are told: beside the first visit, be it known to a trial or not."""
        return self.visits[0].telling

    def target_age(self, trial: Trial) -> float:
        """At which the prediction is wanted."""
        return self.person.ages_years[trial.target]

    def measured(self, trial: Trial, volume: Volume) -> tuple[Millilitres, Labels | None]:
        """Volumes, as they are told; where images are compared labels too, half as much work again."""
        if not self.is_fullest(trial):
            return self.telling.told(self.engine.volumes_ml(volume)), None
        segmented = self.engine.measure(volume)
        return self.telling.told(segmented.volumes_ml), segmented.labels

    def is_fullest(self, trial: Trial) -> bool:
        """Whether no trial of its pair has more inputs; images are compared for these alone."""
        return not trial.has_gaps and len(trial.inputs) == min(trial.last + 1, self.design.most_inputs)


@dataclass(frozen=True, eq=False)
class Predicted:
    """An estimate and its image on the template's grid."""

    estimate: Estimate
    voxels: Voxels


def image_estimates(bench: Bench, trial: Trial) -> Iterator[Predicted]:
    """What each image method says, those left out that need more inputs or a prior."""
    last = bench.visits[trial.last]
    decoded = bench.engine.decode(last.latent, last.brain).voxels if bench.is_fullest(trial) else last.voxels
    carried = Estimate(CARRIED_FORWARD, trial, last.observed_ml)
    yield _compared(bench, carried, last.voxels, last.labels)
    through = Estimate(THROUGH_AUTOENCODER, trial, last.reconstructed_ml)
    yield _compared(bench, through, decoded, None)
    if len(trial.inputs) >= FEWEST_SCANS:
        yield _voxelwise(bench, trial)
    for method, line in person_lines(bench, trial):
        yield _of_line(bench, trial, method, line)


def person_lines(bench: Bench, trial: Trial) -> Iterator[tuple[str, PersonLine]]:
    """The person's latent at every age from the inputs alone, by each method that can."""
    latents = [visit.latent for visit in bench.inputs(trial)]
    for method in methods_of(bench, trial):
        yield method, line_by(method, latents, bench.ages(trial), bench, trial)


def methods_of(bench: Bench, trial: Trial) -> list[str]:
    """The model's methods that can answer, the better last."""
    linear = [LINEAR] if len(trial.inputs) >= FEWEST_SCANS else []
    return linear if bench.engine.prior is None else [*linear, BAYES]


def line_by(
    method: str, latents: Sequence[Latent], ages_years: Sequence[float], bench: Bench, trial: Trial
) -> PersonLine:
    """The line through these latents of the person, of whom is known what the trial knows."""
    scans = np.stack(latents)
    if method == BAYES and bench.engine.prior is not None:
        about = bench.person.known_at(trial.inputs)
        return posterior_rate(scans, ages_years, bench.engine.prior, about)
    return fit_line(scans, ages_years)


def _voxelwise(bench: Bench, trial: Trial) -> Predicted:
    """Each voxel's brightness continued along its own line."""
    line = fit_line(np.stack([visit.voxels for visit in bench.inputs(trial)]), bench.ages(trial))
    voxels = np.clip(line.at(bench.target_age(trial)), 0.0, 1.0).astype(np.float32)
    volumes_ml, labels = bench.measured(trial, bench.engine.template.volume.with_voxels(voxels))
    return _compared(bench, Estimate(VOXELWISE, trial, volumes_ml), voxels, labels)


def _of_line(bench: Bench, trial: Trial, method: str, line: PersonLine) -> Predicted:
    age, inputs = bench.target_age(trial), bench.inputs(trial)
    volume = bench.engine.decode(line.at(age), united_brain([visit.brain for visit in inputs]))
    told_ml, labels = bench.measured(trial, volume)
    decoded_ml = unbiased_ml(told_ml, inputs)
    estimate = _stated(bench, trial, decoded_ml) if method == BAYES else None
    if estimate is None:
        spread_ml, freedom = None, None
        spread = _spread(bench, age, line, inputs)
        if spread is not None:
            spread_ml = dict(spread.volumes_ml)
            if isinstance(line, LatentLine):
                freedom = dict.fromkeys(spread_ml, float(line.degrees_of_freedom))
        estimate = Estimate(method, trial, decoded_ml, spread_ml, freedom)
    return _compared(bench, estimate, volume.voxels, labels)


def _spread(bench: Bench, age_years: float, line: PersonLine, inputs: Sequence[Visit]) -> Spread | None:
    """The spread of the decodes; None where none is asked for, or none is left to judge."""
    count, inside = bench.design.directions, united_brain([visit.brain for visit in inputs])
    if not count:
        return None
    return spread_at(age_years, line, inputs, bench.engine, count=count, inside=inside, telling=bench.telling)


def _stated(bench: Bench, trial: Trial, decoded_ml: Mapping[str, float]) -> Estimate | None:
    """What a forecast states where the model knows of volumes; None where it does not."""
    ages, about = bench.ages(trial), bench.person.known_at(trial.inputs)
    volumes = person_volumes(bench.inputs(trial), ages, about, bench.engine.knowledge)
    if volumes is None:
        return None
    said = volumes.at(bench.target_age(trial), decoded_ml)
    freedom = {region: degrees for region, degrees in said.freedom.items() if np.isfinite(degrees)}
    return Estimate(BAYES, trial, dict(said.volumes_ml), dict(said.spread_ml), freedom or None)


def _compared(bench: Bench, estimate: Estimate, voxels: Voxels, labels: Labels | None) -> Predicted:
    """With the likeness of image and scan, for trials whose images are compared."""
    if not bench.is_fullest(estimate.trial):
        return Predicted(estimate, voxels)
    target = bench.visits[estimate.trial.target]
    psnr = psnr_db(target.voxels, voxels, target.brain)
    likeness = Similarity(
        psnr if np.isfinite(psnr) else None,
        ssim(target.voxels, voxels, target.brain),
        {} if labels is None else _dice(target.labels, labels),
    )
    whole = Estimate(
        estimate.method,
        estimate.trial,
        estimate.volumes_ml,
        estimate.spread_ml,
        estimate.freedom,
        likeness,
    )
    return Predicted(whole, voxels)


def _dice(first: Labels, second: Labels) -> dict[str, float]:
    both: Sequence = [channels_of(labels, "freesurfer") for labels in (first, second)]
    found = Overlap.of(*both).region_dice()
    return {region: dice for region, dice in found.items() if np.isfinite(dice)}
