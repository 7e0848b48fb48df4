"""What tutorial and troubleshooting call a button has that name in the panel."""

from __future__ import annotations

import ast
import re
import xml.etree.ElementTree as ET

import pytest
from panel_desk import REPOSITORY

DOCUMENTS = REPOSITORY / "Resources" / "Documentation"
PANEL = REPOSITORY / "MRExtrap" / "MRExtrapPanel"

BOLD = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)
UNDER_ADVANCED = re.compile(r"\*Advanced → ([^*→]+)[^*]*\*")

NO_WIDGETS = {
    "Research use, not for diagnosis.",
    "Long paths",
    "Long paths on Windows",
    "same system and the same version of Python",
}
"""Set in bold for other reasons."""


def words_of_the_panel() -> set[str]:
    """Every text of the .ui file and of the panel's code, in lower case."""
    ui = ET.parse(REPOSITORY / "Resources" / "UI" / "MRExtrap.ui")
    texts = {node.text or "" for node in ui.iter("string")}
    for file in PANEL.glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        texts |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and _is_text(node)}
    return {text.lower() for text in texts}


def _is_text(node: ast.Constant) -> bool:
    return isinstance(node.value, str)


def told(name: str) -> str:
    return (DOCUMENTS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["tutorial.md", "troubleshooting.md"])
def test_a_widget_that_a_document_names_has_that_text(name: str) -> None:
    bold = {" ".join(words.split()) for words in BOLD.findall(told(name))}
    named = {words.removeprefix("Advanced → ") for words in bold} - NO_WIDGETS
    named |= {words.strip() for words in UNDER_ADVANCED.findall(told(name))}
    assert len(named) >= 5
    assert {words for words in named if words.lower() not in words_of_the_panel()} == set()


def test_every_step_of_the_tutorial_is_in_order() -> None:
    steps = [int(number) for number in re.findall(r"^## (\d+)\.", told("tutorial.md"), re.MULTILINE)]
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) >= 8
