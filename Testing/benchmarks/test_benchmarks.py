"""The benchmark gives its figures; how large they are is not a test's business."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from benchmarks import precision
from benchmarks.cohort import make_tree
from benchmarks.run import Measurement, main, ratios
from benchmarks.tasks import SAMPLE, VISITS

from MRExtrapLib.training.people import find_people

TINY = ("32", "32", "32")


def test_the_benchmark_compares_both_sides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "figures.json"
    main(["--quick", "--shape", *TINY, "--only", "decode", "--threads", "1", "-o", str(out)])
    content = json.loads(out.read_text(encoding="utf-8"))
    assert set(content["tasks"]) == {"decode, MRExtrap", "decode, MONAI float32", "decode, MONAI bfloat16"}
    for task in content["tasks"].values():
        assert all(second > 0 for second in task["seconds"])
        assert task["process_mb"] > 0
    assert all(math.isfinite(value) for one in content["ratios"].values() for value in one.values())
    assert "times faster" in capsys.readouterr().out.splitlines()[0]


def test_what_a_viewer_waits_for_is_timed(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    main(["--quick", "--shape", *TINY, "--only", "slab", "slider", "--threads", "1", "-o", str(out)])
    content = json.loads(out.read_text(encoding="utf-8"))
    assert set(content["tasks"]) == {"three slabs, MRExtrap", "slider step, MRExtrap"}
    assert all(second > 0 for task in content["tasks"].values() for second in task["seconds"])
    assert content["ratios"] == {}


def test_precision_is_told_for_whole_and_slab(capsys: pytest.CaptureFixture[str]) -> None:
    precision.main(["--voxels", "32"])
    said = capsys.readouterr().out
    assert "| bfloat16 |" in said
    assert "| float32 |" in said


def test_ratios_are_the_peers_median_over_ours() -> None:
    ours = Measurement((1.0, 2.0, 9.0), memory_mb=100, process_mb=500)
    peer = Measurement((200.0,), memory_mb=2000, process_mb=2500)
    found = ratios({"decode, MRExtrap": ours, "decode, MONAI float32": peer, "decode, MONAI bfloat16": peer})
    assert found["decode, MONAI float32"] == {
        "times_faster": 100.0,
        "times_less_memory": 20.0,
        "times_smaller_process": 5.0,
    }


def test_the_tree_that_is_timed_holds_everyone_with_ages(tmp_path: Path) -> None:
    make_tree([(SAMPLE / path, age) for path, age in VISITS], 3, 2, tmp_path)
    people, left_out = find_people([tmp_path])
    assert left_out == []
    assert [one.ages_years for one in people] == [(46.0, 48.0)] * 3
