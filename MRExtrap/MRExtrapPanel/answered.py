"""What answers of the worker mean for the panel."""

from __future__ import annotations

import re
from dataclasses import replace

from MRExtrapLib.worker.results import LeftOut as Answer
from MRExtrapLib.worker.results import Loaded, VisitEntry
from MRExtrapPanel.left_out import LeftOut, LeftOutLine, place_of
from MRExtrapPanel.translation import tr as _
from MRExtrapPanel.visits import Visit

GIVE_AGE = re.compile(r"(the age yourself as )?SCAN@AGE")
"""How the engine says that an age can be given; where a refusal says so, the age is all that is wrong."""


def filled(visit: Visit, entry: VisitEntry) -> Visit:
    """A visit with what its file says; an age that was typed meanwhile stays.

    A table's age that is none, such as 89+, leaves the age to be typed, and is forgotten once it is.
    """
    if GIVE_AGE.search(entry.problem):
        doubts = (_of_table(entry.problem),) if visit.age_years is None else ()
        return replace(visit, doubts=doubts, problem="")
    doubts = tuple(_of_table(words) for words in entry.warnings)
    told = replace(visit, doubts=doubts, problem=entry.problem, sex=visit.sex or entry.sex or "")
    if visit.age_years is not None or entry.age_years is None:
        return told
    return replace(told, age_years=round(entry.age_years, 2), origin="table")


def _of_table(words: str) -> str:
    """The engine's words with the panel's place for an age."""
    return GIVE_AGE.sub(_("the age in this table"), words)


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
