"""The examples in the docstrings of the panel's files that need no Slicer."""

from __future__ import annotations

import doctest
import importlib

import pytest

WITH_EXAMPLES = ("visits", "wishes", "state", "regions", "left_out", "packages", "exports")


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_hold(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(f"MRExtrapPanel.{name}"))
    assert tried
    assert not failed
