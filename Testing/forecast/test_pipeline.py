"""Laws of the one pipeline, exact because the codec is linear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes import fake_engine, fake_scan, fake_visits, fake_voxels

from MRExtrapLib.errors import ModelError
from MRExtrapLib.forecast.pipeline import forecast
from MRExtrapLib.forecast.result import Forecast
from MRExtrapLib.forecast.subject import Request, Subject, Visit

SINGLE_PRECISION = 1e-4
"""Own units go up to 220 in float32, and a line ten years on multiplies their rounding."""

VOLUME_PRECISION = 1e-3
"""Sums of some hundred float32 intensities."""


def forecast_of(*ages: float, at: tuple[float, ...] = (75.0,), kept: float = 1.0, **asked: bool) -> Forecast:
    """With the plain decode as its image: what is anchored has laws of its own."""
    return forecast(Subject(fake_visits(*ages)), Request(at, image="plain", **asked), fake_engine(kept))


def volumes_of(made: Forecast, kind: str) -> dict[tuple[float, str], float]:
    return {(row.age_years, row.region): row.volume_ml for row in made.rows if row.kind == kind}


def test_a_forecast_at_a_scans_own_age_is_that_scan() -> None:
    made = forecast_of(70, 72, at=(70, 72))
    for visit, prediction in zip(made.subject.visits, made.predictions, strict=True):
        restored = made.restored(prediction)
        np.testing.assert_allclose(restored.voxels, visit.scan.volume.voxels, atol=SINGLE_PRECISION)
        np.testing.assert_array_equal(restored.affine, visit.scan.volume.affine)


def test_predictions_are_linear_in_age() -> None:
    made = forecast_of(70, 71, 73, at=(60, 74, 88))
    earlier, middle, later = (prediction.volume.voxels for prediction in made.predictions)
    np.testing.assert_allclose((earlier + later) / 2, middle, atol=SINGLE_PRECISION)


def test_forward_then_backward_returns() -> None:
    made = forecast_of(70, 72, at=(78, 80))
    ahead = tuple(
        Visit(
            fake_scan(made.restored(prediction).voxels, f"ahead{prediction.age_years}"), prediction.age_years
        )
        for prediction in made.predictions
    )
    back = forecast(Subject(ahead), Request((70, 72), image="plain"), fake_engine())
    for visit, prediction in zip(made.subject.visits, back.predictions, strict=True):
        np.testing.assert_allclose(
            back.restored(prediction).voxels, visit.scan.volume.voxels, atol=10 * SINGLE_PRECISION
        )


def test_the_order_of_scans_is_free() -> None:
    visits = fake_visits(70, 72, 75)
    forward, backward = (
        forecast(Subject(order), Request((80,)), fake_engine()).predictions[0].volume.voxels
        for order in (visits, visits[::-1])
    )
    np.testing.assert_array_equal(forward, backward)


@pytest.mark.parametrize("kept", [0.8, 1.0])
def test_the_reconstructions_own_bias_is_cancelled(kept: float) -> None:
    made = forecast_of(70, 72, at=(70, 71, 72), kept=kept)
    observed, predicted = volumes_of(made, "observed"), volumes_of(made, "predicted")
    for region in ("hippocampus", "ventricles"):
        means = [np.mean([table[70, region], table[72, region]]) for table in (observed, predicted)]
        assert predicted[71, region] == pytest.approx(means[0], rel=VOLUME_PRECISION)
        assert means[1] == pytest.approx(means[0], rel=VOLUME_PRECISION)


def test_volumes_of_every_kind_are_there() -> None:
    made = forecast_of(70, 72, kept=0.9)
    observed, again = volumes_of(made, "observed"), volumes_of(made, "reconstructed")
    assert observed.keys() == again.keys()
    assert {age for age, _ in volumes_of(made, "predicted")} == {75}
    for where, volume in observed.items():
        assert again[where] == pytest.approx(0.9 * volume, rel=VOLUME_PRECISION)


def test_two_scans_have_no_uncertainty_and_it_says_why() -> None:
    made = forecast_of(70, 72)
    assert made.predictions[0].uncertainty is None
    assert all(row.low_ml is None and row.high_ml is None for row in made.rows)
    assert "two scans" in made.uncertainty_words
    assert any("two scans" in words for words in made.warnings)


def test_three_scans_spread_as_their_residuals_say() -> None:
    made = forecast_of(70, 72, 75, at=(80.0,))
    scans = np.stack([seen.conformed.volume.voxels for seen in made.observations]).astype(np.float64)
    ages = np.array([70.0, 72.0, 75.0])
    design = np.stack([np.ones(3), ages], axis=1)
    fit, *_ = np.linalg.lstsq(design, scans.reshape(3, -1), rcond=None)
    residuals = scans.reshape(3, -1) - design @ fit
    leverage = 1 + np.array([1, 80.0]) @ np.linalg.inv(design.T @ design) @ np.array([1, 80.0])
    sigma = np.sqrt(leverage * (residuals**2).sum(axis=0)).reshape(scans.shape[1:])
    spread = made.predictions[0].uncertainty
    assert spread is not None
    np.testing.assert_allclose(spread.voxels, sigma, rtol=VOLUME_PRECISION, atol=SINGLE_PRECISION)


def test_intervals_come_from_coherent_directions() -> None:
    """With one direction the spread of a sum is the sum of its signed parts, not their root of squares."""
    made = forecast_of(70, 72, 75, at=(80.0,))
    rows = {row.region: row for row in made.predictions[0].rows}
    half = {region: row.high_ml - row.volume_ml for region, row in rows.items()}
    assert half["gray_matter"] in (
        pytest.approx(half["hippocampus"] + half["ventricles"], rel=0.01),
        pytest.approx(abs(half["hippocampus"] - half["ventricles"]), rel=0.01),
    )
    assert half["white_matter"] == pytest.approx(2 * half["hippocampus"], rel=0.01)
    assert all(row.low_ml >= 0 for row in rows.values())


def test_the_uncertainty_is_restored_without_the_shift_of_intensities() -> None:
    made = forecast_of(70, 72, 75)
    (prediction,) = made.predictions
    restored = made.restored_uncertainty(prediction)
    assert prediction.uncertainty is not None
    assert restored is not None
    np.testing.assert_allclose(restored.voxels, 200 * prediction.uncertainty.voxels, rtol=0.01, atol=0.01)


def test_a_held_out_scan_changes_nothing_of_the_forecast() -> None:
    visits = fake_visits(70, 72, 75)
    without = forecast(Subject(visits[:2]), Request((75,)), fake_engine())
    held_out = forecast(Subject(visits), Request((), has_last_held_out=True), fake_engine())
    np.testing.assert_array_equal(held_out.predictions[0].volume.voxels, without.predictions[0].volume.voxels)
    assert held_out.predictions[0].rows == without.predictions[0].rows
    assert held_out.observations[-1].visit.age_years == 72


def test_a_held_out_scan_is_what_errors_are_measured_against() -> None:
    made = forecast_of(70, 72, 75, at=(), has_last_held_out=True)
    observed, predicted = volumes_of(made, "observed"), volumes_of(made, "predicted")
    assert made.held_out is not None
    for error in made.held_out.errors:
        assert error.error_ml == pytest.approx(predicted[75, error.region] - observed[75, error.region])
        carried = observed[72, error.region] - observed[75, error.region]
        assert error.carried_forward_error_ml == pytest.approx(carried)


def test_ages_beyond_the_horizon_are_warned_about() -> None:
    made = forecast_of(70, 72, 74, at=(76, 90))
    assert made.predictions[0].warnings == ()
    assert "beyond" in made.predictions[1].warnings[0]


def test_what_conforming_warns_about_reaches_the_forecast() -> None:
    engine = fake_engine(conform_warnings=("registers only fairly",))
    made = forecast(Subject(fake_visits(70, 72, 74)), Request((75,)), engine)
    assert sum("registers only fairly" in words for words in made.warnings) == 3


def test_bayes_needs_a_prior() -> None:
    subject = Subject(fake_visits(70))
    with pytest.raises(ModelError, match="holds no progression prior"):
        forecast(subject, Request((75,), method="bayes"), fake_engine())


def test_progress_only_rises_and_ends_at_one() -> None:
    heard: list[float] = []
    subject = Subject(fake_visits(70, 72, 75))
    forecast(subject, Request((76, 77)), fake_engine(), lambda fraction, words: heard.append(fraction))
    assert heard == sorted(heard)
    assert heard[-1] == 1.0


def test_no_scan_is_changed_by_a_forecast() -> None:
    visits = fake_visits(70, 72, 75)
    before = [visit.scan.volume.voxels.copy() for visit in visits]
    forecast(Subject(visits), Request((80,)), replace(fake_engine()))
    for visit, voxels in zip(visits, before, strict=True):
        np.testing.assert_array_equal(visit.scan.volume.voxels, voxels)
    np.testing.assert_array_equal(before[0], fake_voxels(0))
