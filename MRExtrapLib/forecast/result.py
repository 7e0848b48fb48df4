"""What a forecast found: observed, reconstructed and predicted brains, and their volumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from MRExtrapLib.anatomy.structures import Labels
from MRExtrapLib.forecast.anchoring import ImageKind
from MRExtrapLib.forecast.engine import EngineIdentity
from MRExtrapLib.forecast.personal import RegionChange, RegionRate
from MRExtrapLib.forecast.subject import Method, Subject, Visit
from MRExtrapLib.forecast.volumes import Statement
from MRExtrapLib.imaging.conform import BACKGROUND, ConformedVisit
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.progression.likeness import Unlikeness
from MRExtrapLib.progression.line import Latent
from MRExtrapLib.progression.response import Telling

Kind = Literal["observed", "reconstructed", "predicted", "left_out"]


@dataclass(frozen=True)
class VolumeRow:
    """The volume in ml of one region at one age; low and high bound 95 % where an uncertainty is known."""

    kind: Kind
    age_years: float
    region: str
    volume_ml: float
    low_ml: float | None = None
    high_ml: float | None = None


@dataclass(frozen=True, eq=False)
class Observation:
    """One visit as the model sees it.

    Attributes:
        visit: the scan and its age.
        conformed: the scan on the template's grid, with its way back.
        latent: (C, D, H, W) of the conformed scan.
        reconstructed: the latent decoded, on the template's grid.
        observed_ml, reconstructed_ml: volumes per region of both, by the same segmenter, as they are told
            (`progression.response`).
        labels: (X, Y, Z) of the conformed scan, by it too.
        telling: how they are told.
    """

    visit: Visit
    conformed: ConformedVisit
    latent: Latent
    reconstructed: Volume
    observed_ml: Mapping[str, float]
    reconstructed_ml: Mapping[str, float]
    labels: Labels
    telling: Telling

    @property
    def rows(self) -> tuple[VolumeRow, ...]:
        """Observed, then reconstructed volumes."""
        age = self.visit.age_years
        observed = [VolumeRow("observed", age, region, ml) for region, ml in self.observed_ml.items()]
        again = [VolumeRow("reconstructed", age, region, ml) for region, ml in self.reconstructed_ml.items()]
        return (*observed, *again)


@dataclass(frozen=True, eq=False)
class Prediction:
    """The brain predicted for one age, on the template's grid.

    Attributes:
        age_years: the age.
        volume: the decoded image, intensities as the conformed visits have them (0 to 1).
        image: what is shown of it: the same, or the reference scan with the predicted change.
        image_kind: which.
        labels: (X, Y, Z) segmentation: of the decoded image, or where the reference scan was moved, its own.
        uncertainty: one standard deviation of the intensities; None where the scans leave none to judge.
        rows: its volumes, the reconstruction's own bias cancelled.
        scan_weights: how much each fitted scan counts, in order of age; they sum to one.
        statement: what is stated of its volumes.
        age_warnings: sentences about this age.
        size_warnings: sentences about an image whose volumes are not the predicted ones.
        moved_share: how much was made up of the predicted change that the decodes' motion lacked; None where
            the image is not the moved scan.
    """

    age_years: float
    volume: Volume
    image: Volume
    image_kind: ImageKind
    labels: Labels
    uncertainty: Volume | None
    rows: tuple[VolumeRow, ...]
    scan_weights: tuple[float, ...]
    statement: Statement
    age_warnings: tuple[str, ...] = ()
    size_warnings: tuple[str, ...] = ()
    moved_share: float | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about this age and its image."""
        return (*self.age_warnings, *self.size_warnings)


@dataclass(frozen=True)
class LeftOutRow:
    """A region of a known visit, as the other visits would have predicted it; 95 % bounds where known."""

    age_years: float
    region: str
    observed_ml: float
    predicted_ml: float
    low_ml: float | None
    high_ml: float | None

    @property
    def error_ml(self) -> float:
        """Predicted − observed."""
        return self.predicted_ml - self.observed_ml


@dataclass(frozen=True)
class VolumeError:
    """How far a prediction missed the held-out scan in one region.

    Attributes:
        last_ml: observed in the last scan that the forecast knew.
        error_ml: predicted − observed, which is also the error of the predicted change.
        carried_forward_error_ml: what saying "no change since the last scan" would have missed.
    """

    region: str
    observed_ml: float
    predicted_ml: float
    last_ml: float

    @property
    def error_ml(self) -> float:
        """Predicted − observed."""
        return self.predicted_ml - self.observed_ml

    @property
    def error_percent(self) -> float | None:
        """The error in percent of the observed volume; None where the region is empty."""
        return 100.0 * self.error_ml / self.observed_ml if self.observed_ml > 0 else None

    @property
    def carried_forward_error_ml(self) -> float:
        """Last − observed."""
        return self.last_ml - self.observed_ml


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The last scan, which the forecast never saw, beside the prediction for its age."""

    observation: Observation
    prediction: Prediction
    errors: tuple[VolumeError, ...]


@dataclass(frozen=True, eq=False)
class Forecast:
    """A person's brain at other ages.

    Attributes:
        subject: with all visits, also one held out.
        observations: of the visits the line was fitted on, youngest first; the last is the reference.
        predictions: youngest first.
        held_out: the truth kept back, where asked for.
        uncertainty_words: how the uncertainty was made, or why there is none.
        warnings: sentences about the forecast as a whole.
        volumes_words: how volumes are told; nothing where they are told as they are seen.
        data_weight: how much the scans count in the person's rate against the prior; None without one.
        rates: this person's yearly changes beside those of such people, where volumes are predicted so; by
            least squares this person's alone, of three visits or more.
        changes: observed changes beside a scan's noise, where the model knows of volumes, by any method.
        changes_words: what they are judged by.
        left_out: each visit as the others would have predicted it, where asked for.
        unlikeness: of the visits the line was fitted on to the scans of the model's calibration, where it
            knows them.
    """

    subject: Subject
    method: Method
    engine: EngineIdentity
    observations: tuple[Observation, ...]
    predictions: tuple[Prediction, ...]
    held_out: HeldOut | None
    uncertainty_words: str
    warnings: tuple[str, ...]
    volumes_words: str = ""
    data_weight: float | None = None
    rates: tuple[RegionRate, ...] = ()
    changes: tuple[RegionChange, ...] = ()
    changes_words: str = ""
    left_out: tuple[LeftOutRow, ...] = ()
    unlikeness: tuple[Unlikeness, ...] = ()

    @property
    def reference(self) -> ConformedVisit:
        """The last scan the forecast knew; predictions are put on its grid."""
        return self.observations[-1].conformed

    @property
    def rows(self) -> tuple[VolumeRow, ...]:
        """All volumes: of the fitted visits, the held-out one, and the predictions."""
        held_out = self.held_out.observation.rows if self.held_out else ()
        fitted = [row for observation in self.observations for row in observation.rows]
        predicted = [row for prediction in self.predictions for row in prediction.rows]
        return (*fitted, *held_out, *predicted)

    @property
    def left_out_rows(self) -> tuple[VolumeRow, ...]:
        """What the other visits predict of each known one."""
        return tuple(
            VolumeRow("left_out", row.age_years, row.region, row.predicted_ml, row.low_ml, row.high_ml)
            for row in self.left_out
        )

    def restored(self, prediction: Prediction) -> Volume:
        """The predicted image on the reference scan's own grid and in its units."""
        return self.reference.restore(prediction.image)

    def restored_labels(self, prediction: Prediction) -> Labels:
        """The predicted segmentation on the reference scan's own grid."""
        return self.reference.restore_labels(prediction.labels)

    def restored_uncertainty(self, prediction: Prediction) -> Volume | None:
        """One standard deviation on the reference scan's grid, in its units; None where there is none."""
        return restored_uncertainty(prediction, self.reference)


def restored_uncertainty(prediction: Prediction, reference: ConformedVisit) -> Volume | None:
    """One standard deviation on the reference scan's grid, in its units; None where there is none.

    `restore` also shifts intensities; in the difference of two restored images the shift is gone.
    """
    if prediction.uncertainty is None:
        return None
    expected = prediction.volume.voxels
    is_something = (expected > BACKGROUND) | reference.brain
    above = prediction.volume.with_voxels(expected + is_something * prediction.uncertainty.voxels)
    restored = reference.restore(prediction.volume)
    return restored.with_voxels(np.abs(reference.restore(above).voxels - restored.voxels))
