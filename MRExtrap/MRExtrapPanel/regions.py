"""Regions as the panel names and orders them."""

from __future__ import annotations

FIRST_REGIONS = ("hippocampus", "ventricles", "gray_matter", "white_matter", "whole_brain")
"""What the volume table begins with; other regions follow."""


def rank(region: str) -> tuple[int, str]:
    """Sorts regions: well-known ones first."""
    is_first = region in FIRST_REGIONS
    return (FIRST_REGIONS.index(region) if is_first else len(FIRST_REGIONS), region)


def region_words(region: str) -> str:
    """A region as the panel names it.

    >>> region_words("gray_matter")
    'gray matter'
    """
    return region.replace("_", " ").replace("-", " ")
