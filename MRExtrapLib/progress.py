"""How far a long piece of work has come, told to whoever waits."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Hears how much is done (0 to 1) and, in words, what is being done."""

    def __call__(self, fraction: float, words: str) -> None: ...


def silent(fraction: float, words: str) -> None:
    """Nobody waits."""
