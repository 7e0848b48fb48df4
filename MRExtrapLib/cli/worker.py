"""`mrextrap worker`: the engine as a resident process, for Slicer, the viewer, or any host of yours.

It speaks JSON lines over its standard streams; `MRExtrapLib.worker.protocol` says which.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from MRExtrapLib.cli.arguments import add_cache

if TYPE_CHECKING:
    from MRExtrapLib.forecast.engine import Engine


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds `worker` to the command line."""
    parser = subparsers.add_parser(
        "worker", help="serve another program over standard input and output (JSON lines)"
    )
    parser.add_argument(
        "--session",
        type=Path,
        metavar="FOLDER",
        help="where arrays lie while it runs; must not be there yet (default: a temporary one)",
    )
    parser.add_argument("--parent", type=int, metavar="PID", help="end when this process is gone")
    add_cache(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs `mrextrap worker`."""
    from MRExtrapLib.worker.server import serve

    def open_engine(model: str | None, device: str, segmenter: str) -> Engine:
        chosen = {"model": model, "device": device, "segmenter": segmenter, "no_cache": arguments.no_cache}
        return arguments.open_engine(argparse.Namespace(**chosen))

    return serve(open_engine, arguments.session, arguments.parent)
