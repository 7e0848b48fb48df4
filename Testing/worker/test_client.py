"""The host's end against a process that is only played."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.unfinished import earlier_sibling, unfinished_sibling
from MRExtrapLib.worker.client import ENGINE_FOLDER, Client, Listener, worker_command, worker_environment
from MRExtrapLib.worker.protocol import CANCELLED, FAULT, INPUT, LOST, PROTOCOL_VERSION
from MRExtrapLib.worker.requests import Cancel, Export, Models, Shutdown, Sweep
from MRExtrapLib.worker.results import ArrayFile, ModelTable
from MRExtrapLib.worker.session import new_session_path, remove_session

HEAVY = {"torch", "monai", "scipy", "nibabel", "SimpleITK", "pydicom", "matplotlib", "platformdirs"}
"""What Slicer's own process must not need: most of it is not even there."""

AFFINE = tuple(tuple(float(i == j) for j in range(4)) for i in range(4))


class PlayedProcess:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[dict] = []

    def write(self, data: bytes) -> None:
        self.told += [json.loads(line) for line in data.splitlines()]


class Heard:
    """All that a listener hears, in order."""

    def __init__(self) -> None:
        self.words: list[tuple] = []
        self.listener = Listener(
            done=lambda result: self.words.append(("done", result)),
            failed=lambda failed: self.words.append(("failed", failed.kind)),
            progress=lambda fraction, words: self.words.append(("progress", fraction, words)),
            part=lambda part: self.words.append(("part", part.age_years)),
        )


@pytest.fixture
def process() -> PlayedProcess:
    return PlayedProcess()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def client(process: PlayedProcess, tmp_path: Path, log: list[str]) -> Client:
    session = new_session_path(tmp_path)
    session.mkdir()
    return Client(process, session, log.append)


def say(client: Client, **event: object) -> None:
    client.feed(json.dumps(event).encode() + b"\n")


def test_the_handshake_says_the_version(client: Client, process: PlayedProcess) -> None:
    client.greet(Listener())
    assert process.told == [{"id": 1, "request": "hello", "arguments": {"protocol": PROTOCOL_VERSION}}]


def test_answers_reach_whoever_asked_however_the_bytes_come(client: Client, heard: Heard) -> None:
    first, second = Heard(), Heard()
    numbers = [client.ask(Models(), one.listener) for one in (first, second)]
    for byte in b"".join(
        json.dumps({"id": number, "event": "done", "result": {"models": []}}).encode() + b"\n"
        for number in reversed(numbers)
    ):
        client.feed(bytes([byte]))
    assert first.words == second.words == [("done", ModelTable(()))]
    assert not client.is_busy


def test_progress_and_parts_come_before_the_end(client: Client, heard: Heard) -> None:
    number = client.ask(Sweep("subject-1", (70.0,)), heard.listener)
    say(client, id=number, event="progress", fraction=0.5, words="decoding")
    image = {"path": "a.npy", "affine": AFFINE}
    say(client, id=number, event="part", result={"age_years": 70, "image": image, "image_kind": "plain"})
    say(client, id=number, event="failed", kind=CANCELLED, sentence="Cancelled.", detail="")
    say(client, id=number, event="progress", fraction=0.6, words="too late")
    assert heard.words == [("progress", 0.5, "decoding"), ("part", 70.0), ("failed", CANCELLED)]


def test_only_what_is_still_open_is_cancelled(client: Client, process: PlayedProcess) -> None:
    number = client.ask(Models())
    client.cancel(number)
    say(client, id=number, event="failed", kind=CANCELLED, sentence="Cancelled.")
    client.cancel(number)
    assert [told["request"] for told in process.told] == ["models", "cancel"]
    assert process.told[1]["arguments"] == {"request": number}


def test_a_result_that_is_none_fails_the_request(client: Client, heard: Heard) -> None:
    number = client.ask(Models(), heard.listener)
    say(client, id=number, event="done", result={"animals": []})
    assert heard.words == [("failed", FAULT)]
    assert not client.is_busy


def test_strange_lines_go_to_the_log_and_harm_nothing(client: Client, heard: Heard, log: list[str]) -> None:
    number = client.ask(Models(), heard.listener)
    client.feed(b"Segmentation fault\n\n[]\n")
    say(client, id=99, event="done", result={})
    say(client, id=None, event="failed", kind=INPUT, sentence="What?")
    say(client, id=number, event="done", result={"models": []})
    assert [kind for kind, *_ in heard.words] == ["done"]
    assert len(log) == 4


def test_a_worker_that_ended_fails_what_was_open_and_what_comes_later(
    client: Client, heard: Heard, tmp_path: Path
) -> None:
    client.ask(Models(), heard.listener)
    client.ask(Shutdown(), heard.listener)
    client.ask(Cancel(1), heard.listener)
    client.ended("killed")
    client.ask(Models(), heard.listener)
    client.ended("told twice")
    assert heard.words == [("failed", LOST)] * 2
    assert list(tmp_path.iterdir()) == []


def test_a_killed_export_leaves_what_was_there_before(client: Client, heard: Heard, tmp_path: Path) -> None:
    out, neighbour = tmp_path / "out [1]", tmp_path / ".out [1]-diary"
    half = unfinished_sibling(out)
    for folder in (half, earlier_sibling(half), neighbour):
        folder.mkdir()
    (earlier_sibling(half) / "volumes.csv").touch()
    client.ask(Export("subject-1", (70.0,), str(out)), heard.listener)
    client.ended()
    assert sorted(path.name for path in tmp_path.iterdir()) == [neighbour.name, out.name]
    assert (out / "volumes.csv").exists()


def test_arrays_released_are_refused_in_words(client: Client) -> None:
    with pytest.raises(InputError, match="released already"):
        client.voxels(ArrayFile(str(client.session / "gone.npy"), AFFINE))


def test_no_folder_but_a_session_is_ever_removed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="left alone"):
        remove_session(tmp_path)
    assert tmp_path.is_dir()


def test_the_client_loads_without_what_slicer_lacks() -> None:
    words = f"import sys, MRExtrapLib.worker.client; print(*({HEAVY!r} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", words], capture_output=True, text=True, env=worker_environment(), check=True
    )
    assert done.stdout.split() == []


def test_the_command_names_session_and_parent(tmp_path: Path) -> None:
    command = worker_command(tmp_path, "PythonSlicer", 7)
    assert command[:4] == ["PythonSlicer", "-m", "MRExtrapLib", "worker"]
    assert command[4:] == ["--session", str(tmp_path), "--parent", "7"]
    assert (ENGINE_FOLDER / "MRExtrapLib").is_dir()
