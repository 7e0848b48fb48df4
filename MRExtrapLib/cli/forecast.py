"""`mrextrap forecast`: a person's brain at other ages."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from MRExtrapLib.cli.arguments import (
    SCAN_HELP,
    add_engine,
    add_output,
    ages_between,
    read_scans,
    tell_warnings,
)
from MRExtrapLib.cli.bar import progress_on
from MRExtrapLib.errors import InputError

if TYPE_CHECKING:
    from MRExtrapLib.forecast.engine import Engine
    from MRExtrapLib.forecast.result import Forecast
    from MRExtrapLib.forecast.subject import Request, Subject, Visit
    from MRExtrapLib.imaging.scan import Scan
    from MRExtrapLib.imaging.storing import ImageFormat
    from MRExtrapLib.progress import Progress

FORECAST_SHARE = 0.85
"""Share of the time before writing begins."""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds `forecast` to the command line."""
    parser = subparsers.add_parser("forecast", help="predict a person's brain at other ages")
    scan_help = f"{SCAN_HELP}, and the age in years, which DICOM or a BIDS sessions.tsv may give instead"
    parser.add_argument("scans", nargs="+", metavar="SCAN@AGE", help=scan_help)
    ages = parser.add_argument_group("ages to predict")
    ages.add_argument("--at", nargs="+", type=float, metavar="AGE", help="one or more ages in years")
    ages.add_argument("--from", dest="start", type=float, metavar="A", help="first of a series of ages")
    ages.add_argument("--to", dest="end", type=float, metavar="B", help="last of the series")
    ages.add_argument("--step", type=float, metavar="S", help="years between them (default 1)")
    add_output(parser)
    parser.add_argument(
        "--method",
        choices=("bayes", "linear"),
        help="default: bayes where the model holds a prior, else linear",
    )
    parser.add_argument("--sex", choices=("F", "M"), help="bayes: the rate expected of such a person")
    parser.add_argument("--diagnosis", choices=("CN", "MCI", "AD"), help="bayes: likewise; linear: recorded")
    parser.add_argument(
        "--directions",
        type=int,
        metavar="N",
        help="bayes: how many directions the uncertainty is decoded along (default 4); more take longer",
    )
    parser.add_argument(
        "--image",
        choices=("plain", "added", "warped"),
        help="the decode alone; the last scan + the decoded change; the last scan moved as the decodes move "
        "and on to the predicted volumes, which takes seconds longer (warped: the default)",
    )
    parser.add_argument(
        "--format",
        dest="image_format",
        choices=("nifti", "nrrd"),
        default="nifti",
        help="of predicted images and segmentations (default nifti)",
    )
    parser.add_argument(
        "--hold-out-last",
        action="store_true",
        help="fit without the last scan, predict at its age, and report the errors of the volumes",
    )
    parser.add_argument(
        "--leave-one-out",
        action="store_true",
        help="also predict each known visit from all others, and report the errors of the volumes",
    )
    add_engine(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs `mrextrap forecast`."""
    from MRExtrapLib.forecast.anchoring import DEFAULT_IMAGE
    from MRExtrapLib.forecast.subject import DIRECTIONS, Request, check_request

    directions = DIRECTIONS if arguments.directions is None else arguments.directions
    image = arguments.image or DEFAULT_IMAGE
    request = Request(
        _target_ages(arguments),
        arguments.method,
        has_last_held_out=arguments.hold_out_last,
        directions=directions,
        image=image,
        has_each_left_out=arguments.leave_one_out,
    )
    subject = _subject(arguments)
    check_request(subject, request, request.method or "bayes")  # the model, not yet known, may hold a prior
    forecast_into(arguments.output, subject, request, arguments, arguments.image_format)
    return 0


def forecast_into(
    out: Path,
    subject: Subject,
    request: Request,
    arguments: argparse.Namespace,
    image_format: ImageFormat = "nifti",
) -> Forecast:
    """Forecasts, writes the folder `out` whole, and says what was found and where it lies."""
    from MRExtrapLib.imaging.writing import whole_folder

    with whole_folder(out) as folder, progress_on(sys.stderr) as progress:
        progress(0.0, "loading the model")
        engine = arguments.open_engine(arguments)
        made = _forecast_and_write(folder, subject, request, engine, progress, image_format)
    tell_warnings((*made.warnings, *(words for one in made.predictions for words in one.warnings)))
    print(summary(made))
    print(f"The forecast lies in {out}")
    return made


def _forecast_and_write(
    folder: Path,
    subject: Subject,
    request: Request,
    engine: Engine,
    progress: Progress,
    image_format: ImageFormat,
) -> Forecast:
    from MRExtrapLib.forecast.output import write_forecast
    from MRExtrapLib.forecast.pipeline import forecast
    from MRExtrapLib.progress import part_of
    from MRExtrapLib.report.figures import draw_forecast

    made = forecast(subject, request, engine, part_of(progress, 0.0, FORECAST_SHARE))
    write_forecast(made, folder, draw_forecast, part_of(progress, FORECAST_SHARE, 1.0), image_format)
    return made


def summary(made: Forecast) -> str:
    """The main volumes as a table: in the last scan that the forecast knew, and at each predicted age."""
    from MRExtrapLib.anatomy.regions import MAIN_REGIONS

    last = made.observations[-1]
    predicted = {(row.age_years, row.region): row for row in made.rows if row.kind == "predicted"}
    lines = [f"{'ml':>14}  {'age':>6}" + "".join(f"{region:>15}" for region in MAIN_REGIONS)]
    observed = "".join(f"{last.observed_ml.get(region, 0.0):15.2f}" for region in MAIN_REGIONS)
    lines.append(f"{'last scan':>14}  {last.visit.age_years:6.2f}{observed}")
    for prediction in made.predictions:
        age = prediction.age_years
        rows = (predicted.get((age, region)) for region in MAIN_REGIONS)
        cells = "".join(f"{row.volume_ml:15.2f}" if row else f"{'':15}" for row in rows)
        lines.append(f"{'predicted':>14}  {age:6.2f}{cells}")
    if made.held_out:
        missed = {error.region: error.error_ml for error in made.held_out.errors}
        cells = "".join(f"{missed.get(region, 0.0):+15.2f}" for region in MAIN_REGIONS)
        lines.append(f"{'− held out':>14}  {made.held_out.prediction.age_years:6.2f}{cells}")
    return "\n".join([*lines, *filter(None, [made.volumes_words])])


def _target_ages(arguments: argparse.Namespace) -> tuple[float, ...]:
    from MRExtrapLib.forecast.subject import MOST_TARGETS

    series = (arguments.start, arguments.end)
    has_series = any(value is not None for value in (*series, arguments.step))
    if arguments.at is not None and has_series:
        msg = "Give the ages to predict either with --at or with --from, --to and --step, not both."
        raise InputError(msg)
    if not has_series:
        return tuple(arguments.at or ())
    if None in series:
        msg = "A series of ages needs both --from and --to."
        raise InputError(msg)
    step = 1.0 if arguments.step is None else arguments.step
    return ages_between(arguments.start, arguments.end, step, MOST_TARGETS)


def _subject(arguments: argparse.Namespace) -> Subject:
    from MRExtrapLib.forecast.subject import Subject

    scans = read_scans(arguments.scans)
    return Subject(tuple(map(visit_of, scans)), arguments.sex, arguments.diagnosis)


def visit_of(scan: Scan) -> Visit:
    """The scan as a visit, refused when nothing tells its age."""
    from MRExtrapLib.forecast.subject import Visit

    if scan.age_years is None:
        msg = f"The age at scan {scan.source} is not known; write it as {scan.source}@AGE."
        raise InputError(msg)
    return Visit(scan, scan.age_years)
