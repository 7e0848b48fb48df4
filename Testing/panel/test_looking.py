"""What slider, kinds of image and Play do, told by a played worker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from MRExtrapPanel.choices import DEFAULT_FORMAT, DEFAULT_IMAGE, FORMATS, IMAGES
from MRExtrapPanel.state import Sweep
from MRExtrapPanel.wishes import AtAge, Between, Shown
from panel_desk import Desk, array_file, predicted

from MRExtrapLib.forecast import anchoring
from MRExtrapLib.imaging import storing
from MRExtrapLib.model.typed_json import to_json
from MRExtrapLib.scene import notice
from MRExtrapLib.worker.protocol import CANCELLED
from MRExtrapLib.worker.results import (
    Interpolated,
    Nothing,
    Swept,
    VisitShown,
)


def test_of_many_slider_steps_only_the_newest_is_decoded_next(desk: Desk) -> None:
    desk.apply()
    for age in (75.1, 75.2, 75.3, 76.0):
        desk.control.looking.set_age(age)
    desk.answer_predict()
    desk.answer_predict()
    asked = [one["arguments"]["age_years"] for one in desk.worker.asked if one["request"] == "predict"]
    assert asked == [75.0, 75.1, 76.0]
    assert desk.stage.shown[-1].wish == AtAge(76.0, image="warped")
    assert desk.state.on_screen_years == 76.0


def test_an_age_seen_before_is_shown_without_asking(desk: Desk) -> None:
    desk.apply()
    desk.control.looking.set_age(76.0)
    desk.answer_predict()
    before = len(desk.worker.asked)
    desk.control.looking.set_age(75.0)
    assert len(desk.worker.asked) == before
    assert desk.stage.shown[-1].wish.age_years == 75.0


def test_a_resting_slider_is_measured_and_a_moving_one_gives_it_up(desk: Desk) -> None:
    desk.apply()
    desk.control.looking.set_age(76.0)
    desk.answer_predict()
    desk.rest()
    assert desk.worker.last("predict")["arguments"]["is_measured"]
    desk.control.looking.set_age(77.0)
    assert desk.worker.last("cancel")["arguments"] == {"request": desk.worker.last("predict")["id"]}
    desk.worker.fail("predict", CANCELLED, "Cancelled.")
    assert desk.worker.last("predict")["arguments"]["age_years"] == 77.0
    desk.answer_predict()
    desk.rest()
    desk.answer_predict()
    assert {row.age_years for row in desk.state.predicted} == {75.0, 77.0}
    assert not desk.state.problem


def test_where_the_slider_rests_the_chosen_image_takes_the_place_of_the_decode(desk: Desk) -> None:
    desk.apply()
    desk.control.looking.set_age(76.0)
    desk.answer_predict()
    assert (desk.state.on_screen_years, desk.state.on_screen_image) == (76.0, "plain")
    assert desk.state.status == "Age 76.0, predicted; as decoded."
    desk.rest()
    asked = desk.worker.last("predict")["arguments"]
    assert (asked["image_kind"], asked["is_measured"]) == ("warped", True)
    desk.answer_predict()
    assert desk.state.on_screen_image == "warped"
    before = len(desk.worker.asked)
    desk.rest()
    assert len(desk.worker.asked) == before


def test_another_kind_of_image_is_shown_as_soon_as_it_is_chosen_and_exported(
    desk: Desk, tmp_path: Path
) -> None:
    desk.apply()
    desk.control.looking.set_image("added")
    desk.answer_predict()
    assert desk.state.on_screen_image == "added"
    desk.control.looking.set_image("warped")
    assert desk.state.on_screen_image == "warped", "seen before"
    desk.control.looking.set_image("plain")
    desk.answer_predict()
    desk.control.export(tmp_path / "out", (75.0,))
    assert desk.worker.last("export")["arguments"]["image_kind"] == "plain"


def test_a_worker_lost_while_a_wish_waits_is_not_started_by_it(desk: Desk) -> None:
    desk.apply()
    desk.control.looking.set_age(76.0)
    desk.control.looking.set_age(77.0)
    desk.worker.ended("killed")
    assert len(desk.workers) == 1


def test_the_panels_own_image_and_format_are_the_engines() -> None:
    assert DEFAULT_FORMAT == storing.DEFAULT_FORMAT
    assert {name for name, _ in FORMATS} == set(storing.ENDINGS)
    assert DEFAULT_IMAGE == anchoring.DEFAULT_IMAGE
    assert {kind for kind, _ in IMAGES} == set(anchoring.IMAGE_WORDS) == set(notice.IMAGE_WORDS)


def test_a_slider_that_moved_on_is_not_measured_where_it_was(desk: Desk) -> None:
    desk.apply()
    desk.control.looking.set_age(76.0)
    desk.answer_predict()
    desk.control.looking.set_age(75.0)
    before = len(desk.worker.asked)
    desk.rest()
    assert len(desk.worker.asked) == before


def test_change_is_shown_with_the_reconstruction_it_is_taken_from(desk: Desk) -> None:
    desk.apply()
    desk.control.looking.set_shown(Shown.CHANGE)
    desk.worker.answer("visit", VisitShown(1, "reconstructed", predicted(73.0).image))
    desk.answer_predict()
    assert desk.stage.shown[-1].image.image_kind == "plain"
    assert desk.stage.shown[-1].beside.kind == "reconstructed"


def test_an_uncertainty_that_there_is_not_is_explained(desk: Desk) -> None:
    desk.apply()
    desk.control.looking.set_shown(Shown.UNCERTAINTY)
    desk.worker.answer("predict", predicted(75.0, is_measured=True))
    assert any("none of two scans" in note for note in desk.state.notes)


def test_two_visits_are_mixed(desk: Desk) -> None:
    desk.apply()
    desk.control.looking.interpolate(0, 1, 0.25)
    desk.worker.answer("interpolate", Interpolated(0.25, predicted(71.0).image))
    assert desk.stage.shown[-1].wish == Between(0, 1, 0.25)
    desk.rest()
    desk.worker.answer("interpolate", Interpolated(0.25, predicted(71.0).image, "moved"))
    assert desk.stage.shown[-1].image.image_kind == "moved"


def test_a_mixture_of_two_visits_is_called_one_and_no_age(desk: Desk) -> None:
    desk.apply()
    desk.control.looking.interpolate(0, 1, 0.25)
    desk.worker.answer("interpolate", Interpolated(0.25, predicted(71.0).image))
    assert desk.state.status == "Between visits: 25% first, the rest second; as decoded."
    assert desk.state.on_screen_years is None
    assert [line.predicted_ml for line in desk.state.volume_lines] == [None]
    desk.control.looking.set_age(75.0)
    assert desk.stage.shown[-1].wish == AtAge(75.0, image="warped"), "the slider stood there all the time"
    assert desk.state.status == "Age 75.0, predicted; last scan, moved."
    assert desk.state.volume_lines[0].predicted_ml is not None


def test_a_sweep_is_made_once_and_then_only_played(desk: Desk) -> None:
    desk.apply()
    desk.control.board.change(sweep=Sweep(74.0, 76.0, 1.0))
    desk.control.playing.play()
    for age in (74.0, 75.0, 76.0):
        desk.worker.say(
            "sweep", "part", result=to_json(predicted(age, is_measured=True, image_kind="warped"))
        )
    desk.worker.answer("sweep", Swept((74.0, 75.0, 76.0)))
    shown = []
    while desk.state.playing is not None:
        desk.control.playing.next_frame()
        shown.append(desk.state.on_screen_years)
    assert shown == [74.0, 75.0, 76.0, 76.0]
    assert [[frame.age_years for frame in frames] for frames in desk.stage.kept] == [[74.0, 75.0, 76.0]]
    before = len(desk.worker.asked)
    desk.control.playing.play()
    assert desk.state.playing == 0
    assert len(desk.worker.asked) == before
    desk.control.playing.play()
    assert desk.state.playing is None


def test_a_sweep_that_is_cancelled_keeps_what_has_come(desk: Desk) -> None:
    desk.apply()
    desk.control.board.change(sweep=Sweep(74.0, 76.0, 1.0))
    desk.control.playing.play()
    desk.worker.say("sweep", "part", result=to_json(predicted(74.0, is_measured=True)))
    desk.control.apply_or_cancel()
    desk.worker.fail("sweep", CANCELLED, "Cancelled.")
    assert (desk.state.swept, desk.state.playing) == ((), None)
    assert 74.0 in {row.age_years for row in desk.state.predicted}


def test_old_images_are_released(desk: Desk) -> None:
    desk.apply()
    for index in range(40):
        desk.control.looking.set_age(70 + index / 10)
        desk.answer_predict()
    assert "release" in desk.worker.names()
    desk.worker.answer("release", Nothing())


def test_what_a_fuller_answer_replaces_is_released(desk: Desk) -> None:
    desk.apply()
    desk.control.looking.set_image("plain")
    desk.answer_predict()
    desk.control.looking.set_age(76.0)
    plain = replace(predicted(76.0), image=array_file("00001-image"))
    desk.worker.answer("predict", plain)
    assert "release" not in desk.worker.names()
    desk.rest()
    desk.worker.answer("predict", replace(predicted(76.0, is_measured=True), image=array_file("00002-image")))
    assert desk.worker.last("release")["arguments"]["files"] == [plain.image.path]
    assert desk.state.on_screen_years == 76.0
