"""The talk over the pipe: lines nobody understands, requests given up, libraries that print."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from MRExtrapLib.worker.client import Listener, worker_environment
from MRExtrapLib.worker.local import LocalWorker
from MRExtrapLib.worker.protocol import CANCELLED, NOT_UNDERSTOOD, PROTOCOL_VERSION
from MRExtrapLib.worker.requests import Load, Predict, ScanInput, Sweep
from MRExtrapLib.worker.session import new_session_path

HELLO = {"id": 1, "request": "hello", "arguments": {"protocol": PROTOCOL_VERSION}}
SHUTDOWN = {"id": 9, "request": "shutdown"}

Scans = tuple[ScanInput, ...]
StartWorker = Callable[..., AbstractContextManager[LocalWorker]]
Say = Callable[..., list[dict]]


@pytest.fixture
def say(command_of: Callable[..., list[str]], tmp_path: Path) -> Say:
    """Says lines to a new worker and gives every line it answers, until it ends."""

    def said(*lines: dict | bytes) -> list[dict]:
        given = b"".join(
            (json.dumps(line).encode() if isinstance(line, dict) else line) + b"\n" for line in lines
        )
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        command = command_of(new_session_path(tmp_path))
        with subprocess.Popen(command, **pipes, env=worker_environment()) as process:
            process.stdin.write(given)
            process.stdin.flush()  # and stays open: its end would be the worker's
            return [json.loads(line) for line in process.stdout]

    return said


def test_lines_that_are_no_requests_are_answered_and_the_talk_goes_on(say: Say) -> None:
    answers = say(
        {"id": 5, "request": "models"},
        b"{not json",
        b'{"id": 2, "request": "hello", "arguments": {"protocol": NaN}}',
        b"[1, 2]",
        b"\xff\xfe",
        {"request": "hello"},
        {"id": 3, "request": "dance"},
        {"id": 4, "request": "hello", "arguments": {"protocol": PROTOCOL_VERSION, "mood": "good"}},
        {"id": 6, "request": "hello", "arguments": {"protocol": "one"}},
        HELLO,
        SHUTDOWN,
    )
    failed = [answer for answer in answers if answer["event"] == "failed"]
    assert {answer["kind"] for answer in failed} == {NOT_UNDERSTOOD}
    words = {answer["id"]: answer["sentence"] for answer in failed if answer["id"]}
    assert words.keys() == {3, 4, 5, 6}
    assert "There is no request" in words[3]
    assert "unknown key 'mood'" in words[4]
    assert "greeted" in words[5]
    assert "whole number" in words[6]
    assert len([answer for answer in failed if answer["id"] is None]) == 5
    done = {answer["id"]: answer["result"] for answer in answers if answer["event"] == "done"}
    assert done.keys() == {1, 9}
    assert done[1]["protocol"] == PROTOCOL_VERSION


def test_a_line_without_end_is_refused(say: Say) -> None:
    answers = say(b"x" * (1 << 23), HELLO, SHUTDOWN)
    assert "bytes is none of this protocol" in answers[0]["sentence"]


def test_nothing_else_gets_between_the_lines(say: Say, scans: Scans) -> None:
    load = {"scans": [{"path": scan.path, "age_years": scan.age_years} for scan in scans]}
    predict = {"subject": "subject-1", "age_years": 80}
    answers = say(
        HELLO,
        {"id": 2, "request": "load", "arguments": load},
        {"id": 3, "request": "predict", "arguments": predict},
        SHUTDOWN,
    )
    assert [answer["id"] for answer in answers if answer["event"] == "done"] == [1, 2, 3, 9]


def test_a_running_request_can_be_given_up_and_the_next_one_works(
    slow_worker: LocalWorker, scans: Scans
) -> None:
    subject = slow_worker.answer(Load(scans)).subject
    client, failed, parts = slow_worker.client, [], []
    ages = tuple(75.0 + age / 10 for age in range(50))
    sweep = client.ask(Sweep(subject, ages), Listener(failed=failed.append, part=parts.append))
    while len(parts) < 2:
        slow_worker.listen()
    client.cancel(sweep)
    while not failed:
        slow_worker.listen()
    assert failed[0].kind == CANCELLED
    assert 2 <= len(parts) < len(ages)
    assert slow_worker.answer(Predict(subject, 80)).age_years == 80


def test_a_waiting_request_is_given_up_before_it_begins(slow_worker: LocalWorker, scans: Scans) -> None:
    subject = slow_worker.answer(Load(scans)).subject
    client, heard = slow_worker.client, []
    listeners = [
        Listener(
            done=lambda result, age=age: heard.append((age, "done")),
            failed=lambda failed, age=age: heard.append((age, failed.kind)),
            progress=lambda fraction, words, age=age: heard.append((age, "begun")) if age == 81 else None,
        )
        for age in (80, 81, 82)
    ]
    asked = [
        client.ask(Predict(subject, age), listener)
        for age, listener in zip((80, 81, 82), listeners, strict=True)
    ]
    client.cancel(asked[1])
    while client.is_busy:
        slow_worker.listen()
    assert heard == [(80, "done"), (81, CANCELLED), (82, "done")]


def test_giving_up_what_is_done_does_no_harm(slow_worker: LocalWorker, scans: Scans) -> None:
    slow_worker.client.cancel(1)
    assert slow_worker.answer(Load(scans)).subject == "subject-1"
