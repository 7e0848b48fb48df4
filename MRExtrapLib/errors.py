"""What can go wrong, in the words of whoever must mend it.

Every message says what was wrong, the value, and what to do. Doors (command line, worker) turn these
into exit codes; everything else lets them pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePath


class MRExtrapError(Exception):
    """Whatever MRExtrap refuses to do."""


class InputError(MRExtrapError, ValueError):
    """A scan, an age or an option that cannot be used (exit code 2)."""


class ModelError(MRExtrapError, RuntimeError):
    """A model folder that is missing, broken, changed or unsuited (exit code 3)."""


def fit_to_copy(words: str, homes: Iterable[PurePath] = ()) -> str:
    """Words with ~ for the home folder, whose name is as a rule a person's.

    Args:
        words: with paths in them, as the system or a program wrote them.
        homes: the home folder by all its names; that of this process where None are given.

    >>> from pathlib import PureWindowsPath
    >>> fit_to_copy("c:/users/ann/scan.nii is cut short.", [PureWindowsPath("C:/Users/Ann")])
    '~/scan.nii is cut short.'
    """
    for home in homes or _own_homes():
        if names := home.parts[1:]:  # / as home, as in some containers, is nobody's name
            parts = (re.escape(part) for part in (home.anchor.rstrip("\\/"), *names))
            path = r"[\\/]+".join(parts)  # an error may double backslashes
            words = re.sub(rf"(?<!\w){path}(?![\w-])", "~", words, flags=re.IGNORECASE)
    return words


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on the computer or on its graphics card; told without torch.

    >>> is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 9.00 GB)"))
    True
    """
    is_torchs = type(error).__name__ == "OutOfMemoryError"
    is_allocators = isinstance(error, RuntimeError) and any(
        words in str(error) for words in ("can't allocate memory", "out of memory")
    )
    return isinstance(error, MemoryError) or is_torchs or is_allocators


def _own_homes() -> set[Path]:
    try:
        home = Path.home()
    except RuntimeError:  # an account that has none
        return set()
    return {home, home.resolve()}
