"""The catalogue finds, installs and removes models, and touches nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from MRExtrapLib.errors import ModelError
from MRExtrapLib.model.catalogue import Catalogue


@pytest.fixture
def a_bundled_model(a_tiny_model: Path, a_catalogue: Catalogue) -> Path:
    """The tiny model again, as one that came with the program."""
    folder = a_catalogue.bundled / "house"
    shutil.copytree(a_tiny_model, folder)
    return folder


def test_an_empty_catalogue_lists_nothing_and_finds_nothing(a_catalogue: Catalogue) -> None:
    assert a_catalogue.entries() == ()
    for wanted in (None, "tiny"):
        with pytest.raises(ModelError, match="none is installed"):
            a_catalogue.find(wanted)


def test_an_installed_model_is_found_by_its_name(a_catalogue: Catalogue, a_tiny_model: Path) -> None:
    installed = a_catalogue.install(a_tiny_model)
    assert a_catalogue.find("tiny") == installed
    assert (installed / "model.json").read_bytes() == (a_tiny_model / "model.json").read_bytes()


def test_only_listed_files_are_installed(a_catalogue: Catalogue, a_tiny_model: Path) -> None:
    (a_tiny_model / "diary.txt").write_text("private")
    assert not (a_catalogue.install(a_tiny_model) / "diary.txt").exists()


def test_any_model_folder_is_found_by_its_path(a_catalogue: Catalogue, a_tiny_model: Path) -> None:
    assert a_catalogue.find(a_tiny_model) == a_tiny_model
    assert a_catalogue.find(str(a_tiny_model)) == a_tiny_model


def test_without_a_name_the_bundled_model_is_meant(
    a_catalogue: Catalogue, a_bundled_model: Path, a_tiny_model: Path
) -> None:
    a_catalogue.install(a_tiny_model)
    assert a_catalogue.find() == a_bundled_model


def test_an_unknown_name_is_answered_with_the_known_ones(
    a_catalogue: Catalogue, a_bundled_model: Path
) -> None:
    with pytest.raises(ModelError, match="no model 'palace'; known are house"):
        a_catalogue.find("palace")


def test_a_damaged_folder_is_not_installed(a_catalogue: Catalogue, a_tiny_model: Path) -> None:
    (a_tiny_model / "MODEL_CARD.md").write_text("another story")
    with pytest.raises(ModelError, match="changed or damaged"):
        a_catalogue.install(a_tiny_model)
    assert not a_catalogue.installed.exists()


def test_a_name_that_is_taken_is_not_installed_again(
    a_catalogue: Catalogue, a_tiny_model: Path, rewrite: Callable[..., None]
) -> None:
    a_catalogue.install(a_tiny_model)
    rewrite(name="TINY")
    with pytest.raises(ModelError, match="is a model tiny already"):
        a_catalogue.install(a_tiny_model)


def test_a_broken_model_is_listed_with_its_problem(a_catalogue: Catalogue, a_tiny_model: Path) -> None:
    (a_catalogue.install(a_tiny_model) / "model.json").write_text("{}")
    (entry,) = a_catalogue.entries()
    assert entry.manifest is None
    assert "schema_version" in entry.problem


def test_a_removed_model_is_gone_and_nothing_else(a_catalogue: Catalogue, a_tiny_model: Path) -> None:
    installed = a_catalogue.install(a_tiny_model)
    (installed.parent / "notes.txt").write_text("mine")
    assert a_catalogue.remove("tiny") == installed
    assert [path.name for path in installed.parent.iterdir()] == ["notes.txt"]
    assert (a_tiny_model / "model.json").exists()


@pytest.mark.parametrize("name", ["", ".", "..", "../tiny", "nothing", "/"])
def test_only_a_name_of_the_catalogue_is_removed(
    a_catalogue: Catalogue, a_tiny_model: Path, name: str
) -> None:
    a_catalogue.install(a_tiny_model)
    with pytest.raises(ModelError, match="no model"):
        a_catalogue.remove(name)
    assert len(a_catalogue.entries()) == 1


def test_a_bundled_model_is_never_removed(a_catalogue: Catalogue, a_bundled_model: Path) -> None:
    with pytest.raises(ModelError, match="came with MRExtrap"):
        a_catalogue.remove("house")
    assert a_bundled_model.is_dir()
