"""Forecasts that weigh a person's scans against a prior; exact because the codec is linear."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import SHAPE, fake_engine, fake_prior, fake_visits
from scipy import stats

from MRExtrapLib.forecast.output import write_forecast
from MRExtrapLib.forecast.pipeline import forecast, prepare
from MRExtrapLib.forecast.result import Forecast
from MRExtrapLib.forecast.subject import Diagnosis, Method, Request, Subject
from MRExtrapLib.progression.posterior import Posterior
from MRExtrapLib.report.figures import draw_forecast

SINGLE_PRECISION = 1e-4
"""Intensities of up to one in float32, doubled and extrapolated."""

ON_AVERAGE = 0.15
"""Of a standard deviation that one random direction in many seeds judges."""

ENGINE = fake_engine(prior=fake_prior())


def forecast_of(
    *ages: float,
    at: tuple[float, ...] = (75.0,),
    method: Method | None = None,
    diagnosis: Diagnosis | None = None,
    directions: int = 4,
) -> Forecast:
    subject = Subject(fake_visits(*ages), diagnosis=diagnosis)
    return forecast(subject, Request(at, method, directions=directions), ENGINE)


def test_a_model_with_a_prior_takes_bayes_by_itself() -> None:
    assert forecast_of(70, 72).method == "bayes"
    assert forecast_of(70, 72, method="linear").method == "linear"


def test_one_scan_suffices_and_moves_as_people_do() -> None:
    made = forecast_of(72, at=(72, 76))
    scan = made.observations[0].conformed.volume.voxels
    now, later = (prediction.volume.voxels for prediction in made.predictions)
    np.testing.assert_allclose(now, scan, atol=SINGLE_PRECISION)
    expected = 2 * 4 * (-0.01 - 0.005 * 0.3 - 0.01 * 0.2)
    np.testing.assert_allclose(later - scan, expected, atol=SINGLE_PRECISION)


def test_a_diagnosis_changes_the_rate_of_one_scan() -> None:
    healthy, ill = (forecast_of(72, diagnosis=one).predictions[0].volume.voxels for one in ("CN", "AD"))
    np.testing.assert_allclose(ill - healthy, -2 * 3 * 0.01, atol=SINGLE_PRECISION)


def test_a_flat_prior_forecasts_as_least_squares_does() -> None:
    flat = fake_prior(factors=np.zeros((0, 336)), residual_variance=np.full(336, 1e12))
    subject, request = Subject(fake_visits(70, 72, 75)), Request((80,))
    bayes = forecast(subject, request, fake_engine(prior=flat)).predictions[0]
    linear = forecast(subject, request, fake_engine()).predictions[0]
    np.testing.assert_allclose(bayes.volume.voxels, linear.volume.voxels, atol=SINGLE_PRECISION)


def test_intervals_are_those_of_the_posterior_of_volumes() -> None:
    """The codec doubles and the segmenter sums, so a region's variance is known in closed form."""
    prepared = prepare(Subject(fake_visits(74), "F", "CN"), Request((80,), directions=20), ENGINE)
    assert isinstance(prepared.line, Posterior)
    prior, years = fake_prior(), 6.0
    left = (2.0 * (np.indices(SHAPE)[0] < 3)).ravel()
    bend = prior.curvature_per_year * 0.5 * years**2 * prepared.line.rate
    patterns = np.vstack([years * prior.factors, np.sqrt(2) * prior.noise_factors, bend[None]])
    alone = years**2 * prior.residual_variance + 2 * prior.noise_variance
    sigma = np.sqrt(np.sum((patterns @ left) ** 2) + np.sum(alone * left**2))
    (row,) = (row for row in prepared.predict(80.0).rows if row.region == "hippocampus")
    reach = stats.norm.ppf(0.975)
    assert row.high_ml is not None
    assert row.high_ml - row.volume_ml == pytest.approx(reach * sigma, rel=ON_AVERAGE)


def test_few_directions_already_say_most() -> None:
    few, many = (forecast_of(72, at=(78,), directions=count).predictions[0].rows for count in (3, 20))
    for one, other in zip(few, many, strict=True):
        assert one.high_ml is not None
        assert other.high_ml is not None
        assert one.high_ml - one.volume_ml == pytest.approx(other.high_ml - other.volume_ml, rel=0.3)


def test_more_scans_make_narrower_intervals() -> None:
    widths = []
    for ages in ((74,), (70, 74), (70, 71, 72, 73, 74)):
        line = prepare(Subject(fake_visits(*ages)), Request((80,)), ENGINE).line
        assert isinstance(line, Posterior)
        widths.append(line.rate_variance().mean())
    assert widths == sorted(widths, reverse=True)


def test_the_map_of_uncertainty_is_there_with_one_scan() -> None:
    made = forecast_of(72)
    spread = made.predictions[0].uncertainty
    assert spread is not None
    assert np.all(spread.voxels > 0)
    assert made.restored_uncertainty(made.predictions[0]) is not None


def test_the_same_question_has_the_same_answer() -> None:
    assert forecast_of(72).predictions[0].rows == forecast_of(72).predictions[0].rows


def test_weak_scans_are_told_and_least_squares_on_them_more_so() -> None:
    weak = forecast_of(70, 70.2)
    assert weak.data_weight is not None
    assert weak.data_weight < 0.5
    assert any("rest is what is known of such people" in words for words in weak.warnings)
    linear = forecast_of(70, 70.2, method="linear")
    assert any("least squares mostly follows their noise" in words for words in linear.warnings)
    strong = forecast_of(60, 65, 70)
    assert strong.data_weight is not None
    assert strong.data_weight > 0.5
    assert not any("of 1 in the" in words for words in strong.warnings)


def test_least_squares_for_want_of_a_prior_is_told_unless_asked_for() -> None:
    subject = Subject(fake_visits(70, 72, 75))
    by_default, asked = (
        forecast(subject, Request((76,), method), fake_engine()).warnings for method in (None, "linear")
    )
    assert any("holds no progression prior" in words for words in by_default)
    assert not any("prior" in words for words in asked)


def test_a_diagnosis_the_cohort_lacked_is_told() -> None:
    healthy = fake_prior(typical_covariates=np.array([1.0, 0, 0, 0, 0]))
    subject = Subject(fake_visits(70), diagnosis="AD")
    made = forecast(subject, Request((72,)), fake_engine(prior=healthy))
    assert any("nobody with AD" in words for words in made.warnings)


def test_a_held_out_scan_of_two_is_forecast_from_one() -> None:
    made = forecast(Subject(fake_visits(70, 73)), Request((), has_last_held_out=True), ENGINE)
    assert len(made.observations) == 1
    assert made.held_out is not None
    alone = forecast(Subject(fake_visits(70)), Request((73,)), ENGINE)
    np.testing.assert_array_equal(made.predictions[0].volume.voxels, alone.predictions[0].volume.voxels)


def test_the_files_of_one_scan_are_complete(tmp_path: Path) -> None:
    write_forecast(forecast_of(72, at=(75, 78)), tmp_path, draw_forecast)
    record = json.loads((tmp_path / "forecast.json").read_text(encoding="utf-8"))
    assert record["method_name"] == "bayes"
    assert record["data_weight"] == 0.0
    assert record["figures"]
    assert "posterior" in record["uncertainty"]
    assert sum(record["predictions"][0]["scan_weights"]) == pytest.approx(1.0)
    with (tmp_path / "volumes.csv").open(newline="", encoding="utf-8") as file:
        predicted = [row for row in csv.DictReader(file) if row["kind"] == "predicted"]
    assert predicted
    for row in predicted:
        assert float(row["low_ml"]) < float(row["volume_ml"]) < float(row["high_ml"])
    assert (tmp_path / "uncertainty_age-75.00.nii.gz").is_file()


def test_an_age_costs_one_decode_without_its_spread() -> None:
    decoded: list[int] = []

    class Counting:
        def encode(self, voxels: np.ndarray) -> np.ndarray:
            return ENGINE.codec.encode(voxels)

        def decode(self, latent: np.ndarray) -> np.ndarray:
            decoded.append(1)
            return ENGINE.codec.decode(latent)

    prepared = prepare(
        Subject(fake_visits(70)), Request((72,), image="plain"), replace(ENGINE, codec=Counting())
    )
    decoded.clear()
    prepared.predict(72.0, has_spread=False)
    assert len(decoded) == 1
    prepared.predict(72.0)
    assert len(decoded) == 2 + 2 * 4
