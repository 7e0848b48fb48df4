"""What is timed, each prepared before the clock starts: a task is a name, its network, and one call.

Both sides get the same image (seeded noise, smoothed, 0…1) and bring it to latents of their own shape:
MONAI's has 4×(X/8)×(Y/8)×(Z/8) elements, ours 4×(X/2)×(Y/2)×(Z/2). Decoding ends in the same image.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, shift

Shape: TypeAlias = tuple[int, int, int]
Work: TypeAlias = Callable[[], object]

SEED = 0
SAMPLE = Path(__file__).resolve().parents[2] / "MRExtrapLib" / "sample" / "sub-01"
VISITS = (
    ("ses-01/anat/sub-01_ses-01_T1w.nii.gz", 46.0),
    ("ses-03/anat/sub-01_ses-03_acq-simulated_T1w.nii.gz", 50.0),
)
TARGET_AGE_YEARS = 52.5


def an_image(shape: Shape) -> NDArray[np.float32]:
    """(X, Y, Z) smooth noise in 0…1."""
    noise = np.random.default_rng(SEED).standard_normal(shape, dtype=np.float32)
    smooth = gaussian_filter(noise, 2.0)
    return (smooth - smooth.min()) / np.ptp(smooth)


def ours_codec(shape: Shape, model: Path | None):
    """Our autoencoder behind the codec that the product uses: trained if a model is given, else not."""
    from MRExtrapLib.model.autoencoder import Autoencoder, AutoencoderConfig
    from MRExtrapLib.model.codec import Codec
    from MRExtrapLib.model.device import pick_device
    from MRExtrapLib.model.folder import load_model

    torch.manual_seed(SEED)
    network = load_model(model).autoencoder if model else Autoencoder(AutoencoderConfig())
    return Codec(network, shape, pick_device("cpu"))


def ours_decode(shape: Shape, model: Path | None) -> Work:
    """Latent to image, as arrays."""
    codec = ours_codec(shape, model)
    network = codec.autoencoder
    size = [-(-n // network.downsampling) for n in shape]
    latent = np.random.default_rng(SEED).standard_normal((network.latent_channels, *size), dtype=np.float32)
    return lambda: codec.decode(latent)


def ours_slabs(shape: Shape, model: Path | None) -> Work:
    """What three slice views show: one slice across each axis, through the middle."""
    codec = ours_codec(shape, model)
    latent = codec.encode(an_image(shape))
    return lambda: [codec.decode_slab(latent, axis, n // 2, n // 2) for axis, n in enumerate(shape)]


def ours_slider_step(shape: Shape, model: Path | None) -> Work:
    """A slider's next age: the person's line there, and the whole brain decoded. Each call is another age."""
    from MRExtrapLib.progression.line import fit_line

    codec = ours_codec(shape, model)
    image = an_image(shape)
    latents = np.stack([codec.encode(image), codec.encode(0.98 * image)])
    line, ages = fit_line(latents, (70.0, 72.0)), itertools.count(73.0, 0.5)
    return lambda: codec.decode(line.at(next(ages)))


def ours_warp(shape: Shape, model: Path | None) -> Work:
    """What `--image warped` adds to a step: the bending between two decodes sought, and the scan bent.

    How the scan is then moved on to the predicted volumes needs a brain's labels, which this image has not.
    """
    from MRExtrapLib.forecast.anchoring import Anchor
    from MRExtrapLib.forecast.moving import MovableScan
    from MRExtrapLib.imaging.volume import Volume

    old = Volume(an_image(shape), np.eye(4))
    new = old.with_voxels(shift(old.voxels, (0.0, 1.0, 0.0), order=1, mode="nearest"))
    scan = MovableScan(old, np.ones(shape, np.int16))
    return lambda: Anchor(scan, old).show(new, "warped", {}).image


def ours_encode(shape: Shape, model: Path | None) -> Work:
    """Image to latent, as arrays."""
    codec, image = ours_codec(shape, model), an_image(shape)
    return lambda: codec.encode(image)


def monai_network():
    """MONAI's AutoencoderKL as published brain models configure it, untrained."""
    from monai.networks.nets import AutoencoderKL

    torch.manual_seed(SEED)
    return AutoencoderKL(
        spatial_dims=3,
        in_channels=1,
        out_channels=1,
        channels=(64, 128, 128, 128),
        latent_channels=4,
        num_res_blocks=2,
        norm_num_groups=32,
        attention_levels=(False,) * 4,
        with_encoder_nonlocal_attn=False,
        with_decoder_nonlocal_attn=False,
    ).eval()


MONAI_DOWNSAMPLING = 8


def monai_decode(shape: Shape, model: Path | None, *, is_bf16: bool = False) -> Work:
    """Latent to image with MONAI; the plain layout, or bfloat16 and channels last."""
    network, latent = monai_network(), torch.randn(1, 4, *(n // MONAI_DOWNSAMPLING for n in shape))
    return _monai_work(network, latent, network.decode, is_bf16=is_bf16)


def monai_encode(shape: Shape, model: Path | None, *, is_bf16: bool = False) -> Work:
    """Image to latent with MONAI."""
    network, image = monai_network(), torch.from_numpy(an_image(shape))[None, None]
    return _monai_work(network, image, lambda x: network.encode(x)[0], is_bf16=is_bf16)


def _monai_work(network, x: torch.Tensor, call: Callable, *, is_bf16: bool) -> Work:
    if is_bf16:
        network.to(memory_format=torch.channels_last_3d)
        x = x.contiguous(memory_format=torch.channels_last_3d)

    def work() -> NDArray[np.float32]:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
            return call(x)[0].float().numpy()

    return work


def monai_decode_bf16(shape: Shape, model: Path | None) -> Work:
    """As fast as MONAI's network gets on a processor with bfloat16."""
    return monai_decode(shape, model, is_bf16=True)


def monai_encode_bf16(shape: Shape, model: Path | None) -> Work:
    """The same, encoding."""
    return monai_encode(shape, model, is_bf16=True)


def ours_segment(shape: Shape, model: Path | None) -> Work:
    """A conformed brain (the template) to labels and volumes; always on the template's grid."""
    segmenter, brain = _segmenter_and_brain(model)
    return lambda: segmenter.segment(brain)


def ours_volumes(shape: Shape, model: Path | None) -> Work:
    """The same brain to volumes alone, as intervals and reconstructions ask for them."""
    segmenter, brain = _segmenter_and_brain(model)
    return lambda: segmenter.volumes_ml(brain)


def _segmenter_and_brain(model: Path | None):
    """The bundled or the model's segmenter, and the template."""
    from MRExtrapLib.anatomy.segmentation import Segmenter
    from MRExtrapLib.imaging.template import bundled_template
    from MRExtrapLib.model.device import pick_device
    from MRExtrapLib.model.folder import load_model
    from MRExtrapLib.model.segmenter import SegmenterConfig, SegmenterNetwork

    network = load_model(model).segmenter if model else None
    segmenter = Segmenter(network or SegmenterNetwork(SegmenterConfig()), pick_device("cpu"))
    return segmenter, bundled_template().volume


def ours_forecast(shape: Shape, model: Path | None) -> Work:
    """Two raw scans of the sample subject to a forecast, reading and loading the model included."""
    from MRExtrapLib.forecast.loading import load_engine
    from MRExtrapLib.forecast.pipeline import forecast
    from MRExtrapLib.forecast.subject import Request, Subject, Visit
    from MRExtrapLib.imaging.reading import read_scan

    def work() -> object:
        engine = load_engine(str(model), "cpu")
        visits = tuple(Visit(read_scan(SAMPLE / name), age) for name, age in VISITS)
        return forecast(Subject(visits), Request((TARGET_AGE_YEARS,), "linear"), engine)

    return work


TASKS: Mapping[str, Callable[[Shape, Path | None], Work]] = {
    "decode, MRExtrap": ours_decode,
    "decode, MONAI float32": monai_decode,
    "decode, MONAI bfloat16": monai_decode_bf16,
    "three slabs, MRExtrap": ours_slabs,
    "slider step, MRExtrap": ours_slider_step,
    "warped image, MRExtrap": ours_warp,
    "encode, MRExtrap": ours_encode,
    "encode, MONAI float32": monai_encode,
    "encode, MONAI bfloat16": monai_encode_bf16,
    "segment, MRExtrap": ours_segment,
    "volumes alone, MRExtrap": ours_volumes,
    "forecast of two scans, MRExtrap": ours_forecast,
}
"""Operation and side → what prepares it."""
