"""The worker around real networks, untrained: what they say is noise, but every layer runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import AFFINE, SHAPE

from MRExtrapLib.model.autoencoder import Autoencoder, AutoencoderConfig
from MRExtrapLib.model.folder import save_model
from MRExtrapLib.model.manifest import Manifest, ModelGrid, NetworkSpec
from MRExtrapLib.worker.local import LocalWorker
from MRExtrapLib.worker.requests import Load, Predict, ScanInput, ShowVisit


@pytest.fixture
def a_tiny_model(tmp_path: Path) -> Path:
    """A model folder of an autoencoder alone."""
    torch.manual_seed(0)
    affine = tuple(tuple(row) for row in AFFINE.tolist())
    manifest = Manifest(
        name="tiny",
        networks={"autoencoder": NetworkSpec("mrextrap-autoencoder", {})},
        grid=ModelGrid(SHAPE, affine, "box"),
        licence="Apache-2.0",
    )
    network = Autoencoder(AutoencoderConfig(widths=(4, 8), blocks=(1, 1)))
    save_model(tmp_path / "tiny", manifest, {"autoencoder": network}, "# tiny\n")
    return tmp_path / "tiny"


def test_a_line_of_latents_passes_through_its_two_scans(
    start_worker: Callable[..., AbstractContextManager[LocalWorker]],
    scans: tuple[ScanInput, ...],
    a_tiny_model: Path,
) -> None:
    with start_worker("--model", str(a_tiny_model)) as worker:
        loaded = worker.answer(Load(scans[:2]))
        predicted = worker.answer(Predict(loaded.subject, 72, is_measured=True))
        shown = worker.answer(ShowVisit(loaded.subject, 1, "reconstructed"))
        image = worker.client.voxels(predicted.image)
        assert np.isfinite(image).all()
        # float32 rounding of the line, seen through networks whose gain is near one
        np.testing.assert_allclose(image, worker.client.voxels(shown.image), atol=0.1)
        assert "two scans" in loaded.uncertainty
