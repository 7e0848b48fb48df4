"""Lines and what they mean, there and back."""

from __future__ import annotations

import pytest

from MRExtrapLib.worker.protocol import (
    INPUT,
    REQUESTS,
    Call,
    Done,
    Failed,
    Lines,
    Part,
    Progressed,
    ProtocolError,
    call_line,
    event_line,
    read_call,
    read_event,
)
from MRExtrapLib.worker.requests import (
    Cancel,
    Export,
    Hello,
    Interpolate,
    LeaveOut,
    Load,
    Models,
    Predict,
    Read,
    Release,
    ScanInput,
    ShowVisit,
    Shutdown,
    Sweep,
)

AFFINE = ((0.0, -1.0, 0.0, 3.5), (1.0, 0.0, 0.0, -2.0), (0.0, 0.0, 2.0, 0.0), (0.0, 0.0, 0.0, 1.0))
SCANS = (ScanInput("Ärztin’s scan\n.nii.gz", 71.25), ScanInput("a.npy", None, AFFINE, "node"))

CALLS = (
    Hello(1),
    Models(),
    Read(SCANS),
    Load(SCANS, "tiny", "cpu", "own", "linear", "F", "MCI", True, "added"),
    Predict("subject-1", 80.5, True, True, "warped"),
    Sweep("subject-1", (70.0, 71.0)),
    Interpolate("subject-1", 0, 1, 0.5),
    ShowVisit("subject-1", 1, "reconstructed", True),
    Export("subject-1", (70.0,), "/somewhere", "plain", "nrrd"),
    LeaveOut("subject-1", 1),
    Release("subject-1", ("a.npy",)),
    Cancel(3),
    Shutdown(),
)

EVENTS = (
    Progressed(1, 0.25, "encoding the first scan"),
    Part(2, {"age_years": 70.0}),
    Done(3, {"models": []}),
    Failed(None, INPUT, "One sentence.", "Traceback …\n"),
)


def test_every_request_is_tried_here() -> None:
    assert {type(call) for call in CALLS} == {arguments for arguments, _ in REQUESTS.values()}


@pytest.mark.parametrize("arguments", CALLS, ids=lambda arguments: type(arguments).__name__)
def test_a_request_comes_back_from_its_line(arguments: object) -> None:
    line = call_line(Call(7, arguments))
    assert line.count(b"\n") == 1
    assert read_call(line) == Call(7, arguments)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_comes_back_from_its_line(event: object) -> None:
    line = event_line(event)
    assert line.count(b"\n") == 1
    assert read_event(line) == event


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "not JSON"),
        (b"7", "must hold a JSON object"),
        (b'{"id": true, "request": "models"}', "whole number as its id"),
        (b'{"id": 1, "id": 2, "request": "models"}', "not JSON"),
        (b'{"id": 1}', "no request null"),
        (b'{"id": 1, "request": ["models"]}', "no request"),
        (b'{"id": 1, "request": "predict"}', "lacks the key 'age_years'"),
        (b'{"id": 1, "request": "models", "extra": 1}', "unknown key 'extra'"),
        (b"[" * 100000, "not JSON"),
    ],
)
def test_what_is_no_request_is_refused_in_a_sentence(line: bytes, words: str) -> None:
    with pytest.raises(ProtocolError) as told:
        read_call(line)
    assert words in str(told.value)


@pytest.mark.parametrize("cut", range(1, 12))
def test_lines_do_not_care_where_the_bytes_are_cut(cut: int) -> None:
    data = b'{"a": 1}\n\n{"b": 2}\r\n{"c"'
    lines = Lines()
    found = [line for start in range(0, len(data), cut) for line in lines.feed(data[start : start + cut])]
    assert [line.strip() for line in found] == [b'{"a": 1}', b'{"b": 2}']
