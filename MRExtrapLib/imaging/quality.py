"""How far a registration may be believed."""

from __future__ import annotations

from dataclasses import dataclass

WORST_CORRELATION, GOOD_CORRELATION = 0.57, 0.60
"""With the template, which is of young adults. Measured: 0.63 to 0.90 for heads and stripped brains of 20 to
86 years; at most 0.51 for brains upside down or back to front. (A smooth ball that is bright in the middle
reaches 0.66: that it is no brain must show in its tissues.)"""

LARGE_VENTRICLES_CORRELATION, LARGE_VENTRICLES_OVERLAP = 0.45, 0.90
"""Large ventricles are dark where the template is bright, and the outline still fits. Measured: 0.50 and 0.56
with overlaps of 0.96 and 0.93 where years of Alzheimer's disease were simulated. Brains the wrong way up may
correlate as well, and only the overlap tells them: 0.88 at most."""

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
    """

    template_correlation: float
    template_overlap: float
    visit_correlation: float = 1.0
    residual_mm: float = 0.0

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
        has_large_ventricles = (
            self.template_correlation >= LARGE_VENTRICLES_CORRELATION
            and self.template_overlap >= LARGE_VENTRICLES_OVERLAP
        )
        return (
            (self.template_correlation >= WORST_CORRELATION or has_large_ventricles)
            and self.template_overlap >= WORST_OVERLAP
            and self.visit_correlation >= WORST_VISIT_CORRELATION
        )

    def __str__(self) -> str:
        return (
            f"correlation with the template {self.template_correlation:.2f}, overlap "
            f"{self.template_overlap:.2f}, correlation with the other scans {self.visit_correlation:.2f}, "
            f"residual {self.residual_mm:.2f} mm"
        )
