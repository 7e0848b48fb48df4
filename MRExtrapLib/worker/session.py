"""The worker's session folder: arrays on disk while it lives, nothing of it afterwards.

Stands on the standard library and numpy, so that the client can tidy up after a worker that was killed.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError
from MRExtrapLib.worker.results import ArrayFile

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

PREFIX = "mrextrap-session-"
LOCK = "in-use"
"""A file of the folder that its worker holds locked; the system lets go of it however the worker ends."""

YOUNGEST_STALE_S = 60.0
"""A younger folder may still be in the making, its lock not yet taken."""

TRIES = 20
"""To remove a folder into which a dying worker still writes."""


def new_session_path(parent: Path | None = None) -> Path:
    """Where a new session may lie; the host chooses, so that it knows what to remove if the worker dies."""
    return (parent or Path(tempfile.gettempdir())) / f"{PREFIX}{secrets.token_hex(6)}"


def remove_session(folder: Path) -> None:
    """Takes a session folder away, as far as the system lets us; refuses what is not one by its name."""
    if not folder.name.startswith(PREFIX):
        msg = f"{folder} is not a session folder and is left alone; its name would begin with {PREFIX}."
        raise InputError(msg)
    for _ in range(TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.05)


def remove_stale_sessions(parent: Path) -> None:
    """Takes away what workers left that were killed together with their host."""
    for folder in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            is_settled = time.time() - folder.stat().st_mtime > YOUNGEST_STALE_S
            if is_settled and not folder.is_symlink() and not _is_in_use(folder):
                shutil.rmtree(folder, ignore_errors=True)


class Session:
    """A folder for arrays, for its owner's eyes only; it is there between `with` and its end.

    Raises:
        InputError: it is there already, or cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.name.startswith(PREFIX):
            msg = f"A session folder's name begins with {PREFIX}, unlike {folder.name}; choose another."
            raise InputError(msg)
        self.folder = folder.absolute()
        self._numbers = itertools.count(1)

    @contextlib.contextmanager
    def open(self) -> Iterator[Session]:
        """Makes the folder, and removes it in the end."""
        remove_stale_sessions(self.folder.parent)
        try:
            self.folder.mkdir(mode=0o700)
            lock = (self.folder / LOCK).open("wb")
        except OSError as error:
            msg = f"The session folder {self.folder} cannot be made ({error.strerror}); choose another."
            raise InputError(msg) from error
        try:
            _lock(lock)
            yield self
        finally:
            lock.close()
            remove_session(self.folder)

    def save(self, owner: str, name: str, voxels: NDArray, affine: NDArray) -> ArrayFile:
        """An array as a file that appears whole, in its owner's folder; a number tells names apart.

        In the file x runs fastest, as VTK wants it: its transpose is a volume node's array without a copy.
        """
        path = self.folder / owner / f"{next(self._numbers):05d}-{name}.npy"
        path.parent.mkdir(exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        with unfinished.open("wb") as file:
            np.save(file, np.asfortranarray(voxels), allow_pickle=False)
        unfinished.replace(path)
        rows = tuple(tuple(float(value) for value in row) for row in np.asarray(affine))
        return ArrayFile(str(path), rows)  # type: ignore[arg-type]  # four rows of four

    def release(self, files: Iterable[str]) -> None:
        """Removes arrays; one that the host has still open on Windows goes with the folder.

        Raises:
            InputError: a file that is not of this session.
        """
        for name in files:
            path = Path(name)
            if path.parent.parent != self.folder or path.suffix != ".npy":
                msg = f"{name} is no array of this session; only these can be released."
                raise InputError(msg)
            with contextlib.suppress(OSError):
                path.unlink()

    def release_all_of(self, owner: str) -> None:
        """Removes every array of an owner."""
        shutil.rmtree(self.folder / owner, ignore_errors=True)


def _lock(file: BinaryIO) -> None:
    """Holds the file as long as the process lives.

    Raises:
        OSError: another process holds it.
    """
    if sys.platform == "win32":
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_in_use(folder: Path) -> bool:
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR)
    except FileNotFoundError:
        return False
    with os.fdopen(descriptor, "r+b") as file:
        try:
            _lock(file)
        except OSError:
            return True
    return False
