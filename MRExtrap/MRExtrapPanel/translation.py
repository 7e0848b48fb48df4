"""The panel's words in the user's language, where Slicer has them; as they stand in the code everywhere else.

Each file says `from MRExtrapPanel.translation import tr as _`, and puts every sentence that a user reads
into `_("…")` as one literal with named places: `_("Age {age}").format(age=71)`. So Qt's lupdate finds them,
under the name that Slicer's `tr` gives the file.
"""

from __future__ import annotations

try:
    from slicer.i18n import tr
except ImportError:  # slicer-core has none, and the engine's tests no slicer at all

    def tr(text: str) -> str:
        """The words as they are."""
        return text


__all__ = ["tr"]
