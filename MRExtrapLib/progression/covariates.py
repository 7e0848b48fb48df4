"""What is known of a person besides scans, as the numbers that a mean rate is linear in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from MRExtrapLib.errors import InputError

COVARIATE_NAMES = ("intercept", "age", "sex", "MCI", "AD")
"""The columns of a row: 1, years above the stated age, ±½ for sex, and an indicator for each diagnosis."""

SEX, INDICATORS = 2, slice(3, 5)
"""Which of them."""

RIDGE_PEOPLE = 1.0
"""Effects of age and diagnosis are held back as if one person more had shown none; a covariate that does not
vary in the cohort then has no effect at all."""

SEX_EFFECT = 0.3
"""Rates of men and women are expected to differ by no more than about so many of people's own standard
deviations: one man among ten women says next to nothing of men, a hundred of each say what they show."""

_SEX = {"F": -0.5, "M": 0.5}
_DIAGNOSIS = {"CN": (0.0, 0.0), "MCI": (1.0, 0.0), "AD": (0.0, 1.0)}


@dataclass(frozen=True)
class Covariates:
    """A person's age in years (the mean over the scans), and sex and diagnosis where they are known.

    Raises:
        InputError: a sex or diagnosis that no column stands for.
    """

    age_years: float
    sex: str | None = None
    diagnosis: str | None = None

    def __post_init__(self) -> None:
        if self.sex is not None and self.sex not in _SEX:
            msg = f"The sex {self.sex!r} is not known; give F or M, or leave it out."
            raise InputError(msg)
        if self.diagnosis is not None and self.diagnosis not in _DIAGNOSIS:
            msg = f"The diagnosis {self.diagnosis!r} is not known; give CN, MCI or AD, or leave it out."
            raise InputError(msg)

    def row(self, age_centre_years: float, typical: NDArray[np.floating]) -> NDArray[np.float64]:
        """The five numbers of `COVARIATE_NAMES`; what is not known takes the cohort's typical value.

        Args:
            age_centre_years: the age that counts as zero.
            typical: (5,) the cohort's mean row.

        >>> Covariates(72.0, "M", "AD").row(70.0, np.zeros(5)).tolist()
        [1.0, 2.0, 0.5, 0.0, 1.0]
        """
        sex = typical[SEX] if self.sex is None else _SEX[self.sex]
        diagnosis = typical[INDICATORS] if self.diagnosis is None else _DIAGNOSIS[self.diagnosis]
        return np.array([1.0, self.age_years - age_centre_years, sex, *diagnosis])

    def doubt(self, typical: NDArray[np.floating]) -> NDArray[np.float64]:
        """(k, 5) how what is not known may differ from the typical row: patterns whose scores are N(0, 1).

        A man or a woman, and one of the diagnoses, as often as in the cohort; k = 0 where all is known.

        Args:
            typical: (5,) the cohort's mean row.

        >>> Covariates(72.0, "M").doubt(np.array([1.0, 0.0, 0.0, 0.0, 0.5])).round(2).tolist()
        [[0.0, 0.0, 0.0, 0.0, 0.5]]
        """
        patterns = []
        if self.sex is None:
            sexes = np.zeros(len(COVARIATE_NAMES))
            sexes[SEX] = np.sqrt(max(0.25 - typical[SEX] ** 2, 0.0))
            patterns.append(sexes)
        if self.diagnosis is None:
            # one of several indicators is 1: their covariance is diag(p) − p pᵀ
            shares = np.asarray(typical[INDICATORS], dtype=np.float64)
            sizes, directions = np.linalg.eigh(np.diag(shares) - np.outer(shares, shares))
            diagnoses = np.zeros((len(shares), len(COVARIATE_NAMES)))
            diagnoses[:, INDICATORS] = (directions * np.sqrt(np.maximum(sizes, 0.0))).T
            patterns += list(diagnoses)
        return np.array([one for one in patterns if one.any()]).reshape(-1, len(COVARIATE_NAMES))


def typical_row(people: list[Covariates], age_centre_years: float) -> NDArray[np.float64]:
    """The mean row (5,) of a cohort, each column over those of whom it is known; 0 where it is of nobody.

    >>> typical_row([Covariates(70.0, "F"), Covariates(72.0, "M", "AD")], 70.0).tolist()
    [1.0, 1.0, 0.0, 0.0, 1.0]
    """
    rows = np.stack([one.row(age_centre_years, np.full(5, np.nan)) for one in people])
    known = np.isfinite(rows)
    return np.where(known, rows, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)


def ridge(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """What holds the effect of each covariate back, (5,): the inverse of its expected size squared.

    Sizes are in standard deviations of people's own rates: of age one, over as many years as its ages
    spread in the cohort; of a diagnosis two; of sex `SEX_EFFECT`.

    Args:
        rows: (n, 5) the cohort's.
    """
    spread = rows.var(axis=0)
    spread[INDICATORS] = np.where(spread[INDICATORS] > 0, 0.25, 0.0)
    held = RIDGE_PEOPLE * np.where(spread > 0, spread, 1.0)
    held[0] = 0.0
    held[SEX] = 1 / SEX_EFFECT**2
    return held
