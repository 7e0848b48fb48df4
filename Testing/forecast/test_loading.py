"""A model that was made for another way of preparing scans is not used silently."""

from dataclasses import replace

import pytest

from MRExtrapLib.errors import ModelError
from MRExtrapLib.forecast.loading import load_engine
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
