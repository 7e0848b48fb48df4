"""Laws of strict JSON: what was written is read back equal, and nothing unknown gets through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from MRExtrapLib.errors import ModelError
from MRExtrapLib.model.typed_json import from_json, parse_json, to_json


@dataclass(frozen=True)
class Kernel:
    size: int
    weights: tuple[float, ...] = ()


@dataclass(frozen=True)
class Layer:
    name: str
    kernel: Kernel
    is_open: bool = False
    shape: tuple[int, int, int] = (1, 1, 1)
    notes: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None


A_LAYER = Layer("first", Kernel(3, (0.5, 1.0)), True, (4, 5, 6), {"by": "hand"}, 7)


def test_what_is_written_is_read_back_equal() -> None:
    assert from_json(Layer, to_json(A_LAYER), "layer") == A_LAYER


def test_defaults_stand_in_for_keys_left_out() -> None:
    assert from_json(Layer, {"name": "a", "kernel": {"size": 1}}, "layer") == Layer("a", Kernel(1))


def test_a_whole_number_may_stand_for_a_float() -> None:
    weights = from_json(Kernel, {"size": 1, "weights": [1, 2.5]}, "kernel").weights
    assert weights == (1.0, 2.5)
    assert all(type(weight) is float for weight in weights)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": "red"}, "layer has the unknown key 'colour'"),
        ({"kernel": {"size": 1, "sise": 2}}, "layer.kernel has the unknown key 'sise'"),
        ({"kernel": {}}, "layer.kernel lacks the key 'size'"),
        ({"kernel": {"size": True}}, "layer.kernel.size must be a whole number"),
        ({"kernel": {"size": 1.5}}, "layer.kernel.size must be a whole number"),
        ({"kernel": {"size": 1, "weights": [1, "2"]}}, r"layer.kernel.weights\[1\] must be a number"),
        ({"name": None}, "layer.name must be text"),
        ({"is_open": 1}, "layer.is_open must be"),
        ({"shape": [1, 2]}, "layer.shape needs 3 values, not 2"),
        ({"notes": {"by": 3}}, "layer.notes.by must be text"),
        ({"seed": "7"}, "layer.seed must be"),
    ],
)
def test_what_does_not_fit_is_refused_and_its_place_named(change: dict, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        from_json(Layer, {"name": "a", "kernel": {"size": 1}} | change, "layer")


@pytest.mark.parametrize(
    "text", ["", "{", '{"a": 1, "a": 2}', "NaN", "[Infinity]", "[" * 100_000, b"\xff\xfe"]
)
def test_what_is_no_sound_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(ModelError):
        parse_json(text, "a note")
