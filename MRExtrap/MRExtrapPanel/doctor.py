"""What this Slicer has for MRExtrap, as a report that can be copied into a question; no names, no scans."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import dataclass

from MRExtrapLib.errors import fit_to_copy
from MRExtrapLib.worker.protocol import PROTOCOL_VERSION
from MRExtrapLib.worker.results import Greeting
from MRExtrapPanel.packages import InstallPlan, installed_version

LOOKED_AT = ("torch", "monai", "numpy", "scipy", "SimpleITK", "nibabel", "pydicom", "safetensors")


@dataclass(frozen=True)
class Checkup:
    """What was found.

    Attributes:
        slicer: its version.
        plan: what is missing.
        greeting: what the worker said; None if it did not answer.
        refusal: why it did not.
        engine: what `mrextrap doctor` prints in the worker's Python.
    """

    slicer: str
    plan: InstallPlan
    greeting: Greeting | None
    refusal: str
    engine: str

    @property
    def report(self) -> str:
        """Fit to copy."""
        lines = (*self._of_slicer(), *self._of_worker(), "", "In the worker's Python:", self.engine.strip())
        return fit_to_copy("\n".join(lines))

    def _of_slicer(self) -> Iterable[str]:
        versions = ", ".join(f"{name} {installed_version(name) or 'none'}" for name in LOOKED_AT)
        yield "MRExtrap, checked in 3D Slicer"
        yield f"slicer       {self.slicer}"
        yield f"system       {platform.system()} {platform.release()} {platform.machine()}"
        yield f"python       {platform.python_version()}"
        yield f"packages     {versions}"
        yield f"missing      {', '.join(self.plan.names) or 'nothing'}"

    def _of_worker(self) -> Iterable[str]:
        if self.greeting is None:
            yield f"worker       does not answer: {self.refusal or 'no reason given'}"
            return
        said = self.greeting
        protocol = f"protocol {said.protocol} of {PROTOCOL_VERSION}"
        yield f"worker       MRExtrap {said.version}, Python {said.python}, {protocol}"
