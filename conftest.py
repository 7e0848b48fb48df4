"""Whose examples pytest leaves out: those that need Slicer's scene, where slicer-core cannot be had."""

from importlib.util import find_spec

NEEDS_SLICER = (
    "MRExtrapLib/scene/*.py",
    "Testing/panel_*.py",
    "Testing/scene_pictures.py",
    "Testing/slicer_host.py",
    "Testing/swept_brain.py",
)

collect_ignore_glob = [] if find_spec("slicer") else list(NEEDS_SLICER)
