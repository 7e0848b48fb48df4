"""Between two scans: mixtures of their latents.

Decoding α·z1 + (1 − α)·z2 gives the brain in between, with regional volumes close to linear in α (Kapoor,
Macke, Baumgartner 2024, figure 1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError
from MRExtrapLib.progression.line import Latent

FEWEST_STEPS = 2
"""Both ends."""

MOST_STEPS = 1000
"""More steps than anyone looks at; beyond it a number was mistyped."""


def mix_latents(first: Latent, second: Latent, alpha: float) -> Latent:
    """The latent (C, D, H, W) α·first + (1 − α)·second: α = 1 is the first scan, α = 0 the second.

    >>> mix_latents(np.array([2.0]), np.array([4.0]), alpha=0.75).tolist()
    [2.5]
    """
    if first.shape != second.shape:
        msg = (
            f"Latents of shapes {first.shape} and {second.shape} cannot be mixed; they are not of one model."
        )
        raise InputError(msg)
    return alpha * first + (1.0 - alpha) * second


def even_alphas(steps: int) -> NDArray[np.float64]:
    """The (steps,) mixing weights from the first scan (α = 1) to the second (α = 0), both included.

    >>> even_alphas(3).tolist()
    [1.0, 0.5, 0.0]
    """
    if not FEWEST_STEPS <= steps <= MOST_STEPS:
        msg = f"An interpolation has {FEWEST_STEPS} to {MOST_STEPS} steps, both scans included, not {steps}."
        raise InputError(msg)
    return np.linspace(1.0, 0.0, steps)
