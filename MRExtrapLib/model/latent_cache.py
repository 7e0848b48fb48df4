"""Latents kept on this computer's disk: a scan that was encoded once is not encoded again.

A latent is found by the content of the conformed scan, the model and the precision, never by a name, so it
can be missing but not wrong. What is damaged on disk is taken for missing. Needs no torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.volume import Voxels
from MRExtrapLib.imaging.writing import whole_file

FORMAT = b"mrextrap latent 1\n"
"""Begins every file and every key: another layout is another key."""

DIGEST_BYTES = 32
ENDING = ".latent"

MOST_BYTES = 1 << 30
"""A hundred scans of 1 mm."""

ABANDONED_S = 3600.0
"""An unfinished file older than this has lost its writer."""


def cache_folder() -> Path:
    """Where latents lie: the operating system's place for what a program can make again."""
    return platformdirs.user_cache_path("mrextrap", appauthor=False) / "latents"


def latent_key(voxels: Voxels, model_sha256: str, precision: str) -> str:
    """What a latent is found by.

    Args:
        voxels: (X, Y, Z) of the conformed scan.
        model_sha256: hash of the model.
        precision: device and number format that encode, whose rounding the latent bears.
    """
    digest = hashlib.sha256(FORMAT)
    for words in (model_sha256, precision, str(voxels.shape), str(voxels.dtype)):
        digest.update(words.encode() + b"\n")
    digest.update(np.ascontiguousarray(voxels).data)
    return digest.hexdigest()


@dataclass(frozen=True)
class LatentCache:
    """A folder of latents, bounded in size; the ones unused longest go first.

    Attributes:
        folder: for its owner's eyes only, as a latent decodes to the scan. Made when it is first needed.
        most_bytes: that all files together may take.
    """

    folder: Path = field(default_factory=cache_folder)
    most_bytes: int = MOST_BYTES

    def find(self, key: str) -> NDArray[np.float32] | None:
        """A kept latent; None where there is none, or a damaged one."""
        path = self._path(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        latent = _unpacked(content)
        if latent is not None:
            with contextlib.suppress(OSError):
                path.touch()
        return latent

    def keep(self, key: str, latent: NDArray[np.float32]) -> None:
        """Keeps a latent, whole or not at all; a disk that is full or read-only keeps nothing."""
        content = _packed(latent)
        if len(content) > self.most_bytes:
            return
        with contextlib.suppress(OSError, InputError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with whole_file(self._path(key)) as unfinished:
                unfinished.write_bytes(content)
            self._make_room()

    @property
    def size_bytes(self) -> int:
        """What the kept latents take."""
        return sum(size for _, size, _ in self._files())

    @property
    def count(self) -> int:
        """How many latents are kept."""
        return sum(1 for _ in self._files())

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{ENDING}"

    def _make_room(self) -> None:
        kept_bytes = 0
        for _, size, path in sorted(self._files(), reverse=True):
            kept_bytes += size
            if kept_bytes > self.most_bytes:
                with contextlib.suppress(OSError):
                    path.unlink()
        for path in self.folder.glob(f".*{ENDING}"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > ABANDONED_S:
                    path.unlink()

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """When each latent was last used, and its size; another process may take some away meanwhile."""
        for path in self.folder.glob(f"[!.]*{ENDING}"):
            with contextlib.suppress(OSError):
                facts = path.stat()
                yield facts.st_mtime, facts.st_size, path


def _packed(latent: NDArray[np.float32]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(latent, dtype=np.float32), allow_pickle=False)
    content = buffer.getvalue()
    return FORMAT + hashlib.sha256(content).digest() + content


def _unpacked(content: bytes) -> NDArray[np.float32] | None:
    begin = len(FORMAT) + DIGEST_BYTES
    digest, array = content[len(FORMAT) : begin], content[begin:]
    if not content.startswith(FORMAT) or hashlib.sha256(array).digest() != digest:
        return None
    return np.load(io.BytesIO(array), allow_pickle=False)
