"""Rows in Qt's tables, the same way in PythonQt and elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import qt

ROW_PIXELS = 22
RIGHT_AND_MIDDLE = 0x0082
"""Qt::AlignRight | Qt::AlignVCenter; as a number, since Qt 5 takes no other."""


def prepare_table(table: qt.QTableWidget, stretched: int) -> None:
    """One column takes the room that the others leave; rows have no numbers."""
    header = table.horizontalHeader()
    header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
    header.setSectionResizeMode(stretched, qt.QHeaderView.Stretch)
    table.verticalHeader().setVisible(False)
    table.verticalHeader().setDefaultSectionSize(ROW_PIXELS)
    table.setWordWrap(False)


def fill_rows(table: qt.QTableWidget, rows: Sequence[Sequence[str]], editable: int | None = None) -> None:
    """Replaces all rows; only one column, if any, can be edited."""
    table.setRowCount(len(rows))
    for number, cells in enumerate(rows):
        for column, words in enumerate(cells):
            item = qt.QTableWidgetItem(words)
            item.setToolTip(words)
            flags = qt.Qt.ItemIsSelectable | qt.Qt.ItemIsEnabled
            item.setFlags(flags | qt.Qt.ItemIsEditable if column == editable else flags)
            if column and words[:1] in "0123456789+-−–.":
                item.setTextAlignment(RIGHT_AND_MIDDLE)
            table.setItem(number, column, item)
