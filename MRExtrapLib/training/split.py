"""Who trains, who validates, who tests: by subject, written to a file, never changed by a rerun."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from MRExtrapLib.errors import InputError
from MRExtrapLib.training.people import PersonScans, brain_of, families_of, is_simulated

PARTS = ("test", "validation", "train")
"""The strictest first."""


@dataclass(frozen=True)
class Split:
    """Subject names of each part; no subject is in two parts, nor are those simulated of one scan.

    Raises:
        InputError: they are.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        everyone = [*self.train, *self.validation, *self.test]
        twice = sorted({name for name in everyone if everyone.count(name) > 1})
        if twice:
            msg = f"A split must name each subject once, but it repeats {', '.join(twice[:5])}."
            raise InputError(msg)
        for kin in _kinships(everyone):
            if len({self.part_of(name) for name in kin}) > 1:
                msg = f"{kin[0]} and {kin[1]} show one brain, but the split parts them; give them one part."
                raise InputError(msg)

    def part_of(self, subject: str) -> str:
        """'train', 'validation' or 'test'; a subject that the split does not name only trains.

        Who is simulated of someone is where that one is. A copy lies in another folder than the brain it was
        made of, under a name without hyphens: letters and digits of their own names are compared.

        >>> split = Split(("brains/sub-01",), (), ("heads/IXI015-HH-1258",))
        >>> split.part_of("cohort/sub-01sim2"), split.part_of("cohort/sub-IXI015HH1258sim1")
        ('train', 'test')
        """
        named = next((part for part in PARTS if subject in getattr(self, part)), None)
        if named or not is_simulated(subject):
            return named or "train"
        brain = brain_of(subject)
        return next((part for part in PARTS if brain in map(brain_of, getattr(self, part))), "train")


def learners_of(people: Sequence[PersonScans], split: Split) -> tuple[list[PersonScans], list[str]]:
    """Those of whom may be learned, and a sentence on each who is held out."""
    learners = [one for one in people if split.part_of(one.name) == "train"]
    return learners, [f"{one.name}: held out by the split." for one in people if one not in learners]


def draw_split(
    subjects: Iterable[str], rng: np.random.Generator, test_share: float = 0.2, validation_share: float = 0.05
) -> Split:
    """A split drawn at random, at least one brain in each part when there are three or more."""
    kinships = _kinships(set(subjects))
    order = [kinships[i] for i in rng.permutation(len(kinships))]
    enough = len(order) >= 3
    tests = max(round(test_share * len(order)), int(enough))
    validations = max(round(validation_share * len(order)), int(enough))

    def names(some: Sequence[Sequence[str]]) -> tuple[str, ...]:
        return tuple(sorted(name for kin in some for name in kin))

    return Split(
        train=names(order[tests + validations :]),
        validation=names(order[tests : tests + validations]),
        test=names(order[:tests]),
    )


def _kinships(names: Iterable[str]) -> list[list[str]]:
    """Names that show one brain, together."""
    kin: dict[str, list[str]] = {}
    for name, family in families_of(sorted(names)).items():
        kin.setdefault(family, []).append(name)
    return list(kin.values())


def write_split(split: Split, path: Path) -> None:
    """The split as JSON."""
    path.write_text(json.dumps(asdict(split), indent=1) + "\n", encoding="utf-8")


def read_split(path: Path) -> Split:
    """The split that `write_split` wrote.

    Raises:
        InputError: the file is not a split.
    """
    try:
        parts = json.loads(path.read_text(encoding="utf-8"))
        return Split(**{part: tuple(names) for part, names in parts.items()})
    except (OSError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        msg = f"{path} is not a split of subjects ({error}); give a JSON file with train, validation, test."
        raise InputError(msg) from error
