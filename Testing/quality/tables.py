"""Markdown tables for the model card."""

from __future__ import annotations

from collections.abc import Sequence


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; the first column is text, the others are numbers.

    >>> print(markdown(["region", "Dice"], [["hippocampus", "0.83"]]))
    | region | Dice |
    |---|---:|
    | hippocampus | 0.83 |
    """
    rule = "|".join(["---", *["---:"] * (len(columns) - 1)])
    lines = [f"| {' | '.join(cells)} |" for cells in (columns, *rows)]
    return "\n".join([lines[0], f"|{rule}|", *lines[1:]])


def cell(value: float | None, form: str = ".3f") -> str:
    """A number for a table, a dash where there is none.

    >>> cell(0.8312), cell(None)
    ('0.831', '–')
    """
    return "–" if value is None or value != value else format(value, form)
