"""What a forecast says of a person's volumes, and of how it came to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes import fake_engine, fake_knowledge, fake_prior, steady_visits

from MRExtrapLib.forecast.pipeline import prepare
from MRExtrapLib.forecast.subject import Request, Subject

ENGINE = fake_engine(prior=fake_prior(), knowledge=fake_knowledge())


@pytest.mark.parametrize(("ages", "is_told"), [((66, 70), True), ((66,), False)])
def test_that_recent_scans_lead_is_said_where_they_do(ages: tuple[int, ...], is_told: bool) -> None:
    wanders = replace(ENGINE.knowledge.prior, wandering=np.array([0.0, 0.2, 0.0, 0.0]))
    engine = replace(ENGINE, knowledge=replace(ENGINE.knowledge, prior=wanders))
    said = prepare(Subject(steady_visits(*ages)), Request((75,)), engine).watched.words
    assert ("led by the most recent scans where paces wander (ventricles)" in said) == is_told
    assert "hippocampus" not in said


def test_volumes_have_intervals_even_where_no_map_was_asked_for() -> None:
    prepared = prepare(Subject(steady_visits(66, 70)), Request((75,), image="plain"), ENGINE)
    with_map, without = prepared.predict(75.0), prepared.predict(75.0, has_spread=False)
    assert with_map.rows == without.rows
    assert without.uncertainty is None
    assert all(row.low_ml is not None for row in without.rows)
