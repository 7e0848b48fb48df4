"""What the engine answers to each request; knows nothing of lines, threads or processes."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, assert_never, cast, get_args

from MRExtrapLib.errors import InputError
from MRExtrapLib.forecast.anchoring import DEFAULT_IMAGE, SLIDER_IMAGE
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.output import write_forecast
from MRExtrapLib.forecast.pipeline import prepare
from MRExtrapLib.forecast.subject import Method, Request, target_ages
from MRExtrapLib.imaging.ages import Diagnosis
from MRExtrapLib.imaging.scan import Sex
from MRExtrapLib.imaging.storing import ImageFormat
from MRExtrapLib.imaging.writing import whole_folder
from MRExtrapLib.model.catalogue import Catalogue, Entry
from MRExtrapLib.progress import Progress, part_of
from MRExtrapLib.worker import requests, results
from MRExtrapLib.worker.person import Person, image_kind
from MRExtrapLib.worker.recent import Recent, RememberingCodec
from MRExtrapLib.worker.scans import read_subject, visit_table
from MRExtrapLib.worker.session import Session

OpenEngine = Callable[[str | None, str, str], Engine]
"""Makes the engine of a model, a device and a segmenter."""

Answered = (
    requests.Models
    | requests.Read
    | requests.Load
    | requests.Predict
    | requests.Sweep
    | requests.Interpolate
    | requests.ShowVisit
    | requests.Export
    | requests.LeaveOut
    | requests.Release
)
"""The requests that are answered here; the others are about the talk itself."""

READ, OPENED = 0.05, 0.1
"""Shares of a load's time after reading the scans and after loading the model."""

PREDICTED = 0.85
"""Share of an export's time before writing begins."""


class Teller(Protocol):
    """Tells the host how far a request has come; the call may also end it."""

    def progress(self, fraction: float, words: str) -> None:
        """How far, 0 to 1, and what is being done."""
        ...

    def part(self, result: results.Predicted) -> None:
        """One of several results."""
        ...


class Answers:
    """The persons loaded, and what is answered about them."""

    def __init__(self, session: Session, open_engine: OpenEngine) -> None:
        self._session = session
        self._open_engine = open_engine
        self._engine: Recent[tuple[str | None, str, str], Engine] = Recent(most=1)
        self._persons: dict[str, Person] = {}
        self._numbers = itertools.count(1)

    def answer(self, asked: Answered, tell: Teller) -> results.Result:
        """The result of a request.

        Raises:
            InputError, ModelError: why there is none, in one sentence.
        """
        match asked:
            case requests.Models():
                return results.ModelTable(tuple(_model(entry) for entry in Catalogue().entries()))
            case requests.Read():
                return visit_table(asked.scans, tell.progress)
            case requests.Load():
                return self._load(asked, tell.progress)
            case requests.Predict():
                (age,) = Request((asked.age_years,)).ages_years
                checked = dataclasses.replace(asked, age_years=age)
                return self._person(asked.subject).predict(checked, tell.progress)
            case requests.Sweep():
                return self._sweep(asked, tell)
            case requests.Interpolate():
                return self._person(asked.subject).interpolate(asked, tell.progress)
            case requests.ShowVisit():
                return self._person(asked.subject).show_visit(asked, tell.progress)
            case requests.Export():
                return self._export(asked, tell.progress)
            case requests.LeaveOut():
                return self._person(asked.subject).leave_out(asked, tell.progress)
            case requests.Release():
                return self._release(asked)
            case _:
                assert_never(asked)

    def _load(self, asked: requests.Load, progress: Progress) -> results.Loaded:
        method = cast("Method | None", _one_of(asked.method, get_args(Method), "method"))
        sex = cast("Sex | None", _one_of(asked.sex, get_args(Sex), "sex"))
        diagnosis = cast("Diagnosis | None", _one_of(asked.diagnosis, get_args(Diagnosis), "diagnosis"))
        subject = read_subject(asked.scans, sex, diagnosis, part_of(progress, 0.0, READ))
        progress(READ, "loading the model")
        engine = self._engine.get((asked.model, asked.device, asked.segmenter), lambda: self._opened(asked))
        # no age is asked for yet: preparing looks at method and held-out scan alone
        kind = image_kind(asked.image_kind)
        ages, exported = subject.ages_years[-1:], kind or DEFAULT_IMAGE
        request = Request(ages, method, asked.has_last_held_out, image=exported)
        prepared = prepare(subject, request, engine, part_of(progress, OPENED, 1.0))
        name = f"subject-{next(self._numbers)}"
        person = Person(name, prepared, self._session, kind or SLIDER_IMAGE)
        self._persons[person.name] = person
        return person.described()

    def _opened(self, asked: requests.Load) -> Engine:
        engine = self._open_engine(asked.model, asked.device, asked.segmenter)
        return dataclasses.replace(engine, codec=RememberingCodec(engine.codec))

    def _sweep(self, asked: requests.Sweep, tell: Teller) -> results.Swept:
        person = self._person(asked.subject)
        ages = Request(asked.ages_years).ages_years
        for index, age in enumerate(ages):
            wanted = (asked.is_measured, asked.has_uncertainty, asked.image_kind)
            one = requests.Predict(person.name, age, *wanted)
            start, end = index / len(ages), (index + 1) / len(ages)
            tell.part(person.predict(one, part_of(tell.progress, start, end)))
        return results.Swept(ages)

    def _export(self, asked: requests.Export, progress: Progress) -> results.Exported:
        person, out = self._person(asked.subject), Path(asked.folder)
        if not out.is_absolute():
            msg = f"The folder {out} to write is not a whole path; choose a folder by its full path."
            raise InputError(msg)
        prepared = person.prepared
        request = Request(asked.ages_years, prepared.method, prepared.truth is not None)
        ages = target_ages(prepared.subject, request)
        kind = image_kind(asked.image_kind) or prepared.image
        image_format = cast("ImageFormat", _one_of(asked.image_format, get_args(ImageFormat), "image format"))
        from MRExtrapLib.report.figures import draw_forecast

        with whole_folder(out) as folder:
            predictions = []
            for index, age in enumerate(ages):
                start, end = (PREDICTED * (index + step) / len(ages) for step in (0, 1))
                step = part_of(progress, start, end)
                predictions.append(person.prediction(age, True, kind, step))
            made = prepared.forecast(predictions)
            written = part_of(progress, PREDICTED, 1.0)
            write_forecast(made, folder, draw_forecast, written, image_format)
        files = sorted(path.name for path in out.iterdir() if not path.name.startswith("."))
        return results.Exported(str(out), tuple(files))

    def _release(self, asked: requests.Release) -> results.Nothing:
        if asked.subject:
            person = self._person(asked.subject)
            del self._persons[person.name]
            self._session.release_all_of(person.name)
        self._session.release(asked.files)
        return results.Nothing()

    def _person(self, name: str) -> Person:
        if name not in self._persons:
            msg = f"No person is loaded as {name!r}; load the scans first."
            raise InputError(msg)
        return self._persons[name]


def _one_of(given: str | None, choices: tuple[str, ...], what: str) -> str | None:
    if given is not None and given not in choices:
        msg = f"The {what} {given!r} is not known; choose {' or '.join(choices)}, or leave it out."
        raise InputError(msg)
    return given


def _model(entry: Entry) -> results.ModelEntry:
    manifest = entry.manifest
    if manifest is None:
        return results.ModelEntry(entry.name, str(entry.folder), entry.is_bundled, problem=entry.problem)
    return results.ModelEntry(
        name=entry.name,
        folder=str(entry.folder),
        is_bundled=entry.is_bundled,
        description=manifest.description,
        licence=manifest.licence,
        networks=tuple(manifest.networks),
    )
