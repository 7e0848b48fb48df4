"""What is left of a person in a prediction: sulci that are where they were, and a way that leads back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from MRExtrapLib.errors import InputError
from MRExtrapLib.evaluation.parts import read_part, write_part
from MRExtrapLib.evaluation.sameness import CSF, HULL_MM, Sameness, dice, sulci

SIDE, EDGE = 40, 8


def a_block(slit: int, width: int = 4) -> np.ndarray:
    """A brain with one sulcus from its upper face to its middle, starting at this voxel."""
    labels = np.zeros((SIDE,) * 3, np.int16)
    labels[EDGE:-EDGE, EDGE:-EDGE, EDGE:-EDGE] = 3
    labels[slit : slit + width, EDGE:-EDGE, SIDE // 2 : -EDGE] = 0
    return labels


def test_a_slit_is_a_sulcus_and_the_air_around_is_none() -> None:
    found = sulci(a_block(18), (1.0, 1.0, 1.0))
    assert found[18:22, 15:25, 20:28].all()
    assert not found[:, :, : EDGE - 1].any()
    assert found.sum() < 1.2 * 4 * (SIDE - 2 * EDGE) * (SIDE // 2 - EDGE)


def test_fluid_that_is_labelled_fills_a_sulcus_too() -> None:
    empty = a_block(18)
    filled = empty.copy()
    filled[18:22, EDGE:-EDGE, SIDE // 2 : -EDGE] = CSF
    np.testing.assert_array_equal(sulci(filled, (1.0, 1.0, 1.0)), sulci(empty, (1.0, 1.0, 1.0)))


def test_what_is_wider_than_the_ball_is_no_sulcus() -> None:
    wide = int(2 * HULL_MM) + 4
    assert not sulci(a_block(13, wide), (1.0, 1.0, 1.0))[20, 15:25, 30].any()
    assert not sulci(np.zeros((4, 4, 4), np.int16), (1.0, 1.0, 1.0)).any()


def test_sulci_are_told_in_millimetres() -> None:
    fine, coarse = (sulci(a_block(18), (spacing,) * 3) for spacing in (1.0, 4.0))
    assert fine[18:22, 20, 24].all()
    assert not coarse[18:22, 20, 24].any()  # 16 mm wide


def test_moved_sulci_overlap_less() -> None:
    truth, near, far = (sulci(a_block(slit), (1.0, 1.0, 1.0)) for slit in (18, 19, 26))
    assert dice(truth, truth) == 1.0
    assert 0.6 < dice(truth, near) < 0.9
    assert dice(truth, far) < 0.1


def test_it_is_kept_and_a_damaged_file_is_named(tmp_path: Path) -> None:
    kept = Sameness(
        Sameness.SCHEMA, "key", "line", {"line": 0.5}, {"hippocampus": -0.3}, {"hippocampus": 0.1}
    )
    file = tmp_path / "a.json"
    assert read_part(Sameness, file) is None
    write_part(kept, file)
    assert read_part(Sameness, file) == kept
    write_part(replace(kept, schema=Sameness.SCHEMA + 1), file)
    assert read_part(Sameness, file) is None
    file.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.json cannot be read"):
        read_part(Sameness, file)
