"""Changes told in full: what is learned of the share that is seen, and what becomes of volumes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes import fake_knowledge

from MRExtrapLib.errors import ModelError
from MRExtrapLib.progression.knowledge import knowledge_text, parse_knowledge
from MRExtrapLib.progression.response import (
    FEWEST_PEOPLE,
    KnownChange,
    Response,
    Telling,
    learn_response,
)

SEEN = {"hippocampus": 0.8, "ventricles": 1.1, "white_matter": 0.5}
"""Share of each region's change."""


def known_change(
    rng: np.random.Generator, family: str, size: float = 0.1, noise: float = 0.001
) -> KnownChange:
    """Somebody's: of tissue in log volumes, of ventricles in shares of 10 ml."""
    true = {region: float(rng.normal(-size, size / 3)) for region in SEEN}
    seen = {region: SEEN[region] * change + rng.normal(0, noise) for region, change in true.items()}
    first = dict.fromkeys(SEEN, 10.0)
    later = [
        {region: 10.0 * (1 + change if region == "ventricles" else np.exp(change)) for region, change in one}
        for one in (seen.items(), true.items())
    ]
    return KnownChange(family, (first, later[0]), (first, later[1]))


def people(count: int = 20, **how: float) -> list[KnownChange]:
    rng = np.random.default_rng(0)
    return [known_change(rng, str(number), **how) for number in range(count)]


def test_the_share_that_is_seen_is_learned_of_each_region() -> None:
    learned = learn_response(people())
    assert learned is not None
    assert learned.people == 20
    assert learned.shares == pytest.approx(SEEN, abs=0.005)


def test_what_is_told_is_then_the_true_change() -> None:
    changes = people(noise=0.0)
    learned = learn_response(changes)
    assert learned is not None
    for one in changes:
        told = Telling(one.seen_ml[0], learned).told(one.seen_ml[1])
        assert told == pytest.approx(one.true_ml[1], rel=1e-3)


def test_noise_alone_teaches_nothing() -> None:
    changes = people(size=1e-6, noise=0.05)
    learned = learn_response(changes)
    assert learned is not None
    for one in changes:
        first, later = one.seen_ml
        assert Telling(first, learned).told(later) == pytest.approx(later, rel=0.002)


def test_few_people_teach_nothing_and_copies_of_one_are_one() -> None:
    assert learn_response(people(FEWEST_PEOPLE - 1)) is None
    assert learn_response([replace(one, family="the same") for one in people()]) is None


def test_a_region_that_few_have_is_told_as_it_is_seen() -> None:
    empty = [
        replace(one, seen_ml=tuple(ml | {"hippocampus": 0.0} for ml in one.seen_ml)) for one in people(16)
    ]
    learned = learn_response([*empty, *people(FEWEST_PEOPLE - 1)])
    assert learned is not None
    assert learned.shares.keys() == SEEN.keys() - {"hippocampus"}


def test_a_region_whose_change_is_hardly_seen_is_told_as_it_is_seen() -> None:
    blind = [replace(one, seen_ml=(one.seen_ml[0], one.seen_ml[0])) for one in people()]
    learned = learn_response(blind)
    assert learned is not None
    assert learned.shares == {}


def test_a_region_that_is_told_no_more_truly_than_it_is_seen_is_told_as_it_is_seen() -> None:
    """A third of its change is seen, in noise three times as large: told in full it is nearly noise alone."""
    changes = people(30, size=0.05)
    faint = [
        replace(one, seen_ml=(one.seen_ml[0], one.seen_ml[1] | {"hippocampus": seen}))
        for one, seen in zip(
            changes, 10.0 * np.exp(np.random.default_rng(3).normal(-0.015, 0.05, 30)), strict=True
        )
    ]
    learned = learn_response(faint)
    assert learned is not None
    assert "hippocampus" not in learned.shares
    assert "white_matter" in learned.shares


def test_sides_share_what_is_seen_of_the_whole() -> None:
    def with_sides(one: KnownChange) -> KnownChange:
        seen = tuple(ml | {f"hippocampus_{side}": 1.0 for side in ("left", "right")} for ml in one.seen_ml)
        return replace(one, seen_ml=seen)

    learned = learn_response([with_sides(one) for one in people()])
    assert learned is not None
    assert learned.shares["hippocampus_left"] == learned.shares["hippocampus"] == pytest.approx(0.8, abs=0.01)


def test_ratios_are_the_same_whichever_scan_is_the_first_and_its_own_volumes_stay() -> None:
    response = Response({"white_matter": 0.5}, 20)
    visits = [{"white_matter": ml} for ml in (500.0, 495.0, 480.0)]
    told = [[Telling(first, response).told(ml)["white_matter"] for ml in visits] for first in visits]
    ratios = [[ml / row[0] for ml in row] for row in told]
    np.testing.assert_allclose(ratios, [[1.0, 0.99**2, 0.96**2]] * 3)
    assert [row[index] for index, row in enumerate(told)] == pytest.approx([500.0, 495.0, 480.0])


def test_ventricles_are_told_in_millilitres() -> None:
    response = Response({"lateral_ventricles_left": 0.5}, 20)
    first = {"lateral_ventricles_left": 10.0}
    for seen_ml, told_ml in ((10.0, 10.0), (13.0, 16.0), (4.0, 0.0)):
        assert Telling(first, response).told({"lateral_ventricles_left": seen_ml}) == {
            "lateral_ventricles_left": told_ml
        }


def test_regions_of_which_nothing_is_known_or_seen_stay_as_they_are() -> None:
    response = Response({"ventricles": 0.5}, 20)
    seen, first = {"ventricles": 0.0, "thalamus": 12.0}, {"ventricles": 20.0, "thalamus": 14.0}
    assert Telling(first, response).told(seen) == seen
    assert Telling({}, response).told({"ventricles": 30.0}) == {"ventricles": 30.0}
    assert Telling({"ventricles": 20.0}).told({"ventricles": 30.0}) == {"ventricles": 30.0}


@pytest.mark.parametrize("share", [0.1, -1.0, float("nan"), float("inf")])
def test_a_share_that_tells_nothing_is_refused(share: float) -> None:
    with pytest.raises(ModelError, match="learn it again"):
        Response({"hippocampus": share}, 20)


def test_a_model_keeps_it() -> None:
    knowledge = replace(fake_knowledge(), response=Response({"hippocampus": 0.8}, 28))
    again = parse_knowledge(knowledge_text(knowledge), "volumes.json")
    assert again.response == knowledge.response
    assert "hippocampus 0.80" in again.response.words
    assert parse_knowledge(knowledge_text(fake_knowledge()), "volumes.json").response is None
