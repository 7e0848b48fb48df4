"""What a result folder is called while it is written, and how to tidy up after a writer that was killed.

Needs the standard library alone: whoever outlives the writer need not be able to read images.
"""

from __future__ import annotations

import re
import secrets
import shutil
from pathlib import Path

UNFINISHED, EARLIER = ".unfinished", ".earlier"


def unfinished_sibling(out: Path) -> Path:
    """A hidden name beside `out`, under which it is filled.

    >>> unfinished_sibling(Path("forecast")).name.startswith(".forecast-")
    True
    """
    return out.with_name(f".{out.name}-{secrets.token_hex(4)}{UNFINISHED}")


def earlier_sibling(unfinished: Path) -> Path:
    """What the folder that is being replaced is called for the moment of the swap."""
    return unfinished.with_suffix(EARLIER)


def undo_unfinished(out: Path) -> None:
    """Takes away what a killed writer of `out` left beside it; what it was about to replace comes back.

    Only for whoever knows that nobody writes `out` any more.
    """
    out = Path(out).resolve()
    if not out.parent.is_dir():
        return
    ours = re.compile(re.escape(f".{out.name}-") + "[0-9a-f]{8}" + f"({UNFINISHED}|{EARLIER})")
    for left in [path for path in out.parent.iterdir() if ours.fullmatch(path.name)]:
        if left.suffix == EARLIER and not out.exists():
            left.rename(out)
        else:
            shutil.rmtree(left, ignore_errors=True)
