"""The models at hand: those that come with MRExtrap, and those a user has installed.

A user's models lie where the operating system keeps a program's data for one person, each in one folder,
so that they can be looked at and removed. Needs no torch.
"""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from MRExtrapLib.errors import ModelError
from MRExtrapLib.imaging.writing import whole_folder
from MRExtrapLib.model.integrity import read_manifest, verify_files
from MRExtrapLib.model.manifest import MANIFEST_FILE, Manifest

BUNDLED = Path(__file__).resolve().parents[1] / "models"


def installed_folder() -> Path:
    """Where this user's own models lie."""
    return platformdirs.user_data_path("mrextrap", appauthor=False) / "models"


@dataclass(frozen=True)
class Entry:
    """One model of the catalogue.

    Attributes:
        name: of its folder, by which it is found.
        folder: where it lies.
        is_bundled: whether it came with MRExtrap; such a model is never removed.
        manifest: what it says of itself; None if that cannot be read.
        problem: why it cannot be read; empty if it can.
    """

    name: str
    folder: Path
    is_bundled: bool
    manifest: Manifest | None
    problem: str = ""


@dataclass(frozen=True)
class Catalogue:
    """Two folders of models: bundled with MRExtrap, and installed by the user."""

    bundled: Path = BUNDLED
    installed: Path = field(default_factory=installed_folder)

    def entries(self) -> tuple[Entry, ...]:
        """All models, bundled ones first, each group by name; broken ones too, with their problem."""
        return tuple(
            _entry(folder, is_bundled=parent == self.bundled)
            for parent in (self.bundled, self.installed)
            for folder in _model_folders(parent)
        )

    def find(self, name_or_folder: str | Path | None = None) -> Path:
        """The folder of a model.

        Args:
            name_or_folder: a name of the catalogue or, where no model has that name, any model folder. None
                stands for the bundled model.

        Raises:
            ModelError: there is none, or None could mean several; the message names those there are.
        """
        if name_or_folder is None:
            return self._default()
        for entry in self.entries():
            if entry.name == str(name_or_folder):
                return entry.folder
        folder = Path(name_or_folder).expanduser()
        if (folder / MANIFEST_FILE).is_file():
            return folder
        msg = f"There is no model {str(name_or_folder)!r}; {self._words()}"
        raise ModelError(msg)

    def install(self, folder: Path) -> Path:
        """Copy a verified model folder to the user's models, whole or not at all, and give the copy.

        Only what its manifest lists is copied.

        Raises:
            ModelError: the folder does not verify, or its name is taken.
            InputError: the user's folder cannot be written.
        """
        manifest = verify_files(folder)
        target = self.free_folder(manifest.name)
        with whole_folder(target) as unfinished:
            for name in (MANIFEST_FILE, *manifest.files):
                shutil.copyfile(folder / name, unfinished / name)
            verify_files(unfinished)
        return target

    def remove(self, name: str) -> Path:
        """Delete one of the user's models and say where it lay.

        Raises:
            ModelError: no model has that name, or it came with MRExtrap.
        """
        found = {entry.name: entry for entry in self.entries()}.get(name)
        if found is None:
            msg = f"There is no model {name!r} to remove; {self._words()}"
            raise ModelError(msg)
        if found.is_bundled:
            msg = f"The model {name} came with MRExtrap and cannot be removed; only installed models can."
            raise ModelError(msg)
        # out of the catalogue at once, even if deleting takes long or is cut short
        doomed = found.folder.with_name(f".{name}-{secrets.token_hex(4)}.removed")
        found.folder.rename(doomed)
        shutil.rmtree(doomed)
        return found.folder

    def free_folder(self, name: str) -> Path:
        """Where a new model of this name would be installed.

        Raises:
            ModelError: a model of that name is there already.
        """
        # Windows and macOS take Brain and brain for the same folder
        taken = {entry.name.lower(): entry for entry in self.entries()}
        if name.lower() in taken:
            entry = taken[name.lower()]
            mend = "choose another name" if entry.is_bundled else "remove it first, or choose another name"
            msg = f"There is a model {entry.name} already; {mend}."
            raise ModelError(msg)
        return self.installed / name

    def _default(self) -> Path:
        folders = _model_folders(self.bundled)
        if len(folders) == 1:
            return folders[0]
        msg = f"Which model is not clear, as {len(folders)} came with MRExtrap; name one: {self._words()}"
        raise ModelError(msg)

    def _words(self) -> str:
        names = ", ".join(entry.name for entry in self.entries())
        return (
            f"known are {names}, and any model folder."
            if names
            else "none is installed; give a model folder."
        )


def find_model(name_or_folder: str | Path | None = None) -> Path:
    """The folder of a model of this computer's catalogue, by name or by path; by default the bundled one.

    Raises:
        ModelError: there is none.
    """
    return Catalogue().find(name_or_folder)


def _model_folders(parent: Path) -> tuple[Path, ...]:
    if not parent.is_dir():
        return ()
    return tuple(
        sorted(
            folder
            for folder in parent.iterdir()
            if not folder.name.startswith(".") and (folder / MANIFEST_FILE).is_file()
        )
    )


def _entry(folder: Path, *, is_bundled: bool) -> Entry:
    try:
        return Entry(folder.name, folder, is_bundled, read_manifest(folder)[0])
    except ModelError as error:
        return Entry(folder.name, folder, is_bundled, None, str(error))
