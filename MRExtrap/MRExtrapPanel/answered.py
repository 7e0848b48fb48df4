"""What answers of the worker mean for the panel."""

from __future__ import annotations

from dataclasses import replace

from MRExtrapLib.worker.results import LeftOut as Answer
from MRExtrapLib.worker.results import Loaded, VisitEntry
from MRExtrapPanel.left_out import LeftOut, LeftOutLine, place_of
from MRExtrapPanel.translation import tr as _
from MRExtrapPanel.visits import Visit


def filled(visit: Visit, entry: VisitEntry) -> Visit:
    """A visit with what its file says; an age that was typed meanwhile stays."""
    doubts = tuple(words.replace("SCAN@AGE", _("the age in this table")) for words in entry.warnings)
    told = replace(visit, doubts=doubts, problem=entry.problem, sex=visit.sex or entry.sex or "")
    if visit.age_years is not None or entry.age_years is None:
        return told
    return replace(told, age_years=round(entry.age_years, 2), origin="table")


def compared(person: Loaded, answer: Answer) -> LeftOut:
    """A visit's volumes beside those that the others predict for its age."""
    visit = person.visits[answer.visit]
    seen = {
        row.region: row.volume_ml
        for row in person.volumes
        if row.kind == "observed" and row.age_years == visit.age_years
    }
    lines = tuple(
        LeftOutLine(row.region, seen[row.region], row.volume_ml, row.low_ml, row.high_ml)
        for row in answer.volumes
        if row.region in seen
    )
    return LeftOut(visit.name, visit.age_years or 0.0, place_of(answer.visit, len(person.visits)), lines)
