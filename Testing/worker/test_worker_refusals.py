"""What the real worker refuses, and how it says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from MRExtrapLib.worker.local import LocalWorker
from MRExtrapLib.worker.protocol import INPUT, MODEL, NOT_UNDERSTOOD, PROTOCOL_VERSION
from MRExtrapLib.worker.requests import Hello, Interpolate, LeaveOut, Load, Predict, Release, ScanInput

Scans = tuple[ScanInput, ...]
FailureOf = Callable[[LocalWorker, object], tuple[str, str]]


def test_another_version_is_refused_and_both_are_named(worker: LocalWorker, failure_of: FailureOf) -> None:
    kind, sentence = failure_of(worker, Hello(99))
    assert kind == NOT_UNDERSTOOD
    assert "version 99" in sentence
    assert f"speaks {PROTOCOL_VERSION}" in sentence


@pytest.mark.parametrize(
    ("asked", "kind", "words"),
    [
        (Load((ScanInput("nowhere.nii.gz", 70.0),)), INPUT, "There is no file or folder nowhere.nii.gz"),
        (Load(()), INPUT, "at least one scan"),
        (Load((ScanInput("a.npy", 70.0),)), INPUT, "without an affine"),
        (Predict("nobody", 80), INPUT, "No person is loaded"),
        (Release("nobody"), INPUT, "No person is loaded"),
        (Release("", ("/etc/hosts.npy",)), INPUT, "no array of this session"),
    ],
)
def test_bad_input_is_said_in_one_sentence(
    worker: LocalWorker, asked: object, kind: str, words: str, failure_of: FailureOf
) -> None:
    found, sentence = failure_of(worker, asked)
    assert found == kind
    assert words in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"sex": "X"}, "The sex 'X' is not known"),
        ({"method": "magic"}, "The method 'magic' is not known"),
        ({"diagnosis": "flu"}, "The diagnosis 'flu' is not known"),
        ({"image_kind": "painted"}, "There is no image 'painted'"),
    ],
)
def test_unknown_choices_are_refused(
    worker: LocalWorker, scans: Scans, changed: dict[str, str], words: str, failure_of: FailureOf
) -> None:
    kind, sentence = failure_of(worker, Load(scans, **changed))
    assert kind == INPUT
    assert words in sentence


def test_what_the_model_cannot_do_is_a_model_problem(
    worker: LocalWorker, scans: Scans, failure_of: FailureOf
) -> None:
    assert failure_of(worker, Load(scans, method="bayes"))[0] == MODEL


@pytest.mark.parametrize("age", [-1.0, 121.0])
def test_ages_nobody_has_are_refused(
    worker: LocalWorker, subject: str, age: float, failure_of: FailureOf
) -> None:
    assert failure_of(worker, Predict(subject, age))[0] == INPUT


def test_an_unknown_mixture_is_refused(worker: LocalWorker, subject: str, failure_of: FailureOf) -> None:
    kind, sentence = failure_of(worker, Interpolate(subject, 0, 2, 0.25, image_kind="melted"))
    assert kind == INPUT
    assert "There is no mixture 'melted'; choose plain or moved" in sentence


@pytest.mark.parametrize("visit", [-1, 3])
def test_a_visit_that_is_not_there_cannot_be_left_out(
    worker: LocalWorker, subject: str, failure_of: FailureOf, visit: int
) -> None:
    kind, sentence = failure_of(worker, LeaveOut(subject, visit))
    assert (kind, f"There is no visit {visit} to leave out" in sentence) == (INPUT, True)


def test_of_two_scans_none_can_be_left_out(worker: LocalWorker, scans: Scans, failure_of: FailureOf) -> None:
    kind, sentence = failure_of(worker, LeaveOut(worker.answer(Load(scans[:2])).subject, 0))
    assert kind == INPUT
    assert "leaves 1 of 2, but the linear method needs 2" in sentence
