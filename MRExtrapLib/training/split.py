"""Who trains, who validates, who tests: by subject, written to a file, never changed by a rerun."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from MRExtrapLib.errors import InputError
from MRExtrapLib.training.people import PersonScans, family_of


@dataclass(frozen=True)
class Split:
    """Subject names of each part; no subject is in two parts."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        everyone = [*self.train, *self.validation, *self.test]
        twice = sorted({name for name in everyone if everyone.count(name) > 1})
        if twice:
            msg = f"A split must name each subject once, but it repeats {', '.join(twice[:5])}."
            raise InputError(msg)

    def part_of(self, subject: str) -> str:
        """'train', 'validation' or 'test'; a subject that the split does not name only trains."""
        if subject in self.test:
            return "test"
        return "validation" if subject in self.validation else "train"


def may_train(name: str, split: Split) -> bool:
    """Whether a person may be learned from: not who validates or tests, nor a simulated copy of theirs.

    A copy lies in another folder than the brain it was made of, so that brain's name alone is looked for.

    >>> split = Split(("brains/sub-01",), (), ("brains/sub-03",))
    >>> may_train("cohort/sub-01sim2", split), may_train("cohort/sub-03sim1", split)
    (True, False)
    """
    source = family_of(name)
    if source == name:
        return split.part_of(name) == "train"
    held_out = {one.rpartition("/")[2] for one in (*split.validation, *split.test)}
    return source.rpartition("/")[2] not in held_out


def learners_of(people: Sequence[PersonScans], split: Split) -> tuple[list[PersonScans], list[str]]:
    """Those of whom may be learned, and a sentence on each who is held out."""
    learners = [one for one in people if may_train(one.name, split)]
    return learners, [f"{one.name}: held out by the split." for one in people if one not in learners]


def draw_split(
    subjects: Iterable[str], rng: np.random.Generator, test_share: float = 0.2, validation_share: float = 0.05
) -> Split:
    """A split drawn at random, at least one subject in each part when there are three or more."""
    names = sorted(set(subjects))
    order = [names[i] for i in rng.permutation(len(names))]
    enough = len(order) >= 3
    tests = max(round(test_share * len(order)), int(enough))
    validations = max(round(validation_share * len(order)), int(enough))
    return Split(
        train=tuple(sorted(order[tests + validations :])),
        validation=tuple(sorted(order[tests : tests + validations])),
        test=tuple(sorted(order[:tests])),
    )


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
