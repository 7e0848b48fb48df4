"""How far a share is one scan's own: learned where it is, left where it is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes import fake_knowledge

from MRExtrapLib.errors import ModelError
from MRExtrapLib.progression.knowledge import knowledge_text, parse_knowledge
from MRExtrapLib.progression.leaning import FEWEST_FAMILIES, Leaning
from MRExtrapLib.progression.response import (
    LEAST_SHARE,
    NOT_TRIED,
    KnownChange,
    Response,
    Telling,
    learn_response,
)

REGION = "white_matter"


def people(exponent: float, count: int = 30, noise: float = 0.0005, seed: int = 0) -> list[KnownChange]:
    """Of whose true changes 0.6·(own/0.5)^exponent is seen, with own shares between 0.3 and 0.8."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        own, true = float(rng.uniform(0.3, 0.8)), float(rng.normal(-0.05, 0.02))
        seen = 0.6 * (own / 0.5) ** exponent * true + rng.normal(0, noise)
        first = {REGION: 500.0}
        later = ({REGION: 500.0 * float(np.exp(change))} for change in (seen, true))
        pairs = [(first, one) for one in later]
        found.append(KnownChange(str(number), pairs[0], pairs[1], {REGION: own}))
    return found


@pytest.mark.parametrize("exponent", [0.5, 1.0])
def test_each_person_is_told_by_the_share_of_the_own_scan(exponent: float) -> None:
    changes = people(exponent, noise=0.0)
    learned = learn_response(changes)
    assert learned is not None
    assert learned.leanings[REGION].exponent == exponent
    for one in changes:
        told = Telling(one.seen_ml[0], learned.of(one.own_shares)).told(one.seen_ml[1])
        assert told[REGION] == pytest.approx(one.true_ml[1][REGION], rel=1e-3)


def test_own_shares_that_say_nothing_of_true_ones_are_left_alone() -> None:
    """Noise of a third of the change: by chance alone some exponent is often a little better than none."""
    learned = [learn_response(people(0.0, noise=0.015, seed=seed)) for seed in range(20)]
    assert sum(bool(one and one.leanings) for one in learned) <= 2
    alone = next(one for one in learned if one and not one.leanings)
    assert alone.of({REGION: 0.3}).shares == alone.shares


def test_fluid_leans_on_nothing() -> None:
    """Its change counts in millilitres, not in logarithms."""

    def as_fluid(one: KnownChange) -> KnownChange:
        seen, true = (one.of(REGION)[index] * 500 for index in (0, 1))
        first = {"ventricles": 20.0}
        pairs = [(first, {"ventricles": 20.0 - change}) for change in (seen, true)]
        return KnownChange(one.family, pairs[0], pairs[1], {"ventricles": one.own_shares[REGION]})

    learned = learn_response([as_fluid(one) for one in people(1.0)])
    assert learned is not None
    assert "ventricles" in learned.shares
    assert learned.leanings == {}


def test_few_families_lean_on_nothing() -> None:
    changes = [replace(one, family=str(index % (FEWEST_FAMILIES - 1))) for index, one in enumerate(people(1))]
    learned = learn_response(changes)
    assert learned is not None
    assert learned.leanings == {}


def test_who_has_no_own_share_is_told_as_all_are() -> None:
    learned = learn_response([*people(1.0), *(replace(one, own_shares={}) for one in people(0.0)[:3])])
    assert learned is not None
    assert REGION in learned.leanings
    alone = learned.of({})
    assert alone.shares == learned.shares
    assert not alone.is_own


def test_an_own_share_beyond_what_taught_is_taken_for_the_farthest_that_did() -> None:
    leaning = Leaning(1.0, 0.5, 0.4, 0.6)
    assert leaning.factor(-3.0) == leaning.factor(0.4) == pytest.approx(0.8)
    assert leaning.factor(7.0) == leaning.factor(0.6) == pytest.approx(1.2)


def test_no_share_falls_below_what_can_be_told() -> None:
    response = Response({REGION: 0.25}, 20, {REGION: Leaning(1.0, 0.5, 0.1, 0.9)})
    assert response.of({REGION: 0.1}).shares[REGION] == LEAST_SHARE


def test_a_scan_unlike_all_that_taught_is_doubted() -> None:
    response = Response({REGION: 0.5}, 20, {REGION: Leaning(1.0, 0.5, 0.4, 0.6)})
    assert response.doubts({REGION: 0.35}) == response.doubts({REGION: 0.7}) == ()
    assert response.doubts({}) == (NOT_TRIED,)
    assert response.of({REGION: 0.5}).doubts({}) == Response({REGION: 0.5}, 20).doubts({}) == ()
    for own in (0.25, 0.85, -0.1):
        (words,) = response.doubts({REGION: own})
        assert f"white matter in the first scan {own:.2f}" in words
        assert "0.40 to 0.60" in words


def test_sides_lean_on_the_whole_and_go_on_adding_up() -> None:
    sides = (f"{REGION}_left", f"{REGION}_right")
    leanings = dict.fromkeys((REGION, *sides), Leaning(1.0, 0.5, 0.3, 0.9))
    own = Response(dict.fromkeys((REGION, *sides), 0.5), 20, leanings).of({REGION: 0.6, sides[0]: 0.9})
    assert own.shares == pytest.approx(dict.fromkeys((REGION, *sides), 0.6))


def test_words_say_whose_share_it_is() -> None:
    response = Response({REGION: 0.5}, 20, {REGION: Leaning(1.0, 0.5, 0.3, 0.9)})
    assert "this person's" not in response.words
    own = response.of({REGION: 0.6})
    assert "white matter 0.60" in own.words
    assert "this person's first scan" in own.words


def test_leanings_outlive_the_file() -> None:
    response = Response({REGION: 0.5}, 20, {REGION: Leaning(0.75, 0.5, 0.3, 0.9)})
    knowledge = replace(fake_knowledge(), response=response)
    assert parse_knowledge(knowledge_text(knowledge), "volumes.json").response == response


@pytest.mark.parametrize("numbers", [(-1.0, 0.5, 0.4, 0.6), (1.0, 0.5, 0.6, 0.7), (1.0, 0.5, 0.0, 0.6)])
def test_numbers_that_lean_nowhere_are_refused(numbers: tuple[float, ...]) -> None:
    with pytest.raises(ModelError, match="learn it again"):
        Leaning(*numbers)
