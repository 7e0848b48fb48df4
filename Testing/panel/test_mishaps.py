"""What the panel itself fails at: one sentence, and nothing stays under way."""

from __future__ import annotations

import pytest
from MRExtrapPanel.state import Sweep
from panel_desk import Desk, loaded, predicted

from MRExtrapLib.errors import InputError
from MRExtrapLib.model.typed_json import to_json
from MRExtrapLib.worker.results import ModelEntry, ModelTable, Swept

REFUSED = "It cannot be shown; load it again."


def test_a_full_disk_under_apply_is_told_and_apply_can_be_pressed_again(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.scans.failure = OSError(28, "No space left on device")
    desk.control.apply_or_cancel()
    desk.worker.greet()
    assert desk.state.work is None
    assert "No space left on device" in desk.state.problem
    assert "Traceback" in caplog.text
    desk.scans.failure = None
    desk.apply()
    assert desk.state.can_look


def test_a_refused_scan_is_told_in_its_own_words(desk: Desk) -> None:
    desk.scans.failure = InputError(REFUSED)
    desk.control.apply_or_cancel()
    desk.worker.greet()
    assert (desk.state.work, desk.state.status) == (None, REFUSED)


def test_what_the_worker_says_in_one_breath_with_a_step_that_fails_is_heard(desk: Desk) -> None:
    desk.control.apply_or_cancel()
    desk.worker.greet()
    said: list[bytes] = []
    hear, desk.worker.heard = desk.worker.heard, said.append
    entry = ModelEntry("mine", "somewhere", is_bundled=False)
    desk.worker.answer("load", loaded())
    desk.worker.answer("models", ModelTable((entry,)))
    desk.stage.failure = InputError(REFUSED)
    hear(b"".join(said))
    assert (desk.state.work, desk.state.person, desk.state.status) == (None, None, REFUSED)
    assert desk.state.models == (entry,)


def test_nobody_is_loaded_when_the_next_person_cannot_be_shown(desk: Desk) -> None:
    desk.apply()
    desk.stage.failure = InputError(REFUSED)
    desk.control.apply_or_cancel()
    desk.worker.answer("load", loaded("subject-2"))
    assert (desk.state.work, desk.state.person, desk.state.status) == (None, None, REFUSED)
    before = len(desk.worker.asked)
    desk.control.looking.set_age(76.0)
    assert len(desk.worker.asked) == before


def test_a_sweep_that_cannot_be_kept_leaves_no_bar(desk: Desk) -> None:
    desk.apply()
    desk.control.board.change(sweep=Sweep(74.0, 75.0, 1.0))
    desk.control.playing.play()
    for age in (74.0, 75.0):
        part = predicted(age, is_measured=True, image_kind="warped")
        desk.worker.say("sweep", "part", result=to_json(part))
    desk.stage.failure = InputError(REFUSED)
    desk.worker.answer("sweep", Swept((74.0, 75.0)))
    assert (desk.state.work, desk.state.playing, desk.state.status) == (None, None, REFUSED)


def test_a_picture_that_fails_is_told_at_each_step_of_the_slider_and_the_next_is_shown(desk: Desk) -> None:
    desk.apply()
    desk.stage.failure = InputError(REFUSED)
    desk.control.looking.set_age(76.0)
    desk.answer_predict()
    assert (desk.state.status, desk.state.is_decoding) == (REFUSED, False)
    desk.control.looking.set_age(75.0)  # which is there already: shown by the slider, not by an answer
    assert desk.state.status == REFUSED
    desk.stage.failure = None
    desk.control.looking.set_age(76.0)
    assert desk.state.status == "Age 76.0, predicted; as decoded."


def test_play_stands_still_at_a_picture_that_fails(desk: Desk) -> None:
    desk.apply()
    desk.control.looking.set_age(76.0)
    desk.answer_predict()
    desk.control.board.change(swept=(76.0, 75.0), playing=1)
    desk.stage.failure = InputError(REFUSED)
    desk.control.playing.next_frame()
    assert (desk.state.playing, desk.state.status) == (None, REFUSED)
