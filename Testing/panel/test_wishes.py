"""The newest wish wins, and only what is missing is asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from MRExtrapPanel.wishes import AtAge, Between, LatestWins, Seen, Shown, next_request, settled, wished_image
from panel_desk import loaded, predicted

from MRExtrapLib.worker.requests import Interpolate, Predict, ShowVisit
from MRExtrapLib.worker.results import Interpolated, VisitShown

PLAIN_75 = Predict("subject-1", 75.0, image_kind="plain")


def test_of_any_run_of_wishes_one_runs_and_the_newest_waits() -> None:
    generator = np.random.default_rng(0)
    wishes: LatestWins[int] = LatestWins()
    started = []
    newest = -1
    for step in range(1000):
        before = wishes.running
        if generator.random() < 0.7:
            newest, wishes = step, wishes.wanting(step)
        else:
            wishes = wishes.finished()
        if wishes.running is not None and wishes.running != before:
            started.append(wishes.running)
        assert newest in (-1, wishes.running, wishes.waiting) or wishes.running is None
    assert started == sorted(started)
    while wishes.running is not None:
        last, wishes = wishes.running, wishes.finished()
    assert last == newest


def test_a_prediction_is_one_plain_decode() -> None:
    assert next_request(AtAge(75.0), Seen(), loaded()) == PLAIN_75


def test_what_was_seen_is_not_asked_again() -> None:
    seen = Seen().with_answer(PLAIN_75, predicted(75.0))
    assert next_request(AtAge(75.0), seen, loaded()) is None
    assert next_request(AtAge(75.004), seen, loaded()) is None
    assert next_request(AtAge(75.01), seen, loaded()) is not None


def test_a_measured_age_is_asked_again_only_while_it_has_no_volumes() -> None:
    wish = AtAge(75.0, is_settled=True)
    plain = Seen().with_answer(PLAIN_75, predicted(75.0))
    asked = next_request(wish, plain, loaded())
    assert asked == Predict("subject-1", 75.0, is_measured=True, image_kind="plain")
    assert next_request(wish, plain.with_answer(asked, predicted(75.0, is_measured=True)), loaded()) is None


def test_change_also_wants_the_reconstructed_reference_once() -> None:
    wish = AtAge(75.0, Shown.CHANGE)
    asked = next_request(wish, Seen(), loaded())
    assert asked == ShowVisit("subject-1", 1, "reconstructed")
    seen = Seen().with_answer(asked, VisitShown(1, "reconstructed", predicted(73.0).image))
    assert next_request(wish, seen, loaded()) == PLAIN_75


def test_side_by_side_wants_the_real_scan_nearest_in_age() -> None:
    for age, nearest in ((66.0, 0), (71.4, 0), (71.6, 1), (90.0, 1)):
        wish = AtAge(age, Shown.SIDE_BY_SIDE)
        assert next_request(wish, Seen(), loaded()) == ShowVisit("subject-1", nearest, "observed")


def test_uncertainty_is_asked_for_until_it_was_tried() -> None:
    wish = AtAge(75.0, Shown.UNCERTAINTY)
    asked = next_request(wish, Seen(), loaded())
    assert asked == Predict("subject-1", 75.0, is_measured=True, has_uncertainty=True, image_kind="plain")
    seen = Seen().with_answer(asked, predicted(75.0, is_measured=True, has_uncertainty=True))
    assert next_request(wish, seen, loaded()) is None


def test_uncertainty_is_asked_for_although_the_age_is_measured() -> None:
    seen = Seen().with_answer(PLAIN_75, predicted(75.0, is_measured=True))
    asked = next_request(AtAge(75.0, Shown.UNCERTAINTY), seen, loaded())
    assert asked == Predict("subject-1", 75.0, is_measured=True, has_uncertainty=True, image_kind="plain")


def test_a_moving_slider_asks_for_plain_decodes_and_a_resting_one_for_the_image_that_is_chosen() -> None:
    moving = AtAge(75.0, image="warped")
    asked = next_request(moving, Seen(), loaded())
    assert asked == PLAIN_75
    seen = Seen().with_answer(asked, predicted(75.0))
    assert next_request(moving, seen, loaded()) is None
    asked = next_request(settled(moving), seen, loaded())
    assert asked == Predict("subject-1", 75.0, is_measured=True, image_kind="warped")
    seen = seen.with_answer(asked, predicted(75.0, is_measured=True, image_kind="warped"))
    assert next_request(settled(moving), seen, loaded()) is None
    assert seen.at(moving).image_kind == "warped", "a moving slider that comes by shows the better one"


def test_an_answer_of_another_kind_than_was_asked_for_is_not_asked_for_without_end() -> None:
    wish = settled(AtAge(75.0, image="warped"))
    asked = next_request(wish, Seen(), loaded())
    seen = Seen().with_answer(asked, predicted(75.0, is_measured=True, image_kind="added"))
    assert next_request(wish, seen, loaded()) is None


def test_change_lies_over_the_decode_it_is_a_change_of() -> None:
    assert wished_image(Shown.CHANGE, "warped") == "plain"
    others = set(Shown) - {Shown.CHANGE}
    assert {wished_image(shown, "warped") for shown in others} == {"warped"}


def test_a_mixture_is_asked_once_for_each_alpha() -> None:
    wish = Between(0, 1, 0.25)
    asked = next_request(wish, Seen(), loaded())
    assert asked == Interpolate("subject-1", 0, 1, 0.25)
    assert next_request(replace(wish, alpha=0.5), Seen(), loaded()) != asked


def test_a_mixture_at_rest_is_asked_for_with_borders_that_moved() -> None:
    wish = Between(0, 1, 0.25)
    plain = Interpolated(0.25, predicted(71.0).image)
    seen = Seen().with_answer(next_request(wish, Seen(), loaded()), plain)
    asked = next_request(settled(wish), seen, loaded())
    assert asked == Interpolate("subject-1", 0, 1, 0.25, image_kind="moved")
    moved = replace(plain, image_kind="moved")
    seen = seen.with_answer(asked, moved)
    assert next_request(settled(wish), seen, loaded()) is None
    assert seen.mixture(wish) == moved, "a moving slider that comes by shows the better one"


def test_the_oldest_images_go_first_and_their_files_are_named() -> None:
    seen = Seen()
    for age in (70.0, 71.0, 72.0):
        seen = seen.with_answer(
            Predict("subject-1", age, image_kind="plain"), predicted(age, is_measured=True)
        )
    kept = seen.without_oldest(2)
    assert tuple(kept.predicted) == ((71.0, "plain"), (72.0, "plain"))
    gone = seen.files - kept.files
    assert gone == {"session/subject-1/image-70.0.npy", "session/subject-1/labels-70.0.npy"}
