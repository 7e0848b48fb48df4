"""How far a long piece of work has come, told to whoever waits."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Hears how much is done (0 to 1) and, in words, what is being done."""

    def __call__(self, fraction: float, words: str) -> None: ...


def silent(fraction: float, words: str) -> None:
    """Nobody waits."""


def part_of(progress: Progress, start: float, end: float) -> Progress:
    """Progress of one step, told as the stretch from `start` to `end` of the whole.

    >>> part_of(lambda fraction, words: print(fraction, words), 0.5, 1.0)(0.5, "decoding")
    0.75 decoding
    """

    def tell(fraction: float, words: str) -> None:
        progress(start + (end - start) * fraction, words)

    return tell
