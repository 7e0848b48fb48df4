"""Changes told in full in a forecast: by the share that all scans show, and by the own scan's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from fakes import fake_engine, fake_knowledge, fake_prior, steady_visits

from MRExtrapLib.errors import InputError
from MRExtrapLib.forecast import engine as engine_module
from MRExtrapLib.forecast.pipeline import forecast
from MRExtrapLib.forecast.result import Forecast
from MRExtrapLib.forecast.subject import Request, Subject, Visit
from MRExtrapLib.imaging.volume import Volume
from MRExtrapLib.progression.leaning import Leaning
from MRExtrapLib.progression.response import NOT_TRIED, Response


def told(response: float | None, visits: tuple[Visit, ...], **asked: object) -> Forecast:
    """With so much of a change of gray matter seen."""
    shares = Response({"gray_matter": response}, 20) if response else None
    engine = fake_engine(prior=fake_prior(), knowledge=replace(fake_knowledge(), response=shares))
    return forecast(Subject(visits), Request((80.0,), image="plain", **asked), engine)


def gray_ml(made: Forecast, kind: str) -> list[float]:
    return [row.volume_ml for row in made.rows if (row.kind, row.region) == (kind, "gray_matter")]


@pytest.mark.parametrize("hold_out", [False, True])
def test_changes_of_which_half_is_seen_are_told_in_full(hold_out: bool) -> None:
    visits = steady_visits(66, 69, 72)
    seen, made = (told(share, visits, has_last_held_out=hold_out) for share in (None, 0.5))
    for kind in ("observed", "reconstructed"):
        as_seen = np.array(gray_ml(seen, kind))
        np.testing.assert_allclose(gray_ml(made, kind), as_seen**2 / gray_ml(seen, "observed")[0], rtol=1e-4)
    assert made.observations[-1].observed_ml["white_matter"] == pytest.approx(
        seen.observations[-1].observed_ml["white_matter"]
    )
    falls = [gray_ml(one, "observed")[0] - gray_ml(one, "predicted")[-1] for one in (seen, made)]
    assert falls[1] > 1.5 * falls[0] > 0


def test_another_visit_changes_no_volume_that_was_told_before() -> None:
    visits = steady_visits(66, 69, 72)
    two, three = told(0.5, visits[:2]), told(0.5, visits)
    assert gray_ml(three, "observed")[:2] == pytest.approx(gray_ml(two, "observed"))


LEANING = Response({"gray_matter": 0.5}, 20, {"gray_matter": Leaning(1.0, 0.5, 0.3, 0.9)})


def told_by_own(own: Callable[..., Mapping[str, float]], monkeypatch: pytest.MonkeyPatch) -> Forecast:
    """Where the person's own first scan says how much of a change is seen."""
    monkeypatch.setattr(engine_module, "own_shares", own)
    engine = fake_engine(prior=fake_prior(), knowledge=replace(fake_knowledge(), response=LEANING))
    return forecast(Subject(steady_visits(66, 69, 72)), Request((80.0,), image="plain"), engine)


def test_what_is_seen_of_a_known_change_of_the_own_scan_tells_the_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def own(volume: Volume, segmenter: object) -> Mapping[str, float]:
        asked.append(volume)
        return {"gray_matter": 0.8}

    made, same = told_by_own(own, monkeypatch), told(0.8, steady_visits(66, 69, 72))
    assert len(asked) == 1  # the first scan alone
    for kind in ("observed", "predicted"):
        assert gray_ml(made, kind) == pytest.approx(gray_ml(same, kind))
    assert "this person's first scan" in made.volumes_words
    assert not any("doubtful" in words for words in made.warnings)


def test_a_first_scan_unlike_all_that_taught_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    made = told_by_own(lambda volume, segmenter: {"gray_matter": 0.1}, monkeypatch)
    assert any("gray matter in the first scan 0.10 is seen" in words for words in made.warnings)


def test_a_scan_on_which_no_change_can_be_tried_is_told_as_all_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(volume: Volume, segmenter: object) -> Mapping[str, float]:
        msg = "There is no outer CSF between brain and skull."
        raise InputError(msg)

    made, same = told_by_own(fails, monkeypatch), told(0.5, steady_visits(66, 69, 72))
    assert gray_ml(made, "predicted") == pytest.approx(gray_ml(same, "predicted"))
    assert NOT_TRIED in made.warnings
    assert "this person's" not in made.volumes_words


@pytest.mark.parametrize("kind", ["predicted", "left_out"])
def test_the_papers_line_tells_its_decodes_in_full_too(kind: str) -> None:
    visits = steady_visits(66, 69, 72)
    seen, made = (told(share, visits, method="linear", has_each_left_out=True) for share in (None, 0.5))
    first = gray_ml(seen, "observed")[0]
    as_seen, as_told = (
        [row for row in (*one.rows, *one.left_out_rows) if (row.kind, row.region) == (kind, "gray_matter")]
        for one in (seen, made)
    )
    np.testing.assert_allclose(
        [row.volume_ml for row in as_told], [row.volume_ml**2 / first for row in as_seen], rtol=2e-3
    )


def test_an_interval_of_the_papers_line_is_as_much_wider_as_its_change_is_larger() -> None:
    visits = steady_visits(66, 69, 72)
    made = [told(share, visits, method="linear") for share in (None, 0.5)]
    seen, full = (next(row for row in one.predictions[0].rows if row.region == "gray_matter") for one in made)
    assert None not in (seen.low_ml, seen.high_ml, full.low_ml, full.high_ml)
    steepness = 2 * seen.volume_ml / gray_ml(made[0], "observed")[0]  # of V²/V₀
    widths = [row.high_ml - row.low_ml for row in (seen, full)]  # type: ignore[operator]
    assert widths[1] / widths[0] == pytest.approx(steepness, rel=0.02)
