"""What the panel itself fails at: one sentence for the user, the traceback for the log."""

from __future__ import annotations

import logging

from MRExtrapLib.errors import MRExtrapError
from MRExtrapPanel.translation import tr as _


def told(error: Exception) -> str:
    """The sentence about what went wrong; the log has where.

    A refusal speaks for itself. Anything else, a full disk or a fault of ours, is named as it names itself.
    """
    if isinstance(error, MRExtrapError):
        logging.info("MRExtrap: refused", exc_info=error)
        return str(error)
    logging.error("MRExtrap: failed", exc_info=error)
    words = _("This failed: {error}. The application's log says where.")
    return words.format(error=str(error).rstrip(".") or type(error).__name__)
