"""Widgets that are set by us and not by the user."""

from __future__ import annotations

from contextlib import contextmanager


@contextmanager
def quiet(*widgets):  # Qt's
    """Meanwhile their signals are not heard."""
    before = [widget.blockSignals(True) for widget in widgets]
    try:
        yield
    finally:
        for widget, was_blocked in zip(widgets, before, strict=True):
            widget.blockSignals(was_blocked)
