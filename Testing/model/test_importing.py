"""A MONAI autoencoder computes the same here as in MONAI, and nothing of a file is ever run."""

from __future__ import annotations

import json
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from monai.networks.nets import AutoencoderKL

from MRExtrapLib.errors import InputError, ModelError
from MRExtrapLib.model.catalogue import Catalogue
from MRExtrapLib.model.folder import load_model
from MRExtrapLib.model.importing import ImportRequest, import_monai, read_config
from MRExtrapLib.model.manifest import ModelGrid

ARGUMENTS = {
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": 1,
    "channels": [4, 8],
    "num_res_blocks": 1,
    "attention_levels": [False, True],
    "latent_channels": 3,
    "norm_num_groups": 4,
}
EYE = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))
LOG_ROUNDING = 1e-5
"""float32: log of an exponential is not quite the number one began with."""


@pytest.fixture
def a_monai_network() -> AutoencoderKL:
    """MONAI's own, small, untrained, with attention."""
    torch.manual_seed(1)
    return AutoencoderKL(**ARGUMENTS).eval()


@pytest.fixture
def an_image() -> torch.Tensor:
    return torch.rand(1, 1, 8, 8, 8, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def imported(tmp_path: Path, a_catalogue: Catalogue) -> Callable[..., Path]:
    """Writes a state and a configuration and imports them: `imported(state, config)`."""

    def run(state: object, config: object = ARGUMENTS, name: str = "published") -> Path:
        path = tmp_path / "state.pt"
        if isinstance(state, bytes):
            path.write_bytes(state)
        else:
            torch.save(state, path)
        (tmp_path / "config.json").write_text(json.dumps(config))
        grid = ModelGrid((8, 8, 8), EYE, "a template")
        return import_monai(ImportRequest(path, tmp_path / "config.json", name, grid, "MIT"), a_catalogue)

    return run


def old_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same weights as the Generative Models package called them."""
    changes = {".attn.to_": ".to_", ".attn.out_proj.": ".proj_attn.", "postconv": "conv"}
    renamed = {}
    for name, weight in state.items():
        for new, old in changes.items():
            name = name.replace(new, old)
        renamed[name] = weight
    return renamed


def assert_same_outputs(folder: Path, network: AutoencoderKL, image: torch.Tensor) -> None:
    ours = load_model(folder).autoencoder
    with torch.inference_mode():
        mean, log_variance = ours.encode(image)
        theirs, deviation = network.encode(image)
        assert torch.equal(mean, theirs)
        torch.testing.assert_close((log_variance / 2).exp(), deviation, rtol=LOG_ROUNDING, atol=0)
        assert torch.equal(ours.decode(mean), network.decode(theirs))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": {f"module.{name}": weight for name, weight in state.items()}},
        lambda state: {f"module._orig_mod.{name}": weight for name, weight in state.items()},
        old_names,
        safetensors.torch.save,
    ],
    ids=["plain", "state_dict", "several GPUs", "compiled", "Generative Models", "safetensors"],
)
def test_an_imported_network_computes_what_monai_computes(
    imported: Callable[..., Path],
    a_monai_network: AutoencoderKL,
    an_image: torch.Tensor,
    wrap: Callable[[dict], object],
) -> None:
    folder = imported(wrap(OrderedDict(a_monai_network.state_dict())))
    assert_same_outputs(folder, a_monai_network, an_image)


def test_a_bundle_says_where_its_autoencoder_is_described(
    imported: Callable[..., Path], a_monai_network: AutoencoderKL, an_image: torch.Tensor
) -> None:
    old = {k: v for k, v in ARGUMENTS.items() if k not in ("channels", "spatial_dims")}
    definition = old | {
        "_target_": "generative.networks.nets.AutoencoderKL",
        "num_channels": [4, 8],
        "spatial_dims": "@dims",
        "use_flash_attention": False,
    }
    bundle = {"dims": 3, "output_dir": "$@root + '/out'", "autoencoder_def": definition}
    assert_same_outputs(imported(a_monai_network.state_dict(), bundle), a_monai_network, an_image)


def test_what_was_imported_says_where_it_came_from(
    imported: Callable[..., Path], a_monai_network: AutoencoderKL
) -> None:
    manifest = load_model(imported(a_monai_network.state_dict())).manifest
    assert manifest.name == "published"
    assert manifest.licence == manifest.sources[0].licence == "MIT"
    assert "sha256" in manifest.sources[0].reference
    assert "segmenter" not in manifest.networks


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"spatial_dims": 2}, "needs spatial_dims 3"),
        ({"in_channels": 4}, "needs in_channels 1"),
        ({"_target_": "monai.apps.AutoencoderKlMaisi"}, "only MONAI's AutoencoderKL"),
        ({"colour": 1}, "unknown key 'colour'"),
        ({"channels": "$[4, 8]"}, "not evaluated"),
        ({"channels": [4, 8, 8]}, "one value a level"),
        ({"channels": [5, 10]}, "multiples of norm_num_groups"),
        ({"channels": 4}, "must be a list"),
    ],
)
def test_a_configuration_of_something_else_is_refused(tmp_path: Path, change: dict, words: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(ARGUMENTS | change))
    with pytest.raises(ModelError, match=words):
        read_config(path)


def test_code_in_a_state_file_is_never_run(imported: Callable[..., Path], tmp_path: Path) -> None:
    trace = tmp_path / "trace"

    class Payload:
        def __reduce__(self) -> tuple:
            return Path.touch, (trace,)

    for state in ({"weight": Payload()}, pickle.dumps({"weight": Payload()})):
        with pytest.raises(ModelError):
            imported(state)
    assert not trace.exists()


@pytest.mark.parametrize("state", [b"", b"not weights at all", b"PK\x03\x04broken", {}, [1, 2], {"lr": 0.1}])
def test_what_holds_no_weights_is_refused(
    imported: Callable[..., Path], a_catalogue: Catalogue, state: object
) -> None:
    with pytest.raises(ModelError):
        imported(state)
    assert a_catalogue.entries() == ()


@pytest.mark.parametrize("rename", [dict, old_names], ids=["new names", "old names"])
@pytest.mark.parametrize("kind", ["missing", "stranger", "shape"])
def test_weights_of_another_network_are_refused(
    imported: Callable[..., Path], a_monai_network: AutoencoderKL, rename: Callable[[dict], dict], kind: str
) -> None:
    state = rename(dict(a_monai_network.state_dict()))
    name = "quant_conv_mu.conv.weight"
    if kind == "missing":
        del state[name]
    elif kind == "stranger":
        state["oracle.weight"] = torch.zeros(1)
    else:
        state[name] = torch.zeros(7, 7, 1, 1, 1)
    with pytest.raises(ModelError, match=r"not of"):
        imported(state)


def test_a_missing_file_is_bad_input(tmp_path: Path, a_catalogue: Catalogue) -> None:
    (tmp_path / "config.json").write_text(json.dumps(ARGUMENTS))
    grid = ModelGrid((8, 8, 8), EYE, "a template")
    request = ImportRequest(tmp_path / "none.pt", tmp_path / "config.json", "published", grid)
    with pytest.raises(InputError, match=r"none\.pt cannot be read"):
        import_monai(request, a_catalogue)
