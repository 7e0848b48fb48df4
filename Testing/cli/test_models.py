"""`mrextrap models …` as typed."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from monai.networks.nets import AutoencoderKL

from MRExtrapLib.cli import models
from MRExtrapLib.errors import InputError, ModelError
from MRExtrapLib.model.catalogue import Catalogue

ARGUMENTS = {
    "channels": [4, 8],
    "num_res_blocks": [1, 1],
    "attention_levels": [False, False],
    "norm_num_groups": 4,
}


@pytest.fixture
def a_catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(tmp_path / "bundled", tmp_path / "installed")


@pytest.fixture
def typed(a_catalogue: Catalogue) -> Callable[..., int]:
    """Runs a command of `mrextrap models`: `typed("list")`."""
    parser = argparse.ArgumentParser()
    models.add_parser(parser.add_subparsers())

    def run(*words: str) -> int:
        arguments = parser.parse_args(["models", *words], argparse.Namespace(catalogue=a_catalogue))
        return arguments.run(arguments)

    return run


@pytest.fixture
def some_weights(tmp_path: Path) -> tuple[str, str]:
    """Paths of a MONAI state and of its configuration."""
    network = AutoencoderKL(spatial_dims=3, in_channels=1, out_channels=1, **ARGUMENTS)
    torch.save(network.state_dict(), tmp_path / "my autoencoder.pt")
    (tmp_path / "config.json").write_text(json.dumps(ARGUMENTS))
    return str(tmp_path / "my autoencoder.pt"), str(tmp_path / "config.json")


def test_a_model_is_imported_listed_shown_verified_and_removed(
    typed: Callable[..., int],
    some_weights: tuple[str, str],
    a_catalogue: Catalogue,
    capsys: pytest.CaptureFixture[str],
) -> None:
    state, config = some_weights
    assert typed("import", state, "--config", config, "--licence", "MIT") == 0
    assert "--model my-autoencoder" in capsys.readouterr().out
    assert typed("list") == 0
    assert "my-autoencoder  installed  autoencoder" in capsys.readouterr().out
    assert typed("show", "my-autoencoder") == 0
    shown = capsys.readouterr().out
    assert "MIT" in shown
    assert "160 × 192 × 160 at 1 × 1 × 1 mm" in shown
    assert typed("verify", "my-autoencoder") == 0
    assert "networks load" in capsys.readouterr().out
    assert typed("remove", "my-autoencoder") == 0
    assert a_catalogue.entries() == ()


def test_a_model_folder_is_installed_as_it_is(
    typed: Callable[..., int], some_weights: tuple[str, str], a_catalogue: Catalogue, tmp_path: Path
) -> None:
    state, config = some_weights
    typed("import", state, "--config", config, "--name", "one")
    folder = a_catalogue.find("one").rename(tmp_path / "carried")
    assert typed("import", str(folder)) == 0
    assert typed("verify", "one") == 0
    with pytest.raises(InputError, match="brings its own"):
        typed("import", str(folder), "--name", "two")


def test_an_empty_list_says_what_to_do(typed: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("list") == 0
    assert "models import" in capsys.readouterr().out


def test_weights_without_configuration_are_bad_input(
    typed: Callable[..., int], some_weights: tuple[str, str]
) -> None:
    with pytest.raises(InputError, match="add --config"):
        typed("import", some_weights[0])
    with pytest.raises(InputError, match="neither a file of weights nor a model folder"):
        typed("import", "nowhere.pt", "--config", some_weights[1])


@pytest.mark.parametrize(
    ("words", "grid"),
    [
        (("--shape", "80", "96", "80", "--spacing-mm", "2"), "80 × 96 × 80 at 2 × 2 × 2 mm"),
        (("--spacing-mm", "1.5"), "160 × 192 × 160 at 1.5 × 1.5 × 1.5 mm"),
    ],
)
def test_a_grid_that_scans_are_not_brought_to_is_refused_before_anything_is_installed(
    words: tuple[str, ...],
    grid: str,
    typed: Callable[..., int],
    some_weights: tuple[str, str],
    a_catalogue: Catalogue,
) -> None:
    state, config = some_weights
    with pytest.raises(InputError, match=f"160 × 192 × 160 at 1 × 1 × 1 mm.*trained on {grid}"):
        typed("import", state, "--config", config, *words)
    assert a_catalogue.entries() == ()
    the_templates = ("--shape", "160", "192", "160", "--spacing-mm", "1")
    assert typed("import", state, "--config", config, *the_templates) == 0


def test_a_changed_byte_fails_verification(
    typed: Callable[..., int], some_weights: tuple[str, str], a_catalogue: Catalogue
) -> None:
    typed("import", some_weights[0], "--config", some_weights[1], "--name", "one")
    card = a_catalogue.find("one") / "MODEL_CARD.md"
    card.write_text(card.read_text() + " ")
    with pytest.raises(ModelError, match=r"MODEL_CARD\.md was changed"):
        typed("verify", "one")
