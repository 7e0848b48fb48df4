"""The parts of a person's evaluation as they lie on disk: dataclasses as JSON, each of its own schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar

from MRExtrapLib.errors import InputError, ModelError
from MRExtrapLib.imaging.writing import whole_file
from MRExtrapLib.model.typed_json import from_json, parse_json, to_json


class Part(Protocol):
    """A frozen dataclass with a field `schema`.

    Attributes:
        SCHEMA: that it is written in now; files of another are made anew.
    """

    SCHEMA: ClassVar[int]


Kept = TypeVar("Kept", bound=Part)


def write_part(part: Part, path: Path) -> None:
    """A part as JSON; the file appears whole."""
    text = json.dumps(to_json(part), indent=1, ensure_ascii=False)
    with whole_file(path) as unfinished:
        unfinished.write_text(text + "\n", encoding="utf-8")


def read_part(kind: type[Kept], path: Path) -> Kept | None:
    """The part that a file holds; None where there is no file, or one of another schema.

    Raises:
        InputError: the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        content = parse_json(path.read_bytes(), path.name)
        is_ours = isinstance(content, dict) and content.get("schema") == kind.SCHEMA
        return from_json(kind, content, path.name) if is_ours else None
    except (OSError, ModelError) as error:
        msg = f"{path} cannot be read ({str(error).rstrip('.')}); remove it and start again."
        raise InputError(msg) from error
