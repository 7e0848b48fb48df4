"""Laws of mixing two latents."""

from __future__ import annotations

import numpy as np
import pytest

from MRExtrapLib.errors import InputError
from MRExtrapLib.progression.interpolation import even_alphas, mix_latents
from MRExtrapLib.progression.line import fit_line

ROUNDING = 1e-12


@pytest.fixture
def two_latents() -> tuple[np.ndarray, np.ndarray]:
    first, second = np.random.default_rng(0).standard_normal((2, 4, 2, 3, 2))
    return first, second


def test_the_ends_are_the_scans(two_latents: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = two_latents
    np.testing.assert_array_equal(mix_latents(first, second, 1.0), first)
    np.testing.assert_array_equal(mix_latents(first, second, 0.0), second)


def test_a_mixture_is_the_line_between_the_scans(two_latents: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = two_latents
    line = fit_line(np.stack(two_latents), [60.0, 64.0])
    np.testing.assert_allclose(mix_latents(first, second, 0.75), line.at(61.0), atol=ROUNDING)


def test_swapping_the_scans_mirrors_the_weight(two_latents: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = two_latents
    mirrored = mix_latents(second, first, 0.7)
    np.testing.assert_allclose(mix_latents(first, second, 0.3), mirrored, atol=ROUNDING)


def test_latents_of_two_models_do_not_mix() -> None:
    with pytest.raises(InputError, match="not of one model"):
        mix_latents(np.zeros((4, 2, 2, 2)), np.zeros((4, 3, 3, 3)), 0.5)


@pytest.mark.parametrize("steps", [-1, 0, 1, 10**9])
def test_a_series_needs_a_sane_number_of_steps(steps: int) -> None:
    with pytest.raises(InputError, match=str(steps)):
        even_alphas(steps)
