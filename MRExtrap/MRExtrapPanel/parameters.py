"""What a saved scene remembers of the panel."""

# no `annotations` from the future: the wrapper reads them as types
import dataclasses

import slicer
from slicer import vtkMRMLScalarVolumeNode
from slicer.parameterNodeWrapper import parameterNodeWrapper
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from MRExtrapPanel.choices import DEFAULT_FORMAT, DEFAULT_IMAGE, FORMATS, IMAGES, Choices
from MRExtrapPanel.state import PanelState, Sweep
from MRExtrapPanel.visits import Visit, VisitTable
from MRExtrapPanel.wishes import Shown

UNKNOWN = -1.0
"""An age that nobody knows yet, as a number that every scene file can hold."""


@parameterNodeWrapper
class Parameters:
    """As it lies in the scene: three lists of one length for the table, and the choices."""

    scans: list[vtkMRMLScalarVolumeNode]
    agesYears: list[float]
    origins: list[str]
    model: str = ""
    method: str = ""
    sex: str = ""
    diagnosis: str = ""
    device: str = "auto"
    segmenter: str = "own"
    ageYears: float = 75.0
    shown: str = "predicted"
    image: str = "warped"
    imageFormat: str = "nifti"
    sweepStartYears: float = 70.0
    sweepEndYears: float = 80.0
    sweepStepYears: float = 1.0


class MRExtrapLogic(ScriptedLoadableModuleLogic):
    """Finds the module's parameter node; its name is the module's."""


def parameters_of_scene() -> Parameters:
    """The parameters of the scene that is open."""
    return Parameters(MRExtrapLogic().getParameterNode())


def read_parameters(parameters: Parameters, state: PanelState, visit_of) -> PanelState:
    """The state with what the scene says; of rows whose volume is gone nothing remains.

    Args:
        visit_of: makes a row of a volume.
    """
    table = VisitTable()
    for node, age, origin in zip(parameters.scans, parameters.agesYears, parameters.origins, strict=False):
        if node is not None:
            table = table.with_visit(_with_age(visit_of(node), age, origin))
    names = {shown.value for shown in Shown}
    return dataclasses.replace(
        state,
        table=table,
        choices=Choices(
            **{
                name: getattr(parameters, name)
                for name in ("model", "method", "sex", "diagnosis", "device", "segmenter")
            }
        ),
        age_years=parameters.ageYears,
        shown=Shown(parameters.shown) if parameters.shown in names else Shown.PREDICTED,
        image=parameters.image if parameters.image in dict(IMAGES) else DEFAULT_IMAGE,
        image_format=parameters.imageFormat if parameters.imageFormat in dict(FORMATS) else DEFAULT_FORMAT,
        sweep=Sweep(parameters.sweepStartYears, parameters.sweepEndYears, parameters.sweepStepYears),
    )


def write_parameters(parameters: Parameters, state: PanelState) -> None:
    """Puts the state into the scene, as one change."""
    fields = {
        "scans": [slicer.mrmlScene.GetNodeByID(visit.scan) for visit in state.table.visits],
        "agesYears": [
            UNKNOWN if visit.age_years is None else visit.age_years for visit in state.table.visits
        ],
        "origins": [str(visit.origin) for visit in state.table.visits],
        **{
            name: getattr(state.choices, name)
            for name in ("model", "method", "sex", "diagnosis", "device", "segmenter")
        },
        "ageYears": state.age_years,
        "shown": state.shown.value,
        "image": state.image,
        "imageFormat": state.image_format,
        "sweepStartYears": state.sweep.start_years,
        "sweepEndYears": state.sweep.end_years,
        "sweepStepYears": state.sweep.step_years,
    }
    with slicer.util.NodeModify(parameters.parameterNode):
        for name, value in fields.items():
            if _plain(getattr(parameters, name)) != value:
                setattr(parameters, name, value)


def _plain(value):  # the wrapper's lists are its own class
    return list(value) if isinstance(value, list) or hasattr(value, "append") else value


def _with_age(visit: Visit, age_years: float, origin: str) -> Visit:
    if age_years == UNKNOWN:
        return visit
    if origin == visit.origin and visit.age_years is not None:
        return visit
    return dataclasses.replace(visit, age_years=age_years, origin=origin)
