"""How the learning rate goes over a run."""

from __future__ import annotations

import math


def learning_rate_share(step: int, steps: int, warm_up_steps: int) -> float:
    """Linear warm-up, then half a cosine down to zero: the share of the largest rate at a step.

    >>> learning_rate_share(0, 1000, 10), round(learning_rate_share(999, 1000, 10), 3)
    (0.1, 0.0)
    """
    if step < warm_up_steps:
        return (step + 1) / warm_up_steps
    done = (step - warm_up_steps) / max(1, steps - warm_up_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
