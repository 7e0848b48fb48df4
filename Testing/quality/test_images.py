"""What the measurement of a forecast's images says of images that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import SHAPE, fake_engine, fake_knowledge, fake_prior
from quality import images
from quality.records import Records

from MRExtrapLib.evaluation.visits import Encoded, Visit
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.response import Telling
from MRExtrapLib.training.people import PersonScans
from MRExtrapLib.training.scans import KeptScan

AGES = (70.0, 72.0, 75.0)


@pytest.fixture
def an_engine() -> Engine:
    still = np.zeros((5, int(np.prod(SHAPE))))
    return fake_engine(prior=fake_prior(mean_rate=still), knowledge=fake_knowledge())


def a_visit(voxels: np.ndarray, engine: Engine) -> Visit:
    volume = engine.template.volume.with_voxels(voxels)
    seen = engine.measure(volume)
    scan = KeptScan(voxels, np.ones(SHAPE, bool), seen.labels, seen.volumes_ml)
    return Visit(scan, Encoded(engine.encode(volume), seen.volumes_ml, 50.0), Telling(seen.volumes_ml))


def a_person() -> PersonScans:
    paths = tuple(Path(f"scan{index}.nii.gz") for index in range(len(AGES)))
    return PersonScans("made/a", paths, AGES, Covariates(AGES[0]))


def test_the_plain_image_of_a_brain_that_stays_as_it_is_misses_nothing(an_engine: Engine) -> None:
    voxels = np.random.default_rng(0).uniform(0.2, 0.8, SHAPE).astype(np.float32)
    found = images.person_figures(a_person(), [a_visit(voxels, an_engine) for _ in AGES], an_engine)
    for shown in ("plain", "added", images.TRUTH):
        assert found[f"{shown}/ssim"] == pytest.approx(1, abs=1e-3)
        for region in images.REGIONS:
            assert found[f"{shown}/against_true/{region}"] == pytest.approx(0, abs=0.1)
    assert found["plain/against_stated/ventricles"] < -1, "the fake prior lets ventricles grow"


def test_a_brain_that_changed_is_missed_by_its_change(an_engine: Engine) -> None:
    voxels = np.random.default_rng(0).uniform(0.2, 0.8, SHAPE).astype(np.float32)
    *known, last = voxels, voxels, 1.1 * voxels
    visits = [a_visit(one, an_engine) for one in (*known, last)]
    found = images.person_figures(a_person(), visits, an_engine)
    assert found["added/against_true/hippocampus"] == pytest.approx(-10, abs=0.5)
    assert found["added/psnr_db"] == pytest.approx(-20 * np.log10(0.1 * np.sqrt((voxels**2).mean())), abs=0.5)
    assert found[f"{images.TRUTH}/against_true/hippocampus"] == pytest.approx(0, abs=1e-6)


def test_a_model_without_a_prior_is_refused() -> None:
    engine = fake_engine()
    visits = [a_visit(np.full(SHAPE, 0.5, np.float32), engine) for _ in AGES]
    with pytest.raises(SystemExit, match="no prior"):
        images.person_figures(a_person(), visits, engine)


def test_the_report_tells_of_every_image(tmp_path: Path) -> None:
    records = Records(tmp_path / "figures.json", {"sha256": "0"})
    one = {"psnr_db": 30.0, "ssim": 0.9, "sharpness": 0.8, "detail": 0.7, "seconds": 2.0}
    kinds = ("against_true", "against_stated")
    sizes = {f"{what}/{region}": -0.5 for what in kinds for region in images.REGIONS}
    names = (images.TRUTH, *images.SHOWN)
    figures = {f"{name}/{what}": value for name in names for what, value in (one | sizes).items()}
    records.measure(images.CONDITION, "a", lambda: figures)
    text = images.report(records)
    cells = ["30.000", "0.900", "0.800", "0.700", *(["0.50 / 0.50"] * len(images.REGIONS)), "2.0"]
    for name in names:
        assert " | ".join(["", name, *cells, ""]).strip() in text
