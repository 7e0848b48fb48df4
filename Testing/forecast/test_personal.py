"""What a forecast says of this patient: rates, whether changes are real, and visits left out."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import fake_engine, fake_knowledge, fake_prior, fake_visits, steady_visits
from scipy import stats

from MRExtrapLib.forecast.output import write_forecast
from MRExtrapLib.forecast.personal import region_changes
from MRExtrapLib.forecast.pipeline import forecast, prepare
from MRExtrapLib.forecast.result import Forecast
from MRExtrapLib.forecast.subject import Method, Request, Subject
from MRExtrapLib.forecast.volumes import person_volumes
from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.likeness import Likeness

ENGINE = fake_engine(prior=fake_prior(), knowledge=fake_knowledge())


def forecast_of(
    *ages: float, method: Method | None = None, leaves_out: bool = True, engine: object = ENGINE
) -> Forecast:
    request = Request((80.0,), method, has_each_left_out=leaves_out)
    return forecast(Subject(steady_visits(*ages)), request, engine)  # type: ignore[arg-type]


def test_a_person_of_one_scan_changes_as_such_people_do() -> None:
    made = forecast_of(72)
    assert made.rates
    for rate in made.rates:
        assert rate.ml_per_year == pytest.approx(rate.expected_ml_per_year)
        assert rate.share_slower == pytest.approx(0.5)
        assert rate.low_ml_per_year < rate.ml_per_year < rate.high_ml_per_year
    assert made.changes == ()
    assert made.left_out == ()


def test_scans_narrow_a_rate_and_a_fast_one_is_seen_to_be_fast() -> None:
    one, many = forecast_of(72), forecast_of(66, 69, 72)
    for before, after in zip(one.rates, many.rates, strict=True):
        width = after.high_ml_per_year - after.low_ml_per_year
        assert width < before.high_ml_per_year - before.low_ml_per_year
    rates = {rate.region: rate for rate in many.rates}
    observed = {region: np.polyfit((66, 69, 72), ml, 1)[0] for region, ml in volumes_of(many).items()}
    for region in ("hippocampus", "gray_matter"):
        assert observed[region] < rates[region].expected_ml_per_year < 0  # this brain darkens faster
        assert rates[region].share_slower > 0.5
        assert rates[region].percent_per_year is not None
        assert rates[region].percent_per_year < 0


def volumes_of(made: Forecast) -> dict[str, list[float]]:
    regions = made.observations[0].observed_ml
    return {region: [seen.observed_ml[region] for seen in made.observations] for region in regions}


def test_changes_are_those_between_visits_and_over_all_of_them() -> None:
    made = forecast_of(66, 69, 72)
    spans = {(change.from_age_years, change.to_age_years) for change in made.changes}
    assert spans == {(66, 69), (69, 72), (66, 72)}
    by = {(change.region, change.from_age_years, change.to_age_years): change for change in made.changes}
    whole, first, second = (by["hippocampus", *span] for span in ((66, 72), (66, 69), (69, 72)))
    assert whole.change_ml == pytest.approx(first.change_ml + second.change_ml)
    assert whole.probability is not None
    assert first.probability is not None
    assert whole.probability > first.probability > 0.5


def test_probabilities_are_right_as_often_as_they_say() -> None:
    """Two noisy scans of brains that change either way alike: the sign is right in that share."""
    generator, knowledge = np.random.default_rng(4), fake_knowledge()
    ages, about = [70.0, 71.0], Covariates(70.5)
    flat = dict.fromkeys(knowledge.prior.regions, 100.0)
    noise = knowledge.prior.line([flat], [70.0], about).scan_noise()
    said, right = [], []
    for _ in range(400):
        true = generator.uniform(-5, 5)
        scans = [
            {
                region: 100.0 + step * true + noise[region] * generator.normal()
                for region in knowledge.prior.regions
            }
            for step in (0, 1)
        ]
        volumes = person_volumes([_Seen(scan) for scan in scans], ages, about, knowledge)
        assert volumes is not None
        for change in region_changes(volumes, scans, ages, [False, False]):
            said.append(change.probability)
            right.append(np.sign(change.change_ml) == np.sign(true))
    assert np.mean(right) == pytest.approx(np.mean(said), abs=0.04)


class _Seen:
    def __init__(self, observed_ml: dict[str, float]) -> None:
        self.observed_ml = observed_ml
        self.latent = np.zeros((1, 2, 2, 2), dtype=np.float32)


def test_changes_that_another_scanner_may_have_made_are_not_judged() -> None:
    knowledge, ages, about = fake_knowledge(), [70.0, 71.0, 72.0], Covariates(71.0)
    scans = [dict.fromkeys(knowledge.prior.regions, ml) for ml in (100.0, 90.0, 80.0)]
    volumes = person_volumes([_Seen(scan) for scan in scans], ages, about, knowledge)
    assert volumes is not None
    for change in region_changes(volumes, scans, ages, [False, True, False]):
        is_judged = (change.from_age_years, change.to_age_years) == (70.0, 72.0)
        assert (change.probability is not None) == (change.smallest_real_ml is not None) == is_judged
        assert change.change_ml < 0 < change.noise_ml


def test_it_is_told_what_changes_are_judged_by(tmp_path: Path) -> None:
    knowledge = replace(fake_knowledge(), are_simulated=True)
    made = forecast_of(66, 69, engine=fake_engine(prior=fake_prior(), knowledge=knowledge))
    write_forecast(made, tmp_path)
    record = json.loads((tmp_path / "forecast.json").read_text(encoding="utf-8"))
    assert "among the simulated people who taught" in record["changes_are"]
    assert sum("noise of simulated people's scans" in words for words in record["warnings"]) == 1
    with (tmp_path / "changes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {(row["kind"], row["noise_learned_from"]) for row in rows} == {
        ("rate", ""),
        ("change", "simulated people"),
    }
    weights = {rate["region"]: rate["data_weight"] for rate in record["rates"]}
    assert weights == pytest.approx(made_weights(made))
    assert record["data_weight"] == pytest.approx(np.mean(list(weights.values())))


@pytest.mark.parametrize(("ages", "are_simulated"), [((66,), True), ((66, 69), False)])
def test_noise_of_real_scans_or_of_no_change_is_not_doubted(
    ages: tuple[float, ...], are_simulated: bool
) -> None:
    knowledge = replace(fake_knowledge(), are_simulated=are_simulated)
    made = forecast_of(*ages, engine=fake_engine(prior=fake_prior(), knowledge=knowledge))
    assert not any("noise of simulated" in words for words in made.warnings)
    assert {change.noise_learned_from for change in made.changes} <= {"people"}


def made_weights(made: Forecast) -> dict[str, float]:
    ages = [seen.visit.age_years for seen in made.observations]
    scans = [seen.observed_ml for seen in made.observations]
    prior = fake_knowledge().prior
    return prior.line(scans, ages, Covariates(float(np.mean(ages)))).data_weight()


def test_the_smallest_real_change_is_significant() -> None:
    change = forecast_of(66, 72).changes[0]
    assert change.smallest_real_ml is not None
    assert stats.norm.cdf(change.smallest_real_ml / change.noise_ml) == pytest.approx(0.975)


@pytest.mark.parametrize(("method", "fewest"), [("bayes", 2), ("linear", 3)])
def test_each_visit_is_predicted_from_the_others(method: Method, fewest: int) -> None:
    ages = (60.0, 64.0, 68.0, 72.0)[:fewest]
    made = forecast_of(*ages, method=method)
    assert {row.age_years for row in made.left_out} == set(ages)
    others = Subject(steady_visits(*ages)[:-1])
    alone = forecast(others, Request((ages[-1],), method), ENGINE).predictions[0]
    left = {row.region: row for row in made.left_out if row.age_years == ages[-1]}
    truth = {region: ml[-1] for region, ml in volumes_of(made).items()}
    for row in alone.rows:
        assert left[row.region].predicted_ml == pytest.approx(row.volume_ml, rel=1e-5)
        assert left[row.region].error_ml == pytest.approx(row.volume_ml - truth[row.region], abs=1e-3)
    assert forecast_of(*ages, method=method, leaves_out=False).left_out == ()


def test_intervals_of_every_level_are_written(tmp_path: Path) -> None:
    made = forecast_of(66, 69, 72)
    write_forecast(made, tmp_path)
    (told,) = json.loads((tmp_path / "forecast.json").read_text(encoding="utf-8"))["predictions"]
    assert set(told["intervals_ml"]) == set(fake_knowledge().prior.regions)
    for row in made.predictions[0].rows:
        half, most, nearly_all = (told["intervals_ml"][row.region][level] for level in ("0.5", "0.8", "0.95"))
        assert nearly_all[0] < most[0] < half[0] < row.volume_ml < half[1] < most[1] < nearly_all[1]
        assert nearly_all == pytest.approx([row.low_ml, row.high_ml])


def test_everything_is_written(tmp_path: Path) -> None:
    write_forecast(forecast_of(66, 69, 72), tmp_path)
    record = json.loads((tmp_path / "forecast.json").read_text(encoding="utf-8"))
    assert {rate["region"] for rate in record["rates"]} == set(fake_knowledge().prior.regions)
    assert len(record["changes"]) == 3 * 4
    assert len(record["left_out"]) == 3 * 4
    assert "line through the observed volumes" in record["predicted_volume"]
    with (tmp_path / "volumes.csv").open(newline="", encoding="utf-8") as file:
        kinds = [row["kind"] for row in csv.DictReader(file)]
    assert kinds.count("left_out") == 3 * 4
    with (tmp_path / "changes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["kind"] for row in rows] == ["rate"] * 4 + ["change"] * 12
    assert all(0.5 <= float(row["probability"]) <= 1 for row in rows if row["kind"] == "change")


def test_a_model_without_knowledge_of_volumes_says_none_of_it(tmp_path: Path) -> None:
    made = forecast_of(66, 69, engine=fake_engine(prior=fake_prior()))
    assert (made.rates, made.changes) == ((), ())
    write_forecast(made, tmp_path)
    assert not (tmp_path / "changes.csv").exists()


def test_an_unlike_scan_and_a_bent_trajectory_are_told(tmp_path: Path) -> None:
    strict = Likeness(200.0, 0.3, {}, 10, 40)
    engine = fake_engine(kept=0.9, prior=fake_prior(), knowledge=fake_knowledge(likeness=strict))
    made = forecast_of(66, 69, engine=engine)
    assert sum("is unlike the 40 scans" in words for words in made.warnings) == 2
    write_forecast(made, tmp_path)
    for scan in json.loads((tmp_path / "forecast.json").read_text(encoding="utf-8"))["inputs"]:
        assert scan["unlikeness"]["of"] == "reconstruction"
        assert scan["unlikeness"]["score"] > scan["unlikeness"]["tolerated"]
    wild = forecast(Subject(fake_visits(66, 69, 72)), Request((75,)), ENGINE)
    assert any("do not lie on a line" in words for words in wild.warnings)
    assert not any("do not lie on a line" in words for words in forecast_of(66, 69, 72).warnings)


def test_least_squares_judges_changes_as_bayes_does() -> None:
    bayes, linear = (forecast_of(66, 69, 72, method=method) for method in ("bayes", "linear"))
    assert linear.changes == bayes.changes
    assert len(linear.changes) == 3 * 4
    assert linear.changes_words == bayes.changes_words
    speeding = replace(ENGINE.knowledge.prior, acceleration=np.array([0.0, 0.2, 0.0, 0.0]))
    engine = replace(ENGINE, knowledge=replace(ENGINE.knowledge, prior=speeding))
    prepared = [
        prepare(Subject(steady_visits(66, 69, 72)), Request((75,), method), engine)
        for method in ("bayes", "linear")
    ]
    bends = [one.watched.line.acceleration.max() for one in prepared]
    assert bends == [0.2, 0.0]  # each is judged beside the line that it forecasts along
    wild = forecast(Subject(fake_visits(66, 69, 72)), Request((75,), "linear"), ENGINE)
    assert any("do not lie on a line" in words for words in wild.warnings)


@pytest.mark.parametrize("knows_volumes", [True, False])
def test_least_squares_states_the_rate_of_three_scans_and_of_nobody_else(
    knows_volumes: bool, tmp_path: Path
) -> None:
    ages = (66.0, 68.0, 72.0)
    engine = ENGINE if knows_volumes else fake_engine(prior=fake_prior())
    assert forecast_of(*ages[:2], method="linear", engine=engine).rates == ()
    made = forecast_of(*ages, method="linear", engine=engine)
    for rate in made.rates:
        line, covariance = np.polyfit(ages, volumes_of(made)[rate.region], 1, cov="unscaled")
        left = volumes_of(made)[rate.region] - np.polyval(line, ages)
        deviation = np.sqrt(covariance[0, 0] * np.sum(left**2))  # one degree of freedom
        assert rate.ml_per_year == pytest.approx(line[0])
        assert rate.high_ml_per_year - rate.ml_per_year == pytest.approx(12.706 * deviation, rel=1e-4)
        assert (rate.expected_ml_per_year, rate.share_slower, rate.data_weight) == (None, None, None)
    write_forecast(made, tmp_path)
    record = json.loads((tmp_path / "forecast.json").read_text(encoding="utf-8"))
    assert len(record["rates"]) == 4
    assert "least squares through the person's own" in record["rates_are"]
    assert "line through the observed volumes" not in record["predicted_volume"]
    assert (tmp_path / "changes.csv").exists() == knows_volumes
    if knows_volumes:
        with (tmp_path / "changes.csv").open(newline="", encoding="utf-8") as file:
            assert {row["share_slower"] for row in csv.DictReader(file) if row["kind"] == "rate"} == {""}


def test_an_image_that_shows_other_volumes_is_told() -> None:
    blind = fake_engine(
        kept=1.0, prior=fake_prior(mean_rate=np.full((5, 336), 0.05)), knowledge=fake_knowledge()
    )
    request = Request((90.0,), image="plain")
    (words,) = forecast(Subject(steady_visits(72)), request, blind).predictions[0].warnings[1:]
    assert "Take sizes from the volumes" in words
    assert "hippocampus" in words
    near = forecast(Subject(steady_visits(72)), Request((72.1,), image="plain"), ENGINE)
    assert not any("Take sizes" in words for words in near.predictions[0].warnings)
