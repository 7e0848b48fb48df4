"""The Bayesian line through volumes, and intervals that hold on people who taught nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from MRExtrapLib.errors import InputError, ModelError
from MRExtrapLib.progression.calibrating import calibrate
from MRExtrapLib.progression.calibration import HORIZONS_YEARS, Calibration, Case, RegionCalibration
from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.coverage import held_out_coverage
from MRExtrapLib.progression.crossfit import cross_fitted_cases, volume_cases
from MRExtrapLib.progression.knowledge import Knowledge, knowledge_text, parse_knowledge
from MRExtrapLib.progression.learning import MeasuredPerson
from MRExtrapLib.progression.likeness import Likeness, likeness
from MRExtrapLib.progression.line import fit_line
from MRExtrapLib.progression.student import LEVELS
from MRExtrapLib.progression.trajectory import bend_warnings
from MRExtrapLib.progression.volumes import VolumePrior, fit_volume_prior, volume_table

REGIONS = ("hippocampus", "ventricles", "gray_matter")
LEVEL_ML = np.array([7.0, 20.0, 620.0])
NOISE = np.array([0.015, 0.02, 0.005])
"""Of a scan, as a share of the volume."""

AGES = [70.0, 72.0, 72.1, 74.0]

Table = tuple[str, Sequence[float], list[dict[str, float]], Covariates]


def a_person(number: int, generator: np.random.Generator, ages: Sequence[float] = AGES) -> Table:
    """Tissue loses a share of itself, ventricles gain millilitres, whatever their sizes; AD twice as fast."""
    is_ill = number % 2 == 0
    pace = (2.0 if is_ill else 1.0) * (1 + 0.4 * generator.normal())
    level = LEVEL_ML * np.exp(0.25 * generator.normal(size=3))
    rate = pace * np.array([-0.02 * level[0], 1.5, -0.005 * level[2]])
    table = level + np.outer(np.array(ages) - ages[0], rate)
    table = table * (1 + NOISE * generator.normal(size=table.shape))
    scans = [dict(zip(REGIONS, map(float, row), strict=True)) for row in table]
    return f"p{number}", ages, scans, Covariates(float(np.mean(ages)), None, "AD" if is_ill else "CN")


def unpooled(scans: Sequence[object]) -> tuple[np.ndarray, ...]:
    """Latents that say nothing."""
    return tuple(np.zeros(1) for _ in scans)


@pytest.fixture(scope="module")
def a_volume_prior() -> VolumePrior:
    generator = np.random.default_rng(0)
    return fit_volume_prior([a_person(number, generator) for number in range(60)])


def test_one_scan_moves_as_such_people_do(a_volume_prior: VolumePrior) -> None:
    for size in (1.0, 2.0):
        scan = dict(zip(REGIONS, size * LEVEL_ML, strict=True))
        line = a_volume_prior.line([scan], [72.0], Covariates(72.0, None, "AD"))
        rate, spread = line.rate()
        assert rate["hippocampus"] == pytest.approx(-0.04 * size * 7.0, rel=0.2)
        assert rate["ventricles"] == pytest.approx(3.0, rel=0.2)
        assert rate == line.expected_rate()[0]
        assert spread == line.expected_rate()[1]
        assert line.at(72.0) == pytest.approx(scan, rel=1e-6)


def test_a_flat_prior_is_least_squares_on_volumes(a_volume_prior: VolumePrior) -> None:
    _, ages, scans, known = a_person(3, np.random.default_rng(5))
    prior = a_volume_prior.prior
    flat = replace(
        prior,
        factors=prior.factors[:0],
        noise_factors=prior.noise_factors[:0],
        residual_variance=np.full(prior.elements, 1e12),
    )
    found = replace(a_volume_prior, prior=flat).line(scans, ages, known).at(80.0)
    expected = fit_line(volume_table(scans, a_volume_prior.regions), ages).at(80.0)
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-6)


def test_more_scans_are_missed_by_less(a_volume_prior: VolumePrior) -> None:
    generator, missed = np.random.default_rng(7), {1: [], 2: [], 4: []}
    for number in range(200):
        _, ages, scans, known = a_person(number, generator, [70.0, 71.0, 72.0, 73.0, 77.0])
        for count, errors in missed.items():
            inputs = slice(4 - count, 4)
            line = a_volume_prior.line(scans[inputs], ages[inputs], known)
            errors.append(abs(line.at(77.0)["hippocampus"] - scans[4]["hippocampus"]))
    assert np.mean(missed[1]) > np.mean(missed[2]) > np.mean(missed[4])


def test_noise_of_a_scan_is_found(a_volume_prior: VolumePrior) -> None:
    line = a_volume_prior.line([dict(zip(REGIONS, LEVEL_ML, strict=True))], [72.0], Covariates(72.0))
    for region, share, level in zip(REGIONS, NOISE, LEVEL_ML, strict=True):
        if region == "ventricles":  # counted in millilitres, so that large ones add to everyone's noise
            assert share * level < line.scan_noise()[region] < 2 * share * level
            continue
        assert line.scan_noise()[region] == pytest.approx(share * level, rel=0.3)


def test_a_region_that_was_not_measured_is_named(a_volume_prior: VolumePrior) -> None:
    with pytest.raises(InputError, match="ventricles was not measured"):
        a_volume_prior.line([{"hippocampus": 7.0, "gray_matter": 600.0}], [70.0], Covariates(70.0))


def cases_of(
    prior: VolumePrior, numbers: range, seed: int, decoded_error: float = 1.0
) -> tuple[list[Case], np.random.Generator]:
    generator, cases = np.random.default_rng(seed), []
    for number in numbers:
        name, ages, scans, known = a_person(number, generator, [70.0, 71.0, 72.0, 75.0, 77.0])
        for count in (1, 2, 3):
            for target in (3, 4):
                line = prior.line(scans[3 - count : 3], ages[3 - count : 3], known)
                at, spread = line.at(ages[target]), line.spread(ages[target])
                for region in prior.regions:
                    came = scans[target][region]
                    decoded = came + decoded_error * generator.normal() * spread[region]
                    years = ages[target] - ages[2]
                    cases.append(
                        # stated too narrow, as an uncalibrated model states it
                        Case(name, region, count, years, came, at[region], decoded, spread[region] / 2)
                    )
    return cases, generator


@pytest.mark.parametrize("level", LEVELS)
def test_calibrated_intervals_hold_on_people_who_calibrated_nothing(
    a_volume_prior: VolumePrior, level: float
) -> None:
    learned, _ = cases_of(a_volume_prior, range(100), seed=1)
    calibration = calibrate(learned)
    held, _ = cases_of(a_volume_prior, range(100, 300), seed=2)
    inside = [calibration.holds(case, level) for case in held]
    assert np.mean(inside) == pytest.approx(level, abs=0.05)


def test_held_out_coverage_tells_how_often_intervals_hold_for_others(a_volume_prior: VolumePrior) -> None:
    cases, _ = cases_of(a_volume_prior, range(40), seed=4)
    told = held_out_coverage(cases)
    others, _ = cases_of(a_volume_prior, range(100, 400), seed=5)
    calibration = calibrate(cases)
    for region in REGIONS:
        for level in LEVELS:
            held = np.mean([calibration.holds(case, level) for case in others if case.region == region])
            assert told[region][0][level] == pytest.approx(held, abs=0.12)


def test_too_few_to_hold_anyone_out_are_refused(a_volume_prior: VolumePrior) -> None:
    with pytest.raises(InputError, match="6 people or more; there are 5"):
        held_out_coverage(cases_of(a_volume_prior, range(5), seed=1)[0])


def test_the_image_counts_as_much_as_it_is_right(a_volume_prior: VolumePrior) -> None:
    good, poor = (
        calibrate(cases_of(a_volume_prior, range(60), seed=3, decoded_error=error)[0])
        for error in (0.05, 20.0)
    )
    for region in REGIONS:
        assert good.regions[region].image_weights[0] > 0.85
        assert poor.regions[region].image_weights[0] < 0.1


def test_nobody_calibrates_with_too_few_people(a_volume_prior: VolumePrior) -> None:
    with pytest.raises(InputError, match="5 people or more"):
        calibrate(cases_of(a_volume_prior, range(3), seed=1)[0])


def test_an_interval_never_jumps_as_the_horizon_grows() -> None:
    """Scales are those of the horizons at these, straight between, and level beyond."""
    widths = (1.1, 1.4, 0.8, 2.0)
    one = Calibration({"hippocampus": RegionCalibration((0.0, 0.0), widths)}, 7.0, 20, 100)
    at = [one.spread_ml("hippocampus", 1, years, 1.0) for years in (0.0, *HORIZONS_YEARS, 30.0)]
    assert at == pytest.approx([widths[0], *widths, widths[-1]])
    finely = np.array([one.spread_ml("hippocampus", 1, years, 1.0) for years in np.linspace(0, 8, 801)])
    assert np.abs(np.diff(finely)).max() < 0.01


def test_a_horizon_between_two_teaches_both() -> None:
    """Predictions three years on miss by twice as much as stated: at two and at four years alike."""
    cases = [
        Case(f"p{number}", "hippocampus", 1, years, missed, 0.0, 0.0, 1.0)
        for number in range(100)
        for years, missed in ((1.0, 1.0), (3.0, 2.0))
    ]
    scales = calibrate(cases).regions["hippocampus"].scales
    assert scales[1] == pytest.approx(scales[2])
    assert scales[1] > 1.5 * scales[0]


def test_knowledge_comes_back_from_its_text(a_volume_prior: VolumePrior) -> None:
    calibration = calibrate(cases_of(a_volume_prior, range(20), seed=1)[0])
    knowledge = Knowledge(
        a_volume_prior, calibration, Likeness(30.0, 1.5, {"hippocampus": (-5.0, 0.1)}, 10, 40)
    )
    text = knowledge_text(knowledge)
    back = parse_knowledge(text, "volumes.json")
    assert back.calibration == calibration
    assert back.likeness == knowledge.likeness
    assert not back.are_simulated
    assert parse_knowledge(
        knowledge_text(replace(knowledge, are_simulated=True)), "volumes.json"
    ).are_simulated
    np.testing.assert_allclose(back.prior.prior.mean_rate, a_volume_prior.prior.mean_rate, rtol=1e-6)
    assert knowledge_text(back) == text
    with pytest.raises(ModelError, match="unknown key"):
        parse_knowledge(text.replace('"unit_ml"', '"units"'), "volumes.json")


def test_scans_like_those_of_the_calibration_are_not_called_unlike() -> None:
    generator = np.random.default_rng(0)

    def scan(share: float = 0.006) -> dict[str, float]:
        whole = 1200 * np.exp(0.1 * generator.normal())
        hippocampus = whole * share * np.exp(0.1 * generator.normal())
        return {"hippocampus": hippocampus, "whole_brain": whole}

    learned = likeness(list(30 + generator.normal(size=40)), [[scan(), scan()] for _ in range(20)])
    assert learned is not None
    assert (learned.people, learned.scans) == (20, 40)
    told = [learned.warnings("scan", 30 + generator.normal(), scan()) for _ in range(100)]
    assert sum(map(len, told)) <= 2
    (blurred,) = learned.warnings("scan", 20.0, scan())
    assert "reconstruction is far worse" in blurred
    (shrunk,) = learned.warnings("scan", 30.0, scan(0.001))
    assert "share of its hippocampus" in shrunk
    assert not learned.warnings("scan", 60.0, scan())
    assert likeness([30.0], [[scan()]]) is None


def test_a_line_is_not_called_bent_and_a_bend_is(a_volume_prior: VolumePrior) -> None:
    generator, ages = np.random.default_rng(11), [70.0, 71.0, 72.0, 73.0, 74.0]
    told = 0
    for number in range(100):
        _, _, scans, known = a_person(number, generator, ages)
        told += len(bend_warnings(a_volume_prior.line(scans, ages, known), scans, ages))
        bent = [
            scan | {"hippocampus": scan["hippocampus"] * (1 if i else 1.5)} for i, scan in enumerate(scans)
        ]
        (words,) = bend_warnings(a_volume_prior.line(bent, ages, known), bent, ages)
        assert "hippocampus do not lie on a line" in words
    assert told <= 5
    two = a_volume_prior.line(scans[:2], ages[:2], known)
    assert bend_warnings(two, scans[:2], ages[:2]) == ()


def test_cross_fitted_intervals_hold_on_people_outside_the_cohort(a_volume_prior: VolumePrior) -> None:
    """Those of one family stay in one fold, and everyone is predicted by a prior that never saw them."""
    generator = np.random.default_rng(21)
    tables = [a_person(number, generator) for number in range(40)]
    people = [
        MeasuredPerson(name, tuple(ages), tuple(scans), known, unpooled(scans), f"f{number // 2}")
        for number, (name, ages, scans, known) in enumerate(tables)
    ]
    cases = cross_fitted_cases(people)
    assert {case.kin for case in cases} == {f"f{number}" for number in range(20)}
    assert all(case.decoded_ml == case.line_ml for case in cases)
    calibration, prior = calibrate(cases), fit_volume_prior([one.row for one in people])
    assert not calibration.are_simulated
    assert calibrate(cases, are_simulated=True).are_simulated
    inside = {level: [] for level in LEVELS}
    for number in range(100, 250):
        name, ages, scans, known = a_person(number, generator)
        person = MeasuredPerson(name, tuple(ages), tuple(scans), known, unpooled(scans))
        for case in volume_cases(person, prior):
            for level, found in inside.items():
                found.append(calibration.holds(case, level))
    for level, found in inside.items():
        assert np.mean(found) == pytest.approx(level, abs=0.07)


def test_every_later_scan_is_asked_of_all_scans_before_it(a_volume_prior: VolumePrior) -> None:
    name, ages, scans, known = a_person(0, np.random.default_rng(0))
    person = MeasuredPerson(name, tuple(ages), tuple(scans), known, unpooled(scans))
    cases = list(volume_cases(person, a_volume_prior))
    assert len(cases) == 10 * len(REGIONS)
    assert {case.inputs for case in cases} == {1, 2, 3}
