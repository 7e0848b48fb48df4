"""What nodes and views of a prediction say about themselves, so that none is taken for a scan."""

from __future__ import annotations

from typing import Protocol

RESEARCH_USE = "Predicted, research use, not for diagnosis"
"""The same words as in every figure of a report; a test holds them together."""

IMAGE_WORDS = {
    "plain": "as decoded",
    "added": "last scan + change",
    "warped": "last scan, moved",
}
"""Kind of predicted image, as the worker names it → what a node's name and a view say of it."""

LOWER_EDGE = 4
"""vtkCornerAnnotation's place in the middle below. Slicer's own slice annotations rewrite the corners."""


class Annotation(Protocol):
    """What is needed of a vtkCornerAnnotation."""

    def GetText(self, place: int) -> str | None:  # noqa: N802 - VTK's name
        """The words at a place."""
        ...

    def SetText(self, place: int, words: str) -> None:  # noqa: N802 - VTK's name
        """Puts words at a place."""
        ...


def name_of(source_name: str, what: str, detail: str = "") -> str:
    """What a node is called.

    >>> name_of("sub-01", "segmentation", "age=52.5years")
    'sub-01 segmentation (Predicted, research use, not for diagnosis) [age=52.5years]'
    """
    return f"{source_name} {what} ({RESEARCH_USE})" + (f" [{detail}]" if detail else "")


def image_words(kind: str) -> str:
    """What a predicted image is called; "" is of no known kind.

    >>> image_words("warped"), image_words("")
    ('predicted, last scan, moved', 'predicted')
    """
    return ", ".join(("predicted", *([IMAGE_WORDS[kind]] if kind in IMAGE_WORDS else [])))


def age_detail(age_years: float) -> str:
    """An age as sequences write it into a node's name.

    >>> age_detail(52.5)
    'age=52.5years'
    """
    return f"age={age_words(age_years)}years"


def age_words(age_years: float) -> str:
    """An age to the hour or so, in the fewest digits: the index of a sequence.

    >>> age_words(52.5), age_words(70), age_words(60.123456)
    ('52.5', '70.0', '60.1235')
    """
    return str(round(float(age_years), 4))


def image_line(kind: str) -> str:
    """What a view says of the image it shows; nothing of a kind that is not known.

    >>> image_line("warped")
    'Image: last scan, moved'
    """
    return f"Image: {IMAGE_WORDS[kind]}" if kind in IMAGE_WORDS else ""


OURS = frozenset({RESEARCH_USE, *map(image_line, IMAGE_WORDS)})
"""Every line that `mark_view` writes."""


def mark_view(annotation: Annotation, is_marked: bool = True, kind: str = "") -> None:
    """Writes the notice below into a view, or takes it away; other words of the view stay.

    Args:
        annotation: of the view.
        is_marked: whether a prediction is shown.
        kind: which kind of predicted image, where that is known.

    In Slicer: `mark_view(sliceWidget.sliceView().cornerAnnotation())`, then `scheduleRender()`; likewise
    `threeDView().cornerAnnotation()`.
    """
    before = annotation.GetText(LOWER_EDGE) or ""
    others = [line for line in before.splitlines() if line not in OURS]
    ours = [RESEARCH_USE, image_line(kind)] if is_marked else []
    annotation.SetText(LOWER_EDGE, "\n".join(line for line in (*others, *ours) if line))
