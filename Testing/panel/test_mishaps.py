"""What the panel itself fails at, and scans that are deleted: one sentence, and nothing stays under way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from MRExtrapPanel.state import Sweep
from MRExtrapPanel.talk import Talk
from panel_desk import Desk, PlayedWorker, loaded, predicted

from MRExtrapLib.errors import InputError
from MRExtrapLib.model.typed_json import to_json
from MRExtrapLib.worker.protocol import LOST, Failed
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


def test_scans_deleted_while_they_are_loaded_are_loaded_as_they_were_asked_for(desk: Desk) -> None:
    desk.control.apply_or_cancel()
    desk.worker.greet()
    desk.control.lose_scans(frozenset({"first.nii"}))
    desk.worker.answer("load", loaded())
    desk.answer_predict()
    assert desk.stage.begun == [("subject-1", ("first.nii", "second.nii"))]
    assert desk.state.table.scans == ("second.nii",)
    assert desk.state.can_look
    assert desk.state.is_outdated


@pytest.mark.parametrize("moment", ["idle", "decoding", "sweeping", "applying again"])
def test_a_person_whose_reference_scan_is_deleted_is_given_up_with_a_sentence(
    desk: Desk, moment: str
) -> None:
    desk.apply()
    if moment == "decoding":
        desk.control.looking.set_age(76.0)
    elif moment == "sweeping":
        desk.control.playing.play()
    elif moment == "applying again":
        desk.control.apply_or_cancel()
    desk.control.lose_scans(frozenset({"second.nii"}))
    assert desk.state.status.startswith("second, on whose grid all is shown, was deleted; press Apply")
    assert (desk.state.person, desk.state.work, desk.state.is_decoding) == (None, None, False)
    desk.control.looking.set_age(77.0)
    assert len(desk.workers) == 1
    desk.apply()
    assert desk.state.can_look


def test_another_scan_deleted_leaves_the_person_and_asks_for_apply(desk: Desk) -> None:
    desk.apply()
    desk.control.lose_scans(frozenset({"first.nii"}))
    assert "press Apply" in desk.state.status
    desk.control.looking.set_age(76.0)
    desk.answer_predict()
    assert desk.state.on_screen_years == 76.0
    desk.control.board.change(done="Written.")
    desk.control.lose_scans(frozenset({"first.nii"}))  # as the next node of the scene is removed
    assert desk.state.done == "Written."


def test_a_worker_whose_start_fails_at_once_is_told_as_lost(tmp_path: Path) -> None:
    def start(session: Path, heard: Callable[[bytes], None], ended: Callable[[str], None]) -> PlayedWorker:
        ended("no such program")
        return PlayedWorker(heard, ended)

    lost: list[bool] = []
    failed: list[Failed] = []
    talk = Talk(start, lambda: tmp_path / "mrextrap-session-0", lost=lost.append)
    talk.when_greeted(lambda greeting: pytest.fail("nobody was there to greet"), failed.append)
    assert lost == [False]
    assert [why.kind for why in failed] == [LOST]
    assert not talk.is_running
