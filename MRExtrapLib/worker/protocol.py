"""How host and worker talk: one JSON object a line, UTF-8, over the worker's standard input and output.

The host asks, and numbers what it asks; the worker answers each number with any count of `progress` and
`part` events and then exactly one `done` or `failed`. Requests are worked off in order; `cancel` is heard at
once. Standard error is the worker's log. Version 5::

    > {"id": 1, "request": "hello", "arguments": {"protocol": 5}}
    < {"id": 1, "event": "done", "result": {"protocol": 5, "version": "0.1.0", "session": "…", …}}
    > {"id": 2, "request": "load", "arguments": {"scans": [{"path": "a.nii.gz", "age_years": 71.2}, …]}}
    < {"id": 2, "event": "progress", "fraction": 0.35, "words": "registering to the template"}
    < {"id": 2, "event": "done", "result": {"subject": "subject-1", "visits": […], …}}
    > {"id": 3, "request": "predict", "arguments": {"subject": "subject-1", "age_years": 76}}
    < {"id": 3, "event": "done", "result": {"age_years": 76, "image": {"path": "….npy", "affine": […]}, …}}
    < {"id": 4, "event": "failed", "kind": "input", "sentence": "for the panel.", "detail": "for the log"}

`requests` and `results` hold what each one takes and gives. Arrays never travel in a line: they lie as `.npy`
in the session folder until they are released, or the worker ends and takes the folder with it. The worker
ends on `shutdown`, and when its standard input closes or the process named by `--parent` is gone.

Keys nobody knows, wrong types and numbers that are not finite are refused, on both sides.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, cast

from MRExtrapLib.errors import ModelError, MRExtrapError
from MRExtrapLib.model.typed_json import Json, from_json, parse_json, to_json
from MRExtrapLib.worker import requests, results
from MRExtrapLib.worker.requests import Arguments
from MRExtrapLib.worker.results import Result

PROTOCOL_VERSION = 5
"""Rises with every change that an older host or worker would misread.

Version 2: `load`, `predict` and `sweep` take `image_kind`; what they give says which image it is.
Version 3: `export` takes it too.
Version 4: `export` takes `image_format`; `leave-out` is new.
Version 5: `interpolate` takes `image_kind`, plain or moved, and what it gives says which it is."""

LONGEST_LINE_BYTES = 1 << 22
"""A sweep's longest list of ages takes kilobytes; whoever sends more does not speak this protocol."""

INPUT, MODEL, MEMORY, CANCELLED = "input", "model", "memory", "cancelled"
NOT_UNDERSTOOD, LOST, FAULT = "protocol", "lost", "fault"
"""Why a request failed: bad input, a model problem, no memory left, given up; a line that is not of this
protocol, a worker that died (the client says so), a fault of ours."""

REQUESTS: dict[str, tuple[type[Arguments], type[Result]]] = {
    "hello": (requests.Hello, results.Greeting),
    "models": (requests.Models, results.ModelTable),
    "read": (requests.Read, results.VisitTable),
    "load": (requests.Load, results.Loaded),
    "predict": (requests.Predict, results.Predicted),
    "sweep": (requests.Sweep, results.Swept),
    "interpolate": (requests.Interpolate, results.Interpolated),
    "visit": (requests.ShowVisit, results.VisitShown),
    "export": (requests.Export, results.Exported),
    "leave-out": (requests.LeaveOut, results.LeftOut),
    "release": (requests.Release, results.Nothing),
    "cancel": (requests.Cancel, results.Nothing),
    "shutdown": (requests.Shutdown, results.Nothing),
}
"""Each request's name, its arguments, and its result. The parts of a sweep are `Predicted`."""

NAMES = {arguments: name for name, (arguments, _) in REQUESTS.items()}

T = TypeVar("T")


class ProtocolError(MRExtrapError, ValueError):
    """A line that is not of this protocol.

    Attributes:
        request: the number of the request, where the line tells it.
    """

    def __init__(self, message: str, request: int | None = None) -> None:
        super().__init__(message)
        self.request = request


@dataclass(frozen=True)
class Call:
    """One request, numbered by the host."""

    id: int
    arguments: Arguments


@dataclass(frozen=True)
class Progressed:
    """How far a request has come, 0 to 1, and what is being done."""

    id: int
    fraction: float
    words: str


@dataclass(frozen=True)
class Part:
    """One of several results of a request, ahead of its end; as JSON holds it."""

    id: int
    result: object


@dataclass(frozen=True)
class Done:
    """A request's result, as JSON holds it; `result_of` reads it."""

    id: int
    result: object


@dataclass(frozen=True)
class Failed:
    """A request that came to nothing.

    Attributes:
        id: None where the worker could not make out what was asked.
        kind: `INPUT` and its like.
        sentence: for the panel.
        detail: for the log.
    """

    id: int | None
    kind: str
    sentence: str
    detail: str = ""


Event: TypeAlias = Progressed | Part | Done | Failed

EVENTS: dict[str, type[Event]] = {"progress": Progressed, "part": Part, "done": Done, "failed": Failed}
EVENT_NAMES = {kind: name for name, kind in EVENTS.items()}


def call_line(call: Call) -> bytes:
    r"""A request as it travels.

    >>> call_line(Call(3, requests.Cancel(request=2)))
    b'{"id": 3, "request": "cancel", "arguments": {"request": 2}}\n'
    """
    arguments = to_json(call.arguments)
    return _line({"id": call.id, "request": NAMES[type(call.arguments)], "arguments": arguments})


def read_call(line: bytes) -> Call:
    """The request in a line.

    Raises:
        ProtocolError: not JSON, no number, an unknown request, or arguments that it does not take.
    """
    content = _object(line)
    number = content.get("id")
    if type(number) is not int:
        msg = f"A request needs a whole number as its id, not {json.dumps(number)}."
        raise ProtocolError(msg)
    name = content.get("request")
    if not isinstance(name, str) or name not in REQUESTS:
        msg = f"There is no request {json.dumps(name)}; known are {', '.join(REQUESTS)}."
        raise ProtocolError(msg, number)
    if unknown := sorted(content.keys() - {"id", "request", "arguments"}):
        msg = f"The request {name} has the unknown key {unknown[0]!r}."
        raise ProtocolError(msg, number)
    arguments = _read(REQUESTS[name][0], content.get("arguments", {}), name, number)
    return Call(number, arguments)


def event_line(event: Event) -> bytes:
    r"""An event as it travels.

    >>> event_line(Progressed(3, 0.5, "decoding"))
    b'{"id": 3, "event": "progress", "fraction": 0.5, "words": "decoding"}\n'
    """
    content = vars(event)
    return _line({"id": content["id"], "event": EVENT_NAMES[type(event)]} | content)


def read_event(line: bytes) -> Event:
    """The event in a line.

    Raises:
        ProtocolError: not JSON, or no event.
    """
    content = _object(line)
    name = content.pop("event", None)
    if not isinstance(name, str) or name not in EVENTS:
        msg = f"There is no event {json.dumps(name)}; known are {', '.join(EVENTS)}."
        raise ProtocolError(msg)
    return _read(EVENTS[name], content, f"event {name}", None)


def result_of(arguments: Arguments, result: object) -> Result:
    """The result of a request that was done.

    Raises:
        ProtocolError: it is not what this request gives.
    """
    name = NAMES[type(arguments)]
    return _read(REQUESTS[name][1], result, f"result of {name}", None)


def part_of_result(result: object) -> results.Predicted:
    """One part of a sweep.

    Raises:
        ProtocolError: it is none.
    """
    return _read(results.Predicted, result, "part of sweep", None)


class Lines:
    r"""Bytes as they come in, taken apart at line ends.

    >>> lines = Lines()
    >>> lines.feed(b'{"id"'), lines.feed(b': 1}\n{"id"')
    ([], [b'{"id": 1}'])
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that these bytes complete, empty ones left out.

        Raises:
            ProtocolError: a line without end.
        """
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE_BYTES:
            self._rest = b""
            msg = f"A line of more than {LONGEST_LINE_BYTES} bytes is none of this protocol."
            raise ProtocolError(msg)
        return [line for line in whole if line.strip()]


def _line(content: dict[str, Json]) -> bytes:
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _object(line: bytes) -> dict[str, Json]:
    try:
        content = parse_json(line, "The line")
    except ModelError as error:
        msg = f"The line is not JSON: {line[:60].decode(errors='replace')!r}."
        raise ProtocolError(msg) from error
    if not isinstance(content, dict):
        msg = f"A line must hold a JSON object, not {json.dumps(content)[:60]}."
        raise ProtocolError(msg)
    return content


def _read(kind: type[T], value: object, place: str, request: int | None) -> T:
    try:
        return from_json(kind, cast("Json", value), place)
    except ModelError as error:
        raise ProtocolError(str(error), request) from error
