"""Laws of work in parts: a slab is what the whole shows there, and pieces give the whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.template import bundled_template
from MRExtrapLib.model.autoencoder import Autoencoder, AutoencoderConfig
from MRExtrapLib.model.boxes import Box, pieces_of, slab
from MRExtrapLib.model.catalogue import find_model
from MRExtrapLib.model.codec import Codec
from MRExtrapLib.model.device import Device, cpu
from MRExtrapLib.model.folder import load_model
from MRExtrapLib.model.memory import SHRINKING
from MRExtrapLib.model.monai_autoencoder import MonaiAutoencoder, MonaiAutoencoderConfig

SLAB_TOLERANCE = 1e-3
"""What is promised between a slab and the same slices of the whole, on intensities of 0 to 1."""

BF16_TOLERANCE = 0.005
"""Of intensities of 0 to 1; 0.0021 was measured on the whole template with the bundled weights."""

LOUD_BF16_TOLERANCE = 0.03
"""The same where every layer is loud, as none is after training."""

SHAPE = (36, 30, 26)
"""Not a multiple of any downsampling, and larger than twice any halo along the first axis."""

CONFIGS = (
    AutoencoderConfig(patch=2, widths=(8,), blocks=(2,)),
    AutoencoderConfig(patch=2, widths=(6, 8), blocks=(1, 1)),
    AutoencoderConfig(patch=4, widths=(8,), blocks=(1,)),
)
PRECISIONS = (torch.float32, torch.bfloat16)


def a_network(config: AutoencoderConfig) -> Autoencoder:
    """Every layer counts: residual blocks and last layers begin silent."""
    torch.manual_seed(0)
    network = Autoencoder(config).eval().requires_grad_(False)
    for name, parameter in network.named_parameters():
        if not name.startswith("transform"):
            torch.nn.init.normal_(parameter, std=0.5 / np.sqrt(max(parameter[0].numel(), 1)))
    return network


def a_codec(config: AutoencoderConfig = CONFIGS[0], precision: torch.dtype = torch.float32) -> Codec:
    return Codec(
        a_network(config), SHAPE, Device(torch.device("cpu"), precision), find_free_bytes=lambda _: None
    )


def some_voxels() -> np.ndarray:
    return np.random.default_rng(0).random(SHAPE, dtype=np.float32)


@pytest.mark.parametrize("config", CONFIGS)
def test_the_halo_is_as_far_as_the_decoder_looks_and_no_farther(config: AutoencoderConfig) -> None:
    network = a_network(config)
    local, middle, length = network.locality, 20, 41
    latent = torch.randn(1, config.latent_channels, length, 3, 3).requires_grad_()
    first = middle * config.downsampling
    network.decode(latent)[0, 0, first : first + config.downsampling].sum().backward()
    looked_at = np.flatnonzero(latent.grad[0].abs().sum(dim=(0, 2, 3)).numpy())
    assert looked_at.min() == middle - local.decoder_halo
    assert looked_at.max() == middle + local.decoder_halo


@pytest.mark.parametrize("config", CONFIGS)
def test_the_halo_holds_all_that_the_encoder_looks_at(config: AutoencoderConfig) -> None:
    network, factor = a_network(config), config.downsampling
    image = torch.rand(1, 1, 41 * factor, 3 * factor, 3 * factor).requires_grad_()
    network.encode(image)[0][:, :, 20].sum().backward()
    looked_at = np.flatnonzero(image.grad[0, 0].abs().sum(dim=(1, 2)).numpy()) // factor
    halo = network.locality.encoder_halo
    assert (looked_at.min(), looked_at.max()) == (20 - halo, 20 + halo)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("config", CONFIGS)
def test_a_slab_is_what_the_whole_shows_there(config: AutoencoderConfig, precision: torch.dtype) -> None:
    codec = a_codec(config, precision)
    latent = codec.encode(some_voxels())
    whole = codec.decode(latent)
    assert whole.std() > 10 * SLAB_TOLERANCE
    for axis, n in enumerate(SHAPE):
        for first, last in ((0, 0), (n // 2, n // 2), (n // 3, n // 2), (n - 1, n - 1)):
            part = codec.decode_slab(latent, axis, first, last)
            expected = whole[slab(SHAPE, axis, first, last).slices]
            np.testing.assert_allclose(part, expected, rtol=0, atol=SLAB_TOLERANCE)


@pytest.mark.parametrize("config", CONFIGS)
def test_a_short_memory_changes_nothing_of_the_result(config: AutoencoderConfig) -> None:
    plenty = a_codec(config)
    latent = plenty.encode(some_voxels())
    calls: list[int] = []
    short = replace(plenty, find_free_bytes=lambda _: 1)
    decode = short.autoencoder.decode
    short.autoencoder.decode = lambda code: (calls.append(1), decode(code))[1]
    np.testing.assert_allclose(short.encode(some_voxels()), latent, rtol=0, atol=1e-5)
    np.testing.assert_allclose(short.decode(latent), plenty.decode(latent), rtol=0, atol=1e-5)
    assert len(calls) > SHRINKING


def test_pieces_share_the_whole() -> None:
    box = Box((1, 2, 3), (8, 13, 9))
    seen = np.zeros((10, 14, 10), int)
    for piece in pieces_of(box, lambda one: one.size <= 10):
        assert piece.size <= 10
        seen[piece.slices] += 1
    assert (seen[box.slices] == 1).all()
    assert seen.sum() == box.size


class Forgetful:
    """A network that runs out of memory when shown more latent elements than it can hold."""

    def __init__(self, network: Autoencoder, most: int) -> None:
        self.network, self.most = network, most
        self.locality = network.locality
        self.downsampling, self.latent_channels = network.downsampling, network.latent_channels

    def to(self, *_: object, **__: object) -> Forgetful:
        return self

    def eval(self) -> Forgetful:
        return self

    def encode(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.network.encode(image)

    def decode(self, latent: torch.Tensor) -> torch.Tensor:
        if latent[0, 0].numel() > self.most:
            msg = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes."
            raise RuntimeError(msg)
        return self.network.decode(latent)


def test_a_memory_that_runs_out_is_made_do_with_and_it_is_said() -> None:
    codec, said = a_codec(), []
    latent = codec.encode(some_voxels())
    poor = replace(codec, autoencoder=Forgetful(codec.autoencoder, latent[0].size - 1), tell=said.append)
    np.testing.assert_allclose(poor.decode(latent), codec.decode(latent), rtol=0, atol=1e-5)
    assert len(said) == 1
    assert "smaller pieces" in said[0]
    poor.decode(latent)
    assert len(said) == 1, "what was learnt is kept"


def test_a_memory_that_never_suffices_is_an_error() -> None:
    codec = a_codec()
    latent = codec.encode(some_voxels())
    with pytest.raises(RuntimeError, match="can't allocate"):
        replace(codec, autoencoder=Forgetful(codec.autoencoder, 0), tell=lambda _: None).decode(latent)


def test_from_a_full_graphics_card_work_moves_to_the_processor() -> None:
    """A device of torch's that computes nothing stands for the card: whatever is put there is lost."""
    said: list[str] = []
    codec = a_codec()
    latent = codec.encode(some_voxels())

    class Card(Forgetful):
        def decode(self, latent: torch.Tensor) -> torch.Tensor:
            if latent.device.type == "meta":
                msg = "CUDA out of memory. Tried to allocate 2.00 GiB."
                raise torch.OutOfMemoryError(msg)
            return self.network.decode(latent)

    card = Device(torch.device("meta"), torch.float32)
    moved = replace(codec, autoencoder=Card(codec.autoencoder, 0), device=card, tell=said.append)
    np.testing.assert_allclose(moved.decode(latent), codec.decode(latent), rtol=0, atol=LOUD_BF16_TOLERANCE)
    assert "on the processor" in said[-1]


def test_a_network_that_looks_at_the_whole_image_is_cut_to_the_slab() -> None:
    torch.manual_seed(0)
    config = MonaiAutoencoderConfig(
        channels=(8, 8), num_res_blocks=(1, 1), attention_levels=(False, False), norm_num_groups=4
    )
    network = MonaiAutoencoder(config).eval().requires_grad_(False)
    codec = Codec(network, SHAPE, Device(torch.device("cpu"), torch.float32), find_free_bytes=lambda _: 1)
    latent = codec.encode(some_voxels())
    np.testing.assert_array_equal(codec.decode_slab(latent, 1, 4, 5), codec.decode(latent)[:, 4:6])


@pytest.mark.parametrize(("axis", "first", "last"), [(3, 0, 0), (0, -1, 0), (0, 5, 4), (2, 0, SHAPE[2])])
def test_slices_that_are_not_there_are_refused(axis: int, first: int, last: int) -> None:
    codec = a_codec()
    with pytest.raises(InputError, match=r"choose others|axes 0, 1 and 2"):
        codec.decode_slab(codec.encode(some_voxels()), axis, first, last)


@pytest.mark.parametrize(
    ("flags", "precision"),
    [
        ("fpu avx512f avx512_bf16", torch.bfloat16),
        ("Features : asimd bf16", torch.bfloat16),
        ("avx2", torch.float32),
    ],
)
def test_bfloat16_is_chosen_only_where_the_processor_has_it(
    flags: str, precision: torch.dtype, tmp_path: Path
) -> None:
    (tmp_path / "cpuinfo").write_text(f"flags : {flags}\n", encoding="utf-8")
    assert cpu(tmp_path / "cpuinfo").precision == precision


def test_bfloat16_stays_close_to_single_precision() -> None:
    network = load_model(find_model()).autoencoder
    part = bundled_template().volume.voxels[60:92, 80:112, 60:92]
    single, reduced = (
        Codec(network, part.shape, Device(torch.device("cpu"), precision)) for precision in PRECISIONS
    )
    latent = single.encode(part)
    difference = np.abs(reduced.decode(latent) - single.decode(latent)).max()
    assert 0 < difference < BF16_TOLERANCE
