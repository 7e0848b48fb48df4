"""A person that the worker has loaded: whatever is asked of them becomes files of the session."""

from __future__ import annotations

from dataclasses import asdict
from typing import cast, get_args

from MRExtrapLib.anatomy.structures import Labels
from MRExtrapLib.errors import InputError
from MRExtrapLib.forecast.anchoring import SLIDER_IMAGE, ImageKind, Shown
from MRExtrapLib.forecast.between import mix
from MRExtrapLib.forecast.observing import brain_of, rows_without
from MRExtrapLib.forecast.passage import MixtureKind, Passage
from MRExtrapLib.forecast.prepared import Prepared
from MRExtrapLib.forecast.result import Observation, Prediction, VolumeRow, restored_uncertainty
from MRExtrapLib.forecast.volumes import Statement
from MRExtrapLib.imaging.conform import ConformedVisit
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.progress import Progress, part_of
from MRExtrapLib.progression.horizon import horizon_warnings, horizon_years
from MRExtrapLib.worker.recent import Recent
from MRExtrapLib.worker.requests import Interpolate, LeaveOut, Predict, ShowVisit
from MRExtrapLib.worker.results import (
    ArrayFile,
    Interpolated,
    LeftOut,
    Loaded,
    Predicted,
    RegionVolume,
    VisitShown,
)
from MRExtrapLib.worker.scans import visit_entry
from MRExtrapLib.worker.session import Session

MOST_PREDICTIONS = 20
"""Measured predictions kept, some 50 MB each at 1 mm: a sweep of that many is exported without computing."""

MOST_IMAGES = 8
"""Anchored images kept, 20 MB each at 1 mm, and half as much again for labels: a warp takes seconds."""

MOST_PASSAGES = 2
"""Ways between visits kept, 100 MB each at 1 mm: the motion between two decodes takes seconds to find."""

COMPUTED = 0.8
"""Share of a prediction's time before it is put on the scan's grid and written."""

KINDS = ("observed", "reconstructed")


class Person:
    """One loaded person, by the name that requests use; images are `shown` so unless a request says how."""

    def __init__(
        self, name: str, prepared: Prepared, session: Session, shown: ImageKind = SLIDER_IMAGE
    ) -> None:
        self.shown = shown
        self.name = name
        self.prepared = prepared
        self._session = session
        self._predictions: Recent[tuple[float, bool], Prediction] = Recent(MOST_PREDICTIONS)
        self._images: Recent[tuple[float, ImageKind], Shown] = Recent(MOST_IMAGES)
        self._passages: Recent[tuple[int, int], Passage] = Recent(MOST_PASSAGES)

    @property
    def observations(self) -> tuple[Observation, ...]:
        """Of all visits, youngest first, the held-out one last."""
        truth = self.prepared.truth
        return self.prepared.observations if truth is None else (*self.prepared.observations, truth)

    @property
    def known_ages_years(self) -> tuple[float, ...]:
        """Of the visits that the line rests on."""
        return tuple(seen.visit.age_years for seen in self.prepared.observations)

    @property
    def reference(self) -> ConformedVisit:
        """The visit whose grid images are put on."""
        return self.prepared.observations[-1].conformed

    def described(self) -> Loaded:
        """Who was loaded, and all that is known before an age is asked for."""
        prepared, ages = self.prepared, self.known_ages_years
        identity = prepared.engine.identity
        return Loaded(
            subject=self.name,
            visits=tuple(visit_entry(visit.scan, visit.age_years) for visit in prepared.subject.visits),
            reference=len(ages) - 1,
            held_out=None if prepared.truth is None else len(ages),
            method=prepared.method,
            model=identity.model,
            segmenter=identity.segmenter,
            device=identity.device,
            volumes=tuple(_region(row) for seen in self.observations for row in seen.rows),
            trusted_years=(min(ages) - horizon_years(ages), max(ages) + horizon_years(ages)),
            uncertainty=prepared.uncertainty_words,
            data_weight=prepared.data_weight,
            image_kind=self.shown,
            warnings=(*prepared.warnings, *filter(None, [prepared.telling.words])),
        )

    def prediction(
        self, age_years: float, has_spread: bool, kind: ImageKind, progress: Progress
    ) -> Prediction:
        """The measured brain at an age, computed only if it is not at hand; with an image of that kind."""
        has_spread = has_spread or (age_years, True) in self._predictions
        measured = self._predictions.get(
            (age_years, has_spread), lambda: self.prepared.predict(age_years, progress, has_spread, "plain")
        )
        shown = self._shown(age_years, measured.volume, kind, measured.statement)
        return self.prepared.show_as(measured, kind, shown)

    def predict(self, asked: Predict, progress: Progress) -> Predicted:
        """The brain at an age; measured, and with its uncertainty, where that is wanted."""
        age, kind = asked.age_years, image_kind(asked.image_kind) or self.shown
        progress(0.0, f"predicting age {age:.2f}")
        if not (asked.is_measured or asked.has_uncertainty):
            shown = self._shown(age, self.prepared.decode(age), kind)
            warnings = (*horizon_warnings(age, self.known_ages_years), *(shown.size_warnings or ()))
            return Predicted(
                age, self._image(shown.image, self.reference), kind, warnings=self._all(warnings)
            )
        prediction = self.prediction(age, asked.has_uncertainty, kind, part_of(progress, 0.0, COMPUTED))
        progress(COMPUTED, f"writing age {age:.2f}")
        spread = restored_uncertainty(prediction, self.reference) if asked.has_uncertainty else None
        return Predicted(
            age_years=age,
            image=self._image(prediction.image, self.reference),
            image_kind=kind,
            segmentation=self._segmentation(prediction.labels, self.reference),
            uncertainty=self._session.save(self.name, "uncertainty", spread.voxels, spread.affine)
            if spread
            else None,
            volumes=tuple(_region(row) for row in prediction.rows),
            warnings=self._all(prediction.warnings),
        )

    def interpolate(self, asked: Interpolate, progress: Progress) -> Interpolated:
        """The brain between two visits, on the second one's grid.

        Raises:
            InputError: α outside 0 to 1, no such visits, or no such kind of image.
        """
        kind = mixture_kind(asked.image_kind) or "plain"
        first, second = self._visit(asked.first), self._visit(asked.second)
        passage = self._passages.get(
            (asked.first, asked.second),
            lambda: Passage(first.latent, second.latent, brain_of([first, second]), self.prepared.engine),
        )
        progress(0.0, f"decoding alpha {asked.alpha:.2f}")
        if not asked.is_measured:
            return Interpolated(
                asked.alpha, self._image(passage.at(asked.alpha, kind), second.conformed), kind
            )
        mixture = mix(passage, asked.alpha, kind)
        told_ml = self.prepared.telling.told(mixture.volumes_ml)
        progress(COMPUTED, "writing")
        return Interpolated(
            alpha=asked.alpha,
            image=self._image(mixture.volume, second.conformed),
            image_kind=kind,
            segmentation=self._segmentation(mixture.labels, second.conformed),
            volumes_ml=tuple((region, float(ml)) for region, ml in told_ml.items()),
        )

    def show_visit(self, asked: ShowVisit, progress: Progress) -> VisitShown:
        """A visit on the reference scan's grid; reconstructed wherever predictions have voxels.

        Within its own brain alone, a rim of the other visits' would show as change.

        Raises:
            InputError: no such visit, or no such kind.
        """
        seen = self._visit(asked.visit)
        if asked.kind not in KINDS:
            msg = f"A visit is shown {' or '.join(KINDS)}, not {asked.kind!r}."
            raise InputError(msg)
        progress(0.0, f"showing {seen.visit.scan.name}")
        prepared, is_observed = self.prepared, asked.kind == "observed"
        volume = (
            seen.conformed.volume if is_observed else prepared.engine.decode(seen.latent, prepared.inside)
        )
        labels = prepared.engine.measure(volume).labels if asked.is_measured else None
        return VisitShown(
            visit=asked.visit,
            kind=asked.kind,
            image=self._image(volume, self.reference),
            segmentation=None if labels is None else self._segmentation(labels, self.reference),
        )

    def leave_out(self, asked: LeaveOut, progress: Progress) -> LeftOut:
        """A visit's volumes as all others predict them.

        Raises:
            InputError: no such visit that the line rests on, or too few others.
        """
        prepared, seen = self.prepared, self.prepared.observations
        if not 0 <= asked.visit < len(seen):
            msg = f"There is no visit {asked.visit} to leave out; they count from 0 to {len(seen) - 1}."
            raise InputError(msg)
        progress(0.0, f"predicting {seen[asked.visit].visit.scan.name} without it")
        known = prepared.subject if prepared.truth is None else prepared.subject.without_last()
        rows = rows_without(asked.visit, prepared.method, known, seen, prepared.engine)
        found = tuple(
            RegionVolume("left_out", row.age_years, row.region, row.predicted_ml, row.low_ml, row.high_ml)
            for row in rows
        )
        return LeftOut(asked.visit, found)

    def _shown(
        self, age_years: float, decoded: Volume, kind: ImageKind, statement: Statement | None = None
    ) -> Shown:
        """The image to show of a decode, made only if it is not at hand."""
        if kind == "plain":
            return Shown(decoded)
        return self._images.get(
            (age_years, kind), lambda: self.prepared.show(age_years, decoded, kind, statement)
        )

    def _all(self, warnings: tuple[str, ...]) -> tuple[str, ...]:
        """These, and what the engine has had to do otherwise than asked."""
        return (*warnings, *self.prepared.engine.notices.words)

    def _visit(self, index: int) -> Observation:
        if not 0 <= index < len(self.observations):
            msg = f"There is no visit {index}; they count from 0 to {len(self.observations) - 1}."
            raise InputError(msg)
        return self.observations[index]

    def _image(self, volume: Volume, on: ConformedVisit) -> ArrayFile:
        restored = on.restore(volume)
        return self._session.save(self.name, "image", restored.voxels, restored.affine)

    def _segmentation(self, labels: Labels, on: ConformedVisit) -> ArrayFile:
        restored = on.restore_labels(labels)
        return self._session.save(self.name, "segmentation", restored, on.scan_grid.affine)


def image_kind(given: str | None) -> ImageKind | None:
    """The kind of image that a host names; None where it names none.

    Raises:
        InputError: there is no such kind.
    """
    return cast("ImageKind | None", _known(given, "image", get_args(ImageKind)))


def mixture_kind(given: str | None) -> MixtureKind | None:
    """The kind of mixture that a host names; None where it names none.

    Raises:
        InputError: there is no such kind.
    """
    return cast("MixtureKind | None", _known(given, "mixture", get_args(MixtureKind)))


def _known(given: str | None, what: str, kinds: tuple[str, ...]) -> str | None:
    if given is not None and given not in kinds:
        msg = f"There is no {what} {given!r}; choose {' or '.join(kinds)}, or leave it out."
        raise InputError(msg)
    return given


def _region(row: VolumeRow) -> RegionVolume:
    return RegionVolume(**asdict(row))
