"""What can go wrong, in the words of whoever must mend it.

Every message says what was wrong, the value, and what to do. Doors (command line, worker) turn these
into exit codes; everything else lets them pass.
"""


class MRExtrapError(Exception):
    """Whatever MRExtrap refuses to do."""


class InputError(MRExtrapError, ValueError):
    """A scan, an age or an option that cannot be used (exit code 2)."""


class ModelError(MRExtrapError, RuntimeError):
    """A model folder that is missing, broken, changed or unsuited (exit code 3)."""
