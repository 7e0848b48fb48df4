"""A whole evaluation with the bundled model on the bundled subject: real networks, no fake; two minutes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from MRExtrapLib.cli.demo import SAMPLE
from MRExtrapLib.cli.main import DONE, main
from MRExtrapLib.evaluation.results import BAYES, CARRIED_FORWARD, LINEAR, VOLUME_LINE

REGIONS = ("hippocampus", "ventricles", "gray_matter", "white_matter")


def test_the_bundled_subject_is_evaluated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "evaluation"
    words = ["--inputs", "3", "--directions", "0", "--steps", "3", "--workers", "1"]
    assert main(["evaluate", str(SAMPLE), "-o", str(out), *words]) == DONE
    assert "Measured now: 1; there before: 0; left out: 0." in capsys.readouterr().out
    with (out / "answers.csv").open(encoding="utf-8", newline="") as file:
        answers = list(csv.DictReader(file))
    assert {BAYES, LINEAR, CARRIED_FORWARD, VOLUME_LINE} <= {answer["method"] for answer in answers}
    for region in REGIONS:
        (fullest,) = [
            answer
            for answer in answers
            if (answer["method"], answer["region"], answer["inputs"]) == (BAYES, region, "3")
        ]
        error, spread = abs(float(fullest["error_ml"])), float(fullest["spread_ml"])
        assert error < 0.1 * float(fullest["last_ml"])
        assert error < 5 * spread
    record = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    assert record["is_judged_by_truth"]
    assert (out / "report.html").stat().st_size > 100_000
