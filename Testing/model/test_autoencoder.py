"""Laws of the lean autoencoder and of the codec around it."""

import numpy as np
import pytest
import torch

from MRExtrapLib.errors import InputError
from MRExtrapLib.model.autoencoder import Autoencoder, AutoencoderConfig
from MRExtrapLib.model.blocks import depth_to_space, space_to_depth
from MRExtrapLib.model.codec import Codec
from MRExtrapLib.model.device import Device

FLOAT32_TOLERANCE = 1e-4
"""Convolutions of different extents add up in different orders."""


@pytest.fixture
def a_tiny_autoencoder():
    torch.manual_seed(0)
    network = Autoencoder(AutoencoderConfig(widths=(8, 16), blocks=(1, 1))).eval()
    for parameter in network.parameters():  # residual blocks begin as the identity: make them count
        torch.nn.init.normal_(parameter, std=0.05)
    return network


@pytest.fixture
def a_codec(a_tiny_autoencoder):
    return Codec(a_tiny_autoencoder, (18, 20, 24), Device(torch.device("cpu"), torch.float32))


def test_depth_to_space_undoes_space_to_depth():
    image = torch.randn(2, 3, 8, 12, 16)
    assert torch.equal(depth_to_space(space_to_depth(image, 4), 4), image)


def test_the_latent_is_downsampled_as_the_configuration_says(a_tiny_autoencoder):
    mean, log_variance = a_tiny_autoencoder.encode(torch.rand(1, 1, 16, 24, 32))
    assert mean.shape == log_variance.shape == (1, 4, 4, 6, 8)


def test_without_noise_the_mean_is_what_is_decoded(a_tiny_autoencoder):
    image = torch.rand(1, 1, 16, 16, 16)
    reconstruction, mean, _ = a_tiny_autoencoder(image)
    assert torch.equal(reconstruction, a_tiny_autoencoder.decode(mean))


def test_a_part_decodes_to_what_the_whole_decodes_to(a_tiny_autoencoder):
    latent = torch.randn(1, 4, 40, 4, 4)
    whole = a_tiny_autoencoder.decode(latent)
    first, last = 16, 24
    halo = a_tiny_autoencoder.locality.decoder_halo
    part = a_tiny_autoencoder.decode(latent[:, :, first - halo : last + halo])
    inner = part[:, :, 4 * halo : -4 * halo]
    assert torch.allclose(inner, whole[:, :, first * 4 : last * 4], atol=FLOAT32_TOLERANCE)


def test_the_codec_gives_back_the_grid_it_was_given(a_codec):
    voxels = np.random.default_rng(0).random((18, 20, 24), dtype=np.float32)
    latent = a_codec.encode(voxels)
    assert latent.shape == (4, 5, 5, 6)
    assert a_codec.decode(latent).shape == voxels.shape


def test_the_codec_refuses_another_grid(a_codec):
    with pytest.raises(InputError, match="conform"):
        a_codec.encode(np.zeros((16, 20, 24), dtype=np.float32))


def test_decoded_intensities_stay_on_the_scale(a_codec):
    decoded = a_codec.decode(np.random.default_rng(0).normal(0, 100, (4, 5, 5, 6)).astype(np.float32))
    assert decoded.min() >= 0
    assert decoded.max() <= 1
