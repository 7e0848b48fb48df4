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
