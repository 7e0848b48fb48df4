"""Where the panel's state lives: replaced as a whole, and whoever shows it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from MRExtrapPanel.state import PanelState


class Board:
    """The one place that holds a `PanelState`."""

    def __init__(self, show: Callable[[PanelState], None], state: PanelState | None = None) -> None:
        self._show = show
        self._state = state or PanelState()

    @property
    def state(self) -> PanelState:
        """What holds now."""
        return self._state

    def change(self, **fields: object) -> None:
        """Replaces fields of the state; shown only if that makes a difference."""
        self.set(replace(self._state, **fields))  # type: ignore[arg-type]

    def set(self, state: PanelState) -> None:
        """Replaces the state."""
        if state != self._state:
            self._state = state
            self._show(state)
