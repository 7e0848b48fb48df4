"""The mark in a folder that we made: which files we put there, so that no later run deletes others."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

MARKER = ".mrextrap"
"""Lies in every folder that we made, and so allows a later run to replace it."""

MADE = "Made by MRExtrap, which may replace this folder as long as it holds these files alone:"
"""Its first line, before their names. The marker of an earlier version lists nothing."""

LEFT_BY_SYSTEMS = (".DS_Store", "._*", "Thumbs.db", "desktop.ini")
"""What macOS and Windows put into folders that someone looked at: nobody misses it."""


def mark(folder: Path) -> None:
    """Puts the marker into a folder that is finished."""
    lines = (MADE, *sorted(_files_in(folder)))
    # names that are no Unicode come back as they were
    with (folder / MARKER).open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)


def stranger_in(folder: Path) -> str:
    """A file that came into a marked folder after us; empty where there is none, or no list tells.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> mark(folder)
    >>> _ = (folder / "notes.txt").write_text("mine")
    >>> stranger_in(folder)
    'notes.txt'
    """
    marker = folder / MARKER
    if not marker.is_file():
        return ""
    first, *listed = marker.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    return min(_files_in(folder) - set(listed), default="") if first == MADE else ""


def _files_in(folder: Path) -> set[str]:
    names = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    nobodys = (MARKER, *LEFT_BY_SYSTEMS)
    return {
        name
        for name, path in names.items()
        if not any(fnmatchcase(path.name, pattern) for pattern in nobodys)
    }
