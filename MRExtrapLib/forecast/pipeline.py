"""The one way from a person's scans to a forecast: conform → encode → fit → extrapolate → decode → measure.

`prepare` goes as far as the fit, once for a person; then each age costs a decode, and measuring where it is
wanted. Every door goes this way. Observed, reconstructed and predicted brains lie on one grid and are
measured by one segmenter; what the reconstruction misses of the observed volumes is added back to the
predicted ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import ModelError
from MRExtrapLib.forecast.anchoring import DEFAULT_IMAGE, Anchor, ImageKind
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.observing import (
    OBSERVED,
    brain_of,
    fitted,
    left_out_rows,
    observe,
    scan_warnings,
    volumes_of,
)
from MRExtrapLib.forecast.personal import region_changes, region_rates
from MRExtrapLib.forecast.result import (
    Forecast,
    HeldOut,
    LeftOutRow,
    Observation,
    Prediction,
    VolumeError,
    VolumeRow,
)
from MRExtrapLib.forecast.subject import (
    DIRECTIONS,
    Method,
    Request,
    Subject,
    check_request,
    target_ages,
)
from MRExtrapLib.forecast.uncertainty import PersonLine, Spread, spread_at, unbiased_ml, words_for
from MRExtrapLib.forecast.volumes import PersonVolumes, Statement
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.progress import Progress, part_of, silent
from MRExtrapLib.progression.horizon import horizon_warnings, line_warnings, weight_warnings
from MRExtrapLib.progression.posterior import mean_data_weight
from MRExtrapLib.progression.prior import Prior
from MRExtrapLib.progression.timing import timing_of
from MRExtrapLib.progression.trajectory import bend_warnings


@dataclass(frozen=True, eq=False)
class Prepared:
    """A person as the model knows them: scans conformed and encoded, the line fitted; ages are free to ask.

    Attributes:
        subject: with all visits, also one held out.
        method: that the line was fitted by.
        engine: decodes and measures.
        observations: of the visits the line was fitted on, youngest first; the last is the reference.
        truth: the last visit where it was kept back, else None.
        line: the person's latent at every age.
        volumes: the person's regional volumes at every age; None where the model or method knows none.
        directions: that a Bayesian uncertainty is decoded along.
        image: the kind of image to show, where none is named.
        data_weight: how much the scans count in the rate against the prior, 0 to 1; None without a prior.
        method_warnings: sentences about the method that was chosen.
        left_out: each visit as the others predict it, where asked for.
    """

    subject: Subject
    method: Method
    engine: Engine
    observations: tuple[Observation, ...]
    truth: Observation | None
    line: PersonLine
    volumes: PersonVolumes | None = None
    directions: int = DIRECTIONS
    image: ImageKind = DEFAULT_IMAGE
    data_weight: float | None = None
    method_warnings: tuple[str, ...] = ()
    left_out: tuple[LeftOutRow, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about the scans, the line as a whole, and how the engine worked so far."""
        seen = self.observations if self.truth is None else (*self.observations, self.truth)
        about_scans = (*self.subject.warnings(), *scan_warnings(seen, self.engine.knowledge))
        bent = bend_warnings(self.volumes.line, *self._volumes_seen) if self.volumes else ()
        return (*about_scans, *self.method_warnings, *bent, *self.engine.notices.words)

    @property
    def uncertainty_words(self) -> str:
        """How an uncertainty is made, or why there is none."""
        words = words_for(self.line)
        return words if self.volumes is None else f"{words} {self.volumes.words}"

    @cached_property
    def anchor(self) -> Anchor:
        """What predicted images can hold on to: the reference scan, and the line at its age."""
        reference = self.observations[-1]
        return Anchor(reference.conformed.volume, self.decode(reference.visit.age_years))

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        """(X, Y, Z) where any known visit has brain, on the template's grid."""
        return brain_of(self.observations)

    def decode(self, age_years: float) -> Volume:
        """The image alone that the line predicts for an age, on the template's grid: one decode."""
        return self.engine.decode(self.line.at(age_years), self.inside)

    def image_of(self, decoded: Volume, kind: ImageKind) -> Volume:
        """The image to show for a decode of the line, on the template's grid."""
        return decoded if kind == "plain" else self.anchor.image(decoded, kind)

    def predict(
        self,
        age_years: float,
        progress: Progress = silent,
        has_spread: bool = True,
        image: ImageKind | None = None,
    ) -> Prediction:
        """The brain predicted for an age, segmented and measured; with its spread where it is wanted."""
        progress(0.0, f"predicting age {age_years:.2f}")
        volume, kind = self.decode(age_years), image or self.image
        segmented = self.engine.measure(volume)
        decoded_ml = unbiased_ml(segmented.volumes_ml, self.observations)
        stated = None if self.volumes is None else self.volumes.at(age_years, decoded_ml)
        spread = self._spread_at(age_years, progress) if has_spread else None
        return Prediction(
            age_years=age_years,
            volume=volume,
            image=self.image_of(volume, kind),
            image_kind=kind,
            labels=segmented.labels,
            uncertainty=spread.image if spread else None,
            rows=_predicted_rows(age_years, decoded_ml, spread, stated),
            scan_weights=tuple(float(weight) for weight in self.line.scan_weights(age_years)),
            warnings=(
                *horizon_warnings(age_years, tuple(self.line.ages_years)),
                *(stated.image_warnings(age_years, decoded_ml) if stated else ()),
            ),
        )

    def _spread_at(self, age_years: float, progress: Progress) -> Spread | None:
        return spread_at(
            age_years,
            self.line,
            self.observations,
            self.engine,
            progress,
            self.directions,
            has_volumes=self.volumes is None,
            inside=self.inside,
        )

    def forecast(self, predictions: Sequence[Prediction]) -> Forecast:
        """These predictions, youngest first, with everything they rest on; one is at the held-out age."""
        return Forecast(
            subject=self.subject,
            method=self.method,
            engine=self.engine.identity,
            observations=self.observations,
            predictions=tuple(predictions),
            held_out=_held_out(self.truth, self.observations[-1], predictions) if self.truth else None,
            uncertainty_words=self.uncertainty_words,
            warnings=self.warnings,
            data_weight=self.data_weight,
            rates=region_rates(self.volumes) if self.volumes else (),
            changes=region_changes(self.volumes, *self._volumes_seen) if self.volumes else (),
            left_out=self.left_out,
        )

    @property
    def _volumes_seen(self) -> tuple[list[Mapping[str, float]], list[float]]:
        """Of the visits the line was fitted on: what was observed, and when."""
        seen = self.observations
        return [one.observed_ml for one in seen], [one.visit.age_years for one in seen]


def forecast(subject: Subject, request: Request, engine: Engine, progress: Progress = silent) -> Forecast:
    """A person's brain at the requested ages, in the person's own space.

    Raises:
        InputError: the scans or ages cannot carry what is asked.
        ModelError: the model cannot do the method asked for.
    """
    prepared = prepare(subject, request, engine, part_of(progress, 0.0, OBSERVED))
    ages = target_ages(subject, request)
    predictions = []
    for index, age in enumerate(ages):
        start, end = (OBSERVED + (1.0 - OBSERVED) * (index + step) / len(ages) for step in (0, 1))
        predictions.append(prepared.predict(age, part_of(progress, start, end)))
    progress(1.0, "forecast made")
    return prepared.forecast(predictions)


def prepare(subject: Subject, request: Request, engine: Engine, progress: Progress = silent) -> Prepared:
    """Everything that is done once for a person, whatever ages are then asked for.

    With the last scan held out nothing of it reaches the forecast: it is conformed by itself, and the
    predictions are those that would have been made without it.

    Raises:
        InputError: the scans or ages cannot carry what is asked.
        ModelError: the model cannot do the method asked for.
    """
    method = chosen_method(request.method, engine)
    check_request(subject, request, method)
    known = subject.without_last() if request.has_last_held_out else subject
    kept_back = subject.visits[len(known.visits) :]
    share = len(known.visits) / len(subject.visits)
    observations = observe(known.visits, engine, part_of(progress, 0.0, share))
    truth = observe(kept_back, engine, part_of(progress, share, 1.0)) if kept_back else ()
    left_out = left_out_rows(method, known, observations, engine) if request.has_each_left_out else ()
    weight = None if engine.prior is None else _data_weight(known, engine.prior)
    return Prepared(
        subject=subject,
        method=method,
        engine=engine,
        observations=observations,
        truth=truth[0] if truth else None,
        line=fitted(method, known, observations, engine),
        volumes=volumes_of(method, known, observations, engine),
        directions=request.directions,
        image=request.image,
        data_weight=weight,
        method_warnings=_method_warnings(method, request.method, known, engine, weight),
        left_out=left_out,
    )


def chosen_method(asked: Method | None, engine: Engine) -> Method:
    """The method that answers: the one asked for, or the model's own best.

    Raises:
        ModelError: Bayes was asked for, but the model holds no prior.
    """
    if asked == "bayes" and engine.prior is None:
        msg = (
            f"The model {engine.identity.model} holds no progression prior, which the Bayesian method needs; "
            "use --method linear, or a model that has one."
        )
        raise ModelError(msg)
    return asked or ("linear" if engine.prior is None else "bayes")


def _data_weight(known: Subject, prior: Prior) -> float:
    return mean_data_weight(prior, timing_of(known.ages_years).information)


def _method_warnings(
    method: Method, asked: Method | None, known: Subject, engine: Engine, weight: float | None
) -> tuple[str, ...]:
    """What a reader must know of the method: why it is this one, and how much the scans say."""
    weak = () if weight is None else weight_warnings(weight, is_least_squares=method == "linear")
    if method == "bayes":
        unfamiliar = engine.prior.unfamiliar(known.covariates) if engine.prior else ()
        return (*unfamiliar, *weak)
    why = (
        f"The model {engine.identity.model} holds no progression prior: the line is least squares through "
        "these scans alone, without what is known of other people."
    )
    return (*([why] if asked is None else []), *line_warnings(known.ages_years), *weak)


def _predicted_rows(
    age_years: float, decoded_ml: Mapping[str, float], spread: Spread | None, stated: Statement | None
) -> tuple[VolumeRow, ...]:
    rows = []
    for region, volume_ml in (stated.volumes_ml if stated else decoded_ml).items():
        low_ml, high_ml = spread.interval_ml(region, volume_ml) if spread and not stated else (None, None)
        if stated:
            low_ml, high_ml = stated.interval_ml(region)
        rows.append(VolumeRow("predicted", age_years, region, volume_ml, low_ml, high_ml))
    return tuple(rows)


def _held_out(truth: Observation, last_known: Observation, predictions: Sequence[Prediction]) -> HeldOut:
    prediction = next(p for p in predictions if p.age_years == truth.visit.age_years)
    errors = tuple(
        VolumeError(
            region=row.region,
            observed_ml=truth.observed_ml[row.region],
            predicted_ml=row.volume_ml,
            last_ml=last_known.observed_ml[row.region],
        )
        for row in prediction.rows
    )
    return HeldOut(truth, prediction, errors)
