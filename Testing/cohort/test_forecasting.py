"""`mrextrap cohort`: derivatives for everyone, and a group's rates."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from cohorts import RATE, FakeRecipe, write_cohort
from fakes import assert_nothing_written, fake_engine, fake_prior, open_fake_engine

from MRExtrapLib.cli.main import main
from MRExtrapLib.cohort.crew import Crew
from MRExtrapLib.cohort.derivatives import record_file
from MRExtrapLib.cohort.forecasting import Order, forecast_cohort
from MRExtrapLib.cohort.group import RATES, SUMMARY, summarise
from MRExtrapLib.errors import InputError
from MRExtrapLib.forecast.engine import Engine
from MRExtrapLib.forecast.subject import Method
from MRExtrapLib.simulation.bids import write_table

DONE, BAD_INPUT = 0, 2


def open_with_prior(arguments: object) -> Engine:
    return fake_engine(prior=fake_prior())


@pytest.fixture
def three(tmp_path: Path) -> Path:
    return write_cohort(tmp_path / "three", 3)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_everyone_is_forecast_as_bids_derivatives(
    three: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = three / "derivatives" / "mrextrap"
    words = [
        "cohort",
        str(three),
        str(out),
        "participant",
        "--years",
        "2",
        "--workers",
        "2",
        "--directions",
        "1",
    ]
    assert main(words, open_with_prior) == DONE
    assert "3 people were forecast, 0 were there before, 0 could not be" in capsys.readouterr().out
    description = json.loads((out / "dataset_description.json").read_text(encoding="utf-8"))
    assert description["DatasetType"] == "derivative"
    (image,) = out.glob("sub-01/ses-3/anat/sub-01_ses-3_desc-predicted*_T1w.nii.gz")
    assert b"PREDICTED" in nib.load(image).header["descrip"].tobytes()
    sidecar = json.loads(image.with_name(image.name.replace(".nii.gz", ".json")).read_text(encoding="utf-8"))
    assert sidecar["Sources"][0] == "bids:raw:sub-01/ses-0/anat/sub-01_ses-0_T1w.nii.gz"
    assert "PREDICTED" in sidecar["Description"]
    names = {path.name.split("_desc-")[1] for path in image.parent.iterdir()}
    age = image.name.split("predicted")[1].split("_")[0]
    assert names == {
        f"predicted{age}_T1w.nii.gz",
        f"predicted{age}_T1w.json",
        f"predicted{age}_dseg.nii.gz",
        f"predicted{age}_dseg.tsv",
        f"predicted{age}_dseg.json",
        f"uncertainty{age}_T1w.nii.gz",
        f"uncertainty{age}_T1w.json",
    }
    before = {path: path.stat().st_mtime_ns for path in out.glob("sub-*/**/*")}
    assert main(words, open_with_prior) == DONE  # what it wrote among the scans is taken for no scan
    assert "0 people were forecast, 3 were there before" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in out.glob("sub-*/**/*")} == before


def test_images_are_as_asked(three: Path, tmp_path: Path) -> None:
    told = {}
    for name, asked in (("default", []), ("asked", ["--image", "plain"])):
        words = ["cohort", str(three), str(tmp_path / name), "participant", "--years", "2", "--workers", "1"]
        assert main([*words, *asked], open_with_prior) == DONE
        record = json.loads(record_file(tmp_path / name, "sub-01").read_text(encoding="utf-8"))
        for suffix, fact in (("T1w", "ImageKindDescription"), ("dseg", "SegmentationOf")):
            (sidecar,) = (tmp_path / name).glob(f"sub-01/**/*_desc-predicted*_{suffix}.json")
            facts = json.loads(sidecar.read_text(encoding="utf-8"))
            assert facts["ImageKind"] == record["predictions"][0]["image_kind"]
            assert ("moved" in facts[fact]) == (facts["ImageKind"] == "warped")
        told[name] = (record["predictions"][0]["image_kind"], record["key"])
    assert told["default"][0] == "warped"
    assert told["asked"][0] == "plain"
    assert told["default"][1] != told["asked"][1]


def test_a_second_run_makes_only_what_is_missing(three: Path, out: Path, a_crew: Crew) -> None:
    order = Order(three, out, (1.0,))
    forecast_cohort(order, FakeRecipe(), a_crew, labels=["00", "sub-02"])
    done = forecast_cohort(order, FakeRecipe(), a_crew)
    assert done.outcome.results == ("sub-01",)
    assert done.found == ("sub-00", "sub-02")
    another = forecast_cohort(Order(three, out, (2.0,)), FakeRecipe(), a_crew, labels=["00"])
    assert another.outcome.results == ("sub-00",)


def test_who_lacks_a_file_is_forecast_again(three: Path, out: Path, a_crew: Crew) -> None:
    order = Order(three, out, (1.0,))
    forecast_cohort(order, FakeRecipe(), a_crew)
    files = [path for path in (out / "sub-01").rglob("*") if path.is_file() and path.name[0] != "."]
    gone = {
        "sub-00": next((out / "sub-00").rglob("*_dseg.nii.gz")),
        "sub-02": out / "sub-02" / "sub-02_volumes.tsv",
    }
    for path in gone.values():
        path.unlink()
    again = forecast_cohort(order, FakeRecipe(), a_crew)
    assert again.outcome.results == tuple(gone)
    assert again.found == ("sub-01",)
    assert all(path.is_file() for path in gone.values())
    named = json.loads(record_file(out, "sub-01").read_text(encoding="utf-8"))["files"]
    assert {out / "sub-01" / name for name in named} == {*files} - {record_file(out, "sub-01")}


def test_one_who_fails_is_reported_and_the_rest_is_forecast(
    three: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    next(three.glob("sub-01/ses-0/anat/*.nii.gz")).write_bytes(b"no scan")
    out = tmp_path / "derivatives"
    words = ["cohort", str(three), str(out), "participant", "--workers", "1"]
    assert main(words, open_fake_engine) == DONE
    assert "sub-01 is left out" in capsys.readouterr().err
    assert rows(out / "left_out.tsv")[0]["name"] == "sub-01"
    assert {path.name for path in out.glob("sub-*")} == {"sub-00", "sub-02"}
    assert main([*words, "--participant-label", "02"], open_fake_engine) == DONE
    assert rows(out / "left_out.tsv")[0]["name"] == "sub-01"  # another run for another person mends nothing


def test_whom_the_last_run_left_out_is_not_in_the_group(three: Path, tmp_path: Path) -> None:
    out = tmp_path / "derivatives"
    words = ["cohort", str(three), str(out), "participant", "--workers", "1"]
    assert main(words, open_fake_engine) == DONE
    assert summarise(out, three).people == 3
    next(three.glob("sub-01/ses-0/anat/*.nii.gz")).write_bytes(b"no scan any more")
    assert main(words, open_fake_engine) == DONE
    assert {row["participant_id"] for row in rows(summarise(out, three).table)} == {"sub-00", "sub-02"}


def test_who_has_no_age_any_more_is_not_in_the_group(three: Path, tmp_path: Path) -> None:
    out = tmp_path / "derivatives"
    words = ["cohort", str(three), str(out), "participant", "--workers", "1"]
    assert main(words, open_fake_engine) == DONE
    visits = [{"session_id": f"ses-{visit}", "age": "89+"} for visit in range(4)]
    write_table(three / "sub-01" / "sub-01_sessions.tsv", visits)
    assert main(words, open_fake_engine) == DONE
    reasons = {row["name"]: row["reason"] for row in rows(out / "left_out.tsv")}
    assert reasons["sub-01"] == "no scan has a known age."
    assert "the age '89+', which is not a number" in reasons["sub-01_ses-0_T1w.nii.gz"]
    assert {row["participant_id"] for row in rows(summarise(out, three).table)} == {"sub-00", "sub-02"}


def test_who_was_taken_out_of_the_tree_is_not_in_the_group(
    three: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "derivatives"
    words = ["cohort", str(three), str(out)]
    assert main([*words, "participant", "--workers", "1"], open_fake_engine) == DONE
    shutil.rmtree(three / "sub-01")
    capsys.readouterr()
    assert main([*words, "group"], open_fake_engine) == DONE
    said = capsys.readouterr()
    assert f"Warning: sub-01 is left out: {three} no longer holds a scan of theirs." in said.err
    assert "The rates of 2 people" in said.out
    assert {row["participant_id"] for row in rows(out / RATES)} == {"sub-00", "sub-02"}


def test_where_nobody_can_be_forecast_nothing_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    once = write_cohort(tmp_path / "once", 2, offsets_years=(0.0,))
    out = tmp_path / "derivatives"
    words = ["cohort", str(once), str(out), "participant", "--workers", "1"]
    assert main(words, open_fake_engine) == BAD_INPUT
    assert "None of 2 people" in capsys.readouterr().err
    assert_nothing_written(out)


def test_one_scan_suffices_where_the_model_holds_a_prior(tmp_path: Path, out: Path, a_crew: Crew) -> None:
    once = write_cohort(tmp_path / "once", 2, offsets_years=(0.0,))
    done = forecast_cohort(Order(once, out), FakeRecipe(), a_crew)
    assert done.outcome.results == ("sub-00", "sub-01")


def test_rates_of_the_group_are_those_of_its_people(tmp_path: Path, out: Path, a_crew: Crew) -> None:
    cohort = write_cohort(tmp_path / "clean", 3, noise=0.0, between=0.0)
    forecast_cohort(Order(cohort, out, (2.0,)), FakeRecipe(has_prior=False, kept=1.0), a_crew)
    group = summarise(out, cohort)
    assert (group.table, group.people, group.gone) == (out / RATES, 3, ())
    found = [row for row in rows(group.table) if row["region"] == "gray_matter"]
    expected = RATE / 200 * np.prod((6, 7, 8))
    assert [float(row["ml_per_year"]) for row in found] == pytest.approx([expected] * 3, rel=1e-3)
    (everyone,) = (
        row
        for row in rows(out / SUMMARY)
        if row["region"] == "gray_matter" and row["diagnosis"] == "everyone"
    )
    assert float(everyone["mean_ml_per_year"]) == pytest.approx(expected, rel=1e-3)
    assert everyone["people"] == "3"


def test_means_are_of_people_forecast_by_one_method(three: Path, out: Path, a_crew: Crew) -> None:
    forecast_cohort(Order(three, out, (2.0,), "linear"), FakeRecipe(), a_crew, labels=["00"])
    forecast_cohort(Order(three, out, (2.0,), "bayes"), FakeRecipe(), a_crew, labels=["01", "02"])
    summarise(out, three)
    found = [row for row in rows(out / SUMMARY) if row["diagnosis"] == "everyone"]
    assert {(row["method"], row["people"]) for row in found} == {("linear", "1"), ("bayes", "2")}
    assert {row["model"] for row in found} == {f"fake {'0' * 12}"}


def test_rates_hold_the_interval_and_the_weight_of_the_scans(three: Path, out: Path, a_crew: Crew) -> None:
    forecast_cohort(Order(three, out, (2.0,)), FakeRecipe(), a_crew)
    for row in rows(summarise(out, three).table):
        low, rate, high = (float(row[f"{end}ml_per_year"]) for end in ("low_", "", "high_"))
        assert low < rate < high
        assert 0 < float(row["data_weight"]) < 1
        assert row["method"] == "bayes"


@pytest.mark.parametrize("method", ["bayes", "linear"])
def test_the_group_tells_how_people_change_beside_such_people(
    method: Method, three: Path, out: Path, a_crew: Crew
) -> None:
    forecast_cohort(Order(three, out, (2.0,), method, image="plain"), FakeRecipe(tells_in_full=True), a_crew)
    table = summarise(out, three).table
    record = json.loads(record_file(out, "sub-01").read_text(encoding="utf-8"))
    rates = {rate["region"]: rate for rate in record["rates"]}
    found = [row for row in rows(table) if row["participant_id"] == "sub-01"]
    assert {row["region"] for row in found} == rates.keys()
    for row in found:
        rate = rates[row["region"]]
        assert float(row["current_ml_per_year"]) == pytest.approx(rate["ml_per_year"], abs=1e-4)
        low, high = float(row["current_low_ml_per_year"]), float(row["current_high_ml_per_year"])
        assert low < float(row["current_ml_per_year"]) < high
        for column in ("expected_ml_per_year", "share_slower"):
            if method == "linear":
                assert row[column] == "n/a"
            else:
                assert float(row[column]) == pytest.approx(rate[column], abs=1e-4)
    words = json.loads(table.with_suffix(".json").read_text(encoding="utf-8"))
    for column in ("current_ml_per_year", "current_low_ml_per_year", "expected_ml_per_year", "share_slower"):
        assert words[column]["Description"]


def test_a_record_names_the_files_beside_it(three: Path, out: Path, a_crew: Crew) -> None:
    forecast_cohort(Order(three, out, (1.0, 2.0)), FakeRecipe(), a_crew)
    record = json.loads(record_file(out, "sub-01").read_text(encoding="utf-8"))
    kinds = ("image", "segmentation", "uncertainty")
    named = [one[kind] for one in record["predictions"] for kind in kinds] + record["figures"]
    assert len(named) > 6
    for name in named:
        assert (out / "sub-01" / name).is_file()


@pytest.mark.parametrize("tells_in_full", [True, False])
def test_tables_say_how_volumes_are_told(tells_in_full: bool, three: Path, out: Path, a_crew: Crew) -> None:
    forecast_cohort(Order(three, out, (2.0,)), FakeRecipe(tells_in_full=tells_in_full), a_crew)
    group = summarise(out, three).table.with_suffix(".json")
    for path, column in ((out / "sub-01" / "sub-01_volumes.json", "volume_ml"), (group, "start_ml")):
        words = json.loads(path.read_text(encoding="utf-8"))[column]["Description"]
        assert ("hippocampus 0.50" in words) == tells_in_full


def test_a_group_of_nobody_is_refused(three: Path, out: Path) -> None:
    with pytest.raises(InputError, match="participant level first"):
        summarise(out, three)


def test_records_of_an_earlier_version_are_refused(three: Path, out: Path, a_crew: Crew) -> None:
    forecast_cohort(Order(three, out, (2.0,)), FakeRecipe(), a_crew)
    file = record_file(out, "sub-01")
    record = json.loads(file.read_text(encoding="utf-8"))
    record["rates"] = record.pop("predicted_rates")
    file.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(InputError, match=r"sub-01_forecast\.json was written by an earlier version"):
        summarise(out, three)


def test_a_group_of_no_tree_is_refused(tmp_path: Path, out: Path) -> None:
    with pytest.raises(InputError, match="There is no folder"):
        summarise(out, tmp_path / "nowhere")


def test_an_uncertainty_along_no_direction_is_refused(three: Path, out: Path) -> None:
    with pytest.raises(InputError, match="0 directions"):
        Order(three, out, directions=0)


@pytest.mark.parametrize("years", [(), (0.0,), (-1.0, 2.0)])
def test_years_that_are_not_ahead_are_refused(years: tuple[float, ...], three: Path, out: Path) -> None:
    with pytest.raises(InputError, match="years ahead"):
        Order(three, out, years)


def test_a_participant_who_is_not_there_is_named(three: Path, out: Path, a_crew: Crew) -> None:
    with pytest.raises(InputError, match="sub-99"):
        forecast_cohort(Order(three, out), FakeRecipe(), a_crew, labels=["99"])
