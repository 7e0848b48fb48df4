"""JSON read strictly into frozen dataclasses, and back.

A key that nobody knows, a value of the wrong type or a key given twice is refused with a sentence that names
the place. Nothing is guessed and nothing is dropped, so a typing error in a file never goes unnoticed.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

from MRExtrapLib.errors import ModelError

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
"""Whatever a JSON file can hold."""

T = TypeVar("T")


def parse_json(text: str | bytes, source: str) -> Json:
    """The content of a JSON text.

    Args:
        text: UTF-8.
        source: what to call it in a message.

    Raises:
        ModelError: not JSON, a key given twice, or a number that is not finite.

    >>> parse_json('{"years": [1, 2]}', "a note")
    {'years': [1, 2]}
    """

    def once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        keys = [key for key, _ in pairs]
        if len(set(keys)) < len(keys):
            msg = f"{source} gives a key twice: {', '.join(sorted({k for k in keys if keys.count(k) > 1}))}."
            raise ModelError(msg)
        return dict(pairs)

    def no_number(word: str) -> Json:
        msg = f"{source} holds {word}, which is not a number."
        raise ModelError(msg)

    try:
        return typing.cast("Json", json.loads(text, object_pairs_hook=once, parse_constant=no_number))
    except (ValueError, RecursionError) as error:
        if isinstance(error, ModelError):
            raise
        msg = f"{source} is not valid JSON ({error}); restore the original file."
        raise ModelError(msg) from error


def from_json(kind: type[T], value: Json, place: str) -> T:
    """A dataclass (or plain type) from what JSON holds.

    Args:
        kind: a dataclass, bool, int, float, str, `tuple[…]`, `Mapping[str, …]`, a union of these, or `object`
            for any JSON.
        value: as `parse_json` gives it.
        place: where it stands, for messages.

    Raises:
        ModelError: a wrong type, an unknown key or a missing key.

    >>> from_json(tuple[int, ...], [1, 2, 3], "shape")
    (1, 2, 3)
    """
    return typing.cast("T", _read(kind, value, place))


def to_json(value: object) -> Json:
    """What JSON can hold of a dataclass: the inverse of `from_json`."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    msg = f"{type(value).__name__} has no place in JSON."
    raise TypeError(msg)


def _read(kind: Any, value: Json, place: str) -> object:
    if dataclasses.is_dataclass(kind):
        return _read_dataclass(typing.cast("type", kind), value, place)
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _read_union(typing.get_args(kind), value, place)
    if origin is tuple:
        return _read_tuple(typing.get_args(kind), value, place)
    if origin is not None and issubclass(origin, Mapping):
        items = _checked(dict, value, place)
        inner = typing.get_args(kind)[1]
        return {key: _read(inner, item, f"{place}.{key}") for key, item in items.items()}
    return _read_plain(kind, value, place)


def _read_dataclass(kind: type, value: Json, place: str) -> object:
    given = _checked(dict, value, place)
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    if unknown := sorted(given.keys() - fields.keys()):
        msg = f"{place} has the unknown key {unknown[0]!r}; known are {', '.join(fields)}."
        raise ModelError(msg)
    needed = {
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    if missing := sorted(needed - given.keys()):
        msg = f"{place} lacks the key {missing[0]!r}."
        raise ModelError(msg)
    kinds = typing.get_type_hints(kind)
    return kind(**{name: _read(kinds[name], item, f"{place}.{name}") for name, item in given.items()})


def _read_union(kinds: tuple[Any, ...], value: Json, place: str) -> object:
    refusals = []
    for kind in kinds:
        try:
            return _read(kind, value, place)
        except ModelError as error:
            refusals.append(error)
    # of several, the one that got deepest into the value says most
    raise max(refusals, key=lambda error: len(str(error)))


def _read_tuple(kinds: tuple[Any, ...], value: Json, place: str) -> tuple[object, ...]:
    items = _checked(list, value, place)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(items)
    if len(items) != len(kinds):
        msg = f"{place} needs {len(kinds)} values, not {len(items)}."
        raise ModelError(msg)
    return tuple(
        _read(kind, item, f"{place}[{i}]") for i, (kind, item) in enumerate(zip(kinds, items, strict=True))
    )


def _read_plain(kind: Any, value: Json, place: str) -> object:
    if kind is object:
        return value
    if kind is None or kind is types.NoneType:
        return _checked(types.NoneType, value, place)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    checked = _checked(kind, value, place)
    if isinstance(checked, float) and not math.isfinite(checked):
        msg = f"{place} is {checked}, which is not finite."
        raise ModelError(msg)
    return checked


def _checked(kind: type[T], value: Json, place: str) -> T:
    # bool is an int to Python, not to a reader
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        words = {dict: "an object", list: "a list", str: "text", int: "a whole number", float: "a number"}
        msg = f"{place} must be {words.get(kind, kind.__name__)}, not {json.dumps(value)[:80]}."
        raise ModelError(msg)
    return value
