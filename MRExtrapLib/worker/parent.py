"""Whether the host that started the worker is still there.

A closed standard input says it as a rule; but where another child of the host has inherited the pipe, only
the process itself tells.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable

LOOK_EVERY_S = 1.0
WINDOWS_MAY_WAIT = 0x00100000  # SYNCHRONIZE
WINDOWS_STILL_RUNNING = 0x102  # WAIT_TIMEOUT


class Parent:
    """A process by its number.

    On Windows it is held by a handle, so that a number given away again deceives nobody; elsewhere a
    parent that ends gives its children away, which they see.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._is_direct = hasattr(os, "getppid") and os.getppid() == pid
        self._handle = _windows_handle(pid) if sys.platform == "win32" else None

    def is_alive(self) -> bool:
        """Whether it still runs."""
        if sys.platform == "win32":
            import ctypes

            wait = ctypes.windll.kernel32.WaitForSingleObject
            return bool(self._handle) and wait(self._handle, 0) == WINDOWS_STILL_RUNNING
        if self._is_direct:
            return os.getppid() == self.pid
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def watch(parent: Parent, when_gone: Callable[[], None]) -> None:
    """Looks at the parent every second, in the background, and says when it is gone."""

    def look() -> None:
        while parent.is_alive():
            time.sleep(LOOK_EVERY_S)
        when_gone()

    threading.Thread(target=look, name="parent watch", daemon=True).start()


def _windows_handle(pid: int) -> int | None:
    if sys.platform != "win32":
        return None
    import ctypes

    open_process = ctypes.windll.kernel32.OpenProcess
    open_process.restype = ctypes.c_void_p
    return open_process(WINDOWS_MAY_WAIT, False, pid)
