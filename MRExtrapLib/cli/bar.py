"""Progress for whoever watches: a bar on a terminal, a line for each new step elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from MRExtrapLib.progress import Progress


@contextmanager
def progress_on(stream: TextIO) -> Iterator[Progress]:
    """A progress that shows itself on the stream until the block ends."""
    if not stream.isatty():
        yield _lines(stream)
        return
    from tqdm import tqdm

    form = "{percentage:3.0f}% |{bar}| {elapsed} {desc}"
    with tqdm(total=1.0, file=stream, bar_format=form, leave=False, dynamic_ncols=True) as bar:

        def tell(fraction: float, words: str) -> None:
            bar.set_description_str(words, refresh=False)
            bar.n = min(max(fraction, bar.n), 1.0)
            bar.refresh()

        yield tell


def _lines(stream: TextIO) -> Progress:
    said = ""

    def tell(fraction: float, words: str) -> None:
        nonlocal said
        if words != said:
            said = words
            print(f"[{fraction:4.0%}] {words}", file=stream, flush=True)

    return tell
