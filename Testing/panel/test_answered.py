"""What a scan's file says of itself, in its row of the table."""

from __future__ import annotations

from pathlib import Path

import pytest
from MRExtrapPanel.answered import filled
from MRExtrapPanel.visits import Visit, VisitTable

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.ages import age_from_bids
from MRExtrapLib.worker.results import VisitEntry


def refused_age(folder: Path, age: str) -> str:
    """The engine's own words about an age in a sessions.tsv."""
    table = folder / "sub-01" / "sub-01_sessions.tsv"
    table.parent.mkdir()
    table.write_text(f"session_id\tage\nses-01\t{age}\n", encoding="utf-8")
    with pytest.raises(InputError) as refusal:
        age_from_bids(table.parent / "ses-01" / "anat" / "sub-01_ses-01_T1w.nii.gz")
    return str(refusal.value)


@pytest.mark.parametrize("age", ["89+", "150"])
def test_an_age_that_a_table_tells_wrongly_is_doubted_and_typed_instead(tmp_path: Path, age: str) -> None:
    entry = VisitEntry("old", "old.nii", problem=refused_age(tmp_path, age))
    visit = filled(Visit("old.nii", "old"), entry)
    assert age in visit.origin_words
    assert visit.origin_words.endswith("give the age in this table.")
    table = VisitTable((visit,))
    assert [one.sentence for one in table.findings(1)] == ["The age at old is not known; type it in years."]
    typed = table.with_age("old.nii", 91.0)
    assert typed.findings(1) == ()
    assert typed.visits[0].origin_words == "typed"


def test_an_age_typed_while_a_wrong_one_was_read_stands_without_a_doubt(tmp_path: Path) -> None:
    entry = VisitEntry("old", "old.nii", problem=refused_age(tmp_path, "89+"))
    visit = filled(Visit("old.nii", "old", 91.0, "typed"), entry)
    assert VisitTable((visit,)).findings(1) == ()
    assert visit.origin_words == "typed"


def test_a_file_that_cannot_be_used_is_not_mended_by_an_age() -> None:
    visit = filled(Visit("bad.nii", "bad"), VisitEntry("bad", "bad.nii", problem="it is cut short."))
    typed = VisitTable((visit,)).with_age("bad.nii", 70.0)
    assert [one.sentence for one in typed.findings(1)] == ["bad cannot be used: it is cut short."]
