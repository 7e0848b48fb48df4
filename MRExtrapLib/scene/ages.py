"""A brain at many ages: one browser steps through image and segmentation together.

The nodes that the slider writes and the nodes that the browser steps through are the same: there is one
predicted volume and one predicted segmentation in the views, however their age was reached.
"""

from __future__ import annotations

from dataclasses import dataclass

import slicer

from MRExtrapLib.errors import InputError
from MRExtrapLib.scene import segmentation, volumes
from MRExtrapLib.scene.arrays import PlacedArray, Prediction
from MRExtrapLib.scene.notice import age_detail, age_words, image_words, name_of
from MRExtrapLib.scene.ownership import AGE, IMAGE_KIND, ROLE, SOURCE, Role, find, find_or_make, scene_of

AGE_FORMAT = "%.2f"
"""Of ages on the browser's toolbar."""

SAME_AGE_YEARS = 1e-3
"""Ages that lie closer are one; a third of a day."""

IMAGES, LABELS = "predicted", "predicted segmentation"

SEQUENCES = ((Role.IMAGE_SEQUENCE, IMAGES), (Role.SEGMENTATION_SEQUENCE, LABELS))
"""The browser follows the first."""


PASSING = "MRExtrap.PassingAge"
"""Attribute of a browser: the index of the age that only passes, and goes with the next."""

BESIDE_YEARS = SAME_AGE_YEARS / 2
"""From the index of an age kept to that of another picture of it that passes."""

SAME_INDEX_YEARS = BESIDE_YEARS / 10
"""Indices of a sequence that lie closer are one; Slicer's own 0.001 would mix up the two."""


@dataclass(frozen=True)
class PredictedNodes:
    """What shows a prediction; the segmentation is empty at an age that was not measured."""

    image: slicer.vtkMRMLScalarVolumeNode
    segmentation: slicer.vtkMRMLSegmentationNode


def show_prediction(
    source: slicer.vtkMRMLScalarVolumeNode, prediction: Prediction, has_surfaces: bool = False
) -> PredictedNodes:
    """The brain at one age, as the slider wants it: shown until the next one, and then forgotten.

    Args:
        has_surfaces: also make the segmentation's surfaces, for 3D; seconds at 1 mm.
    """
    return AgeSequence(source).pass_by(prediction, has_surfaces)


class AgeSequence:
    """The ages of one forecast, stored in the scene; index "age", unit "years", in any spacing.

    Made anew as often as wanted: what it knows lies in the nodes.
    """

    def __init__(self, source: slicer.vtkMRMLScalarVolumeNode) -> None:
        self._source = source

    @property
    def browser(self) -> slicer.vtkMRMLSequenceBrowserNode | None:
        """Steps through the ages; None while none is stored."""
        return find(self._source, Role.AGES)

    @property
    def ages_years(self) -> tuple[float, ...]:
        """The ages kept, in order; one that the slider only passes is not among them."""
        passing = self._passing
        return tuple(float(index) for index in self._indices if index != passing)

    @property
    def shown_age_years(self) -> float | None:
        """The age that the predicted volume shows now, stored or not, reached by whatever slider."""
        image = find(self._source, Role.PREDICTED)
        age = image.GetAttribute(AGE) if image is not None else None
        return float(age) if age else None

    def has(self, age_years: float) -> bool:
        """Whether an age can be selected at once."""
        return self._index(age_years) is not None

    def image_kind_at(self, age_years: float) -> str | None:
        """Which kind of image is kept at an age, "" where nobody said; None where none is kept."""
        index = self._kept_index(age_years)
        if index is None:
            return None
        return self._sequences[0].GetDataNodeAtValue(index).GetAttribute(IMAGE_KIND) or ""

    def put(self, prediction: Prediction, has_surfaces: bool = True) -> PredictedNodes:
        """Keeps an age and shows it; one kept before at that age is replaced.

        Args:
            has_surfaces: also make and store the segmentation's surfaces; made after storing, they would
                vanish at the next step.
        """
        index = self._index(prediction.age_years) or age_words(prediction.age_years)
        self._store(prediction, index, has_surfaces)
        if index == self._passing:
            self._pass(None)
        return self._select(index)

    def pass_by(self, prediction: Prediction, has_surfaces: bool = False) -> PredictedNodes:
        """Shows an age until the next one passes, without keeping it; one kept at that age stays as it is.

        It is an item like the others: nodes that the browser steps share their arrays with an item, and
        writing to them from outside would write to whatever item came last.
        """
        kept = self._kept_index(prediction.age_years)
        index = age_words(prediction.age_years if kept is None else float(kept) + BESIDE_YEARS)
        before = self._passing
        self._store(prediction, index, has_surfaces)
        self._pass(index)
        if before is not None and before != index:
            self._forget(before)
        return self._select(index)

    def select(self, age_years: float) -> PredictedNodes:
        """Shows an age that is there, as it is kept where it is.

        Raises:
            InputError: it is not.
        """
        index = self._index(age_years)
        if index is None or self.browser is None:
            msg = f"Age {age_years:g} is not in the sweep; predict it first."
            raise InputError(msg)
        passing = self._passing
        # another picture of this age has passed; left there, it would be the next step of a toolbar
        if passing is not None and passing != index and _is_near(passing, age_years):
            self._pass(None)
            self._forget(passing)
        return self._select(index)

    def _select(self, index: str) -> PredictedNodes:
        browser = self.browser
        assert browser is not None
        browser.SetSelectedItemNumber(self._indices.index(index))
        nodes = PredictedNodes(*(browser.GetProxyNode(one) for one in self._sequences))
        self._claim(nodes)
        segmentation.look_inside(nodes.segmentation)
        detail = age_detail(float(nodes.image.GetAttribute(AGE)))  # the browser names by sequence and index
        image_is = image_words(nodes.image.GetAttribute(IMAGE_KIND) or "")
        for node, what in ((nodes.image, image_is), (nodes.segmentation, LABELS)):
            node.SetName(name_of(self._source.GetName(), what, detail))
        return nodes

    def _claim(self, nodes: PredictedNodes) -> None:
        """Puts both under the source's transform; one that was deleted came back from the browser bare."""
        source = self._source
        if nodes.image.GetNodeReferenceID(SOURCE) is None:
            volumes.dress(nodes.image, source)
        if nodes.segmentation.GetNodeReferenceID(SOURCE) is None:
            segmentation.dress(nodes.segmentation)
        for node in (nodes.image, nodes.segmentation):
            node.SetNodeReferenceID(SOURCE, source.GetID())
            node.SetAndObserveTransformNodeID(source.GetTransformNodeID())

    def remove(self, age_years: float) -> None:
        """Forgets an age and, if it was shown, shows the nearest; nothing happens if it is not there."""
        index, shown = self._index(age_years), self.shown_age_years
        if index is None:
            return
        if len(self._indices) == 1:
            self.clear()
            return
        self._forget(index)
        if index == self._passing:
            self._pass(None)
        wanted = age_years if shown is None else shown
        self.select(min(map(float, self._indices), key=lambda age: abs(age - wanted)))

    def clear(self) -> None:
        """Forgets all ages; the predicted nodes stay as they are shown."""
        scene = scene_of(self._source)
        for role in (Role.AGES, *(role for role, _ in SEQUENCES)):
            node = find(self._source, role)
            if node is not None:
                scene.RemoveNode(node)

    @property
    def _sequences(self) -> tuple[slicer.vtkMRMLSequenceNode, slicer.vtkMRMLSequenceNode]:
        """Of images, which the browser follows, and of segmentations."""
        return find(self._source, Role.IMAGE_SEQUENCE), find(self._source, Role.SEGMENTATION_SEQUENCE)

    @property
    def _indices(self) -> tuple[str, ...]:
        images = find(self._source, Role.IMAGE_SEQUENCE)
        if images is None:
            return ()
        return tuple(images.GetNthIndexValue(number) for number in range(images.GetNumberOfDataNodes()))

    def _index(self, age_years: float) -> str | None:
        """The index of an age that is there; the one kept, where it passes too."""
        passing = self._passing
        is_passing = passing is not None and _is_near(passing, age_years)
        return self._kept_index(age_years) or (passing if is_passing else None)

    def _kept_index(self, age_years: float) -> str | None:
        passing = self._passing
        kept = (one for one in self._indices if one != passing and _is_near(one, age_years))
        return next(kept, None)

    @property
    def _passing(self) -> str | None:
        browser = self.browser
        return browser.GetAttribute(PASSING) if browser is not None else None

    def _pass(self, index: str | None) -> None:
        if self.browser is not None:
            self.browser.SetAttribute(PASSING, index)

    def _forget(self, index: str) -> None:
        """Takes an age out, images first, for the same reason."""
        images, labels = self._sequences
        gone = labels.GetDataNodeAtValue(index)
        images.RemoveDataNodeAtValue(index)
        segmentation.empty(gone)
        labels.RemoveDataNodeAtValue(index)

    def _store(self, prediction: Prediction, index: str, has_surfaces: bool) -> None:
        """Puts an age into both sequences, at an index."""
        items = {
            Role.IMAGE_SEQUENCE: _image_item(prediction),
            Role.SEGMENTATION_SEQUENCE: _labels_item(self._source, prediction.labels, has_surfaces),
        }
        if self.browser is None:  # its nodes must be there before the first item makes nodes of its own
            volumes.show_predicted_image(self._source, prediction.image, prediction.age_years)
            segmentation.show_labels(self._source, prediction.labels, LABELS)
        # Images last: the browser follows them, and would fill a gap in the others with another age.
        for role, what in reversed(SEQUENCES):
            items[role].SetName(name_of(self._source.GetName(), what))
            items[role].SetAttribute(AGE, age_words(prediction.age_years))
            self._sequence(role, what).SetDataNodeAtValue(items[role], index)  # which takes a copy
        segmentation.empty(items[Role.SEGMENTATION_SEQUENCE])
        if self.browser is None:
            self._browse()

    def _sequence(self, role: Role, what: str) -> slicer.vtkMRMLSequenceNode:
        sequence = find_or_make(self._source, role)
        if sequence.GetIndexName() != "age":
            sequence.SetName(name_of(self._source.GetName(), what))
            sequence.SetIndexType(slicer.vtkMRMLSequenceNode.NumericIndex)
            sequence.SetIndexName("age")
            sequence.SetIndexUnit("years")
        sequence.SetNumericIndexValueTolerance(SAME_INDEX_YEARS)  # of one loaded, too
        return sequence

    def _browse(self) -> None:
        """A browser over both sequences, whose proxies are the predicted nodes."""
        browser = find_or_make(self._source, Role.AGES)
        proxies = find(self._source, Role.PREDICTED), find(self._source, Role.SEGMENTATION)
        was_modifying = browser.StartModify()  # a browser seen half made would make nodes of its own
        try:
            browser.SetName(name_of(self._source.GetName(), "ages"))
            browser.SetIndexDisplayFormat(AGE_FORMAT)
            for sequence, proxy in zip(self._sequences, proxies, strict=True):
                browser.AddSynchronizedSequenceNode(sequence)
                browser.AddProxyNode(proxy, sequence, False)
                browser.SetOverwriteProxyName(sequence, True)
                # Slicer then shares an item's arrays with the node that shows it, where it else copies them
                # at every step: under a millisecond instead of a quarter second.
                browser.SetSaveChanges(sequence, True)
            browser.SetSelectedItemNumber(0)  # before any is selected, changes would be saved as of age 0
        finally:
            browser.EndModify(was_modifying)


def _is_near(index: str, age_years: float) -> bool:
    return abs(float(index) - age_years) < SAME_AGE_YEARS


def _image_item(prediction: Prediction) -> slicer.vtkMRMLScalarVolumeNode:
    item = slicer.vtkMRMLScalarVolumeNode()
    volumes.fill(item, prediction.image)
    item.SetAttribute(IMAGE_KIND, prediction.image_kind or None)
    item.SetAttribute(ROLE, Role.PREDICTED.word)
    return item


def _labels_item(
    source: slicer.vtkMRMLScalarVolumeNode, labels: PlacedArray | None, has_surfaces: bool
) -> slicer.vtkMRMLSegmentationNode:
    item = slicer.vtkMRMLSegmentationNode()
    segmentation.fill(item, labels, source)
    if has_surfaces:
        segmentation.make_surfaces(item)
    item.SetAttribute(ROLE, Role.SEGMENTATION.word)
    return item
