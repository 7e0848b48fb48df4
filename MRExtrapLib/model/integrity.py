"""Whether a model folder is what its manifest says, byte for byte. Needs no torch."""

from __future__ import annotations

import hashlib
from pathlib import Path

from MRExtrapLib.errors import ModelError
from MRExtrapLib.model.manifest import MANIFEST_FILE, Manifest, parse_manifest, weights_file


def read_manifest(folder: Path) -> tuple[Manifest, str]:
    """What model.json says, and its own sha256: the fingerprint of the whole model.

    It holds the hashes of all other files, so two models with the same fingerprint are the same model.

    Raises:
        ModelError: there is none, it cannot be read, or it says something that we do not know.
    """
    content = _read(folder / MANIFEST_FILE, f"{folder} is not a model folder")
    manifest = parse_manifest(content, str(folder / MANIFEST_FILE))
    for role in manifest.networks:
        if weights_file(role) not in manifest.files:
            msg = f"The model {manifest.name} names no {weights_file(role)} for its {role}; import it again."
            raise ModelError(msg)
    return manifest, hashlib.sha256(content).hexdigest()


def verified_bytes(folder: Path, manifest: Manifest, name: str) -> bytes:
    """The content of one of the model's files, only if it has the sha256 that the manifest gives.

    The bytes that were verified are the bytes that are returned: nothing can change in between.

    Raises:
        ModelError: the file is not listed, missing, or was changed.
    """
    if name not in manifest.files:
        msg = f"The model {manifest.name} lists no {name}."
        raise ModelError(msg)
    content = _read(folder / name, f"The model {manifest.name} lacks a file")
    if hashlib.sha256(content).hexdigest() != manifest.files[name]:
        msg = (
            f"{folder / name} was changed or damaged: its sha256 is not the one that model.json gives. "
            "Install the model again."
        )
        raise ModelError(msg)
    return content


def verify_files(folder: Path) -> Manifest:
    """The manifest of a folder whose every listed file has the listed sha256.

    Raises:
        ModelError: a file is missing or changed, or the manifest is refused.
    """
    manifest, _ = read_manifest(folder)
    for name in manifest.files:
        verified_bytes(folder, manifest, name)
    return manifest


def unlisted_files(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    """Names in the folder that the manifest does not list; they are never read and never copied."""
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    return tuple(sorted(names - manifest.files.keys() - {MANIFEST_FILE}))


def _read(path: Path, otherwise: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        msg = f"{otherwise}: {path.name} cannot be read ({error.strerror})."
        raise ModelError(msg) from error
