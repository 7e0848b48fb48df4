"""Which visits predict which, and where the truth is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from MRExtrapLib.errors import InputError
from MRExtrapLib.evaluation.trials import Design, stretch_of, trials_of, wide_trials_of
from MRExtrapLib.evaluation.truth import read_truth

YEARLY = [70.0, 71.0, 72.0, 73.0, 74.0, 75.0, 76.0]


def test_inputs_of_a_pair_are_nested_and_end_with_the_same_scan() -> None:
    trials = trials_of(YEARLY, Design())
    for pair in {trial.pair for trial in trials}:
        inputs = [set(trial.inputs) for trial in trials if trial.pair == pair]
        assert all(fewer < more for fewer, more in zip(inputs, inputs[1:], strict=False))
        assert {max(one) for one in inputs} == {pair[0]}


def test_no_trial_knows_its_target_or_what_came_later() -> None:
    for design in (Design(), Design(has_all_pairs=True)):
        assert all(max(trial.inputs) < trial.target for trial in trials_of(YEARLY, design))


def test_each_stretch_has_the_pair_with_the_most_scans_before_it() -> None:
    pairs = {trial.pair for trial in trials_of(YEARLY, Design())}
    stretches = {stretch_of(YEARLY[target] - YEARLY[last]): last for last, target in pairs}
    assert stretches == {"1–2 y": 5, "2–4 y": 3, "> 4 y": 1}


def test_all_pairs_are_all() -> None:
    pairs = {trial.pair for trial in trials_of(YEARLY, Design(has_all_pairs=True))}
    assert len(pairs) == 7 * 6 / 2


def test_no_prediction_rests_on_more_scans_than_asked() -> None:
    assert max(len(trial.inputs) for trial in trials_of(YEARLY, Design(most_inputs=2))) == 2


def test_wide_trials_share_last_scan_and_target_with_the_nested_ones_and_are_none_of_them() -> None:
    for design in (Design(), Design(has_all_pairs=True)):
        nested, wide = trials_of(YEARLY, design), wide_trials_of(YEARLY, design)
        assert {trial.inputs[0] for trial in wide} == {0}
        assert {trial.pair for trial in wide} == {trial.pair for trial in nested if trial.last > 1}
        assert len(wide) == len({trial.pair for trial in wide})
        assert all(trial.has_gaps and len(trial.inputs) == 2 for trial in wide)
        assert not any(trial.has_gaps for trial in nested)


def test_nobody_has_wide_trials_who_is_asked_from_one_scan_or_has_none_between() -> None:
    assert wide_trials_of(YEARLY, Design(most_inputs=1)) == ()
    assert wide_trials_of(YEARLY[:3], Design(has_all_pairs=True)) == ()


@pytest.mark.parametrize("wrong", [{"most_inputs": 0}, {"directions": -1}, {"steps": 2}])
def test_a_design_that_tries_nothing_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError):
        Design(**wrong)


def test_a_cohort_without_truth_has_none(tmp_path: Path) -> None:
    assert read_truth(tmp_path) == {}


def test_truth_of_one_person_needs_no_name(tmp_path: Path) -> None:
    (tmp_path / "sub-01").mkdir()
    (tmp_path / "truth_volumes.tsv").write_text("session_id\tregion\tvolume_ml\nses-1\tventricles\t30.5\n")
    assert read_truth(tmp_path) == {("sub-01", "ses-1"): {"ventricles": 30.5}}
    (tmp_path / "sub-02").mkdir()
    with pytest.raises(InputError, match="participant_id"):
        read_truth(tmp_path)


@pytest.mark.parametrize("volume", ["much", "-1", "nan", ""])
def test_a_true_volume_is_a_number_of_millilitres(volume: str, tmp_path: Path) -> None:
    head = "participant_id\tsession_id\tregion\tvolume_ml\n"
    (tmp_path / "truth_volumes.tsv").write_text(f"{head}sub-1\tses-1\tventricles\t{volume}\n")
    with pytest.raises(InputError, match="true volumes"):
        read_truth(tmp_path)
