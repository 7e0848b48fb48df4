"""Where an export goes: always a folder of its own."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path


def new_folder_in(parent: Path, now: datetime | None = None) -> Path:
    """A folder that is not there yet, named by the time; nothing of the user's is ever written over.

    >>> new_folder_in(Path("/nowhere"), datetime(2030, 1, 2, 3, 4, 5)).name
    'MRExtrap 2030-01-02 03.04.05'
    """
    name = (now or datetime.now()).strftime("MRExtrap %Y-%m-%d %H.%M.%S")
    folder, number = parent / name, 2
    while folder.exists():
        folder, number = parent / f"{name} ({number})", number + 1
    return folder
