"""A person as the model knows them: the line is fitted, and ages are free to ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.forecast.anchoring import DEFAULT_IMAGE, Anchor, ImageKind, Shown
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.moving import MovableScan, compartment_changes, moved_ml
from MRExtrapLib.forecast.observing import brain_of, scan_warnings, unlikeness_of
from MRExtrapLib.forecast.personal import (
    RegionChange,
    RegionRate,
    changes_warnings,
    changes_words,
    least_squares_rates,
    region_changes,
    region_rates,
)
from MRExtrapLib.forecast.result import (
    Forecast,
    HeldOut,
    LeftOutRow,
    Observation,
    Prediction,
    VolumeError,
    VolumeRow,
)
from MRExtrapLib.forecast.subject import DIRECTIONS, Method, Subject
from MRExtrapLib.forecast.uncertainty import PersonLine, Spread, spread_at, unbiased_ml, words_for
from MRExtrapLib.forecast.volumes import PersonVolumes, Statement
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.progress import Progress, silent
from MRExtrapLib.progression.horizon import horizon_warnings
from MRExtrapLib.progression.response import Telling
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
        watched: the line through the person's volumes, by which changes are judged whatever the method; None
            where the model knows of no volumes.
        volumes: the same where volumes are predicted along it; None where decodes alone predict them.
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
    watched: PersonVolumes | None = None
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
        bent = bend_warnings(self.watched.line, *self._volumes_seen) if self.watched else ()
        return (*about_scans, *self.telling.doubts, *self.method_warnings, *bent, *self.engine.notices.words)

    @property
    def uncertainty_words(self) -> str:
        """How an uncertainty is made, or why there is none."""
        return words_for(self.line, self.volumes.words) if self.volumes else words_for(self.line)

    @property
    def telling(self) -> Telling:
        """How volumes of this person are told."""
        return self.observations[0].telling

    @cached_property
    def anchor(self) -> Anchor:
        """What predicted images can hold on to: the reference scan, and the line at its age."""
        reference = self.observations[-1]
        scan = MovableScan(reference.conformed.volume, reference.labels)
        return Anchor(scan, self.decode(reference.visit.age_years))

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        """(X, Y, Z) where any known visit has brain, on the template's grid."""
        return brain_of(self.observations)

    def decode(self, age_years: float) -> Volume:
        """The image alone that the line predicts for an age, on the template's grid: one decode."""
        return self.engine.decode(self.line.at(age_years), self.inside)

    def show(
        self, age_years: float, decoded: Volume, kind: ImageKind, statement: Statement | None = None
    ) -> Shown:
        """The image to show for a decode of the line, on the template's grid.

        Args:
            age_years: of the decode.
            decoded: the decode.
            kind: of the image.
            statement: of the age's volumes, where it is made already.
        """
        if kind == "plain":
            return Shown(decoded)
        if kind != "warped":
            return self.anchor.show(decoded, kind, {})
        stated = statement or self._statement_of(age_years, decoded)
        changes = compartment_changes(self._reference_ml, stated.volumes_ml)
        shown = self.anchor.show(decoded, kind, changes)
        if not stated.spread_ml or shown.labels is None:
            return shown
        reference = self.observations[-1]
        sizes = stated.image_warnings(
            age_years, moved_ml(reference.observed_ml, reference.labels, shown.labels)
        )
        return replace(shown, size_warnings=(*(shown.size_warnings or ()), *sizes))

    def show_as(self, prediction: Prediction, kind: ImageKind, shown: Shown) -> Prediction:
        """A prediction that was made with the plain image, with another."""
        return replace(
            prediction,
            image=shown.image,
            image_kind=kind,
            labels=prediction.labels if shown.labels is None else shown.labels,
            moved_share=shown.moved_share,
            size_warnings=prediction.size_warnings if shown.size_warnings is None else shown.size_warnings,
        )

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
        decoded_ml = self._unbiased_ml(segmented.volumes_ml)
        stated = self._statement(age_years, decoded_ml)
        spread = self._spread_at(age_years, progress) if has_spread else None
        plain = Prediction(
            age_years=age_years,
            volume=volume,
            image=volume,
            image_kind="plain",
            labels=segmented.labels,
            uncertainty=spread.image if spread else None,
            rows=_predicted_rows(age_years, stated, spread),
            scan_weights=tuple(float(weight) for weight in self.line.scan_weights(age_years)),
            statement=stated,
            age_warnings=horizon_warnings(age_years, tuple(self.line.ages_years)),
            size_warnings=stated.image_warnings(age_years, decoded_ml),
        )
        return self.show_as(plain, kind, self.show(age_years, volume, kind, stated))

    @cached_property
    def _reference_ml(self) -> Mapping[str, float]:
        """Region → ml that are stated for the reference scan's own age."""
        return self._statement_of(self.observations[-1].visit.age_years, self.anchor.decoded).volumes_ml

    def _statement_of(self, age_years: float, decoded: Volume) -> Statement:
        decoded_ml = self._unbiased_ml(self.engine.volumes_ml(decoded))
        return self._statement(age_years, decoded_ml)

    def _unbiased_ml(self, seen_ml: Mapping[str, float]) -> dict[str, float]:
        """Volumes seen in a decode as they are told, the reconstruction's own bias cancelled."""
        return unbiased_ml(self.telling.told(seen_ml), self.observations)

    def _statement(self, age_years: float, decoded_ml: Mapping[str, float]) -> Statement:
        """What is stated of an age's volumes; the decode's own, where no prior knows any."""
        return self.volumes.at(age_years, decoded_ml) if self.volumes else Statement(decoded_ml, {}, {})

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
            telling=self.telling,
        )

    def forecast(self, predictions: Sequence[Prediction]) -> Forecast:
        """These predictions, youngest first, with everything they rest on; one is at the held-out age."""
        changes = self._changes()
        return Forecast(
            subject=self.subject,
            method=self.method,
            engine=self.engine.identity,
            observations=self.observations,
            predictions=tuple(predictions),
            held_out=_held_out(self.truth, self.observations[-1], predictions) if self.truth else None,
            uncertainty_words=self.uncertainty_words,
            volumes_words=self.telling.words,
            warnings=(*self.warnings, *(changes_warnings(self.watched, changes) if self.watched else ())),
            data_weight=self.data_weight,
            rates=self._rates(),
            changes=changes,
            changes_words=changes_words(self.watched) if self.watched else "",
            unlikeness=unlikeness_of(self.observations, self.engine.knowledge),
            left_out=self.left_out,
        )

    def _rates(self) -> tuple[RegionRate, ...]:
        """Of the visits the line was fitted on."""
        if self.method == "linear":
            return least_squares_rates(*self._volumes_seen)
        return region_rates(self.volumes) if self.volumes else ()

    def _changes(self) -> tuple[RegionChange, ...]:
        """Between the visits the line was fitted on."""
        if self.watched is None:
            return ()
        are_odd = [one.conformed.has_odd_contrast for one in self.observations]
        return region_changes(self.watched, *self._volumes_seen, are_odd)

    @property
    def _volumes_seen(self) -> tuple[list[Mapping[str, float]], list[float]]:
        """Of the visits the line was fitted on: what was observed, and when."""
        seen = self.observations
        return [one.observed_ml for one in seen], [one.visit.age_years for one in seen]


def _predicted_rows(age_years: float, stated: Statement, spread: Spread | None) -> tuple[VolumeRow, ...]:
    """With the intervals that are stated, or where none are, those of the decodes' spread."""
    rows = []
    for region, volume_ml in stated.volumes_ml.items():
        low_ml, high_ml = stated.interval_ml(region)
        if not stated.spread_ml and spread:
            low_ml, high_ml = spread.interval_ml(region, volume_ml)
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
