"""The fingerprint of what was read: same bytes, same sha256, whatever the file is called."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError

CHUNK_BYTES = 1 << 20


def sha256_of(files: Path | Iterable[Path], voxels: NDArray | None = None) -> str:
    """The sha256 (hex) of a file's bytes, or of several files' bytes one after the other.

    Args:
        files: one file, or files in a meaningful order (the slices of a series from first to last).
        voxels: (X, Y, Z) as read, hashed after the file where it is but a header, as an .nhdr is.

    Raises:
        InputError: a file cannot be read.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "empty"
    >>> _ = file.write_bytes(b"")
    >>> sha256_of(file)[:8]
    'e3b0c442'
    """
    digest = hashlib.sha256()
    for file in [files] if isinstance(files, Path) else files:
        try:
            with file.open("rb") as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    digest.update(chunk)
        except OSError as error:
            msg = (
                f"{file} cannot be read ({error.strerror}); check that it is there and that you may read it."
            )
            raise InputError(msg) from error
    if voxels is not None:
        digest.update(np.ascontiguousarray(voxels).data)
    return digest.hexdigest()
