"""A model that was made for another way of preparing scans is not used silently."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import fake_engine, fake_knowledge, fake_prior, steady_visits

from MRExtrapLib.errors import ModelError
from MRExtrapLib.forecast.loading import load_engine
from MRExtrapLib.forecast.output import write_forecast
from MRExtrapLib.forecast.pipeline import forecast
from MRExtrapLib.forecast.subject import Method, Request, Subject
from MRExtrapLib.imaging.intensity import IntensityContract
from MRExtrapLib.model.catalogue import find_model
from MRExtrapLib.model.folder import load_model, save_model


def test_a_model_of_another_brightness_scale_is_refused(tmp_path) -> None:
    model = load_model(find_model())
    other = replace(model.manifest, intensity=IntensityContract(floor_percentile=1.0))
    save_model(tmp_path / "other", other, model.networks, "# A card")
    with pytest.raises(ModelError, match="another scale of brightness"):
        load_engine(str(tmp_path / "other"), "cpu")


def test_a_model_of_another_grid_is_told_both_grids(tmp_path) -> None:
    model = load_model(find_model())
    other = replace(model.manifest, grid=replace(model.manifest.grid, shape=(80, 96, 80)))
    save_model(tmp_path / "other", other, model.networks, "# A card")
    with pytest.raises(ModelError, match=r"grid of 80 × 96 × 80 at 1 × 1 × 1 mm.*160 × 192 × 160"):
        load_engine(str(tmp_path / "other"), "cpu")


def test_what_is_kept_outlives_another_card_and_no_other_knowledge(tmp_path) -> None:
    """Results are kept under what predicts; a word changed in the card makes no evaluation anew."""
    model, known = load_model(find_model()), load_engine(None, "cpu").identity

    def identity_of(name: str, card: str, volumes: bytes | None):
        manifest = replace(model.manifest, description=name)
        save_model(
            tmp_path / name, manifest, model.networks, card, progression=model.progression, volumes=volumes
        )
        return load_engine(str(tmp_path / name), "cpu").identity

    reworded = identity_of("reworded", "# Another card", model.volumes)
    assert reworded.model_sha256 != known.model_sha256
    assert reworded.knowledge_fingerprint == known.knowledge_fingerprint
    assert reworded.knowledge_fingerprint != reworded.model_sha256
    ignorant = identity_of("ignorant", "# Another card", None)
    assert ignorant.knowledge_fingerprint != known.knowledge_fingerprint


def test_another_segmenter_than_the_models_own_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mri_synthseg").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "mri_synthseg").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    own, other = (load_engine(None, "cpu", segmenter) for segmenter in ("own", "synthseg"))
    assert own.knowledge is not None
    assert own.notices.words == ()
    assert other.knowledge is None
    (words,) = other.notices.words
    assert "measured by the segmenter synthseg" in words
    assert "no calibrated intervals" in words


def test_a_model_that_knows_no_volumes_is_told(tmp_path: Path) -> None:
    model = load_model(find_model())
    save_model(tmp_path / "ignorant", replace(model.manifest, name="ignorant"), model.networks, "# A card")
    engine = load_engine(str(tmp_path / "ignorant"), "cpu")
    (words,) = engine.notices.words
    assert words.startswith("The model ignorant knows nothing of regional volumes: there are no calibrated")


@pytest.mark.parametrize(("method", "times"), [("bayes", 1), ("linear", 0)])
def test_intervals_that_nobody_calibrated_are_told(method: Method, times: int, tmp_path: Path) -> None:
    """Least squares states none of them."""
    engine = fake_engine(prior=fake_prior(), knowledge=fake_knowledge())
    request = Request((75.0,), method, image="plain")
    write_forecast(forecast(Subject(steady_visits(70, 72)), request, engine), tmp_path)
    warnings = json.loads((tmp_path / "forecast.json").read_text(encoding="utf-8"))["warnings"]
    assert sum("are not calibrated" in words for words in warnings) == times
