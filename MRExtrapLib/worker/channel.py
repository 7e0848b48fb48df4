"""The two ends of the pipe: requests come in, events go out, and nothing else gets in between."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass, field
from typing import TypeVar

from MRExtrapLib.model.typed_json import to_json
from MRExtrapLib.worker.protocol import Done, Event, Part, event_line
from MRExtrapLib.worker.results import Result

CHUNK_BYTES = 1 << 16
STDIN, STDOUT, STDERR = 0, 1, 2

Carrier = TypeVar("Carrier", Done, Part)


@dataclass(frozen=True)
class Channel:
    """File descriptors to read from and to write to; lines of several threads never mix."""

    incoming: int
    outgoing: int
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def over_standard_streams(cls) -> Channel:
        """The process's standard streams, taken away from everything else in it.

        Prints of Python and of native libraries go to standard error from now on, and whatever reads
        standard input, a child process too, finds it empty.
        """
        sys.stdout.flush()
        incoming, outgoing = os.dup(STDIN), os.dup(STDOUT)
        nowhere = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nowhere, STDIN)
        os.close(nowhere)
        os.dup2(STDERR, STDOUT)
        sys.stdout = sys.stderr
        if sys.platform == "win32":
            import msvcrt

            for descriptor in (incoming, outgoing):
                msvcrt.setmode(descriptor, os.O_BINARY)
        return cls(incoming, outgoing)

    def read(self) -> bytes:
        """What has come in; empty when the other end is closed."""
        try:
            return os.read(self.incoming, CHUNK_BYTES)
        except OSError:
            return b""

    def send(self, event: Event) -> None:
        """Sends an event; one that nobody reads any more is dropped, as the closed input ends the worker."""
        line = memoryview(event_line(event))
        with self._lock:
            try:
                while line:
                    line = line[os.write(self.outgoing, line) :]
            except OSError:
                return

    def send_result(self, carrier: type[Carrier], request: int, result: Result) -> None:
        """Sends a result, or a part of one."""
        self.send(self.as_result(carrier, request, result))

    @staticmethod
    def as_result(carrier: type[Carrier], request: int, result: Result) -> Carrier:
        """A result as it travels."""
        return carrier(request, to_json(result))
