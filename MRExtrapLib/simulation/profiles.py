"""How fast brains age: published regional rates by diagnosis, and one subject drawn from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from MRExtrapLib.errors import InputError
from MRExtrapLib.simulation.compartments import VENTRICLES

SHARED_SEVERITY = 0.6
"""Share of the variance between subjects that all compartments have in common: atrophy comes together."""

ACCELERATING_SHARE = 0.5
"""Of subjects have ventricles that enlarge faster each year; the others keep their pace."""

AGEING = 2
"""The law by which volumes run through the years; cohorts made by different laws do not mix. By the first,
ventricles grew exponentially before the real scan and by a parabola after it: their pace seemed to quicken
on the day of that scan."""

SMALLEST_SHARE = 0.5
"""Of the ventricles' volume in the real scan: below it they shrink backward in time as an exponential, which
stays above zero."""


@dataclass(frozen=True)
class Rate:
    """A population's yearly change: mean and standard deviation between subjects, and who measured it."""

    mean: float
    spread: float
    source: str


@dataclass(frozen=True)
class Profile:
    """How a diagnostic group ages.

    Attributes:
        name: CN, MCI or AD.
        percent_per_year: of each tissue compartment's volume.
        ventricles_ml_per_year: growth of the ventricles.
        ventricles_ml_per_year2: by how much that growth itself grows, where it accelerates.
    """

    name: str
    percent_per_year: Mapping[str, Rate]
    ventricles_ml_per_year: Rate
    ventricles_ml_per_year2: Rate


@dataclass(frozen=True)
class SubjectRates:
    """How one simulated subject ages: percent per year per tissue, ml for the ventricles."""

    percent_per_year: Mapping[str, float]
    ventricles_ml_per_year: float
    ventricles_ml_per_year2: float = 0.0

    def log_changes(self, years: float, baseline_ventricles_ml: float) -> dict[str, float]:
        """ln(volume / baseline) of each compartment after some years (negative: before).

        Tissue loses its percentage of what is left each year. Ventricles follow one parabola before and
        after the scan; before its turn they stand still, and below `SMALLEST_SHARE` an exponential goes on.

        >>> steady = SubjectRates({"cortex": -1.0}, 2.0)
        >>> [round(20 * math.exp(steady.log_changes(t, 20.0)["ventricles"]), 3) for t in (-2.0, 1.0)]
        [16.0, 22.0]
        """
        if baseline_ventricles_ml <= 0:
            msg = f"The ventricles hold {baseline_ventricles_ml:g} ml in the labels; they cannot be aged."
            raise InputError(msg)
        changes = {name: years * math.log1p(p / 100) for name, p in self.percent_per_year.items()}
        changes[VENTRICLES] = _floored_log(1.0 + self._ventricles_gain_ml(years) / baseline_ventricles_ml)
        return changes

    def _ventricles_gain_ml(self, years: float) -> float:
        pace, bend = self.ventricles_ml_per_year, self.ventricles_ml_per_year2
        if bend > 0:
            years = max(years, -pace / bend)
        return pace * years + bend * years**2 / 2


def _floored_log(share: float) -> float:
    """ln(share), carried on along its tangent below `SMALLEST_SHARE`."""
    if share >= SMALLEST_SHARE:
        return math.log(share)
    return math.log(SMALLEST_SHARE) + (share - SMALLEST_SHARE) / SMALLEST_SHARE


def draw_subject(profile: Profile, rng: np.random.Generator) -> SubjectRates:
    """One subject of a diagnostic group, mild or severe in all compartments together."""
    severity = rng.standard_normal()

    def drawn(rate: Rate) -> float:
        own = rng.standard_normal()
        score = np.sqrt(SHARED_SEVERITY) * severity + np.sqrt(1 - SHARED_SEVERITY) * own
        return rate.mean + float(np.sign(rate.mean)) * rate.spread * float(np.clip(score, -2, 2))

    percent = {name: drawn(rate) for name, rate in profile.percent_per_year.items()}
    growth = max(drawn(profile.ventricles_ml_per_year), 0.0)
    acceleration = max(drawn(profile.ventricles_ml_per_year2), 0.0)
    is_accelerating = rng.random() < ACCELERATING_SHARE
    return SubjectRates(MappingProxyType(percent), growth, acceleration if is_accelerating else 0.0)


def typical_subject(profile: Profile) -> SubjectRates:
    """The group's mean subject, with its mean acceleration."""
    return SubjectRates(
        MappingProxyType({name: rate.mean for name, rate in profile.percent_per_year.items()}),
        profile.ventricles_ml_per_year.mean,
        profile.ventricles_ml_per_year2.mean,
    )


_BARNES = "Barnes 2009, meta-analysis of hippocampal atrophy"
_FJELL = "Fjell 2009, healthy elderly cortex"
_JACK = "Jack 2009, ventricular expansion in ADNI; spread chosen"
_LEUNG = "Leung 2013, acceleration in ADNI; spread chosen"
_WHOLE_BRAIN = "chosen so that the whole brain loses what OASIS-2 shows (0.49, 0.78, 0.88 % per year)"
_LIKE_HIPPOCAMPUS = "chosen like the hippocampus, a little slower"


def _profile(
    name: str, hippocampus: Rate, cortex: Rate, white: tuple[float, float], ventricles: tuple[Rate, Rate]
) -> Profile:
    white_matter = Rate(*white, _WHOLE_BRAIN)
    tissue = {
        "hippocampus": hippocampus,
        "amygdala": Rate(0.8 * hippocampus.mean, 0.8 * hippocampus.spread, _LIKE_HIPPOCAMPUS),
        "cortex": cortex,
        "white_matter": white_matter,
        "deep_gray": Rate(0.9 * white_matter.mean, 0.3, _WHOLE_BRAIN),
        "cerebellum": Rate(0.5 * white_matter.mean, 0.15, _WHOLE_BRAIN),
    }
    return Profile(name, MappingProxyType(tissue), *ventricles)


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "CN": _profile(
            "CN",
            Rate(-1.41, 1.0, _BARNES),
            Rate(-0.5, 0.25, _FJELL),
            (-0.5, 0.25),
            (Rate(1.3, 0.8, _JACK), Rate(0.1, 0.1, "chosen small; Leung 2013 finds none in controls")),
        ),
        "MCI": _profile(
            "MCI",
            Rate(-2.7, 1.6, "between controls and patients of Barnes 2009; spread as in ADNI"),
            Rate(-0.9, 0.35, _WHOLE_BRAIN),
            (-0.75, 0.3),
            (Rate(2.5, 1.3, _JACK), Rate(0.27, 0.2, _LEUNG)),
        ),
        "AD": _profile(
            "AD",
            Rate(-4.66, 1.6, _BARNES),
            Rate(-1.1, 0.4, _WHOLE_BRAIN),
            (-0.8, 0.35),
            (Rate(7.7, 3.0, _JACK), Rate(0.88, 0.5, _LEUNG)),
        ),
    }
)
"""Cognitively normal, mild cognitive impairment, Alzheimer's disease: rates per year."""
