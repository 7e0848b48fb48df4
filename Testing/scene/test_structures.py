"""Names, colours and codes of structures, held to the engine and to DICOM."""

from __future__ import annotations

from pydicom.sr.codedict import codes

from MRExtrapLib.anatomy.freesurfer import LABEL_NAMES
from MRExtrapLib.report.marking import RESEARCH_USE as IN_REPORTS
from MRExtrapLib.scene.notice import IMAGE_WORDS, RESEARCH_USE, mark_view
from MRExtrapLib.scene.structures import (
    ANATOMICAL_STRUCTURE,
    CSF,
    LEFT,
    RIGHT,
    STRUCTURES,
    label_of,
    segment_id,
    structure_of,
)


def test_every_number_that_the_engine_writes_is_known() -> None:
    assert set(STRUCTURES) == set(LABEL_NAMES) - {0}


def test_every_code_is_dicoms() -> None:
    brain, nervous_system = (getattr(codes, f"cid{number}") for number in (7140, 7153))
    groups = [getattr(brain, name) for name in brain.dir()]
    groups += [getattr(nervous_system, name) for name in nervous_system.dir()]
    known = {(code.scheme_designator, code.value, code.meaning) for code in groups}
    wrong = [one.kind for one in STRUCTURES.values() if one.kind not in known]
    assert len(known) > 50
    assert wrong == []


def test_left_and_right_differ_in_the_side_alone() -> None:
    sided = {label: one for label, one in STRUCTURES.items() if one.side == LEFT}
    assert len(sided) == 14
    for one in sided.values():
        name = one.name.replace("Left", "Right")
        (other,) = [structure for structure in STRUCTURES.values() if structure.name == name]
        assert (other.kind, other.side) == (one.kind, RIGHT)
        assert max(abs(a - b) for a, b in zip(other.color, one.color, strict=True)) <= 1


def test_a_terminology_entry_has_its_seven_parts() -> None:
    parts = STRUCTURES[17].terminology.split("~")
    assert len(parts) == 7
    assert parts[1:4] == ["^".join(ANATOMICAL_STRUCTURE), "SCT^5366008^Hippocampus", "SCT^7771000^Left"]
    assert "Body Substance" in STRUCTURES[CSF].terminology


def test_a_segment_id_leads_back_to_its_number() -> None:
    assert [label_of(segment_id(label)) for label in (2, 53, 1035)] == [2, 53, 1035]
    assert label_of("Segment_1") is None
    assert structure_of(1035).name == "Structure 1035"


def test_scene_and_reports_use_the_same_words() -> None:
    assert RESEARCH_USE == IN_REPORTS


class Words:
    """A corner annotation, as far as marking goes."""

    def __init__(self) -> None:
        self.words: dict[int, str] = {4: "R: 12.5 mm"}

    def GetText(self, place: int) -> str | None:  # noqa: N802
        return self.words.get(place)

    def SetText(self, place: int, words: str) -> None:  # noqa: N802
        self.words[place] = words


def test_a_view_is_marked_once_beside_what_it_says() -> None:
    view = Words()
    mark_view(view)
    mark_view(view)
    assert view.words == {4: f"R: 12.5 mm\n{RESEARCH_USE}"}
    mark_view(view, False)
    assert view.words == {4: "R: 12.5 mm"}


def test_a_view_says_which_kind_of_image_it_shows_now() -> None:
    view = Words()
    for kind in IMAGE_WORDS:
        mark_view(view, kind=kind)
        assert view.words == {4: f"R: 12.5 mm\n{RESEARCH_USE}\nImage: {IMAGE_WORDS[kind]}"}
    mark_view(view, False)
    assert view.words == {4: "R: 12.5 mm"}
