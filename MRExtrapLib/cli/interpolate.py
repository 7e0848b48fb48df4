"""`mrextrap interpolate`: the brain between two scans of one person."""

from __future__ import annotations

import argparse
import sys

from MRExtrapLib.cli.arguments import SCAN_HELP, add_engine, add_output, read_scans, tell_warnings
from MRExtrapLib.cli.bar import progress_on


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds `interpolate` to the command line."""
    parser = subparsers.add_parser("interpolate", help="the brain between two scans of one person")
    parser.add_argument("scans", nargs=2, metavar="SCAN", help=SCAN_HELP)
    parser.add_argument("--steps", type=int, required=True, metavar="N", help="images, both ends included")
    image_help = "moved (default): borders move; plain: the decoded mixture of both latents, borders fade"
    parser.add_argument("--image", choices=("moved", "plain"), help=image_help)
    add_output(parser)
    add_engine(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs `mrextrap interpolate`."""
    from MRExtrapLib.forecast.between import interpolate, write_interpolation
    from MRExtrapLib.forecast.passage import DEFAULT_MIXTURE
    from MRExtrapLib.imaging.writing import whole_folder
    from MRExtrapLib.progression.interpolation import even_alphas

    even_alphas(arguments.steps)
    scans = read_scans(arguments.scans)
    with whole_folder(arguments.output) as folder, progress_on(sys.stderr) as progress:
        progress(0.0, "loading the model")
        engine = arguments.open_engine(arguments)
        kind = arguments.image or DEFAULT_MIXTURE
        made = interpolate(scans, arguments.steps, engine, progress, kind)
        write_interpolation(made, folder)
    tell_warnings(made.warnings)
    print(f"The interpolation lies in {arguments.output}")
    return 0
