"""How much sooner a cohort is done with more workers.

    python Testing/benchmarks/cohort.py SCAN@AGE... [--people 40] [--workers 1 2] [--threads 1] -o OUT.json

A BIDS tree of so many people is made of the scans, each person's visits being the next of them, over and
over; `mrextrap cohort TREE OUT participant --years 3 --image plain --directions 1 --no-cache` forecasts
everyone with each number of workers, one run after the other, every worker with the same number of threads.
Seconds are those of the whole command, start of the workers and loading of the model included. OUT.json is
read first: a run that stands there is not made again.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from MRExtrapLib.cohort.crew import THREAD_VARIABLES

YEARS_BETWEEN_VISITS = 2.0


def make_tree(scans: Sequence[tuple[Path, float]], people: int, visits: int, tree: Path) -> None:
    """A BIDS tree of copies."""
    endless = itertools.cycle(scans)
    (tree / "dataset_description.json").write_text('{"Name": "copies", "BIDSVersion": "1.9.0"}\n')
    for number in range(people):
        person = tree / f"sub-{number + 1:02d}"
        rows = ["session_id\tage"]
        first_age_years = None
        for visit in range(visits):
            scan, age_years = next(endless)
            first_age_years = age_years if first_age_years is None else first_age_years
            anat = person / f"ses-{visit + 1}" / "anat"
            anat.mkdir(parents=True)
            shutil.copyfile(scan, anat / f"{person.name}_ses-{visit + 1}_T1w.nii.gz")
            rows.append(f"ses-{visit + 1}\t{first_age_years + visit * YEARS_BETWEEN_VISITS:g}")
        (person / f"{person.name}_sessions.tsv").write_text("\n".join(rows) + "\n")


def timed(tree: Path, out: Path, workers: int, threads: int, model: str | None) -> float:
    """Seconds of one whole command."""
    command = [sys.executable, "-m", "MRExtrapLib", "cohort", str(tree), str(out), "participant"]
    command += ["--years", "3", "--image", "plain", "--directions", "1"]
    command += ["--workers", str(workers), "--no-cache", *(["--model", model] if model else [])]
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - started
    made = len(list(out.glob("sub-*")))
    if (out / "left_out.tsv").exists() or made != len(list(tree.glob("sub-*"))):
        msg = f"Only {made} people were forecast; see {out / 'left_out.tsv'}."
        raise SystemExit(msg)
    return seconds


def main() -> None:
    """Times each number of workers and prints the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("scans", nargs="+", metavar="SCAN@AGE")
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--visits", type=int, default=1)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--model")
    parser.add_argument("-o", "--output", type=Path, required=True)
    chosen = parser.parse_args()
    scans = [(Path(path), float(age)) for path, _, age in (one.rpartition("@") for one in chosen.scans)]
    setting = {"people": chosen.people, "visits": chosen.visits, "threads": chosen.threads}
    found = {"setting": setting, "seconds": {}}
    if chosen.output.exists():
        found = json.loads(chosen.output.read_text())
        if found["setting"] != setting:
            msg = f"{chosen.output} holds {found['setting']}; give another -o."
            raise SystemExit(msg)
    for workers in chosen.workers:
        if str(workers) not in found["seconds"]:
            with tempfile.TemporaryDirectory() as scratch:
                tree = Path(scratch, "tree")
                tree.mkdir()
                make_tree(scans, chosen.people, chosen.visits, tree)
                seconds = timed(tree, Path(scratch, "out"), workers, chosen.threads, chosen.model)
            found["seconds"][str(workers)] = round(seconds, 1)
            chosen.output.write_text(json.dumps(found, indent=1) + "\n")
    first = found["seconds"][str(chosen.workers[0])]
    for workers in chosen.workers:
        seconds = found["seconds"][str(workers)]
        print(f"{workers} workers: {seconds:.1f} s, {seconds / first:.2f} of {chosen.workers[0]}'s")


if __name__ == "__main__":
    main()
