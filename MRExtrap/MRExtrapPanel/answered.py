"""What answers of the worker mean for the panel."""

from __future__ import annotations

from dataclasses import replace

from MRExtrapLib.worker.results import Loaded, Predicted, VisitEntry
from MRExtrapPanel.state import HeldOut
from MRExtrapPanel.translation import tr as _
from MRExtrapPanel.visits import Visit


def filled(visit: Visit, entry: VisitEntry) -> Visit:
    """A visit with what its file says; an age that was typed meanwhile stays."""
    doubts = tuple(words.replace("SCAN@AGE", _("the age in this table")) for words in entry.warnings)
    told = replace(visit, doubts=doubts, problem=entry.problem, sex=visit.sex or entry.sex or "")
    if visit.age_years is not None or entry.age_years is None:
        return told
    return replace(told, age_years=round(entry.age_years, 2), origin="table")


def held_out_visit(loaded: Loaded) -> VisitEntry:
    """The scan that the line does not rest on; the last one."""
    return loaded.visits[-1 if loaded.held_out is None else loaded.held_out]


def compared(loaded: Loaded, predicted: Predicted) -> HeldOut:
    """The held-out scan's volumes beside those predicted for its age."""
    visit = held_out_visit(loaded)
    found = {row.region: row.volume_ml for row in predicted.volumes}
    rows = tuple(
        (row.region, row.volume_ml, found[row.region])
        for row in loaded.volumes
        if row.kind == "observed" and row.age_years == visit.age_years and row.region in found
    )
    return HeldOut(visit.name, visit.age_years or 0.0, rows)
