"""A small cohort on disk, and an engine without networks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cohorts import write_cohort
from distributed import LocalCluster

from MRExtrapLib.cohort.crew import Crew


@pytest.fixture
def a_cohort(tmp_path: Path) -> Path:
    """Nine people with four scans each, and the truth."""
    return write_cohort(tmp_path / "cohort", 9, has_truth=True)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture(scope="session")
def a_crew() -> Iterator[Crew]:
    """One worker that is a thread of this process: at hand at once."""
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield Crew(scheduler=cluster.scheduler_address)
