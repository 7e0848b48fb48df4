"""The teacher of a segmenter that learns from scans without labels: the mean of its own recent weights.

It names a scan as it is; the learner must name the same scan alike after a known change, in another contrast
and under noise (mean teacher, Tarvainen & Valpola 2017). Only agreement with itself can be learned so; what
is true comes from labels.
"""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch
from torch import Tensor

from MRExtrapLib.model.segmenter import SegmenterNetwork, to_draw_from
from MRExtrapLib.training.painting import generator_of

MEMORY = 0.995
"""Of its weights so much stays with each step: it is the mean of some 200 steps."""


class Teacher:
    """Follows a network and names images."""

    def __init__(self, learner: SegmenterNetwork) -> None:
        self.network = deepcopy(learner).eval().requires_grad_(False)

    @torch.no_grad()
    def follow(self, learner: SegmenterNetwork) -> None:
        """Takes in what the learner has come to."""
        torch._foreach_lerp_(list(self.network.parameters()), list(learner.parameters()), 1 - MEMORY)

    @torch.no_grad()
    def __call__(self, image: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Of an image (S, S, S) the likeliest channels (S, S, S), and channels drawn by their probabilities.

        What is drawn tells of a border within a voxel too.
        """
        shown = image[None, None].contiguous(memory_format=torch.channels_last_3d)
        with torch.autocast(image.device.type, torch.bfloat16):
            logits = self.network.voxel_logits(shown)[0].float()
        generator = generator_of(rng, image.device)
        return logits.argmax(dim=0), to_draw_from(logits, generator).argmax(dim=0)
