"""What the buttons do, told by a played worker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from MRExtrapPanel.choices import Choices
from MRExtrapPanel.state import Sweep
from MRExtrapPanel.visits import Visit, VisitTable
from MRExtrapPanel.wishes import AtAge
from panel_desk import Desk, loaded

from MRExtrapLib.worker.protocol import CANCELLED, INPUT, LOST
from MRExtrapLib.worker.results import (
    Exported,
    LeftOut,
    ModelTable,
    RegionVolume,
    VisitEntry,
)
from MRExtrapLib.worker.results import VisitTable as Answered


def test_apply_loads_predicts_and_shows(desk: Desk) -> None:
    desk.apply()
    assert [name for name in desk.worker.names() if name != "models"] == ["hello", "load", "predict"]
    assert desk.stage.begun == [("subject-1", ("first.nii", "second.nii"))]
    assert [picture.wish for picture in desk.stage.shown] == [AtAge(75.0, image="warped")]
    assert desk.state.can_look
    assert desk.state.volume_lines[0].change_percent == pytest.approx(-6.25)
    assert desk.state.status == "Age 75.0, predicted; last scan, moved."


def test_what_is_chosen_reaches_the_worker(desk: Desk) -> None:
    desk.control.choose(Choices(model="mine", method="linear", sex="F", diagnosis="MCI", device="cpu"))
    desk.apply()
    asked = desk.worker.last("load")["arguments"]
    assert [scan["age_years"] for scan in asked["scans"]] == [70.0, 73.0]
    assert {key: asked[key] for key in ("model", "method", "sex", "diagnosis", "device")} == {
        "model": "mine",
        "method": "linear",
        "sex": "F",
        "diagnosis": "MCI",
        "device": "cpu",
    }


@pytest.mark.parametrize(
    ("said", "chosen", "asked"),
    [
        (("F", "F"), "", "F"),
        (("M", ""), "", "M"),
        (("F", "M"), "", None),
        (("", ""), "", None),
        (("F", "F"), "M", "M"),
    ],
)
def test_the_sex_that_the_scans_agree_on_is_computed_with_unless_another_is_chosen(
    desk: Desk, said: tuple[str, str], chosen: str, asked: str | None
) -> None:
    visits = zip(desk.state.table.visits, said, strict=True)
    desk.control.change_table(VisitTable(tuple(replace(visit, sex=sex) for visit, sex in visits)))
    desk.control.choose(Choices(sex=chosen))
    desk.apply()
    assert desk.worker.last("load")["arguments"]["sex"] == asked
    assert not desk.state.is_outdated


def test_the_button_turns_into_cancel_and_back(desk: Desk) -> None:
    assert desk.state.apply_words == "Apply"
    desk.control.apply_or_cancel()
    desk.worker.greet()
    assert desk.state.apply_words == "Cancel"
    desk.control.apply_or_cancel()
    assert desk.worker.last("cancel")["arguments"] == {"request": desk.worker.last("load")["id"]}
    assert desk.state.apply_words == "Stop at once"
    desk.worker.fail("load", CANCELLED, "Cancelled.")
    assert (desk.state.apply_words, desk.state.status) == ("Apply", "Cancelled.")
    assert not desk.worker.is_over


def test_a_cancel_that_comes_too_late_for_the_load_still_stops_there(desk: Desk) -> None:
    desk.control.apply_or_cancel()
    desk.worker.greet()
    desk.control.apply_or_cancel()
    desk.worker.answer("load", loaded("subject-1"))
    assert "predict" not in desk.worker.names()
    assert desk.worker.last("release")["arguments"]["subject"] == "subject-1"
    assert (desk.state.person, desk.state.work, desk.state.status) == (None, None, "Cancelled.")


def test_a_cancel_that_comes_too_late_leaves_who_was_loaded_before(desk: Desk) -> None:
    desk.apply()
    desk.control.apply_or_cancel()
    desk.control.apply_or_cancel()
    desk.worker.answer("load", loaded("subject-2"))
    assert desk.worker.last("release")["arguments"]["subject"] == "subject-2"
    assert desk.state.person is not None
    assert desk.state.person.subject == "subject-1"
    assert desk.state.can_look


def test_cancelled_while_the_worker_starts_ends_it(desk: Desk) -> None:
    desk.control.apply_or_cancel()
    desk.control.apply_or_cancel()
    assert desk.worker.is_over
    assert desk.state.work is None
    desk.control.apply_or_cancel()
    assert len(desk.workers) == 2


def test_a_second_cancel_ends_a_worker_that_does_not_listen(desk: Desk) -> None:
    desk.control.apply_or_cancel()
    desk.worker.greet()
    desk.control.apply_or_cancel()
    desk.control.apply_or_cancel()
    assert desk.worker.is_over
    assert desk.state.work is None
    assert not desk.state.problem
    desk.apply()
    assert len(desk.workers) == 2
    assert desk.state.can_look


def test_progress_rises_and_has_words(desk: Desk) -> None:
    desk.control.apply_or_cancel()
    desk.worker.greet()
    fractions = []
    for fraction, words in ((0.2, "registering"), (0.1, "late news"), (1.0, "encoding")):
        desk.worker.progress("load", fraction, words)
        fractions.append(desk.state.work.fraction)
    assert desk.state.status == "Encoding…"
    desk.worker.answer("load", loaded())
    desk.worker.progress("predict", 0.5, "predicting")
    fractions.append(desk.state.work.fraction)
    assert fractions == sorted(fractions)
    assert fractions[-1] < 1


def test_a_refusal_is_one_sentence_and_apply_can_be_pressed_again(desk: Desk) -> None:
    desk.control.apply_or_cancel()
    desk.worker.greet()
    desk.worker.fail("load", INPUT, "first.nii is 4D; choose one frame.")
    assert desk.state.status == "first.nii is 4D; choose one frame."
    assert desk.state.is_problem
    assert desk.state.can_apply


@pytest.mark.parametrize("moment", ["starting", "loading", "looking", "idle"])
def test_a_worker_that_dies_at_any_moment_is_told_and_replaced(desk: Desk, moment: str) -> None:
    if moment in ("looking", "idle"):
        desk.apply()
        if moment == "looking":
            desk.control.looking.set_age(76.0)
    else:
        desk.control.apply_or_cancel()
        if moment == "loading":
            desk.worker.greet()
    desk.worker.ended("killed")
    assert "press Apply" in desk.state.status
    assert (desk.state.person, desk.state.work, desk.state.is_decoding) == (None, None, False)
    desk.apply()
    assert len(desk.workers) == 2
    assert desk.state.can_look


def test_a_worker_that_never_answered_is_said_not_to_have_started(desk: Desk) -> None:
    desk.control.apply_or_cancel()
    desk.worker.ended("no such program")
    assert desk.state.problem.startswith("The worker did not start")


@pytest.mark.parametrize(
    ("visit", "words"),
    [
        (0, "first (age 70.0) predicted back in time from the later scans: hippocampus -3.3 %."),
        (1, "second (age 73.0) interpolated between the others, which is easier than a forecast: "),
        (2, "third (age 76.0) forecast from the earlier scans: hippocampus -3.3 %."),
    ],
)
def test_leaving_out_any_scan_says_how_wrong_it_would_have_been_and_what_was_done(
    desk: Desk, visit: int, words: str
) -> None:
    ages = (70.0, 73.0, 76.0)
    visits = (*loaded().visits, VisitEntry("third", "third.nii", 76.0))
    rows = tuple(RegionVolume("observed", age, "hippocampus", 6.0) for age in ages)
    desk.apply(visits=visits, volumes=rows)
    desk.control.leave_out(visit)
    assert desk.state.apply_words == "Cancel"
    assert desk.worker.last("leave-out")["arguments"] == {"subject": "subject-1", "visit": visit}
    found = (RegionVolume("left_out", ages[visit], "hippocampus", 5.8, 5.0, 6.6),)
    desk.worker.answer("leave-out", LeftOut(visit, found))
    assert desk.state.left_out is not None
    (line,) = desk.state.left_out.lines
    assert (line.seen_ml, line.predicted_ml, line.low_ml, line.high_ml) == (6.0, 5.8, 5.0, 6.6)
    assert desk.state.status.startswith(words)
    assert desk.state.can_look


def test_a_new_apply_takes_the_check_of_the_earlier_scans_away(desk: Desk) -> None:
    visits = (*loaded().visits, VisitEntry("third", "third.nii", 76.0))
    desk.apply(visits=visits)
    desk.control.leave_out(0)
    desk.worker.answer("leave-out", LeftOut(0, (RegionVolume("left_out", 70.0, "hippocampus", 7.0),)))
    assert desk.state.left_out is not None
    desk.apply(visits=visits)
    assert desk.state.left_out is None


def test_two_scans_are_too_few_to_leave_one_out_without_a_prior(desk: Desk) -> None:
    desk.apply(method="linear")
    assert desk.state.can_look
    assert not desk.state.can_leave_out
    desk.control.leave_out(0)
    assert "leave-out" not in desk.worker.names()
    desk.apply(method="bayes")
    assert desk.state.can_leave_out


def test_export_names_what_was_written(desk: Desk, tmp_path: Path) -> None:
    desk.apply()
    desk.control.export(tmp_path / "out", (75.0,))
    assert desk.worker.last("export")["arguments"] == {
        "subject": "subject-1",
        "ages_years": [75.0],
        "folder": str(tmp_path / "out"),
        "image_kind": "warped",
        "image_format": "nifti",
    }
    desk.worker.answer("export", Exported(str(tmp_path / "out"), ("volumes.csv", "forecast.json")))
    assert desk.state.status == f"2 files were written to {tmp_path / 'out'}."


def test_the_format_that_is_chosen_is_exported(desk: Desk, tmp_path: Path) -> None:
    desk.apply()
    desk.control.board.change(image_format="nrrd")
    desk.control.export(tmp_path / "out", (75.0,))
    assert desk.worker.last("export")["arguments"]["image_format"] == "nrrd"


def test_scans_of_somebody_else_bring_their_own_ages(desk: Desk) -> None:
    desk.apply()
    others = (Visit("third.nii", "third", 40.0, "typed"), Visit("fourth.nii", "fourth", 43.0, "typed"))
    desk.control.change_table(VisitTable(others))
    visits = (VisitEntry("third", "third.nii", 40.0), VisitEntry("fourth", "fourth.nii", 43.0))
    desk.apply(subject="subject-2", visits=visits, trusted_years=(35.5, 47.5))
    assert (desk.state.age_years, desk.state.on_screen_years) == (47.5, 47.5)
    assert desk.state.sweep == Sweep(43.0, 47.0, 1.0)


def test_one_scan_more_leaves_age_and_ages_to_play_as_they_were(desk: Desk) -> None:
    desk.apply()
    desk.control.board.change(age_years=80.0, sweep=Sweep(70.0, 90.0, 5.0))
    desk.control.change_table(desk.state.table.with_visit(Visit("third.nii", "third", 76.0, "typed")))
    visits = (*loaded().visits, VisitEntry("third", "third.nii", 76.0))
    desk.apply(subject="subject-2", visits=visits, reference=2)
    assert (desk.state.age_years, desk.state.sweep) == (80.0, Sweep(70.0, 90.0, 5.0))


def test_changed_scans_or_choices_ask_for_apply_again(desk: Desk) -> None:
    desk.apply()
    assert desk.state.apply_words == "Apply again"
    desk.control.change_table(desk.state.table.with_age("first.nii", 69.0))
    assert desk.state.is_outdated
    assert "press Apply" in desk.state.status
    desk.apply(subject="subject-2")
    assert not desk.state.is_outdated
    assert desk.worker.last("release")["arguments"]["subject"] == "subject-1"


def test_ages_nobody_told_are_read_from_the_files(desk: Desk) -> None:
    table = VisitTable((Visit("first.nii", "first", 70.0, "typed"), Visit("second.nii", "second")))
    desk.control.change_table(table)
    desk.control.fill_ages()
    desk.worker.greet()
    assert [scan["path"] for scan in desk.worker.last("read")["arguments"]["scans"]] == ["second.nii"]
    entry = VisitEntry("second", "second.nii", 73.25, "F", warnings=("second: else give SCAN@AGE.",))
    desk.worker.answer("read", Answered((entry,)))
    second = desk.state.table.visits[1]
    assert (second.age_years, second.origin, second.sex) == (73.25, "table", "F")
    assert second.doubts == ("second: else give the age in this table.",)
    assert desk.state.work is None


def test_a_file_that_cannot_be_used_stands_in_its_row(desk: Desk) -> None:
    desk.control.change_table(desk.state.table.with_visit(Visit("bad.nii", "bad")))
    desk.control.fill_ages()
    desk.worker.greet()
    desk.worker.answer("read", Answered((VisitEntry("bad", "bad.nii", problem="it is cut short."),)))
    assert desk.state.obstacle == "bad cannot be used: it is cut short."


def test_an_age_typed_while_reading_stays(desk: Desk) -> None:
    desk.control.change_table(desk.state.table.with_visit(Visit("new.nii", "new")))
    desk.control.fill_ages()
    desk.worker.greet()
    desk.control.change_table(desk.state.table.with_age("new.nii", 60.0))
    desk.worker.answer("read", Answered((VisitEntry("new", "new.nii", 61.0),)))
    assert desk.state.table.visits[0].age_years == 60.0


def test_closing_ends_the_worker_and_forgets_the_person(desk: Desk) -> None:
    desk.apply()
    desk.control.close()
    assert desk.worker.is_over
    assert (desk.state.person, desk.state.problem, desk.state.predicted) == (None, "", ())


def test_models_are_asked_for_once_a_worker_is_there(desk: Desk) -> None:
    desk.apply()
    desk.control.apply_or_cancel()
    assert desk.worker.names().count("models") == 1
    assert isinstance(desk.state.models, tuple)


def test_every_state_told_differs_from_the_one_before(desk: Desk) -> None:
    desk.apply()
    desk.control.looking.set_age(76.0)
    desk.answer_predict()
    assert all(one != other for one, other in zip(desk.states, desk.states[1:], strict=False))


def test_a_lost_worker_is_lost_only_once(desk: Desk) -> None:
    desk.control.apply_or_cancel()
    desk.worker.greet()
    desk.worker.answer("models", ModelTable(()))
    desk.worker.ended("killed")
    desk.worker.ended("told twice")
    assert desk.state.problem.count("press Apply") == 1
    assert LOST not in desk.state.problem
