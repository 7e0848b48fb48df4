"""A model folder loads only when all of it is what was saved."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from MRExtrapLib.errors import InputError, ModelError
from MRExtrapLib.model.autoencoder import Autoencoder, AutoencoderConfig
from MRExtrapLib.model.folder import load_model, save_model, verify
from MRExtrapLib.model.manifest import Manifest, manifest_text, parse_manifest

HALF_STEP = 2**-11
"""Relative rounding of half precision, in which weights are stored."""

FILES = ["autoencoder.safetensors", "segmenter.safetensors", "MODEL_CARD.md"]


def an_autoencoder(architecture: str, config: dict | None = None) -> dict:
    """The manifest's entry for an autoencoder."""
    return {"networks": {"autoencoder": {"architecture": architecture, "config": config or {}}}}


class Payload:
    """Touches a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return Path.touch, (self.trace,)


def test_a_saved_model_loads_with_the_same_weights(
    a_tiny_model: Path, tiny_networks: dict[str, nn.Module]
) -> None:
    model = load_model(a_tiny_model)
    for role, network in tiny_networks.items():
        loaded = model.networks[role].state_dict()
        for name, weight in network.state_dict().items():
            assert loaded[name].dtype == torch.float32
            torch.testing.assert_close(loaded[name], weight, rtol=HALF_STEP, atol=1e-7)


def test_a_loaded_model_is_frozen_and_evaluating(a_tiny_model: Path) -> None:
    model = load_model(a_tiny_model)
    assert not model.autoencoder.training
    assert not any(weight.requires_grad for weight in model.autoencoder.parameters())
    mean, log_variance = model.autoencoder.encode(torch.rand(1, 1, 16, 16, 16))
    assert mean.shape == log_variance.shape == (1, 4, 4, 4, 4)
    assert model.autoencoder.decode(mean).shape == (1, 1, 16, 16, 16)


def test_loading_leaves_the_random_state_alone(a_tiny_model: Path) -> None:
    before = torch.get_rng_state()
    load_model(a_tiny_model)
    assert torch.equal(torch.get_rng_state(), before)


def test_saving_what_was_loaded_changes_nothing(a_tiny_model: Path, tmp_path: Path) -> None:
    model = load_model(a_tiny_model)
    save_model(tmp_path / "again", model.manifest, model.networks, "# tiny\n")
    assert load_model(tmp_path / "again").sha256 == model.sha256


def test_a_manifest_survives_its_text(a_manifest: Manifest) -> None:
    assert parse_manifest(manifest_text(a_manifest), "model.json") == a_manifest


def test_a_model_without_segmenter_says_so(
    tmp_path: Path, a_manifest: Manifest, tiny_networks: dict[str, nn.Module]
) -> None:
    save_model(tmp_path / "half", a_manifest, {"autoencoder": tiny_networks["autoencoder"]}, "")
    assert load_model(tmp_path / "half").segmenter is None


def test_a_model_without_autoencoder_measures_only(
    tmp_path: Path, a_manifest: Manifest, tiny_networks: dict[str, nn.Module]
) -> None:
    save_model(tmp_path / "half", a_manifest, {"segmenter": tiny_networks["segmenter"]}, "")
    model = load_model(tmp_path / "half")
    assert model.segmenter is not None
    with pytest.raises(ModelError, match="has no autoencoder"):
        _ = model.autoencoder


@pytest.mark.parametrize("name", FILES)
def test_one_changed_byte_is_noticed(a_tiny_model: Path, name: str) -> None:
    content = bytearray((a_tiny_model / name).read_bytes())
    content[len(content) // 2] ^= 1
    (a_tiny_model / name).write_bytes(content)
    with pytest.raises(ModelError, match="was changed or damaged"):
        load_model(a_tiny_model)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_noticed(a_tiny_model: Path, name: str) -> None:
    (a_tiny_model / name).unlink()
    with pytest.raises(ModelError, match=name):
        load_model(a_tiny_model)


def test_a_folder_without_manifest_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not a model folder"):
        load_model(tmp_path)
    with pytest.raises(ModelError, match="is not a model folder"):
        load_model(tmp_path / "nowhere")


@pytest.mark.parametrize("make", [pickle.dumps, "torch"])
def test_a_pickle_named_safetensors_is_refused_and_never_run(
    a_tiny_model: Path, tmp_path: Path, replace_file: Callable[[str, bytes], None], make: object
) -> None:
    trace = tmp_path / "trace"
    if callable(make):
        content = make(Payload(trace))
    else:
        torch.save({"weight": Payload(trace)}, tmp_path / "state.pt")
        content = (tmp_path / "state.pt").read_bytes()
    replace_file("autoencoder.safetensors", content)
    with pytest.raises(ModelError, match="not safetensors, and was not opened"):
        load_model(a_tiny_model)
    assert not trace.exists()
    if callable(make):  # the payload is a live one
        pickle.loads(content)
        assert trace.exists()


@pytest.mark.parametrize("content", [b"", b"\x00" * 7, b"\xff" * 64, b"x" * 1000])
def test_what_is_no_safetensors_file_is_refused(
    a_tiny_model: Path, replace_file: Callable[[str, bytes], None], content: bytes
) -> None:
    replace_file("segmenter.safetensors", content)
    with pytest.raises(ModelError, match=r"segmenter\.safetensors is not a valid safetensors file"):
        load_model(a_tiny_model)


def test_weights_of_another_shape_are_refused(
    a_tiny_model: Path, replace_file: Callable[[str, bytes], None]
) -> None:
    other = Autoencoder(AutoencoderConfig(widths=(4, 12), blocks=(1, 1)))
    replace_file("autoencoder.safetensors", safetensors.torch.save(other.state_dict()))
    with pytest.raises(ModelError, match=r"has shape .* is needed"):
        load_model(a_tiny_model)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda weights: weights.popitem(), "is missing"),
        (lambda weights: weights.update(stranger=torch.zeros(1)), "stranger is unknown"),
        (lambda weights: next(iter(weights.values())).fill_(torch.inf), "not finite"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    a_tiny_model: Path,
    replace_file: Callable[[str, bytes], None],
    change: Callable[[dict], object],
    words: str,
) -> None:
    weights = safetensors.torch.load_file(a_tiny_model / "autoencoder.safetensors")
    change(weights)
    replace_file("autoencoder.safetensors", safetensors.torch.save(weights))
    with pytest.raises(ModelError, match=words):
        load_model(a_tiny_model)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"schema_version": 2}, "schema version is 2.*update MRExtrap"),
        ({"schema_version": "1"}, "schema version"),
        ({"schema_version": True}, "schema version"),
        ({"flavour": "sweet"}, "unknown key 'flavour'"),
        ({"licence": 3}, "licence must be text"),
        ({"name": "../tiny"}, "cannot name a model"),
        ({"networks": {}}, "nothing"),
        ({"networks": {"oracle": {"architecture": "a", "config": {}}}}, "oracle"),
        (an_autoencoder("gan"), "'gan' is no architecture"),
        (an_autoencoder("mrextrap-segmenter"), "is no architecture of an autoencoder"),
        (an_autoencoder("mrextrap-autoencoder", {"depth": 3}), "unknown key 'depth'"),
        (an_autoencoder("mrextrap-autoencoder", {"widths": [4, 8]}), "makes no network"),
        ({"files": {"../secret": "0" * 64}}, "not a plain name"),
        ({"files": {"a.txt": "short"}}, "not a sha256"),
        ({"files": {}}, "names no autoencoder"),
        ({"grid": {"shape": [0, 1, 1], "affine": [[1.0] * 4] * 4, "template": "t"}}, "grid cannot be"),
    ],
)
def test_a_manifest_that_says_something_unknown_is_refused(
    a_tiny_model: Path, rewrite: Callable[..., None], values: dict, words: str
) -> None:
    rewrite(**values)
    with pytest.raises(ModelError, match=words):
        load_model(a_tiny_model)


def test_a_manifest_without_schema_version_is_refused(a_tiny_model: Path) -> None:
    path = a_tiny_model / "model.json"
    content = json.loads(path.read_text())
    del content["schema_version"]
    path.write_text(json.dumps(content))
    with pytest.raises(ModelError, match="no schema_version"):
        load_model(a_tiny_model)


def test_an_unlisted_file_is_never_read(a_tiny_model: Path) -> None:
    (a_tiny_model / "extra.safetensors").write_bytes(pickle.dumps(Payload(a_tiny_model / "trace")))
    assert verify(a_tiny_model).name == "tiny"
    assert not (a_tiny_model / "trace").exists()


def test_diverged_weights_are_not_saved(
    tmp_path: Path, a_manifest: Manifest, tiny_networks: dict[str, nn.Module]
) -> None:
    nn.init.constant_(next(tiny_networks["autoencoder"].parameters()), float("nan"))
    with pytest.raises(ModelError, match="not finite"):
        save_model(tmp_path / "out", a_manifest, tiny_networks, "")
    assert not (tmp_path / "out").exists()


def test_a_strangers_folder_is_not_overwritten(
    tmp_path: Path, a_manifest: Manifest, tiny_networks: dict[str, nn.Module]
) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError):
        save_model(tmp_path, a_manifest, tiny_networks, "")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_prior_travels_with_its_model(
    tmp_path: Path, a_manifest: Manifest, tiny_networks: dict[str, nn.Module]
) -> None:
    arrays = {"rates": np.arange(6.0, dtype=np.float32).reshape(2, 3), "none": np.zeros((0, 3), np.float32)}
    written = save_model(tmp_path / "with", a_manifest, tiny_networks, "", progression=arrays)
    assert "progression.safetensors" in written.files
    loaded = load_model(tmp_path / "with").progression
    assert loaded is not None
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype


def test_a_model_without_a_prior_says_so(a_tiny_model: Path) -> None:
    assert load_model(a_tiny_model).progression is None


@pytest.mark.parametrize("change", ["changed", "missing", "pickled"])
def test_a_prior_is_verified_as_weights_are(
    a_tiny_model: Path, replace_file: Callable[[str, bytes], None], change: str
) -> None:
    replace_file("progression.safetensors", b"\x80\x04pickle")
    if change == "missing":
        (a_tiny_model / "progression.safetensors").unlink()
    if change == "changed":
        (a_tiny_model / "progression.safetensors").write_bytes(b"other")
    with pytest.raises(ModelError):
        load_model(a_tiny_model)
