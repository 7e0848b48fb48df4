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
