"""Every sentence of the panel can be translated, the way Slicer's guide for developers wants it."""

from __future__ import annotations

import ast
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from panel_desk import REPOSITORY

PANEL = REPOSITORY / "MRExtrap" / "MRExtrapPanel"
NOT_FOR_USERS = {
    *("doctor.py", "checkup.py"),  # a report for whoever helps, the same in every language
    *("process.py", "talk.py"),  # what they say goes to the log
    *("linear_worker.py", "tiny_worker.py", "selftest.py"),
}
FILES = sorted(path.name for path in PANEL.glob("*.py") if path.name not in NOT_FOR_USERS)

SENTENCE = re.compile(r"[A-Za-z]{2,}[,;:]? [A-Za-z]{2,}")
"""Two words in a row."""

NAMES = ("side by side", "the scan", "MRExtrap sample subject", "sample ses-")
"""What is saved in a scene, what the engine is told, and what data are called: the same in every language."""


def parsed(file: str) -> ast.Module:
    tree = ast.parse((PANEL / file).read_text(encoding="utf-8"))
    for parent in ast.walk(tree):
        for child in ast.iter_child_nodes(parent):
            child.parent = parent  # type: ignore[attr-defined]
    return tree


def translations(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_":
            yield node


def is_docstring(node: ast.Constant) -> bool:
    return isinstance(node.parent, ast.Expr)  # type: ignore[attr-defined]


def is_translated_or_logged(node: ast.AST) -> bool:
    while (node := getattr(node, "parent", None)) is not None:
        if isinstance(node, ast.Call):
            words = ast.unparse(node.func)
            if words in ("_", "Failed") or words.startswith(("logging.", "re.", "print")):
                return True
        if isinstance(node, ast.AnnAssign | ast.arg):
            return True
    return False


def literals(tree: ast.Module) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and not is_docstring(node) and SENTENCE.search(node.value):
            yield node


@pytest.mark.parametrize("file", FILES)
def test_a_sentence_for_users_goes_through_the_translation(file: str) -> None:
    bare = [
        f"{file}:{node.lineno} {node.value!r}"
        for node in literals(parsed(file))
        if not is_translated_or_logged(node) and not node.value.startswith(NAMES)
    ]
    assert bare == []


@pytest.mark.parametrize("file", FILES)
def test_what_is_translated_is_one_literal_with_named_places(file: str) -> None:
    for call in translations(parsed(file)):
        (words,) = call.args
        assert isinstance(words, ast.Constant), f"{file}:{call.lineno} is no literal; lupdate cannot find it"
        places = re.findall(r"\{([^}:]*)", words.value)
        assert all(re.fullmatch(r"[a-z]+", place) for place in places), f"{file}:{call.lineno} {places}"


def test_the_laws_look_at_something() -> None:
    calls = [call for file in FILES for call in translations(parsed(file))]
    assert len(calls) > 50


def test_an_untranslated_sentence_would_be_caught(tmp_path: Path) -> None:
    tree = ast.parse('x = "Press Apply again"')
    tree.body[0].value.parent = tree.body[0]  # type: ignore[attr-defined]
    (bare,) = literals(tree)
    assert not is_translated_or_logged(bare)


def test_names_of_node_classes_in_the_ui_file_are_not_offered_to_translators() -> None:
    root = ET.parse(REPOSITORY / "Resources" / "UI" / "MRExtrap.ui").getroot()
    lists = root.findall(".//property[@name='nodeTypes']/stringlist")
    assert lists
    assert all(one.get("notr") == "true" for one in lists)
