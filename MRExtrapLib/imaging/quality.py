"""How far a registration may be believed."""

from __future__ import annotations

from dataclasses import dataclass

GOOD_CORRELATION = 0.60
"""With the template, which is of young adults; beyond it no brain lies the wrong way up. Measured: 0.63 to
0.90 for most heads and stripped brains of 20 to 86 years, 0.50 for one with ventricles of 100 ml and 0.57 for
one larger than the template's grid; at most 0.51 for brains upside down or back to front. (A smooth ball that
is bright in the middle reaches 0.66: that it is no brain must show in its tissues.)"""

WORST_CORRELATION, UPRIGHT_BY = 0.40, 0.05
"""Of a brain that is like the template nonetheless, and by so much more like it than when turned by half a
circle. Measured: by 0.16 and 0.19 for the two above; brains the wrong way up are less like it, by 0.09 to
0.39 (three scans in five such places)."""

WORST_OVERLAP, GOOD_OVERLAP = 0.75, 0.82
"""Of the masks. Measured: 0.84 to 0.96; brains the wrong way up reach 0.88 and the ball 0.91."""

WORST_VISIT_CORRELATION, GOOD_VISIT_CORRELATION = 0.78, 0.90
"""With the other visits. Measured: 0.96 to 0.99 for one scan against itself with noise, drift, another
contrast or another mask; 0.71 and 0.75 for two persons."""

GOOD_RESIDUAL_MM = 0.3
"""Measured: at most 0.06 for one person's scans, 0.2 for two persons."""


@dataclass(frozen=True)
class RegistrationQuality:
    """Figures of one scan's registration.

    Attributes:
        template_correlation: with the template, inside either brain; 1 is identical.
        template_overlap: Dice of the two brains.
        visit_correlation: with the mean of the person's other scans; 1 when there is no other.
        residual_mm: how far the last round of the within-person registration still moved the brain.
        turned_correlation: with the template, of the brain laid on it the best other way up; 0 where it was
            not asked for, as the correlation is beyond doubt.
    """

    template_correlation: float
    template_overlap: float
    visit_correlation: float = 1.0
    residual_mm: float = 0.0
    turned_correlation: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether the scan lies on the template, and on the other visits, beyond doubt."""
        return (
            self.is_usable
            and self.template_correlation >= GOOD_CORRELATION
            and self.template_overlap >= GOOD_OVERLAP
            and self.visit_correlation >= GOOD_VISIT_CORRELATION
            and self.residual_mm <= GOOD_RESIDUAL_MM
        )

    @property
    def is_usable(self) -> bool:
        """Whether the scan is a brain, the right way up, and of the same person as the others."""
        is_upright = (
            self.template_correlation >= GOOD_CORRELATION
            or self.template_correlation >= self.turned_correlation + UPRIGHT_BY
        )
        return (
            is_upright
            and self.template_correlation >= WORST_CORRELATION
            and self.template_overlap >= WORST_OVERLAP
            and self.visit_correlation >= WORST_VISIT_CORRELATION
        )

    def __str__(self) -> str:
        turned = f" ({self.turned_correlation:.2f} the other way up)" if self.turned_correlation else ""
        return (
            f"correlation with the template {self.template_correlation:.2f}{turned}, overlap "
            f"{self.template_overlap:.2f}, correlation with the other scans {self.visit_correlation:.2f}, "
            f"residual {self.residual_mm:.2f} mm"
        )
