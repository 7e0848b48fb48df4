"""Everyone in BIDS trees: scans in order of age, what tables say, and names for what is kept of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from MRExtrapLib.errors import InputError
from MRExtrapLib.imaging.ages import age_from_bids, diagnosis_from_bids, sex_from_bids
from MRExtrapLib.imaging.hashing import sha256_of
from MRExtrapLib.progression.covariates import Covariates
from MRExtrapLib.progression.line import FEWEST_SCANS
from MRExtrapLib.training.brains import find_scans

NOT_RAW = {"derivatives", "sourcedata"}
"""Folders of a BIDS tree whose images are no scans of their own."""


@dataclass(frozen=True)
class PersonScans:
    """One person of a BIDS tree: scans in order of age, and what the tables say.

    Attributes:
        name: 'dataset/sub-…'.
        paths: (n,) T1 scans.
        ages_years: (n,) one a scan.
        covariates: at the middle of the scans; the diagnosis is the latest that is known.
        diagnoses: (n,) that of each scan; none where they were not looked for.
    """

    name: str
    paths: tuple[Path, ...]
    ages_years: tuple[float, ...]
    covariates: Covariates
    diagnoses: tuple[str | None, ...] = ()

    def known_at(self, inputs: Sequence[int]) -> Covariates:
        """What is known with these scans alone, by their numbers: no diagnosis that came later."""
        age_years = fmean(self.ages_years[index] for index in inputs)
        if not self.diagnoses:
            return replace(self.covariates, age_years=age_years)
        by_then = self.diagnoses[: max(inputs) + 1]
        return Covariates(age_years, self.covariates.sex, _latest(by_then))


@dataclass(frozen=True)
class Roster:
    """Who of BIDS trees can be used, and who cannot.

    Attributes:
        people: with enough scans whose ages are known.
        absent: name → why a person is not among them, in a sentence.
        unused: a sentence on each scan that is not used.
    """

    people: tuple[PersonScans, ...]
    absent: Mapping[str, str]
    unused: tuple[str, ...]

    @property
    def left_out(self) -> list[str]:
        """Sentences on scans, then on people, that are not used."""
        return [*self.unused, *(f"{name}: {why}" for name, why in self.absent.items())]


def find_people(
    folders: Sequence[Path], fewest_scans: int = FEWEST_SCANS
) -> tuple[list[PersonScans], list[str]]:
    """Everyone in BIDS trees with enough scans whose ages are known, and sentences on what is left out.

    The same as `roster_of`, with its arguments and errors, for whoever only passes the sentences on.
    """
    roster = roster_of(folders, fewest_scans)
    return list(roster.people), roster.left_out


def roster_of(folders: Sequence[Path], fewest_scans: int = FEWEST_SCANS) -> Roster:
    """Everyone in BIDS trees with enough scans whose ages are known, and who is not among them.

    Args:
        folders: BIDS trees; what lies in their derivatives is no scan.
        fewest_scans: with a known age that a person must have.

    Raises:
        InputError: no scan at all, or two folders of one name.
    """
    require_own_names(folders)
    found: dict[str, list[Path]] = {}
    for folder in folders:
        for name, path in _raw_scans(folder):
            found.setdefault(name, []).append(path)
    if not found:
        msg = f"No *_T1w.nii.gz in {', '.join(map(str, folders))}; give BIDS trees that hold T1 scans."
        raise InputError(msg)
    people, absent, unused = [], {}, []
    for name, paths in found.items():
        known, ageless = _with_known_ages(paths)
        unused += ageless
        if len(known) >= fewest_scans:
            people.append(_person(name, known))
        else:
            why = "one scan with an age tells nothing of rates" if known else "no scan has a known age"
            absent[name] = f"{why}."
    return Roster(tuple(people), absent, tuple(unused))


def participants_in(folder: Path) -> set[str]:
    """Everyone of whom a BIDS tree holds a T1 scan, as in `sub-01`, be an age known or not."""
    return {name.rpartition("/")[2] for name, _ in _raw_scans(folder)}


def require_own_names(folders: Sequence[Path]) -> None:
    """Raises an InputError where two folders share a name: people are told apart by it and their own."""
    names: dict[str, Path] = {}
    for folder in folders:
        name = folder.resolve().name
        if name in names:
            msg = (
                f"{names[name]} and {folder} are both called {name}, and their people would be taken for "
                "each other; give each folder once, or rename one."
            )
            raise InputError(msg)
        names[name] = folder


def _raw_scans(folder: Path) -> Iterator[tuple[str, Path]]:
    for name, path in find_scans(folder):
        if not NOT_RAW & set(path.relative_to(folder).parts):
            yield name, path


def _with_known_ages(paths: Sequence[Path]) -> tuple[list[tuple[float, Path]], list[str]]:
    """Scans in order of age, and a sentence on each whose age no table gives or gives amiss, as in `89+`."""
    known, ageless = [], []
    for path in paths:
        try:
            age_years = age_from_bids(path).age_years
        except InputError as error:  # one person's typing error stops nobody else
            ageless.append(f"{path.name}: {error}")
            continue
        if age_years is None:
            ageless.append(f"{path.name}: no sessions.tsv gives its age.")
        else:
            known.append((age_years, path))
    return sorted(known), ageless


def _person(name: str, known: Sequence[tuple[float, Path]]) -> PersonScans:
    ages, paths = tuple(age for age, _ in known), tuple(path for _, path in known)
    diagnoses = tuple(map(diagnosis_from_bids, paths))
    facts = Covariates(fmean(ages), sex_from_bids(paths[0]), _latest(diagnoses))
    return PersonScans(name, paths, ages, facts, diagnoses)


def _latest(diagnoses: Sequence[str | None]) -> str | None:
    return next((one for one in reversed(diagnoses) if one), None)


def participant_of(person: PersonScans) -> str:
    """The person as BIDS names them, as in `sub-01`."""
    return person.name.rpartition("/")[2]


def scan_hashes(person: PersonScans) -> tuple[str, ...]:
    """The sha256 of each scan, in order of age."""
    return tuple(sha256_of(path) for path in person.paths)


def family_of(name: str) -> str:
    """Whom a person must not be parted from: those simulated of one scan share its anatomy.

    >>> family_of("cohort/sub-07sim2"), family_of("cohort/sub-07")
    ('cohort/sub-07', 'cohort/sub-07')
    """
    return re.sub(r"sim\d+$", "", name)


def is_simulated(name: str) -> bool:
    """Whether somebody of this name was simulated of somebody's scan."""
    return family_of(name) != name


def brain_of(name: str) -> str:
    """Letters and digits of the name that a brain has in whatever folder, simulated or not.

    >>> brain_of("cohort/sub-IXI012HH1211sim2"), brain_of("heads/IXI012-HH-1211")
    ('ixi012hh1211', 'ixi012hh1211')
    """
    own = family_of(name).rpartition("/")[2].removeprefix("sub-")
    return re.sub(r"[^0-9a-z]", "", own.casefold())


def families_of(names: Iterable[str]) -> dict[str, str]:
    """Name → family, of names in several trees: those simulated of one scan, and the one it may be of.

    Two trees may number other people alike; a copy's tree does not tell whose it is, so that all of its name
    are kept together.

    >>> families_of(["a/sub-1sim1", "b/sub-1sim2", "brains/sub-1", "brains/sub-2"])
    {'a/sub-1sim1': '1', 'b/sub-1sim2': '1', 'brains/sub-1': '1', 'brains/sub-2': 'brains/sub-2'}
    """
    brains = {name: brain_of(name) for name in names}
    copied = {brain for name, brain in brains.items() if is_simulated(name)}
    return {name: brain if brain in copied else name for name, brain in brains.items()}


def person_key(name: str) -> str:
    """A short hash by which a model knows whom it met: of the brain if simulated, else of tree and person.

    >>> person_key("a/sub-1sim1") == person_key("b/sub-1sim2"), person_key("a/sub-2") == person_key("b/sub-2")
    (True, False)
    """
    return key_of(brain_of(name) if is_simulated(name) else name)


def is_among(name: str, keys: Collection[str]) -> bool:
    """Whether a model that has met these people has met this one, or perhaps a copy simulated of it.

    >>> is_among("a/sub-1", [person_key("b/sub-1sim2")]), is_among("a/sub-1", [person_key("b/sub-1")])
    (True, False)
    """
    return person_key(name) in keys or key_of(brain_of(name)) in keys


def key_of(*parts: object) -> str:
    """A short name for everything that a result depends on; the same parts have the same key.

    >>> key_of("a", 1) == key_of("a", 1), key_of("a", 1) == key_of("a", 2)
    (True, False)
    """
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]
