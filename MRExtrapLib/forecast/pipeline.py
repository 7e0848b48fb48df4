"""The one way from a person's scans to a forecast: conform → encode → fit → extrapolate → decode → measure.

`prepare` goes as far as the fit, once for a person; then each age costs a decode, and measuring where it is
wanted. Every door goes this way. Observed, reconstructed and predicted brains lie on one grid and are
measured by one segmenter; what the reconstruction misses of the observed volumes is added back to the
predicted ones.
"""

from __future__ import annotations

from statistics import fmean

from MRExtrapLib.anatomy.regions import MAIN_REGIONS
from MRExtrapLib.errors import ModelError
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.observing import (
    OBSERVED,
    fitted,
    left_out_rows,
    observe,
    volumes_of,
)
from MRExtrapLib.forecast.prepared import Prepared
from MRExtrapLib.forecast.result import (
    Forecast,
)
from MRExtrapLib.forecast.subject import (
    Method,
    Request,
    Subject,
    check_request,
    target_ages,
)
from MRExtrapLib.forecast.volumes import PersonVolumes
from MRExtrapLib.progress import Progress, part_of, silent
from MRExtrapLib.progression.horizon import line_warnings, volume_weight_warnings, weight_warnings
from MRExtrapLib.progression.posterior import mean_data_weight
from MRExtrapLib.progression.prior import Prior
from MRExtrapLib.progression.timing import timing_of


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
    telling = observations[0].telling
    truth = observe(kept_back, engine, part_of(progress, share, 1.0), telling) if kept_back else ()
    left_out = left_out_rows(method, known, observations, engine) if request.has_each_left_out else ()
    watched = volumes_of(method, known, observations, engine)
    volumes = watched if method == "bayes" else None  # least squares stays as the paper has it
    weight = None if engine.prior is None else _data_weight(known, engine.prior, volumes)
    return Prepared(
        subject=subject,
        method=method,
        engine=engine,
        observations=observations,
        truth=truth[0] if truth else None,
        line=fitted(method, known, observations, engine),
        watched=watched,
        volumes=volumes,
        directions=request.directions,
        image=request.image,
        data_weight=weight,
        method_warnings=(
            *_weight_warnings(weight, volumes, is_least_squares=method == "linear"),
            *_method_warnings(method, request.method, known, engine),
        ),
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


def _data_weight(known: Subject, prior: Prior, volumes: PersonVolumes | None) -> float:
    """How much the scans count: in the rates of the volumes that are stated, else in that of the latent."""
    if volumes is None:
        return mean_data_weight(prior, timing_of(known.ages_years).information)
    return fmean(_main_weights(volumes).values())


def _main_weights(volumes: PersonVolumes) -> dict[str, float]:
    weights = volumes.line.data_weight()
    return {region: weights[region] for region in MAIN_REGIONS if region in weights} or weights


def _weight_warnings(
    weight: float | None, volumes: PersonVolumes | None, *, is_least_squares: bool
) -> tuple[str, ...]:
    """What a reader must know of how much the scans say."""
    if volumes:
        return volume_weight_warnings(_main_weights(volumes))
    return () if weight is None else weight_warnings(weight, is_least_squares=is_least_squares)


def _method_warnings(method: Method, asked: Method | None, known: Subject, engine: Engine) -> tuple[str, ...]:
    """What a reader must know of the method: why it is this one, and whether the prior knows such people."""
    if method == "bayes":
        whom = engine.knowledge.taught_by if engine.knowledge else "people"
        unfamiliar = engine.prior.unfamiliar(known.covariates, whom) if engine.prior else ()
        return (*unfamiliar, *_calibration_warnings(engine))
    why = (
        f"The model {engine.identity.model} holds no progression prior: the line is least squares through "
        "these scans alone, without what is known of other people."
    )
    return (*([why] if asked is None else []), *line_warnings(known.ages_years))


def _calibration_warnings(engine: Engine) -> tuple[str, ...]:
    """One sentence where the model states intervals of volumes that nobody calibrated; else none."""
    if engine.knowledge is None or engine.knowledge.calibration:
        return ()
    return (
        f"The volumes of the model {engine.identity.model} are not calibrated: its 95 % intervals are those "
        "of its prior, and may hold more or fewer new scans than they say.",
    )
