"""What is read off a state, and how it is worded."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from MRExtrapPanel.choices import FEWEST_SCANS, Choices, bundled_entry, least_scans, model_words
from MRExtrapPanel.doctor import Checkup
from MRExtrapPanel.exports import new_folder_in
from MRExtrapPanel.left_out import LeftOut, LeftOutLine
from MRExtrapPanel.packages import InstallPlan
from MRExtrapPanel.state import PanelState, Sweep, VolumeLine
from MRExtrapPanel.words import WARNING, left_out_cells, trust_words, volume_cells
from panel_desk import REPOSITORY, loaded

from MRExtrapLib.forecast.subject import FEWEST_OF_METHOD
from MRExtrapLib.worker.protocol import PROTOCOL_VERSION
from MRExtrapLib.worker.results import Greeting, ModelEntry, RegionVolume


def test_nothing_can_be_done_before_there_are_scans() -> None:
    state = PanelState(missing=())
    assert not state.can_apply
    assert not state.can_look
    assert not state.can_leave_out
    assert state.status == "Add the T1 scans of one person."


def test_missing_packages_come_before_all_else() -> None:
    assert PanelState(missing=("torch",)).status == "Install what MRExtrap needs first."


@pytest.mark.parametrize(("age", "is_trusted"), [(65.5, True), (77.5, True), (77.6, False), (60.0, False)])
def test_ages_beyond_the_trusted_years_are_marked(age: float, is_trusted: bool) -> None:
    state = PanelState(person=loaded(), age_years=age)
    assert state.is_trusted is is_trusted
    assert trust_words(state).startswith(WARNING) is not is_trusted


def test_the_slider_reaches_beyond_what_is_trusted_but_not_out_of_life() -> None:
    assert PanelState(person=loaded()).age_range_years == (60.5, 82.5)
    assert PanelState(person=loaded(trusted_years=(2.0, 119.0))).age_range_years == (0.0, 120.0)


def test_play_begins_at_the_last_scan_and_ends_where_trust_does() -> None:
    assert Sweep.beyond(loaded()).ages_years == (73.0, 74.0, 75.0, 76.0, 77.0)


@pytest.mark.parametrize("sweep", [Sweep(80, 70, 1), Sweep(70, 80, 0)])
def test_a_sweep_of_nothing_has_no_ages(sweep: Sweep) -> None:
    assert sweep.ages_years == ()


def test_known_regions_come_first_and_the_last_scan_is_the_measure() -> None:
    rows = (
        RegionVolume("observed", 73.0, "amygdala", 1.5),
        RegionVolume("observed", 73.0, "ventricles", 40.0),
        RegionVolume("observed", 70.0, "ventricles", 30.0),
    )
    person = loaded(volumes=rows)
    here = (RegionVolume("predicted", 76.0, "ventricles", 50.0),)
    lines = PanelState(person=person, age_years=76.0, predicted=here).volume_lines
    assert [line.region for line in lines] == ["ventricles", "amygdala"]
    assert lines[0].change_percent == pytest.approx(25.0)
    assert lines[1].change_percent is None


def test_the_curve_is_of_the_region_that_is_wanted_or_else_of_the_first_there_is() -> None:
    rows = tuple(RegionVolume("observed", 73.0, region, 1.0) for region in ("amygdala", "ventricles"))
    state = PanelState(person=loaded(volumes=rows), region="amygdala")
    assert state.drawn_region == "amygdala"
    assert replace(state, region="hippocampus").drawn_region == "ventricles"
    assert PanelState().drawn_region == PanelState().region


def test_volumes_are_worded_with_what_is_known_only() -> None:
    full = VolumeLine("gray_matter", 600.0, 588.0, 570.0, 601.2)
    assert volume_cells(full) == ("Gray matter", "600", "588", "-2.0 %", "570 – 601")
    assert volume_cells(VolumeLine("hippocampus", 3.456, None, None, None)) == (
        "Hippocampus",
        "3.46",
        "",
        "",
        "",
    )


def test_a_model_with_a_prior_needs_one_scan_and_says_so(tmp_path: Path) -> None:
    plain = ModelEntry("mine", str(tmp_path), is_bundled=True, description="A model.", licence="CC0")
    assert least_scans(Choices(), (plain,)) == 2
    assert "needs two scans" in model_words(plain, Choices())
    (tmp_path / "progression.safetensors").touch()
    assert least_scans(Choices(), (plain,)) == 1
    assert least_scans(Choices(method="linear"), (plain,)) == 2
    assert "one scan suffices" in model_words(plain, Choices())


def test_the_panel_needs_as_many_scans_as_the_engine() -> None:
    assert FEWEST_SCANS == FEWEST_OF_METHOD


def test_known_regions_come_first_in_a_check_too() -> None:
    lines = (LeftOutLine("amygdala", 1.5, 1.5), LeftOutLine("ventricles", 40.0, 44.0, 41.0, 47.0))
    check = LeftOut("scan", 70.0, "last", lines)
    assert [line.region for line in check.lines] == ["ventricles", "amygdala"]
    assert left_out_cells(check.lines[0]) == ("Ventricles", "40.00", "44.00", "+10.0 %", "41.00 – 47.00")
    assert left_out_cells(LeftOutLine("amygdala", 0.0, 0.1)) == ("Amygdala", "0.00", "0.10", "", "")


def test_the_bundled_model_is_known_before_any_worker_runs(tmp_path: Path) -> None:
    entry = bundled_entry(REPOSITORY)
    assert entry is not None
    assert not entry.problem
    assert entry.licence
    assert bundled_entry(tmp_path) is None


def test_a_broken_card_is_told_and_not_raised(tmp_path: Path) -> None:
    folder = tmp_path / "MRExtrapLib" / "models" / "broken"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text("{")
    entry = bundled_entry(tmp_path)
    assert entry is not None
    assert "cannot be used" in model_words(entry, Choices())


def test_an_export_never_takes_a_folder_that_is_there(tmp_path: Path) -> None:
    now = datetime(2030, 1, 2, 3, 4, 5)
    first = new_folder_in(tmp_path, now)
    first.mkdir()
    assert new_folder_in(tmp_path, now) == tmp_path / "MRExtrap 2030-01-02 03.04.05 (2)"


def test_the_report_says_what_is_missing_and_who_answered() -> None:
    silent = Checkup("5.12.3", InstallPlan(True, ("monai>=1.5",), ">=2.2"), None, "not started", "torch none")
    assert "missing      torch, monai" in silent.report
    assert "does not answer: not started" in silent.report
    assert silent.report.endswith("torch none")
    answered = replace(silent, greeting=Greeting(1, "0.1.0", "3.12.10", 7, "somewhere"))
    assert f"MRExtrap 0.1.0, Python 3.12.10, protocol 1 of {PROTOCOL_VERSION}" in answered.report
    assert "somewhere" not in answered.report
    crashed = replace(silent, engine=f"{Path.home()}/worker.py is gone")
    assert crashed.report.endswith("~/worker.py is gone")
