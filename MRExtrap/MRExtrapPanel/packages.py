"""What the worker needs installed, what of it is missing, and how pip is asked so that Slicer stays whole.

Only names and versions are looked at: nothing heavy is imported to find out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from MRExtrapPanel.translation import tr as _

KEPT = ("numpy", "SimpleITK", "scipy", "pydicom")
"""Slicer's own builds, to which the rest of Slicer is compiled or fitted: pip may not touch them."""

TORCH = "torch"
"""Comes through the PyTorch extension, which chooses the build for the graphics card."""

TORCH_WORDS = _(
    "PyTorch: about 0.2 GB for a computer without NVIDIA graphics, 2.5 to 3 GB with; Slicer cannot be used "
    "meanwhile, for some minutes"
)
OTHERS_WORDS = _("{count} packages with what they need, some 200 MB: {names}")
"""Sizes downloaded, for the consent; they differ by system."""

VersionOf = Callable[[str], str | None]


@dataclass(frozen=True)
class InstallPlan:
    """What would be installed.

    Attributes:
        needs_torch: whether PyTorch is among it.
        others: the other requirements, as pip takes them.
        torch: the requirement on PyTorch's version, such as ">=2.2,<3".
    """

    needs_torch: bool
    others: tuple[str, ...]
    torch: str

    @property
    def is_empty(self) -> bool:
        """Whether all is there."""
        return not self.needs_torch and not self.others

    @property
    def names(self) -> tuple[str, ...]:
        """Of all packages missing."""
        return ((TORCH,) if self.needs_torch else ()) + tuple(name_of(line) for line in self.others)

    @property
    def consent_words(self) -> str:
        """What the user is asked before anything is downloaded."""
        parts = [f"• {TORCH_WORDS}"] if self.needs_torch else []
        if self.others:
            names = ", ".join(name_of(line) for line in self.others)
            parts.append("• " + OTHERS_WORDS.format(count=len(self.others), names=names))
        first = _("MRExtrap needs, in Slicer's own Python:")
        last = _(
            "They are downloaded from the Python Package Index. No scan leaves this computer. "
            "Slicer's own numpy and SimpleITK stay as they are. Install?"
        )
        return "\n\n".join((first, "\n".join(parts), last))


def installed_version(name: str) -> str | None:
    """The version of an installed package; None where there is none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def read_requirements(file: Path) -> tuple[str, ...]:
    """The requirements of a file, comments left out."""
    lines = (line.partition("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return tuple(line for line in lines if line and not line.startswith("-"))


def plan_installation(requirements: Iterable[str], version_of: VersionOf = installed_version) -> InstallPlan:
    """What is missing, or there in a version that does not do."""
    missing = tuple(line for line in requirements if not is_satisfied(line, version_of))
    torch = next((line for line in requirements if name_of(line) == TORCH), TORCH)
    return InstallPlan(
        needs_torch=any(name_of(line) == TORCH for line in missing),
        others=tuple(line for line in missing if name_of(line) != TORCH),
        torch=torch.removeprefix(TORCH),
    )


def is_satisfied(line: str, version_of: VersionOf = installed_version) -> bool:
    """Whether a requirement is met, pre-releases and local builds such as 2.9.0+cu126 included."""
    from packaging.requirements import Requirement

    requirement = Requirement(line)
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    version = version_of(requirement.name)
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def name_of(line: str) -> str:
    """The package that a requirement is about.

    >>> name_of("torch>=2.2,<3")
    'torch'
    """
    from packaging.requirements import Requirement

    return Requirement(line).name


def constraint_lines(plan: InstallPlan, version_of: VersionOf = installed_version) -> tuple[str, ...]:
    """Constraints that hold Slicer's own packages, and a PyTorch that does, to their very versions."""
    names = KEPT if plan.needs_torch else (*KEPT, TORCH)
    kept = ((name, version_of(name)) for name in names)
    return tuple(f"{name}=={version}" for name, version in kept if version is not None)


def pip_arguments(plan: InstallPlan, constraints: Path, wheels: Path | None = None) -> tuple[str, ...]:
    """What pip is called with; from a folder of wheels nothing is downloaded, and PyTorch comes along."""
    offline = ("--no-index", "--find-links", str(wheels)) if wheels else ()
    torch = (TORCH + plan.torch,) if wheels and plan.needs_torch else ()
    return (*offline, "--constraint", str(constraints), *torch, *plan.others)
